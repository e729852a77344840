//! Requests for streams: which selectors, from where, and what the stream begins with.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::header::HeaderValue;
use hyper::{Method, Request};

use super::Context;
use super::body::{Content, Opening};
use super::parameters::{Pairs, pairs, path_part};
use super::reply::{self, Problem, Reply};
use crate::auth::Grants;
use crate::event::{HEARTBEAT, gap_frame};
use crate::hub::{Resume, SubscribeRequest, Subscription};
use crate::metrics::{Metrics, StatusClass};
use crate::topic::{Selector, SelectorSet, Topic};

const LAST_EVENT_ID: &str = "last-event-id";
/// The names that clients use for it in a query, where they cannot set a header.
const LAST_EVENT_ID_PARAMETERS: [&str; 3] = ["lastEventID", "Last-Event-ID", "last_event_id"];

/// The streams of the demonstrations, at the paths where readers of the article expect them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DemoStream {
    Time,
    System,
    Stocks,
    Training,
}

impl DemoStream {
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/stream-time" => Some(Self::Time),
            "/system-stats" => Some(Self::System),
            "/stream-stocks" => Some(Self::Stocks),
            "/stream-training" => Some(Self::Training),
            _ => None,
        }
    }
}

/// `GET /.well-known/mercure?topic=…`: any selectors.
pub(super) async fn selectors<B>(
    request: &Request<B>,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let parameters = query(request)?;
    let named = parameters.iter().filter(|(name, _)| name == "topic").map(|(_, text)| text);
    let selectors = context.selectors.read(named).await?;
    let grants = context.authority.grants();
    open(request, selectors, grants, resume(request, &parameters), context)
}

/// `GET /events/{topic}`: one topic, taken literally.
pub(super) fn topic<B>(
    request: &Request<B>,
    encoded: &str,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let text = path_part(encoded)?;
    let topic =
        Topic::parse(&text, context.event_limits.topic_bytes_max).map_err(Problem::Topic)?;
    let parameters = query(request)?;
    let selectors = SelectorSet::one(Selector::exact(topic));
    let grants = context.authority.grants();
    open(request, selectors, grants, resume(request, &parameters), context)
}

/// The stream of a demonstration.
pub(super) fn demo<B>(
    request: &Request<B>,
    stream: DemoStream,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    let parameters = query(request)?;
    let topic = match stream {
        DemoStream::Time => demos.time.clone(),
        DemoStream::System => demos.system.clone(),
        DemoStream::Stocks => demos.stocks.clone(),
        DemoStream::Training => return training(request, context),
    };
    let selectors = SelectorSet::one(Selector::exact(topic));
    open(request, selectors, Grants::all(), resume(request, &parameters), context)
}

/// A run begins with the request, so there is nothing to resume, and only its stream may see it.
fn training<B>(request: &Request<B>, context: &Arc<Context>) -> Result<Reply, Problem> {
    let too_many = Problem::TooMany { what: "as many training runs as may be are running" };
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    if request.method() == Method::HEAD {
        return Ok(reply::stream(Content::Whole(<_>::default())));
    }
    let topic = demos.begin_training(&context.hub).ok_or(too_many)?;
    let selectors = SelectorSet::one(Selector::exact(topic.clone()));
    open(request, selectors, Grants::subscribe_to(topic), None, context)
}

fn open<B>(
    request: &Request<B>,
    selectors: SelectorSet,
    grants: Grants,
    resume: Option<Resume>,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let subscription = context.hub.subscribe(SubscribeRequest { selectors, grants, resume });
    let resumed_after = subscription
        .resumed_after
        .as_deref()
        .and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
    let content = if request.method() == Method::HEAD {
        Content::Whole(<_>::default())
    } else {
        let first = first_bytes(&subscription);
        Content::Stream(Box::new(Opening { subscription, first }))
    };
    let mut reply = reply::stream(content);
    if let Some(id) = resumed_after {
        reply.headers_mut().insert(LAST_EVENT_ID, id);
    }
    Ok(reply)
}

/// Counts a stream whose head is on its way; not before, because a request may still be refused when
/// its socket is about to leave.
pub(super) fn count_opened(subscription: &Subscription, metrics: &Metrics) {
    metrics.answered(StatusClass::Success);
    if let Some(result) = subscription.resumed {
        metrics.resumed(result);
    }
    if subscription.gap.is_some() {
        metrics.gap_told();
    }
}

/// A comment at once, so that proxies and clients see the stream open; then what was lost.
fn first_bytes(subscription: &Subscription) -> Bytes {
    let Some(gap) = &subscription.gap else { return HEARTBEAT };
    let mut opening = BytesMut::from(&HEARTBEAT[..]);
    opening.extend_from_slice(&gap_frame(gap));
    opening.freeze()
}

fn query<B>(request: &Request<B>) -> Result<Pairs<'_>, Problem> {
    pairs(request.uri().query().unwrap_or_default())
}

/// The header wins. One that is not text names no event that we could have sent.
fn resume<B>(request: &Request<B>, parameters: &Pairs<'_>) -> Option<Resume> {
    if let Some(header) = request.headers().get(LAST_EVENT_ID) {
        return Resume::parse(&String::from_utf8_lossy(header.as_bytes()));
    }
    let given =
        parameters.iter().find(|(name, _)| LAST_EVENT_ID_PARAMETERS.contains(&name.as_ref()));
    given.and_then(|(_, value)| Resume::parse(value))
}

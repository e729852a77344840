//! Requests for streams: which selectors, from where, and what the stream begins with.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};

use super::Context;
use super::authorise::{self, Access};
use super::body::{Content, PendingStream};
use super::client_limits::StreamPermits;
use super::incoming::Incoming;
use super::parameters::{Pairs, pairs, path_part};
use super::payloads::MATCH_STEPS;
use super::problem::Problem;
use super::response::{self, HttpResponse};
use super::resume::{LAST_EVENT_ID, ResumeRequest, check_stream_spelling};
use super::selector_parameters::selectors_of;
use super::whole_body::{FORM, WholeBody, check_media_type, not_utf8};
use crate::auth::Grants;
use crate::event::{HEARTBEAT, end_frame, gap_frame, id_frame};
use crate::hub::active_subscriptions::{
    ActiveSubscriptions, AnnounceError, NamedSelector, SubscriptionsGuard,
};
use crate::hub::{Resume, SubscribeRequest, Subscription, TopicSummary};
use crate::logging::log_limited;
use crate::metrics::{Metrics, StatusClass};
use crate::topic::{Notation, Selector, SelectorSet, Topic};

/// The same header under the name that clients of the open protocol look for.
const MERCURE_LAST_EVENT_ID: &str = "mercure-last-event-id";

/// What a `HEAD` of one topic is told of it: how many events may be seen, and the id of the newest.
const TOPIC_COUNT: HeaderName = HeaderName::from_static("fanfare-count");
const TOPIC_NEWEST_ID: HeaderName = HeaderName::from_static("fanfare-newest-id");
/// Whether nothing more can come.
const TOPIC_ENDED: HeaderName = HeaderName::from_static("fanfare-ended");

/// The first comment of a stream whose client sent an id without a character: one that lost its id
/// would else never know why events are missing.
const EMPTY_ID_COMMENT: Bytes = Bytes::from_static(
    b": the last event id was empty, so this stream begins with what comes next\n",
);

/// The streams of the demonstrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DemoStream {
    Time,
    System,
    Stocks,
    Training,
}

/// The longest body of a `QUERY`: the limit of the protocol's own hub.
const QUERY_BYTES_MAX: usize = 1 << 20;

/// `GET /.well-known/mercure?topic=…`: any selectors.
pub(super) async fn selectors<B>(
    request: &Request<B>,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let parameters = query(request.uri(), &["topic"])?;
    let access = authorise::stream(request.headers(), &parameters, context).await?;
    open_with(request.method(), request.headers(), access, &parameters, context).await
}

/// `QUERY /.well-known/mercure`: the same with parameters in a form, for more of them than fit into
/// a target. Those of the target count as well, and its last event id more than that of the form.
pub(super) async fn selectors_in_form(
    request: Request<Incoming>,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let headers = request.headers().clone();
    let in_target = query(&uri, &["topic"])?;
    // Before the body, which nobody may send who may not subscribe; and so no token is read from it.
    let access = authorise::stream(&headers, &in_target, context).await?;
    check_media_type(&request, FORM)?;
    let max = QUERY_BYTES_MAX.min(context.rules.settings.body_bytes_max);
    let WholeBody { bytes, held: _held } = WholeBody::read(request, max, context).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_utf8("the form", error))?;
    let mut parameters = pairs(text)?;
    check_stream_spelling(&parameters, &["topic"])?;
    parameters.extend(in_target);
    open_with(&method, &headers, access, &parameters, context).await
}

async fn open_with(
    method: &Method,
    headers: &HeaderMap,
    access: Access,
    parameters: &Pairs<'_>,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let named = selectors_of(parameters)?;
    let selectors = context.selectors.read(named.iter().copied()).await?;
    let announced = announce(method, &named, &access, context).await?;
    let stream = RequestedStream { selectors, access, announced };
    open(method, stream, ResumeRequest::of(headers, parameters)?, context).await
}

/// Counts the subscriptions of a stream among the active ones, where those are told of. A `HEAD` opens
/// none, and is refused where its stream could never be told of.
async fn announce(
    method: &Method,
    named: &[(Notation, &str)],
    access: &Access,
    context: &Context,
) -> Result<Option<SubscriptionsGuard>, Problem> {
    let Some(active) = &context.active_subscriptions else { return Ok(None) };
    let (mut selectors, mut steps) = (Vec::with_capacity(named.len()), MATCH_STEPS);
    for &(notation, text) in named {
        let as_topic = Topic::parse(text, usize::MAX).map_err(Problem::Topic)?;
        let payload = access.payloads.of(&as_topic, &mut steps).await;
        selectors.push(NamedSelector { notation, text: text.to_owned(), payload });
    }
    if method == Method::HEAD {
        ActiveSubscriptions::check(selectors)?;
        return Ok(None);
    }
    active.prepare(selectors).map_err(|error| {
        if error == AnnounceError::TooMany {
            log_limited!(
                WARN,
                "streams are refused because active subscriptions take all the memory they may; raise --subscriptions-max"
            );
        }
        error.into()
    })
}

/// `GET /events/{topic}`: one topic, taken literally.
pub(super) async fn topic<B>(
    request: &Request<B>,
    encoded: &str,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let text = path_part(encoded)?;
    let selector = Selector::one_topic(&text, context.rules.event_limits.topic_bytes_max);
    let selector = selector.map_err(Problem::Topic)?.ok_or(Problem::EveryTopic)?;
    let parameters = query(request.uri(), &[])?;
    let access = authorise::stream(request.headers(), &parameters, context).await?;
    let announced =
        announce(request.method(), &[(Notation::Exact, &text)], &access, context).await?;
    let requested = ResumeRequest::of(request.headers(), &parameters)?;
    let summary = match selector.exact_topic().filter(|_| request.method() == Method::HEAD) {
        Some(topic) => Some(context.hub.summary_of(topic, &access.grants).await),
        None => None,
    };
    let stream = RequestedStream { selectors: SelectorSet::one(selector), access, announced };
    let mut response = open(request.method(), stream, requested, context).await?;
    if let Some(TopicSummary { count, newest_id, ended }) = summary {
        let newest_id = newest_id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
        let headers = response.headers_mut();
        headers.insert(TOPIC_COUNT, count.into());
        headers.extend(newest_id.map(|id| (TOPIC_NEWEST_ID, id)));
        let ended = if ended { "true" } else { "false" };
        headers.insert(TOPIC_ENDED, HeaderValue::from_static(ended));
    }
    Ok(response)
}

/// The stream of a demonstration.
pub(super) async fn demo<B>(
    request: &Request<B>,
    stream: DemoStream,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    let parameters = query(request.uri(), &[])?;
    let access = authorise::stream(request.headers(), &parameters, context).await?;
    let topic = match stream {
        DemoStream::Time => demos.time.clone(),
        DemoStream::System => demos.system.clone(),
        DemoStream::Stocks => demos.stocks.clone(),
        DemoStream::Training => {
            let requested = ResumeRequest::of(request.headers(), &parameters)?;
            return training(request.method(), access, requested, context).await;
        }
    };
    let selectors = SelectorSet::one(Selector::exact(topic));
    let requested = ResumeRequest::of(request.headers(), &parameters)?;
    let stream = RequestedStream { selectors, access, announced: None };
    open(request.method(), stream, requested, context).await
}

/// A run begins with the request, and only its stream may see it; unless the client comes back with an
/// id of a run, and goes on with that.
async fn training(
    method: &Method,
    access: Access,
    requested: ResumeRequest,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let too_many = Problem::TooMany { what: "the server has as many training runs as it may have" };
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    let known = match &requested.resume {
        Some(Resume::After(id)) => demos.training_of(&context.hub, id).await,
        _ => None,
    };
    let (topic, requested) = match known {
        Some(topic) => (topic, requested),
        None if method == Method::HEAD => {
            return Ok(response::stream(Content::Whole(<_>::default())));
        }
        None => {
            let topic = demos.begin_training(&context.hub).ok_or(too_many)?;
            (topic, ResumeRequest::default())
        }
    };
    let selectors = SelectorSet::one(Selector::exact(topic.clone()));
    let access = access.with_grants(Grants::subscribe_to(topic));
    let stream = RequestedStream { selectors, access, announced: None };
    open(method, stream, requested, context).await
}

/// What a request for a stream came to.
struct RequestedStream {
    selectors: SelectorSet,
    access: Access,
    announced: Option<SubscriptionsGuard>,
}

async fn open(
    method: &Method,
    stream: RequestedStream,
    requested: ResumeRequest,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let ResumeRequest { resume, was_empty, otherwise } = requested;
    let RequestedStream { selectors, access, announced } = stream;
    let Access { grants, stream_ends: expires, holder, mut ticket, .. } = access;
    let token = if method == Method::HEAD {
        None
    } else {
        context.client_limits.open_stream_of(holder, selectors.iter().len())?
    };
    let request = SubscribeRequest { selectors, grants, resume };
    let announced = announced.map(Box::new);
    let subscription = context.hub.subscribe(request, otherwise.beginning).await?;
    let mut subscription = Subscription { expires, announced, ..subscription };
    if otherwise.poll {
        subscription.end_behind_replay();
    }
    let resumed_after = subscription
        .resumed_after
        .as_deref()
        .and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
    let is_over = has_no_more(&subscription);
    let mut response = if is_over && subscription.gap.is_none() {
        context.metrics.topic_ended();
        response::nothing_more()
    } else if method == Method::HEAD {
        response::stream(Content::Whole(<_>::default()))
    } else if is_over {
        // Told of the gap and of the end, it comes back and is told that there is nothing more.
        context.metrics.gap_notified();
        response::stream(Content::Whole(first_bytes(&subscription, was_empty).into()))
    } else {
        let first = first_bytes(&subscription, was_empty);
        if let Some(ticket) = &mut ticket {
            ticket.begin();
        }
        let permits = StreamPermits::of_token(token, ticket);
        let stream = PendingStream::new(subscription, first, permits);
        response::stream(Content::Stream(Box::new(stream)))
    };
    if let Some(id) = resumed_after {
        response.headers_mut().insert(MERCURE_LAST_EVENT_ID, id.clone());
        response.headers_mut().insert(LAST_EVENT_ID, id);
    }
    Ok(response)
}

/// Whether all topics of a stream have ended before it began.
fn has_no_more(subscription: &Subscription) -> bool {
    subscription.ended.all_by().is_some_and(|by| by <= subscription.cursor)
}

/// Counts and announces a stream whose head is on its way; not before, because a request may still be
/// refused when its socket is about to leave.
pub(super) fn count_opened(subscription: &mut Subscription, metrics: &Metrics) {
    metrics.responded(StatusClass::Success);
    if let Some(announced) = &mut subscription.announced {
        announced.begin();
    }
    if let Some(result) = subscription.resumed {
        metrics.resumed(result);
    }
    if subscription.gap.is_some() {
        metrics.gap_notified();
    }
}

/// A comment at once, so that proxies and clients see the stream open; then what was lost; then the
/// place, so that a client can come back to it before it has had any event; then which topics had ended
/// at that place.
fn first_bytes(subscription: &Subscription, empty_id: bool) -> Bytes {
    let mut opening = BytesMut::with_capacity(128);
    let begins_next = subscription.resumed.is_none();
    let comment = if empty_id && begins_next { EMPTY_ID_COMMENT } else { HEARTBEAT };
    opening.extend_from_slice(&comment);
    if let Some(gap) = &subscription.gap {
        opening.extend_from_slice(&gap_frame(gap));
    }
    // What begins with a part of what is retained is sent its place behind that.
    if subscription.initial_replay.is_none() {
        opening.extend_from_slice(&id_frame(&subscription.place));
    }
    let mut ended = subscription.ended.through(subscription.cursor).peekable();
    if ended.peek().is_some() {
        opening.extend_from_slice(&end_frame(ended));
    }
    opening.freeze()
}

fn query<'a>(uri: &'a Uri, known: &[&'static str]) -> Result<Pairs<'a>, Problem> {
    let parameters = pairs(uri.query().unwrap_or_default())?;
    check_stream_spelling(&parameters, known)?;
    Ok(parameters)
}

//! From a request to its handler: the one table of paths, and what holds for all of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};

use super::body::Content;
use super::client::RequestClient;
use super::demo_run::DemoRun;
use super::host::called_host;
use super::incoming::Incoming;
use super::problem::Problem;
use super::response::{self, HttpResponse};
use super::subscribe::DemoStream;
use super::wanted_stream::{QUERY, wants_stream};
use super::web_page::WebPage;
use super::whole_body::FORM;
use super::{
    Context, active_subscriptions, demo_run, head, metadata, ndjson, publish, refused_token,
    subscribe, ticket_issue,
};
use crate::hub::active_subscriptions::SUBSCRIPTIONS_PATH;
use crate::metrics::{Metrics, Refusal, StatusClass};

/// Where the open protocol that we are compatible with has its hub.
const HUB_PATH: &str = "/.well-known/mercure";

/// The methods of the hub, which are those of the server as a whole.
const ALL_METHODS: &str = "GET, HEAD, QUERY, POST, OPTIONS";

/// The media types of bodies that a `QUERY` may have.
const ACCEPT_QUERY: &str = "accept-query";

/// What serves a path.
#[derive(Clone, Copy, Debug)]
enum Endpoint<'a> {
    Hub,
    Batch,
    Metadata,
    Tickets,
    /// With what follows in the path.
    Subscriptions(&'a str),
    Topic(&'a str),
    Demo(DemoStream),
    /// Runs of a demonstration, of which each has a topic.
    DemoRuns(DemoRun),
    Page(&'a WebPage),
}

/// A path as the OpenAPI document writes it, and what serves it. What is in braces takes the rest of
/// a path, with slashes and without a character too.
type Route = (&'static str, for<'a> fn(&'a str) -> Endpoint<'a>);

/// The paths of everything but the pages.
const ROUTES: [Route; 14] = [
    (HUB_PATH, |_| Endpoint::Hub),
    ("/events", |_| Endpoint::Batch),
    ("/events/{topic}", |path| Endpoint::Topic(behind("/events/", path))),
    (ticket_issue::PATH, |_| Endpoint::Tickets),
    (metadata::PATH, |_| Endpoint::Metadata),
    (SUBSCRIPTIONS_PATH, |_| Endpoint::Subscriptions("")),
    ("/.well-known/mercure/subscriptions/{parts}", |path| {
        Endpoint::Subscriptions(behind(SUBSCRIPTIONS_PATH, path))
    }),
    // Where readers of the article about them expect them.
    ("/stream-time", |_| Endpoint::Demo(DemoStream::Time)),
    ("/system-stats", |_| Endpoint::Demo(DemoStream::System)),
    ("/stream-training", |_| Endpoint::Demo(DemoStream::Training)),
    ("/stream-stocks", |_| Endpoint::Demo(DemoStream::Stocks)),
    (demo_run::WORDS, |_| Endpoint::DemoRuns(DemoRun::Words)),
    (demo_run::SLOW_READERS, |_| Endpoint::DemoRuns(DemoRun::SlowReaders)),
    (demo_run::MANY_READERS, |_| Endpoint::DemoRuns(DemoRun::ManyReaders)),
];

fn behind<'a>(start: &str, path: &'a str) -> &'a str {
    path.strip_prefix(start).unwrap_or_default()
}

/// What serves a path where everything is served.
fn routed(path: &str) -> Option<Endpoint<'_>> {
    let (_, endpoint) = ROUTES.iter().find(|(route, _)| leads_to(route, path))?;
    Some(endpoint(path))
}

fn leads_to(route: &str, path: &str) -> bool {
    match route.split_once('{') {
        Some((start, _)) => path.starts_with(start),
        None => path == route,
    }
}

impl<'a> Endpoint<'a> {
    fn of(path: &'a str, context: &'a Context) -> Option<Self> {
        match routed(path) {
            Some(Self::Subscriptions(_)) if context.active_subscriptions.is_none() => None,
            Some(Self::Demo(_) | Self::DemoRuns(_)) if context.demos.is_none() => None,
            Some(endpoint) => Some(endpoint),
            None => context.pages.at(path).map(Self::Page),
        }
    }

    /// Some pages are others for browsers on this machine.
    fn seen_by<B>(self, request: &Request<B>, peer: Option<IpAddr>) -> Self {
        match self {
            Self::Page(page) => Self::Page(page.seen_by(request, peer)),
            other => other,
        }
    }

    /// What stands for its path where topics have no place; pages have none.
    fn route(self, path: &str) -> Option<&str> {
        match self {
            Self::Topic(_) => Some("/events/{topic}"),
            Self::Subscriptions(_) => Some(SUBSCRIPTIONS_PATH),
            Self::Hub | Self::Batch | Self::Demo(_) | Self::DemoRuns(_) | Self::Tickets => {
                Some(path)
            }
            Self::Page(_) | Self::Metadata => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Hub => ALL_METHODS,
            Self::Topic(_) => "GET, HEAD, POST, OPTIONS",
            Self::Batch | Self::Tickets | Self::DemoRuns(_) => "POST, OPTIONS",
            Self::Demo(_) | Self::Page(_) | Self::Metadata | Self::Subscriptions(_) => {
                "GET, HEAD, OPTIONS"
            }
        }
    }
}

/// What a request is for, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Subscribe,
    PublishOne,
    PublishMany,
    Other,
}

impl Purpose {
    fn of(endpoint: Option<Endpoint<'_>>, method: &Method) -> Self {
        use Endpoint::{Batch, Demo, Hub, Topic};
        match (endpoint, method) {
            (Some(Hub | Topic(_) | Demo(_)), &Method::GET) => Self::Subscribe,
            (Some(Hub), method) if method == QUERY => Self::Subscribe,
            (Some(Hub | Topic(_)), &Method::POST) => Self::PublishOne,
            (Some(Batch), &Method::POST) => Self::PublishMany,
            _ => Self::Other,
        }
    }

    /// Counts what was not served.
    fn count(self, problem: &Problem, metrics: &Metrics) {
        match self {
            Self::Subscribe => metrics.subscribe_rejected(problem.subscribe_rejection()),
            Self::PublishOne | Self::PublishMany => {
                if let Some(reason) = problem.rejection() {
                    metrics.publish_rejected(reason);
                }
            }
            Self::Other => {}
        }
    }
}

/// The route of a path for publishers and subscribers, which names no topic.
pub(super) fn route<'a>(path: &'a str, context: &'a Context) -> Option<&'a str> {
    Endpoint::of(path, context)?.route(path)
}

/// Responds to a request, whatever it is.
/// `peer` is who its connection is from.
pub(super) async fn respond(
    request: Request<Incoming>,
    peer: Option<IpAddr>,
    context: &Arc<Context>,
) -> HttpResponse {
    let page = context.rules.origins.access(&request);
    let path = request.uri().path().to_owned();
    let endpoint = Endpoint::of(&path, context).map(|endpoint| endpoint.seen_by(&request, peer));
    let purpose = Purpose::of(endpoint, request.method());
    let with_retry = context.rules.settings.retry_on_reject && wants_stream(&request);
    let called = called_host(&request).ok().flatten().map(str::to_owned);
    let client = context.client_limits.client(peer, request.headers());
    let began = Instant::now();
    let mut response = match dispatch_counted(request, endpoint, purpose, &client, context).await {
        Ok(response) => response,
        Err(problem) => {
            purpose.count(&problem, &context.metrics);
            if with_retry && problem.is_temporary() {
                response::come_back(&context.rules.settings.retry_ms)
            } else {
                let mut response = response::problem(&problem, &context.rules.settings.retry_ms);
                if let Some(challenge) =
                    refused_token::challenge(&problem, called.as_deref(), context)
                {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                response
            }
        }
    };
    if purpose == Purpose::PublishOne {
        context.metrics.publish_took(began.elapsed());
    }
    page.mark(response.headers_mut());
    if let Some(methods) = response.extensions().get::<Preflight>().map(|preflight| preflight.0) {
        page.mark_preflight(methods, response.headers_mut());
    }
    count_response(&response, &context.metrics);
    response
}

/// Streams are counted when their head is on its way.
fn count_response(response: &HttpResponse, metrics: &Metrics) {
    if matches!(response.body(), Content::Stream(_)) {
        return;
    }
    metrics.responded(match response.status().as_u16() {
        ..300 => StatusClass::Success,
        300..400 => StatusClass::Redirection,
        400..500 => StatusClass::ClientError,
        500.. => StatusClass::ServerError,
    });
}

/// Sends the same response to every request on a connection for which there is no room.
pub(super) fn refuse(
    request: &Request<Incoming>,
    context: &Context,
    refusal: Refusal,
) -> HttpResponse {
    let settings = &context.rules.settings;
    let mut response = if settings.retry_on_reject && wants_stream(request) {
        response::come_back(&settings.retry_ms)
    } else {
        response::problem(&Problem::refused(refusal), &settings.retry_ms)
    };
    context.rules.origins.access(request).mark(response.headers_mut());
    count_response(&response, &context.metrics);
    response
}

/// The methods for the response to a preflight.
#[derive(Clone, Copy)]
struct Preflight(&'static str);

/// Serves a request within the limits of its client: counted before anything is done for it, and if
/// it becomes a stream, until that ends.
async fn dispatch_counted(
    request: Request<Incoming>,
    endpoint: Option<Endpoint<'_>>,
    purpose: Purpose,
    client: &RequestClient,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let mut permits = context.client_limits.begin(client)?;
    if purpose == Purpose::Subscribe {
        permits = context.client_limits.open_stream(client, permits)?;
    }
    let mut response = dispatch(request, endpoint, client, context).await?;
    match response.body_mut() {
        Content::Stream(opening) => opening.count_as(permits),
        Content::Lines(lines) => lines.count_as(permits),
        Content::Whole(_) => {}
    }
    Ok(response)
}

async fn dispatch(
    request: Request<Incoming>,
    endpoint: Option<Endpoint<'_>>,
    client: &RequestClient,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    head::check(&request, context.rules.settings.headers_bytes_max)?;
    context.rules.hosts.check(&request)?;
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return Ok(options(ALL_METHODS));
    }
    let endpoint = endpoint.ok_or(Problem::NotFound)?;
    let allow = endpoint.methods();
    if request.method() == Method::OPTIONS {
        return Ok(options(allow));
    }
    if context.lifecycle.is_draining() {
        return Err(Problem::Draining);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let publishes = request.method() == Method::POST;
    match endpoint {
        Endpoint::Page(page) if reads => Ok(page.response(request.headers())),
        Endpoint::Demo(stream) if reads => subscribe::demo(&request, stream, context).await,
        Endpoint::Metadata if reads => metadata::document(&request, context),
        Endpoint::Subscriptions(rest) if reads => {
            active_subscriptions::document(&request, rest, context).await
        }
        Endpoint::Hub if reads => subscribe::selectors(&request, context).await,
        Endpoint::Topic(topic) if reads => subscribe::topic(&request, topic, context).await,
        Endpoint::Hub if *request.method() == QUERY => {
            subscribe::selectors_in_form(request, context).await
        }
        Endpoint::Hub if publishes => publish::form(request, client, context).await,
        Endpoint::Topic(topic) if publishes => publish::raw(request, topic, client, context).await,
        Endpoint::Tickets if publishes => ticket_issue::issue(&request, client, context).await,
        Endpoint::DemoRuns(run) if publishes => demo_run::begin(&request, run, context).await,
        Endpoint::Batch if publishes => ndjson::publish(request, client, context).await,
        _ => Err(Problem::Method { allow }),
    }
}

fn options(allow: &'static str) -> HttpResponse {
    let mut response = response::empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    if allow == ALL_METHODS {
        response.headers_mut().insert(ACCEPT_QUERY, HeaderValue::from_static(FORM));
    }
    response.extensions_mut().insert(Preflight(allow));
    response
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod openapi_tests;

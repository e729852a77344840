//! Responses.
//!
//! Every error is `application/problem+json` (RFC 9457) with a detail that says what was wrong and
//! what to do. Nothing of the inside shows in one: no stack, no path, no secret.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use rand::RngExt as _;
use serde::Serialize;

use super::body::Content;
use super::problem::{Problem, whole_seconds};
use crate::event::retry_frame;

const SECOND: Duration = Duration::from_secs(1);

pub(super) type HttpResponse = Response<Content>;

#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
}

/// The response to a request that cannot be served.
pub(super) fn problem(problem: &Problem, retry_ms: &RangeInclusive<u32>) -> HttpResponse {
    let status = problem.status();
    let document = ProblemDocument {
        r#type: format!("urn:fanfare:problem:{}", problem.slug()),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: problem.to_string(),
    };
    let json = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = whole(status, "application/problem+json", json);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Problem::Method { allow } = problem {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Problem::ContentCoding { .. } = problem {
        // What the client may send (RFC 9110, section 12.5.3).
        response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if problem.is_temporary() {
        let seconds = match problem {
            Problem::TooFast { wait } => whole_seconds(*wait + wait.max(&SECOND).mul_f64(spread())),
            _ => random_ms(retry_ms).div_ceil(1_000).into(),
        };
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A response whose body is known.
pub(super) fn whole(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> HttpResponse {
    let mut response = Response::new(Content::Whole(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Content::Whole(Full::default()));
    *response.status_mut() = status;
    response
}

/// There is nothing more, and there will be nothing: an `EventSource` does not come back after it.
pub(super) fn nothing_more() -> HttpResponse {
    let mut response = empty(StatusCode::NO_CONTENT);
    // The topic may be open again one day, and a cache must not know better (RFC 9110, 15.3.5).
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response with the head of a stream of events.
pub(super) fn stream(content: Content) -> HttpResponse {
    let mut response = Response::new(content);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A stream that is rejected with a retry: an `EventSource` comes back after it, and would not
/// after an error.
pub(super) fn come_back(retry_ms: &RangeInclusive<u32>) -> HttpResponse {
    stream(Content::Whole(Full::new(retry_frame(random_ms(retry_ms)))))
}

/// Clients that are refused together are not to come back together.
fn spread() -> f64 {
    rand::rng().random_range(0.0..1.0)
}

fn random_ms(range: &RangeInclusive<u32>) -> u32 {
    rand::rng().random_range(range.clone())
}

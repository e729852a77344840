//! One span for each publish and each request for a stream, with the names that OpenTelemetry gives
//! to the attributes of HTTP.
//!
//! Spans are at debug with a target of their own, so that at info their cost is one comparison: no
//! header is looked at, and nothing is allocated. A span says which route was requested and never
//! which topic, for topics are the data of users, and often name them. That of a stream ends with
//! the head of its response and not with the stream, which may last for days.

use std::time::Instant;

use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode, Version};
use tracing::field::Empty;
use tracing::{Level, Span};

use crate::log::Receipt;
use crate::logging::{SPANS, TraceParent, join_trace};

/// Whether the filter, or an exporter, asks for spans.
pub(super) fn is_on() -> bool {
    tracing::span_enabled!(target: SPANS, Level::DEBUG)
}

/// The event of a publish, for the span that it happens in.
pub(super) fn published(receipt: &Receipt) {
    if is_on() {
        let span = Span::current();
        // As a text, which is written in quotes: a publisher's id may look like another field.
        span.record("messaging.message.id", receipt.id.to_string().as_str());
        span.record("messaging.message.envelope.size", receipt.frame_bytes);
    }
}

/// How many events a request has published so far.
pub(super) fn published_so_far(events: u64) {
    if is_on() {
        Span::current().record("messaging.batch.message_count", events);
    }
}

/// The span of a request to a route; `None` for methods that neither publish nor read.
pub(super) fn begin<B>(request: &Request<B>, route: &str) -> Option<Span> {
    let method = request.method();
    if ![Method::GET, Method::HEAD, Method::POST].contains(method) && *method != "QUERY" {
        return None;
    }
    let span = span(method, route, request.version());
    let state = joined(request.headers(), "tracestate");
    let parent = only(request.headers(), "traceparent");
    let parent = parent.and_then(|parent| TraceParent::parse(parent, &state));
    if let Some(trace_id) = join_trace(&span, parent.as_ref()) {
        span.record("trace_id", trace_id.as_str());
    }
    Some(span)
}

fn span(method: &Method, route: &str, version: Version) -> Span {
    let publishes = method == Method::POST;
    tracing::debug_span!(
        target: SPANS,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        trace_id = Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = Empty,
        "error.type" = Empty,
        network.protocol.version = protocol_version(version),
        messaging.system = publishes.then_some("fanfare"),
        messaging.operation.name = publishes.then_some("publish"),
        "messaging.operation.type" = publishes.then_some("send"),
        messaging.message.id = Empty,
        messaging.message.envelope.size = Empty,
        messaging.batch.message_count = Empty,
    )
}

/// The request has its response.
pub(super) fn end(span: &Span, status: StatusCode, began: Instant) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
    let microseconds = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let status = status.as_u16();
    span.in_scope(|| tracing::debug!(status, microseconds, "answered"));
}

fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// A header that stands there once; two `traceparent` are as good as none.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok();
    value.filter(|_| values.next().is_none())
}

/// A list that may stand in several headers of the same name.
fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use serde_json::Value;
    use tracing_subscriber::fmt;

    use super::*;

    #[derive(Clone, Default)]
    struct TracedHeaders(Arc<Mutex<Vec<u8>>>);

    impl io::Write for TracedHeaders {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The span of a request with this response, as its log line shows it.
    fn ended_with(status: StatusCode) -> Value {
        let lines = TracedHeaders::default();
        let into = lines.clone();
        let subscriber =
            fmt().json().with_max_level(Level::DEBUG).with_writer(move || into.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            end(&span(&Method::POST, "/events", Version::HTTP_2), status, Instant::now());
        });
        let text = lines.0.lock().unwrap().clone();
        serde_json::from_slice::<Value>(&text).unwrap()["span"].take()
    }

    #[test]
    fn only_the_errors_of_the_server_are_errors_of_the_span() {
        for status in [200, 204, 304, 400, 429, 499, 500, 503] {
            let span = ended_with(StatusCode::from_u16(status).unwrap());
            let failed = status >= 500;
            assert_eq!(span["http.response.status_code"], status);
            assert_eq!(span["network.protocol.version"], "2");
            assert_eq!(span.get("otel.status_code").is_some(), failed, "{span}");
            let error = span.get("error.type").and_then(Value::as_str);
            assert_eq!(error, failed.then(|| status.to_string()).as_deref(), "{span}");
        }
    }
}

//! Whether a request is that of a reader of event streams, by what it accepts.

use hyper::header::ACCEPT;
use hyper::{Method, Request};

/// A safe request with its parameters in a body (RFC 10008), which `hyper` has no name for.
pub(super) const QUERY: &str = "QUERY";

/// Whether a stream is among what the client accepts. Types are compared without case, and several
/// lines are one list (RFC 9110, sections 5.3 and 8.3.1).
pub(super) fn wants_stream<B>(request: &Request<B>) -> bool {
    let lines = request.headers().get_all(ACCEPT).iter();
    let mut ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let reads = request.method() == Method::GET || *request.method() == QUERY;
    reads && ranges.any(is_event_stream)
}

/// Whether a range of `Accept` is that of event streams, and not one with the weight of refusal.
fn is_event_stream(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let refused = |parameter: &str| {
        let (name, weight) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>() == Ok(0.0)
    };
    essence.eq_ignore_ascii_case("text/event-stream") && !parts.any(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_wants_a_stream_however_it_writes_that() {
        let cases: [(&[&str], bool); 14] = [
            (&["text/event-stream"], true),
            (&["Text/Event-Stream"], true),
            (&["text/html", "text/event-stream"], true),
            (&["text/html, TEXT/EVENT-STREAM;q=0.5, */*"], true),
            (&["text/event-stream; charset=utf-8"], true),
            (&["text/event-stream ;Q=0.001"], true),
            (&["text/event-stream;q=0"], false),
            (&["text/event-stream; q=0.000"], false),
            (&["text/event-streams"], false),
            (&["x-text/event-stream"], false),
            (&["*/*"], false),
            (&["text/*"], false),
            (&[""], false),
            (&[], false),
        ];
        for (lines, expected) in cases {
            let request = lines
                .iter()
                .fold(Request::builder(), |request, line| request.header(ACCEPT, *line));
            assert_eq!(wants_stream(&request.body(()).unwrap()), expected, "{lines:?}");
        }
        let post = Request::post("/").header(ACCEPT, "text/event-stream").body(()).unwrap();
        assert!(!wants_stream(&post));
    }
}

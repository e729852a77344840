//! Whatever a server does, a run ends at its time: answers that never end are given up, and what is
//! read of them is bounded. How long a run takes is seen by its own end, and never asserted: one
//! that hangs is ended by the test's patience.

use crate::support::{Admission, Faults, PublishResponses, Rejection, Stub, each, loadgen};

/// PublishResponses that go on for ever, one byte or one line at a time.
const ENDLESS: [(&str, &str); 8] = [
    // The head never ends.
    ("HTTP/1.1 200 OK\r\nx: ", "y"),
    ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
    ("HTTP/1.1 ", "2"),
    // Interim answers come again and again.
    ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    // The body never ends.
    ("HTTP/1.1 200 OK\r\n\r\n", "x"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n", "x"),
    ("HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0"),
];

#[test]
fn a_publish_call_ends_at_its_timeout_however_slowly_the_answer_drips() {
    each(&ENDLESS, |drips| {
        let responses = PublishResponses { drips: Some(*drips), ..PublishResponses::default() };
        let stub = Stub::start(Faults { responses, ..Faults::default() });
        let ran = loadgen(&stub.load("x", "-c 1 -r 2 --publish-timeout 300ms --tail 1s"));
        assert_ne!(ran.code, 0, "{drips:?}: {}", ran.stdout);
        let refusals = ran.at("/publishing/refusals").to_string();
        let (sent, accepted) =
            (ran.count("/publishing/sent"), ran.count("/publishing/acknowledged"));
        assert!(sent > 0 && accepted == 0, "{drips:?}: {sent} {accepted} {refusals}");
        assert!(
            refusals.contains("no answer in time") || refusals.contains("not HTTP"),
            "{drips:?}: {refusals}"
        );
    });
}

#[test]
fn a_request_of_many_events_ends_when_its_answers_do_not_come() {
    let cases = [
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n\n\r\n"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "x"),
    ];
    each(&cases, |drips| {
        let responses = PublishResponses { drips: Some(*drips), ..PublishResponses::default() };
        let stub = Stub::start(Faults { responses, ..Faults::default() });
        let (here, there) = (stub.url("/t/x"), stub.url("/lines"));
        let ran = loadgen(&format!(
            "run --subscribe {here} --publish {there} --publish-style ndjson -c 1 -r 5 -d 1s \
             --warmup 0s --tail 1s --publish-timeout 300ms"
        ));
        assert_ne!(ran.code, 0, "{drips:?}: {}", ran.stdout);
        assert_eq!(ran.count("/publishing/acknowledged"), 0, "{drips:?}: {}", ran.stdout);
    });
}

#[test]
fn an_attempt_to_subscribe_ends_at_its_timeout_and_a_page_of_metrics_at_its_own() {
    // Those of a body are streams that were let in, and end with the run.
    each(&ENDLESS[..4], |(begin, again)| {
        let admission = Admission::RejectFirst(usize::MAX, Rejection::Drips(begin, again));
        let stub = Stub::start(Faults { admission, ..Faults::default() });
        let here = stub.url("/t/x");
        let ran = loadgen(&format!(
            "run --subscribe {here} -c 1 -d 500ms --attempts 1 --connect-timeout 400ms"
        ));
        ran.assert_ended(5, "unreachable");
        let good = Stub::start(Faults::default());
        let ran = loadgen(&good.load("x", &format!("-c 1 -r 20 --server-metrics {here}")));
        ran.assert_ended(0, "fine");
        let notes = ran.at("/server/notes").to_string();
        assert!(notes.contains("metrics of http://127.0.0.1:"), "{notes}");
        assert!(ran.at("/server/metrics").as_array().is_some_and(Vec::is_empty), "{notes}");
    });
}

#[test]
fn streams_that_never_say_anything_whole_end_with_the_run() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let chunked =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases =
        [(stream, "data"), (stream, ":"), (stream, "\n"), (chunked, "0"), (chunked, "1\r\n:\r\n")];
    each(&cases, |(begin, again)| {
        let admission = Admission::RejectFirst(usize::MAX, Rejection::Drips(begin, again));
        let stub = Stub::start(Faults { admission, ..Faults::default() });
        let ran = loadgen(&format!(
            "run --subscribe {} -c 2 -d 500ms --warmup 0s --reconnect never",
            stub.url("/t/x")
        ));
        assert_ne!(ran.code, 0, "{again:?}: {}", ran.stdout);
        assert_eq!(ran.count("/delivery/received"), 0, "{again:?}: {}", ran.stdout);
    });
}

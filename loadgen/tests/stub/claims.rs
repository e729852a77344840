//! A verdict is made of what was verified: a run that saw nothing claims nothing, and a fault that
//! was seen is not passed over.

use crate::support::{
    Admission, Cut, EventFault, Faults, Format, Place, Ran, Rejection, Stub, each, loadgen,
};

/// Only reads, for a moment.
const READ: &str = "-c 2 -d 500ms --warmup 0s --attempts 1";

/// The head of a stream that goes on until it is closed.
macro_rules! stream {
    ($further:literal, $body:literal) => {
        concat!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n", $further, "\r\n", $body)
    };
}

/// A server that sends this to every subscriber.
fn sends(refusal: Rejection) -> Stub {
    let admission = Admission::RejectFirst(usize::MAX, refusal);
    Stub::start(Faults { admission, ..Faults::default() })
}

/// No report claims what was not verified.
fn assert_praises_nothing(ran: &Ran, case: &str) {
    let words = ran.words();
    for praise in ["PASS (", "verything arrived", "every SLO was met", "no silent gaps", "NaN"] {
        assert!(!words.contains(praise), "{case}: {praise}\n{}", ran.stdout);
    }
}

#[test]
fn a_run_in_which_nothing_was_verified_is_not_fine_and_says_what_was_read() {
    let events = |count: usize| {
        let text = stream!("", ": hello\n\n").to_owned() + &"data: news\n\n".repeat(count);
        Rejection::Holds(Box::leak(text.into_boxed_str()))
    };
    let cases = [
        (events(490), "980 events were read; none carries loadgen's marks, so order, loss and"),
        (events(0), "No event came, only 2 comments, so nothing was checked."),
        (Rejection::Holds(stream!("", "")), "No event came, so nothing was checked."),
        (Rejection::Holds(stream!("", "id: e:1\n\nid: e:2\n\n")), "No event came, so nothing was"),
        (
            Rejection::Holds(stream!("", "event: fanfare-x\ndata\n\n")),
            "No event came, so nothing was",
        ),
    ];
    each(&cases, |(refusal, sentence)| {
        let stub = sends(*refusal);
        let ran = loadgen(&format!("run --subscribe {} {READ}", stub.url("/t/x")));
        ran.assert_ended(2, "goal-missed");
        ran.assert_reason("nothing was verified: ");
        assert!(ran.text("/verdict/headline").starts_with(sentence), "{}", ran.stdout);
        assert_eq!(ran.count("/correctness/verified"), 0);
        assert_praises_nothing(&ran, sentence);
        // Not even an SLO that asks for nothing but the absence of faults is met.
        let line = format!("run --subscribe {} {READ} --slo gaps==0", stub.url("/t/x"));
        loadgen(&line).assert_reason("gaps==0: it could not be measured");
    });
}

#[test]
fn notices_of_the_server_are_counted_apart_and_an_end_that_was_said_is_no_trouble() {
    let text = stream!("", "event: fanfare-end\ndata: {\"topics\":[\"x\"]}\n\n");
    let stub = sends(Rejection::Sends(text));
    let ran = loadgen(&format!("run --subscribe {} {READ} --reconnect never", stub.url("/t/x")));
    assert_eq!(ran.count("/correctness/notices"), 2, "{}", ran.stdout);
    assert_eq!((ran.count("/trouble/ended"), ran.count("/trouble/closed_by_server")), (2, 0));
    assert_eq!((ran.count("/delivery/received"), ran.count("/trouble/away")), (0, 0));
    assert!(
        ran.words().contains("2 streams were closed because their topics had ended"),
        "{}",
        ran.stdout
    );
}

#[test]
fn nothing_is_claimed_of_a_server_that_was_not_reached_and_the_next_step_fits_the_failure() {
    let type_first = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>";
    let cases = [
        (
            Rejection::Holds(stream!("content-encoding: gzip\r\n", "x")),
            "coded as gzip",
            "compression",
        ),
        (Rejection::Holds(stream!("content-encoding: BR\r\n", "x")), "coded as br", "compression"),
        (
            Rejection::Holds(stream!("transfer-encoding: gzip, chunked\r\n", "")),
            "coded as gzip",
            "compression",
        ),
        (Rejection::Sends(type_first), "not text/event-stream", "is the path right"),
        (Rejection::Status(401), "status 401", "--token"),
        (Rejection::Status(307), "status 307", "Redirects are not followed"),
        (Rejection::Status(404), "status 404", "is the path right"),
    ];
    each(&cases, |(refusal, kind, step)| {
        let ran = loadgen(&sends(*refusal).load("x", "-c 2 -r 20 --attempts 1"));
        ran.assert_ended(5, "unreachable");
        let failures = ran.at("/subscribers/failures").to_string();
        assert!(failures.contains(kind), "{failures}");
        assert!(ran.words().contains(step), "{kind}: {}", ran.stdout);
        assert!(ran.words().contains("no subscriber was connected, so nothing was checked"));
        assert_praises_nothing(&ran, kind);
        // Nothing was measured, so nothing has a figure.
        for figure in ["; 0 a second", " 0.000 ", " 0 ms", "of a core"] {
            assert!(!ran.words().contains(figure), "{figure}: {}", ran.stdout);
        }
    });
}

#[test]
fn an_answer_that_says_that_it_is_a_stream_and_is_none_is_found_out() {
    let cases = [
        stream!("", "<!DOCTYPE html>\n<html>\n<p>data: none</p>\n"),
        stream!("", "{\"error\":\"no such topic\"}"),
        stream!("", "\u{1f}\u{8b}binary without a line end"),
        stream!("content-length: 9\r\n", "not found"),
    ];
    each(&cases, |text| {
        let ran = loadgen(&sends(Rejection::Sends(text)).load("x", "-c 2 -r 20 --reconnect never"));
        assert_ne!(ran.code, 0, "{text}");
        ran.assert_reason(
            "2 streams of text/event-stream held no line that an event stream can have",
        );
        assert_eq!(ran.count("/correctness/strange_streams"), 2, "{text}");
        assert_praises_nothing(&ran, text);
    });
}

#[test]
fn a_server_that_closes_at_once_and_asks_to_come_back_at_once_is_trouble_and_is_spared() {
    let stub = sends(Rejection::Sends(stream!("", "retry: 0\n\n")));
    let ran = loadgen(&stub.load("x", "-c 3 -r 20 -d 1s --tail 1s"));
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    let closed = ran.count("/trouble/closed_by_server");
    ran.assert_reason(&format!("{closed} streams of fast subscribers ended unexpectedly"));
    assert!(ran.words().contains("no subscriber reconnects within 100 ms"), "{}", ran.stdout);
    assert!(ran.count("/trouble/lengthened") > 0);
    // Whatever the machine does meanwhile, two attempts of one are that far apart.
    let requests = stub.store().requests();
    let time = requests[requests.len() - 1].at - requests[0].at;
    let most = 3 * (time.as_millis() as usize / 100 + 2);
    assert!(requests.len() <= most, "{} attempts in {time:?}", requests.len());
}

#[test]
fn streams_that_end_unexpectedly_miss_an_slo_unless_an_slo_says_how_many_may() {
    let cases = [
        ("", 2, "goal-missed"),
        ("--slo disconnects<=3", 0, "fine"),
        ("--slo disconnects==0", 2, "goal-missed"),
    ];
    each(&cases, |(flags, code, outcome)| {
        let stub = Stub::start(Faults {
            event_faults: vec![(12, EventFault::Cut(Cut::Fin, Place::Within))],
            format: Format::default(),
            ..Faults::default()
        });
        let ran = loadgen(&stub.load("x", &format!("-c 3 -r 40 --retry 50ms --tail 5s {flags}")));
        ran.assert_ended(*code, outcome);
        ran.assert_faults(&[]);
        assert!(
            ran.words().contains("3 streams of fast subscribers ended unexpectedly"),
            "{flags}"
        );
    });
}

#[test]
fn who_only_publishes_claims_no_deliveries() {
    let stub = Stub::start(Faults::default());
    let ran = loadgen(&stub.load("x", "-c 0 -r 20"));
    ran.assert_ended(0, "fine");
    let sentence =
        "20 events were accepted; there was no subscriber, so deliveries were not checked.";
    assert_eq!(ran.text("/verdict/headline"), sentence);
    assert!(!ran.words().contains("no silent gaps"), "{}", ran.stdout);
}

#[test]
fn streams_that_are_only_to_be_held_are_claimed_to_have_been_and_nothing_else_is() {
    let stub = sends(Rejection::Holds(stream!("", ": hello\n\n")));
    let ran = loadgen(&format!("run --subscribe {} {READ} --hold", stub.url("/t/x")));
    ran.assert_ended(0, "fine");
    let sentence = "2 streams were held; --hold expects no event, and none was checked.";
    assert_eq!(ran.text("/verdict/headline"), sentence);
    let stub = sends(Rejection::Sends(stream!("", ": hello\n\n")));
    let ran = loadgen(&format!("run --subscribe {} {READ} --hold", stub.url("/t/x")));
    ran.assert_ended(2, "goal-missed");
}

#[test]
fn what_was_published_and_never_arrived_is_no_praise_in_any_report() {
    // Another topic than the one that is published to.
    let stub = Stub::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, html, markdown) = (path("a.json"), path("a.html"), path("a.md"));
    let line = format!(
        "run --subscribe {} -d 500ms --warmup 0s -c 2 --json {json} --html {html} --markdown {markdown}",
        stub.url("/t/x")
    );
    let ran = loadgen(&line);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let read = |path: &str| std::fs::read_to_string(path).expect("it is written");
    for text in [ran.stdout.clone(), read(&html), read(&markdown)] {
        for praise in ["verything arrived", "no silent gaps", "nothing lost", ">0 ms<"] {
            assert!(!text.contains(praise), "{praise}: {text}");
        }
        assert!(text.contains("o event came, so nothing was checked"), "{text}");
    }
}

//! Streams that end and come back: by accidents that the generator plans, in storms, and by the
//! server. What a subscriber asks for when it comes back is seen from the server's side.
//!
//! Times are only ever compared with a wait that must have passed, never with one that must not.

use std::time::Duration;

use crate::support::{
    Admission, Cut, Ending, EventFault, Faults, Format, Frame, Pieces, Place, Rejection, Stub,
    each, loadgen,
};

#[test]
fn streams_that_are_cut_again_and_again_get_every_event_once() {
    let cases = [("fin", true, false), ("rst", false, true), ("mix", true, true)];
    each(&cases, |(cut, fins, resets)| {
        let stub = Stub::start(Faults::default());
        let schedule = "--schedule steps:80/1500ms,0/3s";
        let flags = format!("-c 6 {schedule} --cut-every 250ms --cut {cut} --retry 20ms");
        let ran = loadgen(&stub.load("load", &flags));
        ran.assert_all_arrived(6);
        assert_eq!(ran.count("/delivery/received"), 6 * ran.count("/publishing/sent"));
        let (fin, rst) = (ran.count("/trouble/cut_fin"), ran.count("/trouble/cut_rst"));
        assert_eq!((fin > 0, rst > 0), (*fins, *resets), "{cut}: {fin} and {rst}");
        let back = ran.count("/trouble/reconnects");
        assert_eq!((back, ran.count("/trouble/resumed")), (fin + rst, back), "{cut}");
        // The server has seen each of them: the first time without an id, then always with one.
        let requests = stub.store().requests();
        assert_eq!(requests.len() as u64, 6 + back, "{cut}");
        assert!(requests[..6].iter().all(|request| request.last_id.is_none()), "{requests:?}");
        assert!(requests[6..].iter().all(|request| request.last_id.is_some()), "{requests:?}");
    });
}

#[test]
fn the_id_that_is_sent_is_that_of_the_last_event_that_was_complete() {
    use Place::{Before, BeforeItsEnd, Within};
    let cases = [
        (Frame::Chunks, "\n", Before),
        (Frame::Chunks, "\n", Within),
        (Frame::Chunks, "\n", BeforeItsEnd),
        (Frame::UntilClose, "\n", BeforeItsEnd),
        (Frame::UntilClose, "\r\n", BeforeItsEnd),
        (Frame::UntilClose, "\r\n", Within),
    ];
    each(&cases, |(frame, line_end, place)| {
        let stub = Stub::start(Faults {
            event_faults: vec![(15, EventFault::Cut(Cut::Fin, *place))],
            format: Format { frame: *frame, line_end, ..Format::default() },
            ..Faults::default()
        });
        let ran =
            loadgen(&stub.load("load", "-c 1 -r 40 --retry 50ms --tail 5s --slo disconnects==1"));
        ran.assert_all_arrived(1);
        let ids: Vec<_> =
            stub.store().requests().into_iter().map(|request| request.last_id).collect();
        assert_eq!(ids, [None, Some("14".to_owned())], "{frame:?} {line_end:?} {place:?}");
    });
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept() {
    // What the server says wins over the flag, whichever is longer, and whatever stands around it:
    // a wait of 30 ms that is overlooked would be longer than the run.
    let plain = Format::default();
    let marked = Format { mark: true, ..plain };
    let cases = [
        (Format { retry: Some(400), ..plain }, "--retry 10ms", 400_u32),
        (Format { retry: Some(30), ..plain }, "--retry 60s", 30),
        (Format { retry: Some(30), ..marked }, "--retry 60s", 30),
        (
            Format { retry: Some(30), line_end: "\r\n", pieces: Pieces::Of(1), ..marked },
            "--retry 60s",
            30,
        ),
        (plain, "", 1000),
    ];
    each(&cases, |(format, flag, wait)| {
        let stub = Stub::start(Faults {
            event_faults: vec![(10, EventFault::Cut(Cut::Finish, Place::Before))],
            format: *format,
            ..Faults::default()
        });
        let ran = loadgen(
            &stub.load("load", &format!("-c 1 -r 40 --tail 5s {flag} --slo disconnects==1")),
        );
        ran.assert_all_arrived(1);
        let (requests, ends) = (stub.store().requests(), stub.store().ends());
        assert_eq!((requests.len(), ends[0].how), (2, Ending::Cut), "{format:?} {flag}");
        let away = requests[1].at.saturating_duration_since(ends[0].at);
        assert!(away >= Duration::from_millis(u64::from(*wait)), "{away:?} of {wait} ms");
        assert!(ran.figure("/trouble/outage/max_ms") >= f64::from(*wait));
    });
}

#[test]
fn a_client_that_knows_of_no_id_misses_what_was_published_meanwhile_and_is_told_apart() {
    let stub = Stub::at(&[(10, EventFault::Cut(Cut::Fin, Place::Within))]);
    let ran = loadgen(
        &stub.load("load", "-c 3 -r 50 --reconnect forget --retry 300ms --slo disconnects==3"),
    );
    ran.assert_ended(0, "fine");
    ran.assert_faults(&[]);
    let missed = ran.count("/correctness/unresumable");
    // The event that was cut, for three subscribers; and those of 300 ms, but nothing is published
    // while a publisher is held up.
    assert!(missed >= 3, "{missed}");
    let all = 3 * ran.count("/publishing/sent");
    assert_eq!(ran.count("/delivery/received"), all - missed);
    assert_eq!((ran.count("/trouble/reconnects"), ran.count("/trouble/resumed")), (3, 0));
    assert!(stub.store().requests().iter().all(|request| request.last_id.is_none()));
    assert!(ran.words().contains(&format!("{missed} unresumable")), "{}", ran.stdout);
}

#[test]
fn a_client_that_never_comes_back_is_away_and_misses_what_comes() {
    let stub = Stub::at(&[(31, EventFault::Cut(Cut::Finish, Place::Before))]);
    let ran = loadgen(&stub.load("load", "-c 3 -r 40 --reconnect never --slo disconnects==3"));
    ran.assert_ended(0, "fine");
    ran.assert_faults(&[]);
    assert_eq!(ran.count("/correctness/unresumable"), 3 * 10);
    assert_eq!((ran.count("/trouble/away"), ran.count("/trouble/reconnects")), (3, 0));
    assert_eq!(stub.store().requests().len(), 3);
    assert!(ran.words().contains("3 did not reconnect"), "{}", ran.stdout);
}

#[test]
fn a_client_in_a_hurry_comes_back_whatever_the_server_asks() {
    let stub = Stub::start(Faults {
        event_faults: vec![(10, EventFault::Cut(Cut::Finish, Place::Before))],
        // Longer than the whole run.
        format: Format { retry: Some(60_000), ..Format::default() },
        ..Faults::default()
    });
    let ran =
        loadgen(&stub.load("load", "-c 2 -r 40 --reconnect now --tail 5s --slo disconnects==2"));
    ran.assert_all_arrived(2);
    assert_eq!(ran.count("/trouble/resumed"), 2);
}

#[test]
fn a_storm_cuts_the_share_that_was_requested() {
    // Which ones is spread evenly over the subscribers, so their number is the share but for one.
    let cases = [("--storm-share 0.25", 5), ("--storm-share 0.6", 12), ("", 20)];
    each(&cases, |(share, wanted)| {
        let stub = Stub::start(Faults::default());
        let flags = format!("-c 20 -r 40 --storm-at 500ms {share} --retry 20ms --tail 5s");
        let ran = loadgen(&stub.load("load", &flags));
        ran.assert_all_arrived(20);
        let cuts = ran.count("/trouble/cut_in_storm");
        assert!(cuts.abs_diff(*wanted) <= u64::from(*wanted < 20), "{cuts} of {wanted}");
        assert_eq!(ran.count("/trouble/cut_fin") + ran.count("/trouble/cut_rst"), cuts);
        assert_eq!(ran.count("/trouble/resumed"), cuts);
        assert_eq!(ran.count("/trouble/catch_up/count"), cuts);
        // From the first to the last it is longer than for each.
        let longest = ran.figure("/trouble/catch_up/max_ms");
        let all = ran.figure("/trouble/recovery_ms");
        // A histogram has three digits.
        assert!(all >= longest * 0.998, "{all} and {longest}");
        let words = ran.words();
        assert!(words.contains("of the first reconnection"), "{words}");
        assert_eq!(stub.store().requests().len() as u64, 20 + cuts);
    });
}

#[test]
fn who_is_turned_away_tries_again_as_often_as_was_requested() {
    let cases = [
        (Rejection::Status(503), "status 503"),
        (Rejection::Json, "not text/event-stream"),
        (Rejection::Close, "closed before an answer"),
        (Rejection::NotHttp, "no HTTP"),
    ];
    each(&cases, |(refusal, kind)| {
        let admission = Admission::RejectFirst(2, *refusal);
        let stub = Stub::start(Faults { admission, ..Faults::default() });
        let ran = loadgen(&stub.load("load", "-c 1 -r 20 --attempts 3 --retry 20ms"));
        ran.assert_all_arrived(1);
        assert_eq!(ran.kind("/subscribers/failures", kind), 2, "{}", ran.stdout);
        assert_eq!(stub.store().requests().len(), 3, "{kind}");
        assert!(ran.words().contains(&format!("failed: {kind} × 2")), "{}", ran.stdout);
    });
}

#[test]
fn who_is_told_that_there_is_nothing_does_not_come_back() {
    let admission = Admission::RejectFirst(1, Rejection::Status(204));
    let stub = Stub::start(Faults { admission, ..Faults::default() });
    let ran = loadgen(&stub.load("load", "-c 3 -r 20 --attempts 3 --retry 20ms"));
    assert_eq!(ran.kind("/subscribers/failures", "status 204"), 1);
    assert_eq!(ran.count("/subscribers/connected"), 2);
    assert_eq!(stub.store().requests().len(), 3);
    ran.assert_reason("2 of 3 subscribers were connected when publishing began: status 204 (1)");
}

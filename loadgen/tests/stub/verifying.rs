//! Each mistake of a server is found and named: as many as were made, in the figures, in the
//! verdict and in words. Losses that were announced are counted apart and are no fault, and no way
//! to split or write a right stream is taken for a mistake.
//!
//! Three subscribers see 40 events each, and every mistake is made at each of them.

use std::time::Duration;

use crate::support::{Cut, EventFault, Faults, Format, Frame, Pieces, Place, Stub, each, loadgen};

const SUBSCRIBERS: u64 = 3;
const FLAGS: &str = "-c 3 -r 40 --retry 50ms";

/// Twenty events, and time in which to send them if that is held up.
const HALF_A_SECOND: &str = "-c 2 --schedule steps:40/500ms,0/3s";

#[test]
fn a_server_that_makes_no_mistake_is_not_blamed() {
    let stub = Stub::start(Faults::default());
    let ran = loadgen(&stub.load("load", FLAGS));
    ran.assert_all_arrived(SUBSCRIBERS);
    assert_eq!(ran.count("/publishing/sent"), 40);
    assert_eq!(ran.count("/delivery/received"), 40 * SUBSCRIBERS);
    assert!(ran.complaints().is_empty(), "{}", ran.stdout);
    assert_eq!(ran.at("/correctness/examples").as_array().map(Vec::len), Some(0));
    let line = "no silent gaps, duplicates, reordering, corruption or wrong topics";
    assert!(ran.words().contains(line), "{}", ran.stdout);
}

#[test]
fn each_mistake_is_found_and_named_and_no_other_is() {
    let lost = "events were lost and not announced";
    let again = "events arrived again";
    let order = "events arrived after later ones of the same publisher and topic";
    let bytes = "events arrived with other bytes than were sent";
    let topic = "events arrived at subscribers of other topics";
    let broken = "streams broke the rules of HTTP or of event streams";
    let cases: &[Case] = &[
        (&[(5, EventFault::Drop)], "gaps", 1, "gap", lost),
        (
            &[(1, EventFault::Drop), (20, EventFault::Drop), (40, EventFault::Drop)],
            "gaps",
            3,
            "gap",
            lost,
        ),
        (&[(7, EventFault::Repeat)], "duplicates", 1, "duplicate", again),
        (&[(7, EventFault::Repeat), (40, EventFault::Repeat)], "duplicates", 2, "duplicate", again),
        (&[(9, EventFault::Swap)], "reordered", 1, "reordered", order),
        (
            &[(1, EventFault::Swap), (9, EventFault::Swap), (12, EventFault::Swap)],
            "reordered",
            3,
            "reordered",
            order,
        ),
        (&[(11, EventFault::Damage(100))], "corrupted", 1, "corrupted", bytes),
        // The mark, the run, the due time, the checksum, the last byte of the padding.
        (
            &[
                (11, EventFault::Damage(0)),
                (12, EventFault::Damage(5)),
                (13, EventFault::Damage(50)),
                (14, EventFault::Damage(70)),
                (15, EventFault::Damage(149)),
            ],
            "corrupted",
            5,
            "corrupted",
            bytes,
        ),
        (&[(13, EventFault::OtherTopic)], "wrong_topic", 1, "wrong topic", topic),
        (&[(15, EventFault::BreakChunk)], "broken_streams", 1, "broken stream", broken),
    ];
    each(cases, |(event_faults, count, times, kind, words)| {
        let stub = Stub::at(event_faults);
        let ran = loadgen(&stub.load("load", FLAGS));
        ran.assert_ended(3, "wrong");
        ran.assert_faults(&[(count, times * SUBSCRIBERS)]);
        ran.assert_reason(&format!("{} {words}", times * SUBSCRIBERS));
        let examples = ran.at("/correctness/examples").as_array().expect("a list");
        assert!(
            !examples.is_empty() && examples.iter().all(|e| e["kind"] == *kind),
            "{examples:?}"
        );
        assert!(ran.words().contains(&format!("{kind}, subscriber ")), "{}", ran.stdout);
        assert!(ran.stdout.starts_with("FAIL: wrong deliveries (exit code 3)."), "{}", ran.stdout);
    });
}

/// What is done, the figure that counts it, how often a subscriber meets it, the kind of the
/// examples, and the words of the reason.
type Case = (&'static [(u64, EventFault)], &'static str, u64, &'static str, &'static str);

#[test]
fn what_never_arrived_lowers_the_reach_and_nothing_else_does() {
    let cases: &[(&[(u64, EventFault)], u64)] = &[
        (&[(5, EventFault::Drop), (6, EventFault::Drop)], 38),
        (&[(5, EventFault::AnnounceLoss("fanfare-gap", None)), (5, EventFault::Drop)], 39),
        (&[(7, EventFault::Repeat)], 40),
        (&[(9, EventFault::Swap)], 40),
        (&[(13, EventFault::OtherTopic)], 40),
    ];
    each(cases, |(event_faults, arrived)| {
        let ran = loadgen(&Stub::at(event_faults).load("load", FLAGS));
        let reach = ran.figure("/delivery/reach");
        assert!((reach - *arrived as f64 / 40.0).abs() < 1e-9, "{reach} of {event_faults:?}");
        assert_eq!(ran.count("/delivery/expected"), 40 * SUBSCRIBERS);
    });
}

#[test]
fn several_mistakes_at_once_are_told_apart() {
    let stub = Stub::at(&[
        (3, EventFault::Drop),
        (6, EventFault::Repeat),
        (9, EventFault::Swap),
        (15, EventFault::OtherTopic),
        (20, EventFault::Damage(90)),
    ]);
    let ran = loadgen(&stub.load("load", FLAGS));
    ran.assert_ended(3, "wrong");
    ran.assert_faults(
        &["gaps", "duplicates", "reordered", "corrupted", "wrong_topic"]
            .map(|kind| (kind, SUBSCRIBERS)),
    );
}

#[test]
fn a_loss_that_was_announced_blames_nobody() {
    const GAP: &str = "fanfare-gap";
    let announces_two = [
        (10, EventFault::Drop),
        (11, EventFault::Drop),
        (12, EventFault::AnnounceLoss(GAP, Some(2))),
    ];
    let announces_some =
        [(10, EventFault::Drop), (11, EventFault::Drop), (12, EventFault::AnnounceLoss(GAP, None))];
    let announced_before = [
        (10, EventFault::AnnounceLoss(GAP, Some(2))),
        (10, EventFault::Drop),
        (11, EventFault::Drop),
    ];
    let announced_otherwise = [
        (10, EventFault::Drop),
        (11, EventFault::Drop),
        (12, EventFault::AnnounceLoss("lost", Some(2))),
    ];
    let cases = [
        (announces_two, ""),
        (announces_some, ""),
        (announced_before, ""),
        (announced_otherwise, "--loss-event lost"),
    ];
    each(&cases, |(event_faults, flags)| {
        let stub = Stub::at(event_faults);
        let ran = loadgen(&stub.load("load", &format!("{FLAGS} {flags}")));
        ran.assert_ended(0, "fine");
        ran.assert_faults(&[]);
        assert_eq!(ran.count("/correctness/announced"), 2 * SUBSCRIBERS, "{event_faults:?}");
        let sentence = "What arrived is right (114 events verified), but not everything arrived: there were \
             no silent gaps.";
        ran.assert_headline(sentence);
        assert!(ran.words().contains("Also seen 6 announced losses"), "{}", ran.stdout);
    });
}

#[test]
fn an_announcement_covers_no_more_than_it_says() {
    let cases = [
        (
            [
                (10, EventFault::Drop),
                (11, EventFault::Drop),
                (12, EventFault::AnnounceLoss("fanfare-gap", Some(1))),
            ],
            1,
        ),
        // Without a number it is about its own place, not about a later one.
        (
            [
                (10, EventFault::AnnounceLoss("fanfare-gap", None)),
                (10, EventFault::Drop),
                (20, EventFault::Drop),
            ],
            1,
        ),
        // No flag says that this type of event announces a loss.
        (
            [
                (10, EventFault::Drop),
                (11, EventFault::Drop),
                (12, EventFault::AnnounceLoss("lost", Some(2))),
            ],
            2,
        ),
    ];
    each(&cases, |(event_faults, gaps)| {
        let ran = loadgen(&Stub::at(event_faults).load("load", FLAGS));
        ran.assert_ended(3, "wrong");
        ran.assert_faults(&[("gaps", gaps * SUBSCRIBERS)]);
        assert_eq!(
            ran.count("/correctness/announced"),
            (2 - gaps) * SUBSCRIBERS,
            "{event_faults:?}"
        );
    });
}

#[test]
fn events_of_others_are_noted_and_blame_nobody() {
    let stub = Stub::at(&[
        (4, EventFault::OtherRun),
        (8, EventFault::Unpublished),
        (9, EventFault::Unpublished),
    ]);
    let ran = loadgen(&stub.load("load", FLAGS));
    ran.assert_ended(0, "fine");
    ran.assert_faults(&[]);
    assert_eq!(ran.count("/correctness/foreign"), 3 * SUBSCRIBERS);
    assert_eq!(ran.count("/delivery/received"), 40 * SUBSCRIBERS);
    assert!(ran.words().contains("9 events were not of this run"), "{}", ran.stdout);
}

#[test]
fn a_server_that_stalls_loses_nothing_and_is_slow() {
    let stub = Stub::at(&[(20, EventFault::Stall(Duration::from_millis(700)))]);
    let ran = loadgen(&stub.load("load", &format!("{FLAGS} --tail 5s")));
    ran.assert_all_arrived(SUBSCRIBERS);
    assert!(ran.figure("/delivery/intended/max_ms") >= 700.0, "{}", ran.stdout);
}

#[test]
fn no_way_to_write_a_right_stream_is_blamed() {
    // As many at a time as the machine can bear without being late.
    for wires in wires().chunks(6) {
        each(wires, |format| {
            let stub = Stub::start(Faults { format: *format, ..Faults::default() });
            let ran = loadgen(&stub.load("load", HALF_A_SECOND));
            let sent = ran.count("/publishing/sent");
            assert_eq!(ran.count("/delivery/received"), 2 * sent, "{format:?}: {}", ran.stdout);
            ran.assert_all_arrived(2);
        });
    }
}

#[test]
fn an_announcement_is_understood_however_it_is_written() {
    // Its kind and its number stand on lines of their own: a line end that counts twice, or not at
    // all, takes them apart.
    for wires in wires().chunks(6) {
        each(wires, |format| {
            let event_faults = vec![
                (10, EventFault::Drop),
                (11, EventFault::Drop),
                (12, EventFault::AnnounceLoss("fanfare-gap", None)),
            ];
            let stub = Stub::start(Faults { event_faults, format: *format, ..Faults::default() });
            let ran = loadgen(&stub.load("load", HALF_A_SECOND));
            assert_eq!(ran.count("/correctness/announced"), 2 * 2, "{format:?}: {}", ran.stdout);
            ran.assert_faults(&[]);
            ran.assert_ended(0, "fine");
        });
    }
}

/// Ways to write a stream.
fn wires() -> Vec<Format> {
    let mut wires = Vec::new();
    for frame in [Frame::Chunks, Frame::UntilClose] {
        for pieces in [Pieces::Of(1), Pieces::Of(7), Pieces::Together(8)] {
            for line_end in ["\n", "\r\n", "\r"] {
                wires.push(Format { frame, pieces, line_end, ..Format::default() });
            }
        }
    }
    let extras = Format { mark: true, comments: true, retry: Some(20), ..Format::default() };
    wires.push(extras);
    wires.push(Format { pieces: Pieces::Of(1), line_end: "\r\n", ..extras });
    wires.push(Format { frame: Frame::UntilClose, pieces: Pieces::Of(1), ..extras });
    wires.push(Format { pieces: Pieces::Together(40), line_end: "\r", ..extras });
    wires
}

#[test]
fn streams_that_the_server_ends_are_resumed_and_their_endings_told_apart() {
    use Cut::{Fin, Finish, Rst};
    use Place::{Before, BeforeItsEnd, Within};
    let early = Some("ended within the body");
    let cases = [
        (Frame::Chunks, Finish, Before, None),
        (Frame::Chunks, Fin, Within, early),
        (Frame::Chunks, Fin, BeforeItsEnd, early),
        (Frame::Chunks, Rst, Within, Some("connection reset")),
        (Frame::UntilClose, Finish, Before, None),
        (Frame::UntilClose, Fin, Within, None),
        (Frame::UntilClose, Rst, BeforeItsEnd, Some("connection reset")),
    ];
    each(&cases, |(frame, cut, place, error)| {
        let stub = Stub::start(Faults {
            event_faults: vec![(12, EventFault::Cut(*cut, *place))],
            format: Format { frame: *frame, ..Format::default() },
            ..Faults::default()
        });
        let ran = loadgen(&stub.load("load", &format!("{FLAGS} --tail 5s --slo disconnects==3")));
        ran.assert_all_arrived(SUBSCRIBERS);
        let case = format!("{frame:?} {cut:?} {place:?}: {}", ran.stdout);
        let failed = error.map_or(0, |kind| ran.kind("/trouble/errors", kind));
        assert_eq!(failed, if error.is_some() { SUBSCRIBERS } else { 0 }, "{case}");
        assert_eq!(ran.count("/trouble/closed_by_server"), SUBSCRIBERS - failed, "{case}");
        assert_eq!(ran.count("/trouble/resumed"), SUBSCRIBERS, "{case}");
        assert_eq!(ran.count("/trouble/away"), 0, "{case}");
        assert!(ran.words().contains("3 streams of fast subscribers ended unexpectedly"), "{case}");
    });
}

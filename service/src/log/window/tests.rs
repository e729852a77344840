//! Holes in sequences; everything else is tested through the log in memory.

use std::time::Instant;

use super::super::{EventFilter, PageLimit, ReadOutcome, ReadRange};
use super::*;
use crate::event::{Draft, DraftFields, EncodedEvent, EventLimits, HubId};
use crate::log::Position;
use crate::topic::{Selector, SelectorSet};

const EPOCH: Epoch = Epoch::begun_at(1_000, 1);

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

/// Events 1 and 2, a hole of 3 to 5, event 6, and a hole of 7 to 9; of `a` and `b` in turn.
fn with_holes() -> Window {
    let mut window = Window::opened_at(1_000, EPOCH, Buffers::default());
    let append = |window: &mut Window, ms: u64, text: &str| {
        let event = EncodedEvent::encode(Draft::new(topic(text), "d".to_owned()));
        window.append(event, (ms, Instant::now())).into_result().unwrap().sequence.0
    };
    assert_eq!(append(&mut window, 1_001, "a"), 1);
    assert_eq!(append(&mut window, 1_002, "b"), 2);
    window.hole_through(Sequence(5));
    assert_eq!(append(&mut window, 1_006, "a"), 6);
    window.hole_through(Sequence(8));
    window.hole_through(Sequence(9));
    window
}

fn range(after: u64, through: u64) -> ReadRange {
    ReadRange { after: Sequence(after), through: Sequence(through) }
}

const ALL: PageLimit = PageLimit { events_max: 100, bytes_max: usize::MAX };

/// The sequences that were read, and up to where.
fn page(
    window: &Window,
    range: ReadRange,
    filter: EventFilter<'_>,
) -> Result<(Vec<u64>, u64), u64> {
    match window.read(EPOCH, range, filter, ALL) {
        ReadOutcome::Ready(page) => {
            Ok((page.events.iter().map(|event| event.sequence().0).collect(), page.through.0))
        }
        ReadOutcome::Failed { beyond } => Err(beyond.0),
        other => panic!("{other:?}"),
    }
}

fn page_back(window: &Window, range: ReadRange) -> Result<(Vec<u64>, u64), u64> {
    match window.read_back(EPOCH, range, EventFilter::Everything, ALL) {
        ReadOutcome::Ready(page) => {
            Ok((page.events.iter().map(|event| event.sequence().0).collect(), page.after.0))
        }
        ReadOutcome::Failed { beyond } => Err(beyond.0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_page_reaches_over_a_hole_whatever_is_asked_for() {
    let window = with_holes();
    let set = |text| SelectorSet::one(Selector::parse(text).unwrap());
    let (a, other) = (set("a"), set("z"));
    let everything = EventFilter::Everything;
    let cases = [
        (range(0, u64::MAX), everything, Ok((vec![1, 2], 2))),
        (range(0, 1), everything, Ok((vec![1], 1))),
        (range(0, u64::MAX), EventFilter::Candidates(&a), Ok((vec![1], 2))),
        (range(0, u64::MAX), EventFilter::Candidates(&other), Ok((vec![], 2))),
        (range(2, u64::MAX), everything, Err(5)),
        (range(3, u64::MAX), EventFilter::Candidates(&other), Err(5)),
        (range(2, 4), everything, Err(4)),
        (range(2, 2), everything, Ok((vec![], 2))),
        (range(5, u64::MAX), everything, Ok((vec![6], 6))),
        (range(6, u64::MAX), EventFilter::Candidates(&a), Err(9)),
        (range(9, u64::MAX), everything, Ok((vec![], 9))),
    ];
    for (range, filter, expected) in cases {
        assert_eq!(page(&window, range, filter), expected, "{range:?} {filter:?}");
    }
    let backwards = [
        (range(0, 9), Err(6)),
        (range(7, 9), Err(7)),
        (range(0, 6), Ok((vec![6], 5))),
        (range(0, 5), Err(2)),
        (range(0, 2), Ok((vec![2, 1], 0))),
        (range(5, 6), Ok((vec![6], 5))),
    ];
    for (range, expected) in backwards {
        assert_eq!(page_back(&window, range), expected, "{range:?}");
    }
}

#[test]
fn a_place_in_a_hole_is_a_place_and_the_head_may_be_one() {
    let window = with_holes();
    let bounds = window.bounds();
    assert_eq!((bounds.oldest, bounds.head, bounds.events), (Sequence(1), Sequence(9), 3));
    assert_eq!(bounds.last_uncounted, Sequence(9));
    for (sequence, ms) in [(0, 1_000), (2, 1_002), (4, 1_002), (6, 1_006), (7, 1_006), (9, 1_006)] {
        let id = window.id_at(Sequence(sequence)).unwrap();
        assert_eq!((id.sequence, id.accepted_ms), (Sequence(sequence), ms));
        let place = window.locate(&id.to_string(), 2_000);
        assert_eq!(place, Position::After(Sequence(sequence)));
    }
    let of_another =
        HubId { epoch: Epoch::begun_at(0, 0), sequence: Sequence(1), accepted_ms: 1_002 };
    assert_eq!(window.locate(&of_another.to_string(), 2_000), Position::Later(Sequence(5)));
}

#[test]
fn a_hole_goes_with_the_events_before_it() {
    let mut window = with_holes();
    let evict = |window: &mut Window, oldest_ms| {
        let limits = WindowLimits::of_memory(usize::MAX, usize::MAX, oldest_ms);
        window.evict(&limits, usize::MAX);
        (window.bounds().oldest.0, window.bounds().start_id().sequence.0)
    };
    assert_eq!(evict(&mut window, 1_002), (2, 1));
    assert_eq!(evict(&mut window, 1_003), (6, 5));
    let ReadOutcome::Ready(page) = window.read(EPOCH, range(2, 9), EventFilter::Everything, ALL)
    else {
        panic!("what is gone is truncated, and no hole")
    };
    assert!(page.is_truncated && page.through == Sequence(6));
    assert_eq!(evict(&mut window, 2_000), (10, 9));
    assert!(window.holes.is_empty());
    assert_eq!(window.id_at(Sequence(9)).unwrap().accepted_ms, 1_006);
    window.hole_through(Sequence(12));
    assert_eq!((window.bounds().oldest.0, window.bounds().head.0), (13, 12));
}

#[test]
fn a_reader_of_another_epoch_reads_nothing() {
    let window = with_holes();
    let other = Epoch::begun_at(1_000, 2);
    let read = window.read(other, range(0, 9), EventFilter::Everything, ALL);
    assert!(matches!(read, ReadOutcome::OtherEpoch));
    let read = window.read_back(other, range(0, 9), EventFilter::Everything, ALL);
    assert!(matches!(read, ReadOutcome::OtherEpoch));
}

#[test]
fn of_events_with_very_many_topics_fewer_are_taken_out_at_once() {
    let limits = EventLimits { topics_max: 1_000, ..EventLimits::default() };
    let draft = |count: usize| {
        let topics = (0..count).map(|number| format!("t/{number}").into()).collect();
        DraftFields { topics, ..DraftFields::default() }.check(&limits).unwrap()
    };
    let mut window = Window::opened_at(1_000, EPOCH, Buffers::default());
    for number in 1..=20 {
        let draft = draft(if number <= 10 { 1_000 } else { 1 });
        window.push(EncodedEvent::encode(draft), Sequence(number), (1_000, None));
    }
    let limits = WindowLimits::of_memory(1, usize::MAX, 0);
    for (oldest, is_last) in [(6, false), (11, false), (20, true)] {
        let end = window.end_of_turn(512);
        let evicted = window.evict(&limits, 512);
        assert_eq!((window.oldest(), evicted.is_less_than(512)), (Sequence(oldest), is_last));
        assert!(end == Sequence(oldest) || is_last && end == Sequence(21));
    }
}

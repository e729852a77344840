//! Reading from the end.

use super::*;

/// All pages of a range, newest first, and where each of them came to.
fn pages(
    stage: &Stage,
    (after, through): (u64, u64),
    filter: EventFilter<'_>,
    events_max: usize,
) -> Vec<(Vec<u64>, u64)> {
    let mut pages = Vec::new();
    let mut rest = range(after, through);
    loop {
        let limit = PageLimit { events_max, bytes_max: usize::MAX };
        let tail = stage.log.read_back_now(rest, filter, limit);
        let events = tail.events.iter().map(|event| event.sequence().0).collect();
        pages.push((events, tail.after.0));
        if tail.after.0 <= after {
            return pages;
        }
        rest.through = tail.after;
    }
}

#[test]
fn the_pages_of_a_range_come_newest_first_and_say_how_far_they_looked() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "b", "a", "a", "b", "a"]);
    let everything = pages(&stage, (1, u64::MAX), EventFilter::Everything, 2);
    assert_eq!(everything, [(vec![6, 5], 4), (vec![4, 3], 2), (vec![2], 1)]);
    let set = set(&["a"]);
    let topic = pages(&stage, (0, 5), EventFilter::Candidates(&set), 2);
    assert_eq!(topic, [(vec![4, 3], 2), (vec![1], 0)]);
}

#[test]
fn backwards_and_forwards_the_same_events_match() {
    let stage = stage(MemoryLogSettings { events_max: 5, ..UNBOUNDED });
    stage.append(&["a", "b", "books/1", "a", "b", "c", "books/2", "a"]);
    for selectors in [&["a"][..], &["a", "b"], &["books/{id}"], &["*"], &["{x}", "c"], &["none"]] {
        for (after, through) in [(0, u64::MAX), (0, 3), (4, 6), (5, 5), (6, 4), (20, 30)] {
            let set = set(selectors);
            let filter = EventFilter::Candidates(&set);
            let forwards = stage.log.read_now(range(after, through), filter, ALL).events;
            let forwards = matching(forwards.iter(), &set);
            let back = stage.log.read_back_now(range(after, through), filter, ALL).events;
            let back = matching(back.iter().rev(), &set);
            assert_eq!(back, forwards, "{selectors:?} {after}..={through}");
        }
    }
}

#[test]
fn a_page_has_one_event_even_if_that_alone_is_too_large() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "a"]);
    let limit = PageLimit { events_max: 10, bytes_max: 1 };
    let tail = stage.log.read_back_now(range(0, 2), EventFilter::Everything, limit);
    assert_eq!((tail.events.len(), tail.after), (1, Sequence(1)));
}

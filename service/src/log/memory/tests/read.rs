//! Reading.

use super::*;

#[test]
fn a_read_gives_what_matches_in_order_and_each_event_once() {
    let stage = stage(UNBOUNDED);
    let topics: [&[&str]; 6] = [&["a"], &["b"], &["a", "b"], &["c"], &["c", "a"], &["books/1"]];
    append(&stage.log, topics.map(|topics| draft(topics, None, "d")).to_vec());
    let check = |selectors: &[&str], expected: &[u64]| {
        let set = set(selectors);
        let page = stage.log.read_now(range(0, u64::MAX), EventFilter::Candidates(&set), ALL);
        assert_eq!(matching(page.events.iter(), &set), expected, "{selectors:?}");
        assert_eq!(page.through, Sequence(6), "{selectors:?}");
        assert!(!page.is_truncated);
    };
    check(&["a"], &[1, 3, 5]);
    check(&["b"], &[2, 3]);
    check(&["a", "b"], &[1, 2, 3, 5]);
    check(&["c", "b", "a", "books/1"], &[1, 2, 3, 4, 5, 6]);
    check(&["nothing"], &[]);
    check(&["nothing", "c"], &[4, 5]);
    check(&["books/{id}"], &[6]);
    check(&["{x}"], &[1, 2, 3, 4, 5]);
    check(&["books/{id}", "b"], &[2, 3, 6]);
    check(&["*"], &[1, 2, 3, 4, 5, 6]);
    check(&["*", "a"], &[1, 2, 3, 4, 5, 6]);
    assert_eq!(stage.retained(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_range_begins_after_one_sequence_and_goes_through_another() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "b", "a", "b", "a"]);
    let check = |after, through, everything: &[u64], a: &[u64], looked_at| {
        for (filter, expected) in
            [(EventFilter::Everything, everything), (EventFilter::Candidates(&set(&["a"])), a)]
        {
            let page = stage.log.read_now(range(after, through), filter, ALL);
            assert_eq!(sequences(&page), expected, "{after}..={through}");
            assert_eq!(page.through, Sequence(looked_at), "{after}..={through}");
            assert!(!page.is_truncated, "{after}..={through}");
        }
    };
    check(0, 5, &[1, 2, 3, 4, 5], &[1, 3, 5], 5);
    check(0, u64::MAX, &[1, 2, 3, 4, 5], &[1, 3, 5], 5);
    check(1, 4, &[2, 3, 4], &[3], 4);
    check(1, 2, &[2], &[], 2);
    check(3, 3, &[], &[], 3);
    check(4, 2, &[], &[], 4);
    check(5, u64::MAX, &[], &[], 5);
    check(9, 12, &[], &[], 9);
}

#[test]
fn a_page_says_whether_the_log_had_lost_the_beginning_of_the_range() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["t"; 5]);
    let check = |after, through, is_truncated, expected: &[u64]| {
        for filter in [EventFilter::Everything, EventFilter::Candidates(&set(&["t"]))] {
            let page = stage.log.read_now(range(after, through), filter, ALL);
            assert_eq!(page.is_truncated, is_truncated, "{after}..={through}");
            assert_eq!(sequences(&page), expected, "{after}..={through}");
        }
    };
    check(0, u64::MAX, true, &[4, 5]);
    check(2, u64::MAX, true, &[4, 5]);
    check(3, u64::MAX, false, &[4, 5]);
    check(5, u64::MAX, false, &[]);
    // A range that is lost altogether.
    check(1, 3, true, &[]);
    // A range without anything in it has lost nothing.
    check(1, 1, false, &[]);
}

#[test]
fn a_log_that_has_lost_everything_says_so_to_whoever_missed_it() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    stage.set_clock(2_000);
    stage.log.expire();
    for (after, is_truncated) in [(0, true), (1, true), (2, false)] {
        let page = stage.log.read_now(range(after, u64::MAX), EventFilter::Everything, ALL);
        assert_eq!(page.is_truncated, is_truncated, "{after}");
        assert_eq!(page.through, Sequence(2), "{after}");
        assert!(page.events.is_empty());
    }
}

#[test]
fn a_page_ends_before_it_holds_too_much_and_has_one_event_at_least() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 5]);
    let frame =
        stage.log.read_now(range(0, 1), EventFilter::Everything, ALL).events[0].frame().len();
    let check = |events_max, bytes_max, count: u64| {
        for filter in [EventFilter::Everything, EventFilter::Candidates(&set(&["t"]))] {
            let limit = PageLimit { events_max, bytes_max };
            let page = stage.log.read_now(range(0, u64::MAX), filter, limit);
            assert_eq!(sequences(&page), (1..=count).collect::<Vec<_>>(), "{limit:?}");
            assert_eq!(page.through, Sequence(count), "{limit:?}");
        }
    };
    check(1, usize::MAX, 1);
    check(4, usize::MAX, 4);
    check(5, usize::MAX, 5);
    check(6, usize::MAX, 5);
    check(usize::MAX, 0, 1);
    check(usize::MAX, frame, 1);
    check(usize::MAX, 2 * frame - 1, 1);
    check(usize::MAX, 2 * frame, 2);
    check(3, 2 * frame, 2);
    check(1, 2 * frame, 1);
}

#[test]
fn a_page_of_candidates_gets_on_whatever_of_it_matches() {
    let stage = stage(UNBOUNDED);
    stage.append(&["a", "a", "a", "books/1", "a"]);
    let limit = PageLimit { events_max: 2, bytes_max: usize::MAX };
    let selectors = set(&["books/{id}"]);
    let mut pages = Vec::new();
    let mut after = 0;
    while after < 5 {
        let page = stage.log.read_now(range(after, 5), EventFilter::Candidates(&selectors), limit);
        pages.push((matching(page.events.iter(), &selectors), page.through.0));
        after = page.through.0;
    }
    assert_eq!(pages, [(vec![], 2), (vec![4], 4), (vec![], 5)]);
}

#[test]
fn a_page_has_one_event_at_the_least_and_no_more_than_asked_for() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 9]);
    let limit = PageLimit { events_max: 0, bytes_max: usize::MAX };
    let page = stage.log.read_now(range(0, u64::MAX), EventFilter::Everything, limit);
    assert_eq!(page.events.len(), 1);
}

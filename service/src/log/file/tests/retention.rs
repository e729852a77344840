//! What is retained, and what the disk is freed of.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Wake};

use super::super::retained::Retained;
use super::*;

#[test]
fn no_more_events_are_retained_than_may_be() {
    for events_max in [1, 10, 60, 150] {
        let mut log = steps(FileLogSettings { events_max, ..SMALL });
        for count in 1..=200_usize {
            log.append_sized("t", 2_000);
            log.upkeep();
            let expected = last(events_max as u64, count as u64);
            if count % 20 == 0 {
                assert_eq!(log.sequences(), expected);
            }
            let bounds = log.bounds();
            assert_eq!((bounds.events, bounds.oldest.0), (expected.len(), expected[0]));
            assert_eq!(bounds.oldest_ms, Some(log.now()));
        }
        let files = log.disk.names().unwrap().len();
        let log = log.restart();
        log.upkeep();
        assert_eq!(log.bounds().events, events_max, "{files} files");
    }
}

#[test]
fn the_disk_is_freed_by_whole_segments_of_the_oldest() {
    let mut log = steps(SMALL);
    let mut most = 0;
    for _ in 0..600 {
        log.append_sized("t", 3_000);
        log.upkeep();
        most = most.max(log.disk.bytes());
    }
    // With `meta`.
    assert!(most <= SMALL.bytes_max + (64 << 10) + 100, "{most}");
    let sequences = log.sequences();
    assert_eq!(*sequences.last().unwrap(), 600);
    assert!((100..200).contains(&sequences.len()), "{}", sequences.len());
    assert_eq!(sequences[0], log.bounds().oldest.0);
}

#[test]
fn an_event_that_is_too_old_is_not_retained_wherever_it_is() {
    let settings = FileLogSettings { age_max: Duration::from_secs(60), ..SMALL };
    let mut log = steps(settings);
    let begin = log.now();
    for second in 0..100 {
        log.set_clock(begin + 1_000 * second);
        log.append_sized("t", 3_000);
        log.opened.inner.retained.evict(log.now());
        log.upkeep();
        let expected = last(61, second + 1);
        assert_eq!(log.sequences(), expected);
        assert_eq!(log.bounds().oldest_ms, Some(begin + 1_000 * (expected[0] - 1)));
    }
    assert!(log.in_memory_from() > 40, "most of them are on the disk");
    log.set_clock(begin + 1_000_000);
    log.opened.inner.retained.evict(log.now());
    log.upkeep();
    assert_eq!((log.sequences(), log.bounds().events), (vec![], 0));
    assert_eq!(log.append_sized("t", 10), 101);
    assert_eq!(log.sequences(), [101]);
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_order_from_the_ids() {
    let mut log = steps(SMALL);
    let begin = log.now();
    let mut ids = Vec::new();
    for clock in [begin, begin - 3_600_000, begin + 5] {
        log.set_clock(clock);
        log.append_sized("t", 10);
        log = log.restart();
        log.append_sized("t", 10);
        ids = log.everything().iter().map(|event| event.id().to_owned()).collect();
    }
    assert_eq!(ids.len(), 6);
    assert!(ids.is_sorted());
    let times: Vec<u64> = log.everything().iter().map(|event| event.accepted_ms()).collect();
    assert_eq!(times, [begin, begin, begin, begin, begin + 5, begin + 5]);
}

#[test]
fn a_clock_that_was_ten_years_ahead_leaves_what_is_newer_until_it_gets_there_also_over_restarts() {
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3_600 * 1_000;
    let mut log = steps(FileLogSettings { age_max: Duration::from_secs(60), ..SMALL });
    let begin = log.now();
    let ahead = begin + TEN_YEARS_MS;
    // When an event is appended, what is retained then, and what is after a restart.
    let appended: [(u64, &[u64], &[u64]); 7] = [
        (begin, &[1], &[1]),
        (begin + 1_000, &[1, 2], &[1, 2]),
        (ahead, &[3], &[3]),
        // By the time that it is then, what had gone is young enough, and still in its segment.
        (begin + 2_000, &[3, 4], &[1, 2, 3, 4]),
        (begin + 999_000, &[3, 4, 5], &[3, 4, 5]),
        (ahead + 1_000, &[3, 4, 5, 6], &[3, 4, 5, 6]),
        (ahead + 60_500, &[6, 7], &[6, 7]),
    ];
    for (clock, expected, expected_after_restart) in appended {
        let look = |log: &Steps| {
            log.opened.inner.retained.evict(log.now());
            log.upkeep();
            log.sequences()
        };
        log.set_clock(clock);
        log.append_sized("t", 10);
        assert_eq!(look(&log), expected);
        log = log.restart();
        assert_eq!(look(&log), expected_after_restart);
    }
    let events = log.everything();
    assert!(events.iter().map(|event| event.id()).is_sorted());
    let times: Vec<u64> = events.iter().map(|event| event.accepted_ms()).collect();
    assert_eq!(times, [ahead + 1_000, ahead + 60_500]);
}

#[test]
fn a_segment_that_cannot_be_removed_stays_until_it_can_and_none_behind_it_goes_before() {
    let mut log = steps(FileLogSettings { events_max: 20, ..SMALL });
    log.disk.keep_files(true);
    for _ in 0..200 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    assert_eq!(log.sequences(), last(20, 200));
    let kept = log.disk.names().unwrap().len();
    log.disk.keep_files(false);
    log.append_sized("t", 3_000);
    log.upkeep();
    assert!(log.disk.names().unwrap().len() < kept);
    assert_eq!(log.restart().bounds().head, Sequence(201));
}

#[test]
fn a_start_reads_no_more_into_memory_than_it_may_however_large_the_events_are() {
    let mut log = steps(FileLogSettings { bytes_max: 1 << 30, memory_max: 1 << 30, ..SMALL });
    for _ in 0..40 {
        log.append_sized("t", 1_000_000);
    }
    let log = log.restart();
    assert!(log.in_memory_from() > 20, "{}", log.in_memory_from());
    assert_eq!(log.sequences(), last(40, 40));
}

/// Notes what is retained in the very moment in which a publisher is answered.
struct AtTheAnswer {
    retained: Arc<Retained>,
    bounds: Mutex<Option<Bounds>>,
}

impl Wake for AtTheAnswer {
    fn wake(self: Arc<Self>) {
        let bounds = self.retained.lock().bounds();
        *self.bounds.lock().unwrap() = Some(bounds);
    }
}

#[test]
fn a_publisher_that_has_its_answer_finds_nothing_that_its_events_have_pushed_out() {
    let mut log = steps(FileLogSettings { events_max: 50, ..SMALL });
    log.append_sized("t", 10);
    let retained = Arc::clone(&log.opened.inner.retained);
    let seen = Arc::new(AtTheAnswer { retained, bounds: Mutex::default() });
    let (answer, results) = oneshot::channel();
    let events = (0..60).map(|_| EncodedEvent::encode(draft(&["t"], None, "x"))).collect();
    let mut results = pin!(results);
    let waker = Waker::from(Arc::clone(&seen));
    assert!(results.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    log.opened.writer.commit([AppendRequest { events, answer, permit: None }].into_iter());
    let bounds = seen.bounds.lock().unwrap().take().expect("it was answered");
    assert_eq!((bounds.oldest, bounds.head, bounds.events), (Sequence(12), Sequence(61), 50));
}

#[test]
fn no_sequence_is_given_twice_however_much_is_dropped() {
    let settings = FileLogSettings { age_max: Duration::from_secs(60), ..SMALL };
    let mut without_a_newest = 0;
    for count in 1..=60 {
        let mut log = steps(settings);
        for _ in 0..count {
            log.append_sized("t", 3_000);
        }
        let epoch = log.bounds().epoch;
        // After some of these counts memory is full, and there is no file that is written to.
        without_a_newest += usize::from(log.opened.inner.retained.lock().active().is_none());
        log.set_clock(log.now() + 3_600_000);
        log.upkeep();
        log.upkeep();
        assert_eq!((log.sequences(), log.bounds().events), (vec![], 0), "{count}");
        let mut log = log.restart();
        assert_eq!((log.bounds().epoch, log.bounds().head), (epoch, Sequence(count)));
        assert_eq!(log.append_sized("t", 10), count + 1);
    }
    assert!(without_a_newest > 0);
}

#[test]
fn what_is_too_old_goes_whatever_is_missing_or_damaged_before_it() {
    let settings = FileLogSettings { age_max: Duration::from_secs(60), ..SMALL };
    // What is damaged of a segment that is on the disk, by its events.
    for (what, damaged) in [("the oldest", 0..1), ("some in the middle", 12..17), ("most", 1..18)] {
        let mut log = steps(settings);
        let begin = log.now();
        for second in 0..60 {
            log.set_clock(begin + 1_000 * second);
            log.append_sized("t", 3_000);
            log.upkeep();
        }
        let first = segment::name_of(Sequence(1));
        let place = 3_000 + 3_100 * damaged.start..3_000 + 3_100 * damaged.end;
        for at in place.step_by(1_000) {
            log.disk.flip(&first, at, 1);
        }
        for second in 60..150 {
            log.set_clock(begin + 1_000 * second);
            log.append_sized("t", 3_000);
            log.upkeep();
            let (oldest, wanted) = (log.bounds().oldest.0, second - 60);
            let is_exact = oldest == wanted + 1;
            // Up to as many more as cannot be read stay until the next one that can be is too old.
            assert!(is_exact || (oldest <= wanted && wanted < 25), "{what}: {oldest} {wanted}");
            assert!(oldest + 20 > wanted, "{what}: {oldest} {wanted}");
            assert!(log.bounds().oldest_ms.is_some(), "{what}");
        }
    }
}

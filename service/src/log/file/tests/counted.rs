//! What the log counts of itself for whoever watches it.

use super::*;
use crate::log::DiskStatus;

fn status(log: &Steps) -> DiskStatus {
    log.opened.inner.retained.disk_status()
}

#[test]
fn syncs_commits_and_what_they_wrote_are_counted() {
    let mut log = steps(SMALL);
    log.append(vec![draft(&["t"], None, "one"), draft(&["t"], None, "two")]);
    log.append_sized("t", 1_000);
    let now = status(&log);
    assert_eq!((now.commits.counts[0], now.commits.counts[1], now.commits.sum), (1, 1, 3));
    assert_eq!(now.syncs.counts.iter().sum::<u64>(), 2);
    assert!((1_100..1_500).contains(&now.written_bytes), "{}", now.written_bytes);
    assert_eq!((now.segments, now.memory_events), (1, 3));
    assert_eq!(now.bytes_limit, SMALL.bytes_max);
}

#[test]
fn a_sync_that_failed_is_counted_and_its_events_are_not() {
    let mut log = steps(SMALL);
    log.disk.fail_sync(1);
    log.append(vec![draft(&["t"], None, "lost")]);
    let now = status(&log);
    assert_eq!((now.commits.sum, now.syncs.counts.iter().sum::<u64>()), (0, 1));
}

#[test]
fn damage_is_counted_when_somebody_reads_it_and_the_room_whenever_there_is_upkeep() {
    let mut log = steps(SMALL);
    for _ in 0..100 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    let first = segment::name_of(Sequence(1));
    let middle = log.disk.content(&first).len() / 2;
    log.disk.flip(&first, middle, 1);
    assert_eq!(status(&log).unreadable, 0);
    log.read(range(0, 100), EventFilter::Everything);
    assert!(status(&log).unreadable > 0);
    let used = log.disk.bytes();
    log.disk.set_capacity(Some(used + 1_000));
    log.upkeep();
    assert_eq!(status(&log).free_bytes, 1_000);
    assert!(status(&log).bytes <= used);
}

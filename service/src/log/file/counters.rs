//! What the log on disk has done since it was opened, counted by its threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::log::disk_status::{COMMIT_BOUNDS, CommitSizes, DiskStatus, SYNC_BOUNDS_US, SyncTimes};
use crate::log::distribution::AtomicDistribution;

/// Counted a few times a commit, so that it may cost what atomics cost.
#[derive(Debug)]
pub(super) struct DiskCounters {
    opened: Instant,
    /// When the writer began with what it does now, in microseconds since it was opened and 1; 0 while it has
    /// nothing to do.
    work_began: AtomicU64,
    written_bytes: AtomicU64,
    pages_read: AtomicU64,
    unreadable: AtomicU64,
    torn_tails: AtomicU64,
    /// As it was when somebody looked last.
    free_bytes: AtomicU64,
    syncs: AtomicDistribution<{ SYNC_BOUNDS_US.len() + 1 }>,
    commits: AtomicDistribution<{ COMMIT_BOUNDS.len() + 1 }>,
}

impl Default for DiskCounters {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            work_began: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            pages_read: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            torn_tails: AtomicU64::new(0),
            free_bytes: AtomicU64::new(0),
            syncs: AtomicDistribution::default(),
            commits: AtomicDistribution::default(),
        }
    }
}

impl DiskCounters {
    /// So many events were written, and can be read from now on.
    pub(super) fn committed(&self, events: usize) {
        self.commits.add(&COMMIT_BOUNDS, events as u64);
    }

    /// A batch with so many bytes was written.
    pub(super) fn wrote(&self, bytes: usize) {
        self.written_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a sync, whether it succeeds or not. The disk has answered then: whoever is told what has come of
    /// it is not refused for the time that it took.
    pub(super) fn count_sync<T>(&self, sync: impl FnOnce() -> T) -> T {
        let began = self.micros();
        let synced = sync();
        self.syncs.add(&SYNC_BOUNDS_US, self.micros() - began);
        self.gets_on();
        synced
    }

    /// Notes that the writer begins to work, which only waits for the disk can make long; it is at work until
    /// what is returned is dropped.
    pub(super) fn begin_work(&self) -> WriterWork<'_> {
        self.work_began.store(self.micros() + 1, Ordering::Relaxed);
        WriterWork(self)
    }

    /// The disk has answered for a part of the work, and the rest takes its own time.
    pub(super) fn gets_on(&self) {
        if self.work_began.load(Ordering::Relaxed) > 0 {
            self.work_began.store(self.micros() + 1, Ordering::Relaxed);
        }
    }

    /// How long the writer has been at work with the same, if that is so long.
    pub(super) fn at_work_for(&self, at_least: Duration) -> Option<Duration> {
        let began = self.work_began.load(Ordering::Relaxed).checked_sub(1)?;
        let waited = Duration::from_micros(self.micros().saturating_sub(began));
        (waited >= at_least).then_some(waited)
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A page was read for those who wait for it.
    pub(super) fn read_page(&self) {
        self.pages_read.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that should be there could not be read.
    pub(super) fn could_not_read(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// The newest file did not end with a whole write.
    pub(super) fn found_torn_tail(&self) {
        self.torn_tails.fetch_add(1, Ordering::Relaxed);
    }

    /// The file system has so many bytes left.
    pub(super) fn has_free(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was counted; the rest of the status is left as it is by default.
    pub(super) fn status(&self) -> DiskStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (syncs, commits): (SyncTimes, CommitSizes) = (self.syncs.now(), self.commits.now());
        DiskStatus {
            free_bytes: count(&self.free_bytes),
            written_bytes: count(&self.written_bytes),
            pages_read: count(&self.pages_read),
            unreadable: count(&self.unreadable),
            torn_tails: count(&self.torn_tails),
            write_ongoing: self.at_work_for(Duration::ZERO).unwrap_or_default(),
            syncs,
            commits,
            ..DiskStatus::default()
        }
    }
}

/// While it is there the writer is at work.
pub(super) struct WriterWork<'a>(&'a DiskCounters);

impl Drop for WriterWork<'_> {
    fn drop(&mut self) {
        self.0.work_began.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_writer_does_is_seen_while_it_is_under_way_and_a_sync_is_counted_when_it_has_ended()
    {
        let counters = DiskCounters::default();
        assert_eq!(counters.at_work_for(Duration::ZERO), None);
        let work = counters.begin_work();
        let during = counters.count_sync(|| {
            loop {
                let status = counters.status();
                if status.write_ongoing > Duration::ZERO {
                    break status;
                }
            }
        });
        assert_eq!(during.syncs.counts.iter().sum::<u64>(), 0);
        assert_eq!(counters.status().syncs.counts.iter().sum::<u64>(), 1);
        assert_eq!(counters.at_work_for(Duration::from_secs(3_600)), None, "not for so long");
        drop(work);
        assert_eq!(counters.status().write_ongoing, Duration::ZERO);
    }

    #[test]
    fn a_sync_that_took_long_is_over_for_whoever_is_told_of_it_though_the_writer_still_works() {
        let counters = DiskCounters::default();
        let _work = counters.begin_work();
        let long = Duration::from_millis(2);
        let ended = counters.count_sync(|| {
            while counters.at_work_for(2 * long).is_none() {}
            Instant::now()
        });
        let at_work = counters.at_work_for(Duration::ZERO).unwrap();
        assert!(at_work < ended.elapsed() + long, "{at_work:?}");
    }
}

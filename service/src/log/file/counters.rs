//! What the log on disk has done since it was opened, counted by its threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::log::disk_status::{COMMIT_BOUNDS, CommitSizes, DiskStatus, SYNC_BOUNDS_US, SyncTimes};
use crate::log::distribution::AtomicDistribution;

/// Counted at most once a commit, so that it may cost what atomics cost.
#[derive(Debug)]
pub(super) struct DiskCounters {
    opened: Instant,
    /// When the sync began that is under way, in microseconds since it was opened and 1; 0 when none is.
    sync_began: AtomicU64,
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
            sync_began: AtomicU64::new(0),
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

    /// Counts a sync, whether it succeeds or not.
    pub(super) fn count_sync<T>(&self, sync: impl FnOnce() -> T) -> T {
        let began = self.micros();
        let synced = self.time(sync);
        self.syncs.add(&SYNC_BOUNDS_US, self.micros() - began);
        synced
    }

    /// Notes since when the disk has been waited for. One thread does that at a time.
    pub(super) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        self.sync_began.store(self.micros() + 1, Ordering::Relaxed);
        let done = work();
        self.sync_began.store(0, Ordering::Relaxed);
        done
    }

    /// How long the disk has been waited for, if that is so long.
    pub(super) fn stalled_for(&self, at_least: Duration) -> Option<Duration> {
        let began = self.sync_began.load(Ordering::Relaxed).checked_sub(1)?;
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
            sync_ongoing: self.stalled_for(Duration::ZERO).unwrap_or_default(),
            syncs,
            commits,
            ..DiskStatus::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_is_seen_while_it_is_under_way_and_counted_when_it_has_ended() {
        let counters = DiskCounters::default();
        let during = counters.count_sync(|| {
            loop {
                let status = counters.status();
                if status.sync_ongoing > Duration::ZERO {
                    break status;
                }
            }
        });
        assert_eq!(during.syncs.counts.iter().sum::<u64>(), 0);
        assert_eq!(counters.stalled_for(Duration::ZERO), None, "nobody waits any more");
        let after = counters.status();
        assert_eq!(after.syncs.counts.iter().sum::<u64>(), 1);
        assert_eq!(after.sync_ongoing, Duration::ZERO);
    }
}

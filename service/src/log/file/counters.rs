//! What the log on disk has done since it was opened, counted by its threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::log::disk_status::{COMMIT_BOUNDS, CommitSizes, DiskStatus, SYNC_BOUNDS_US, SyncTimes};
use crate::log::distribution::AtomicDistribution;

/// Counted at most once a commit, so that it may cost what atomics cost.
#[derive(Debug, Default)]
pub(super) struct DiskCounters {
    written_bytes: AtomicU64,
    pages_read: AtomicU64,
    unreadable: AtomicU64,
    torn_tails: AtomicU64,
    /// As it was when somebody looked last.
    free_bytes: AtomicU64,
    syncs: AtomicDistribution<{ SYNC_BOUNDS_US.len() + 1 }>,
    commits: AtomicDistribution<{ COMMIT_BOUNDS.len() + 1 }>,
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

    /// A sync took so long, whether it succeeded or not.
    pub(super) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.add(&SYNC_BOUNDS_US, micros);
    }

    /// A page was read for those who wait for it.
    pub(super) fn read_page(&self) {
        self.pages_read.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that should be there could not be read.
    pub(super) fn could_not_read(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    /// The last write had been cut off by a crash.
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
            syncs,
            commits,
            ..DiskStatus::default()
        }
    }
}

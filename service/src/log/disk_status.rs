//! What a log on disk takes and does, for whoever watches it.
//!
//! Figures are read from memory: nobody who asks for them waits for the disk.

use std::time::Duration;

use super::Distribution;

/// The upper bounds by which syncs are counted, in microseconds: 100 µs to 10 s.
pub const SYNC_BOUNDS_US: [u64; 12] = [
    100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000,
    10_000_000,
];
/// The upper bounds by which commits are counted, in events.
pub const COMMIT_BOUNDS: [u64; 6] = [1, 4, 16, 64, 256, 1_024];

/// How long syncs took; the sum is in microseconds.
pub type SyncTimes = Distribution<{ SYNC_BOUNDS_US.len() + 1 }>;
/// How many events commits had.
pub type CommitSizes = Distribution<{ COMMIT_BOUNDS.len() + 1 }>;

/// A log on disk, as it is now.
#[derive(Clone, Debug, Default)]
pub struct DiskStatus {
    /// What segments and indexes take, in bytes.
    pub bytes: u64,
    /// The most that they may take.
    pub bytes_limit: u64,
    /// What the file system of the folder has left for this user, in bytes.
    pub free_bytes: u64,
    pub segments: usize,
    /// How many of the retained events are in memory.
    pub memory_events: usize,
    /// What was written to segments since the start, in bytes.
    pub written_bytes: u64,
    /// Pages that were read from the disk since the start, because they were not in memory.
    pub pages_read: u64,
    /// How often events could not be read from the disk since the start.
    pub unreadable: u64,
    /// Writes that a crash had cut off, found at the start.
    pub torn_tails: u64,
    /// Events that are missing between those that are in the folder, at most.
    pub missing_events: u64,
    /// How long the writer has been at work so far, since the last write that succeeded; 0 when it has nothing
    /// to do.
    pub write_ongoing: Duration,
    /// What waits to be written, in bytes of events with what each counts for beside them.
    pub waiting_bytes: usize,
    /// The most that may wait; more is refused when it has waited for its turn too long.
    pub waiting_bytes_limit: usize,
    /// Looks at the disk that are taken and not done: for where clients go on, and for the ends of topics.
    pub lookups_waiting: usize,
    /// How many are taken at a time; others wait for their turn.
    pub lookups_waiting_limit: usize,
    pub syncs: SyncTimes,
    pub commits: CommitSizes,
}

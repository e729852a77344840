//! The settings of the log on disk.

use std::time::Duration;

/// The largest segment.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// The smallest one: the first part of it is its header.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// So many segments hold all that is retained, since the disk is freed by whole segments.
const SEGMENTS: u64 = 8;

/// What may wait to be written at most, in bytes.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// What pages that were read from the disk may hold at most, in bytes.
const COLD_BYTES_MAX: usize = 32 << 20;
/// What each of these may hold however little memory the newest events have.
const BESIDE_BYTES_MIN: usize = 4 << 20;

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Before it is confirmed, and before anybody sees it: nothing that was confirmed is lost when the
    /// machine loses its power.
    Always,
    /// So long after it was written, at the latest. It survives the end of the process at any moment;
    /// a power failure loses what was written since.
    Interval(Duration),
    /// When the system decides to, and when the server ends.
    Never,
}

/// The bounds of the log on disk.
#[derive(Clone, Copy, Debug)]
pub struct FileLogSettings {
    /// The most events retained.
    pub events_max: usize,
    /// The most disk that they take, in bytes, with their indexes and the room that is kept for the
    /// newest segment. Freed by whole segments.
    pub bytes_max: u64,
    /// How long an event is retained.
    pub age_max: Duration,
    /// What the newest ones may take in memory, in bytes.
    pub memory_max: usize,
    pub sync: SyncMode,
}

impl FileLogSettings {
    /// How large a segment is made, in bytes.
    pub(super) fn segment_bytes(&self) -> u64 {
        (self.bytes_max / SEGMENTS).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    }

    /// What may wait to be written, in bytes: less where there is less memory for the newest events.
    pub(super) fn waiting_max(&self) -> usize {
        (self.memory_max / 4).clamp(BESIDE_BYTES_MIN, WAITING_BYTES_MAX)
    }

    /// What pages that were read from the disk may hold while they are kept, in bytes of frames, and as much
    /// again while they are being loaded: in the same way.
    pub(super) fn cold_max(&self) -> usize {
        (self.memory_max / 8).clamp(BESIDE_BYTES_MIN, COLD_BYTES_MAX)
    }

    /// An event that was accepted before this is too old, in milliseconds since 1970.
    pub(super) fn oldest_ms(&self, now_ms: u64) -> u64 {
        let age_ms = u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX);
        now_ms.saturating_sub(age_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_beside_the_newest_events_is_less_where_these_have_less_memory() {
        for (memory_max_mib, waiting_mib, cold_mib) in
            [(4_096, 64, 32), (256, 64, 32), (64, 16, 8), (16, 4, 4), (0, 4, 4)]
        {
            let settings = FileLogSettings {
                events_max: 1,
                bytes_max: 1,
                age_max: Duration::ZERO,
                memory_max: memory_max_mib << 20,
                sync: SyncMode::Never,
            };
            let held = (settings.waiting_max() >> 20, settings.cold_max() >> 20);
            assert_eq!(held, (waiting_mib, cold_mib), "{memory_max_mib} MiB");
        }
    }
}

//! The data folder: what it takes, what is written to it and read from it, and how the log is.
//!
//! Without a data folder everything but the state is 0.

use metrics::{Counter, Gauge};

use super::Snapshot;
use super::histogram::write_distribution;
use super::labels::StorageState;
use super::series::{described, described_gauge, gauges};
use crate::log::{COMMIT_BOUNDS, LogHealth, SYNC_BOUNDS_US};

pub(super) struct Storage {
    bytes: Gauge,
    bytes_limit: Gauge,
    segments: Gauge,
    memory_events: Gauge,
    free_bytes: Gauge,
    written_bytes: Counter,
    pages_read: Counter,
    unreadable: Counter,
    torn_tails: Counter,
    missing_events: Gauge,
    write_ongoing: Gauge,
    waiting_bytes: Gauge,
    waiting_bytes_limit: Gauge,
    lookups_waiting: Gauge,
    lookups_waiting_limit: Gauge,
    states: [Gauge; StorageState::ALL.len()],
}

impl Storage {
    pub(super) fn register() -> Self {
        Self {
            bytes: described_gauge(
                "fanfare_retained_disk_bytes",
                "What the retained events take on the disk now, with their indexes and the room that is kept for the next ones; 0 without a data folder.",
            ),
            bytes_limit: described_gauge(
                "fanfare_retained_disk_bytes_limit",
                "The most that the retained events may take on the disk; 0 without a data folder.",
            ),
            segments: described_gauge(
                "fanfare_retained_segments",
                "Files that the retained events are in; they are dropped a file at a time.",
            ),
            memory_events: described_gauge(
                "fanfare_retained_memory_events",
                "Retained events that are in memory, where there is a data folder; the others are read from it.",
            ),
            free_bytes: described_gauge(
                "fanfare_storage_free_bytes",
                "What the file system of the data folder has left for the server, looked at every second; 0 without a data folder.",
            ),
            written_bytes: described(
                "fanfare_storage_written_bytes_total",
                "Bytes of events that were written to the data folder, without indexes.",
            ),
            pages_read: described(
                "fanfare_storage_pages_read_total",
                "Pages of events that were read from the data folder for subscribers, because they were not in memory any more; one for all who wait for it.",
            ),
            unreadable: described(
                "fanfare_storage_unreadable_total",
                "Times that events could not be read from the data folder, because they are damaged or the disk failed; whoever should have them is told of a gap.",
            ),
            torn_tails: described(
                "fanfare_storage_torn_tails_total",
                "1 if the newest file did not end with a whole write at the start, and what was not whole was removed. After a crash that is a write that nobody was told is durable.",
            ),
            missing_events: described_gauge(
                "fanfare_storage_missing_events",
                "Events that are missing between those in the data folder, because a repair has left them out; at most, where what cannot be read may have held fewer. Whoever should have them is told of a gap.",
            ),
            write_ongoing: described_gauge(
                "fanfare_storage_write_ongoing_seconds",
                "How long the thread that writes has been at work so far: to find earlier events, to write, and to sync; begins anew with each write that succeeds, and is 0 when there is nothing to do. What readers wait for is not in it.",
            ),
            waiting_bytes: described_gauge(
                "fanfare_storage_waiting_bytes",
                "What waits to be written to the data folder: bytes of events and their topics, 256 for each event and 48 for each topic. A request that has not got all of its room is in it.",
            ),
            waiting_bytes_limit: described_gauge(
                "fanfare_storage_waiting_bytes_limit",
                "The most that may wait to be written; what has no room for 5 s is refused. 0 without a data folder.",
            ),
            lookups_waiting: described_gauge(
                "fanfare_storage_lookups_waiting",
                "Looks into the data folder that have been asked for and are not done: for where clients go on, for a time (`since`), and for the ends of topics.",
            ),
            lookups_waiting_limit: described_gauge(
                "fanfare_storage_lookups_waiting_limit",
                "How many looks are taken at a time; whoever wants another one waits, and nobody is refused. 0 without a data folder.",
            ),
            states: gauges(
                (
                    "fanfare_storage_state",
                    "1 for the state that the event log is in, 0 for the others: healthy; full, it refuses events until there is room; stalled, its disk has not answered for 10 s, and it refuses events until it does; failed, it takes none until the server is restarted; behind, it lacks too many events of other servers to serve anybody.",
                ),
                "state",
                StorageState::ALL.map(StorageState::label),
            ),
        }
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        let state = state_of(&snapshot.log_health);
        for (at, gauge) in self.states.iter().enumerate() {
            gauge.set(if at == state as usize { 1.0 } else { 0.0 });
        }
        let disk = &snapshot.disk;
        self.bytes.set(disk.bytes as f64);
        self.bytes_limit.set(disk.bytes_limit as f64);
        self.segments.set(disk.segments as f64);
        self.memory_events.set(disk.memory_events as f64);
        self.free_bytes.set(disk.free_bytes as f64);
        self.written_bytes.absolute(disk.written_bytes);
        self.pages_read.absolute(disk.pages_read);
        self.unreadable.absolute(disk.unreadable);
        self.torn_tails.absolute(disk.torn_tails);
        self.missing_events.set(disk.missing_events as f64);
        self.write_ongoing.set(disk.write_ongoing.as_secs_f64());
        self.waiting_bytes.set(disk.waiting_bytes as f64);
        self.waiting_bytes_limit.set(disk.waiting_bytes_limit as f64);
        self.lookups_waiting.set(disk.lookups_waiting as f64);
        self.lookups_waiting_limit.set(disk.lookups_waiting_limit as f64);
    }
}

/// Writes what the exporter cannot hold.
pub(super) fn write(snapshot: &Snapshot, text: &mut String) {
    let named = (
        "fanfare_storage_sync_seconds",
        "How long a sync took: until the disk said that everything that had been written is durable.",
    );
    write_distribution(text, named, &SYNC_BOUNDS_US, 1e6, &snapshot.disk.syncs);
    let named = (
        "fanfare_storage_commit_events",
        "How many events were written to the data folder together, which share a sync.",
    );
    write_distribution(text, named, &COMMIT_BOUNDS, 1.0, &snapshot.disk.commits);
}

fn state_of(health: &LogHealth) -> StorageState {
    match health {
        LogHealth::Healthy => StorageState::Healthy,
        // Who cannot reach the others' events is behind them.
        LogHealth::Behind { .. } | LogHealth::Away { .. } => StorageState::Behind,
        LogHealth::Full => StorageState::Full,
        LogHealth::Stalled { .. } => StorageState::Stalled,
        LogHealth::Failed { .. } => StorageState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{DiskStatus, Distribution};
    use crate::metrics::Metrics;

    #[test]
    fn one_state_is_1_and_the_others_are_0() {
        let failed = LogHealth::Failed { why: "the disk failed".into() };
        for (health, state) in [
            (LogHealth::Healthy, "healthy"),
            (LogHealth::Full, "full"),
            (LogHealth::Stalled { seconds: 12 }, "stalled"),
            (failed, "failed"),
            (LogHealth::Behind { events: 9 }, "behind"),
        ] {
            let page =
                Metrics::new(1).render(&Snapshot { log_health: health, ..Snapshot::default() });
            for other in ["healthy", "full", "stalled", "failed", "behind"] {
                let value = u8::from(other == state);
                let line = format!("fanfare_storage_state{{state=\"{other}\"}} {value}\n");
                assert!(page.contains(&line), "{state}: {line}");
            }
        }
    }

    #[test]
    fn what_the_log_counted_is_shown_in_seconds_and_cumulative_buckets() {
        let mut syncs = Distribution::default();
        (syncs.counts[0], syncs.counts[3], syncs.sum) = (2, 1, 2_700);
        syncs.counts[SYNC_BOUNDS_US.len()] = 1;
        let disk = DiskStatus { syncs, unreadable: 3, ..DiskStatus::default() };
        let page = Metrics::new(1).render(&Snapshot { disk, ..Snapshot::default() });
        for line in [
            "fanfare_storage_sync_seconds_bucket{le=\"0.0001\"} 2\n",
            "fanfare_storage_sync_seconds_bucket{le=\"0.0025\"} 3\n",
            "fanfare_storage_sync_seconds_bucket{le=\"10\"} 3\n",
            "fanfare_storage_sync_seconds_bucket{le=\"+Inf\"} 4\n",
            "fanfare_storage_sync_seconds_sum 0.0027\n",
            "fanfare_storage_commit_events_count 0\n",
            "fanfare_storage_unreadable_total 3\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
    }
}

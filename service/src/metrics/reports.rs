//! Figures as numbers, for whoever asks for them by another way than as metrics.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::labels::{EndReason, Skip};
use super::{ConnectionReport, Metrics, PublishReport, ShardStats};

/// Streams: those that are open, and what became of others since the start.
#[derive(Clone, Copy, Debug)]
pub struct StreamReport {
    pub open: u64,
    pub blocked: u64,
    /// Of the slowest of those that are blocked.
    pub lag_events_max: u64,
    pub lag_bytes_max: u64,
    pub opened: u64,
    pub closed: u64,
    pub resumed: u64,
    pub gap_notices: u64,
    pub events_dropped: u64,
    pub events_delivered: u64,
    pub bytes_delivered: u64,
    pub events_replayed: u64,
}

/// What one shard counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardReport {
    pub is_running: bool,
    pub streams: u64,
    pub blocked: u64,
    pub lag_events_max: u64,
    pub lag_bytes_max: u64,
    /// Of the iteration that is going on; nothing while it waits.
    pub iteration: Duration,
    /// The longest of the last one to two minutes, by the clock and in CPU time.
    pub iteration_max: Duration,
    pub iteration_cpu_max: Duration,
    pub busy: Duration,
    pub events_delivered: u64,
    pub bytes_delivered: u64,
}

impl Metrics {
    /// All streams together.
    #[must_use]
    pub fn stream_report(&self) -> StreamReport {
        let streams = &self.inner.streams;
        let ended = EndReason::ALL.map(|reason| self.sum(|shard| &shard.left[reason as usize]));
        let dropped = Skip::ALL.map(|skip| self.sum(|shard| &shard.skipped_events[skip as usize]));
        StreamReport {
            open: self.shards().iter().map(|shard| shard.subscribers()).sum(),
            blocked: self.sum(|shard| &shard.blocked),
            lag_events_max: self.max(|shard| &shard.lag_events_max),
            lag_bytes_max: self.max(|shard| &shard.lag_bytes_max),
            opened: self.sum(|shard| &shard.joined),
            closed: ended.iter().sum(),
            resumed: streams.resumed(),
            gap_notices: streams.gap_notices(self),
            events_dropped: dropped.iter().sum(),
            events_delivered: self.delivered_total(),
            bytes_delivered: self.sum(|shard| &shard.delivered_bytes),
            events_replayed: self.sum(|shard| &shard.replayed),
        }
    }

    /// Each shard by itself.
    #[must_use]
    pub fn shard_report(&self) -> Vec<ShardReport> {
        self.shards().iter().map(|shard| shard.report()).collect()
    }

    /// Connections.
    #[must_use]
    pub fn connection_report(&self) -> ConnectionReport {
        self.inner.connections.report()
    }

    /// Publishers.
    #[must_use]
    pub fn publish_report(&self) -> PublishReport {
        self.inner.publishing.report()
    }
}

impl ShardStats {
    fn report(&self) -> ShardReport {
        ShardReport {
            is_running: self.failed.load(Ordering::Relaxed) == 0,
            streams: self.subscribers(),
            blocked: self.blocked.load(Ordering::Relaxed),
            lag_events_max: self.lag_events_max.load(Ordering::Relaxed),
            lag_bytes_max: self.lag_bytes_max.load(Ordering::Relaxed),
            iteration: self.iterations.in_progress(),
            iteration_max: self.iterations.longest(),
            iteration_cpu_max: self.iterations.longest_cpu(),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
            events_delivered: self.delivered.load(Ordering::Relaxed),
            bytes_delivered: self.delivered_bytes.load(Ordering::Relaxed),
        }
    }
}

//! How slow the readers are, and what was done about it.

use metrics::{Counter, Gauge};

use super::labels::Skip;
use super::series::{counters, described_gauge, gauges};
use super::shard::LAGS;
use super::{Metrics, Snapshot};

pub(super) struct SlowReaders {
    blocked: Gauge,
    output_buffer_bytes: Gauge,
    lagging: [Gauge; LAGS.len()],
    lag_events_max: Gauge,
    lag_bytes_max: Gauge,
    skips: [Counter; Skip::ALL.len()],
    skipped_events: [Counter; Skip::ALL.len()],
}

impl SlowReaders {
    pub(super) fn register() -> Self {
        Self {
            blocked: described_gauge(
                "fanfare_subscribers_blocked",
                "Subscribers that have yet to read what they were sent: the kernel takes no more for them.",
            ),
            output_buffer_bytes: described_gauge(
                "fanfare_output_buffer_bytes",
                "Memory of the output buffers of slow consumers beside the retained events: events that are no longer retained, and events joined into one write.",
            ),
            lagging: gauges(
                (
                    "fanfare_subscribers_lagging",
                    "Blocked subscribers, by how many events they lag behind at most.",
                ),
                "events",
                LAGS.map(|(label, _)| label),
            ),
            lag_events_max: described_gauge(
                "fanfare_lag_events_max",
                "How many events the slowest of the blocked subscribers lags behind.",
            ),
            lag_bytes_max: described_gauge(
                "fanfare_lag_bytes_max",
                "How many bytes of events the slowest of the blocked subscribers lags behind.",
            ),
            skips: counters(
                (
                    "fanfare_backpressure_actions_total",
                    "Times that a backpressure policy dropped events for a slow consumer, by policy.",
                ),
                "policy",
                Skip::ALL.map(Skip::label),
            ),
            skipped_events: counters(
                (
                    "fanfare_events_dropped_total",
                    "Events that a backpressure policy dropped for slow consumers, by policy.",
                ),
                "policy",
                Skip::ALL.map(Skip::label),
            ),
        }
    }

    /// Adds up what the shards counted.
    pub(super) fn set(&self, metrics: &Metrics, snapshot: &Snapshot) {
        self.output_buffer_bytes.set(snapshot.output_buffer_bytes as f64);
        self.blocked.set(metrics.sum(|shard| &shard.blocked) as f64);
        for (index, gauge) in self.lagging.iter().enumerate() {
            gauge.set(metrics.sum(|shard| &shard.lagging[index]) as f64);
        }
        self.lag_events_max.set(metrics.max(|shard| &shard.lag_events_max) as f64);
        self.lag_bytes_max.set(metrics.max(|shard| &shard.lag_bytes_max) as f64);
        for skip in Skip::ALL {
            let index = skip as usize;
            self.skips[index].absolute(metrics.sum(|shard| &shard.skips[index]));
            self.skipped_events[index].absolute(metrics.sum(|shard| &shard.skipped_events[index]));
        }
    }
}

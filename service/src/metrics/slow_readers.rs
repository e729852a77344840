//! How slow the readers are, and what was done about it.

use metrics::{Counter, Gauge};

use super::labels::Skip;
use super::series::{counters, described_gauge, gauges};
use super::shard::LAGS;
use super::{Metrics, Readings};

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
                "Subscribers whose sinks are full: they have yet to read what they were sent.",
            ),
            output_buffer_bytes: described_gauge(
                "fanfare_output_buffer_bytes",
                "Memory that streams hold beyond the log: events that it has dropped, and pieces joined of several events.",
            ),
            lagging: gauges(
                (
                    "fanfare_subscribers_lagging",
                    "Blocked subscribers by how many events they are behind, at most.",
                ),
                "events",
                LAGS.map(|(label, _)| label),
            ),
            lag_events_max: described_gauge(
                "fanfare_lag_events_max",
                "How far the slowest of them is behind, in events.",
            ),
            lag_bytes_max: described_gauge(
                "fanfare_lag_bytes_max",
                "How far the slowest of them is behind, in bytes.",
            ),
            skips: counters(
                (
                    "fanfare_skips_total",
                    "Times that events were left out for a slow reader, by policy.",
                ),
                "policy",
                Skip::ALL.map(Skip::label),
            ),
            skipped_events: counters(
                ("fanfare_events_skipped_total", "Events left out for slow readers, by policy."),
                "policy",
                Skip::ALL.map(Skip::label),
            ),
        }
    }

    /// Adds up what the shards counted.
    pub(super) fn set(&self, metrics: &Metrics, readings: &Readings) {
        self.output_buffer_bytes.set(readings.output_buffer_bytes as f64);
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

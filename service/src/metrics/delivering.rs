//! What the shards handed out, how long it took, and how busy they were with it.

use std::time::Duration;

use metrics::{Counter, Gauge};

use super::Metrics;
use super::histogram::{write_counts, write_times};
use super::series::{described, described_gauge, write_counter};

pub(super) struct Delivering {
    delivered: Counter,
    delivered_bytes: Counter,
    shards: Gauge,
    shards_failed: Gauge,
    iteration_max: Gauge,
    iteration_cpu_max: Gauge,
    match_cache_bytes: Gauge,
}

impl Delivering {
    pub(super) fn register() -> Self {
        Self {
            delivered: described(
                "fanfare_events_delivered_total",
                "Events handed to a subscriber's sink.",
            ),
            delivered_bytes: described(
                "fanfare_delivered_bytes_total",
                "Bytes of the events handed to subscribers' sinks.",
            ),
            shards: described_gauge("fanfare_shards", "Shards: threads that deliver."),
            shards_failed: described_gauge(
                "fanfare_shards_failed",
                "Shards that have ended without being told to; see the log, and restart the server.",
            ),
            iteration_max: described_gauge(
                "fanfare_shard_iteration_seconds_max",
                "The longest iteration of a shard's loop in the last one to two minutes, the one in progress included; it should be less than 5 ms.",
            ),
            iteration_cpu_max: described_gauge(
                "fanfare_shard_iteration_cpu_seconds_max",
                "The most CPU time of an iteration of a shard's loop in the last one to two minutes, up to half a millisecond too high; it should be less than 5 ms.",
            ),
            match_cache_bytes: described_gauge(
                "fanfare_match_cache_bytes",
                "Memory for what the shards remember of which selectors match which topics, at most 4 MiB a shard.",
            ),
        }
    }

    /// Adds up what the shards counted.
    pub(super) fn set(&self, metrics: &Metrics) {
        self.delivered.absolute(metrics.delivered_total());
        self.delivered_bytes.absolute(metrics.sum(|shard| &shard.delivered_bytes));
        self.shards.set(metrics.shards().len() as f64);
        self.shards_failed.set(metrics.sum(|shard| &shard.failed) as f64);
        let longest = metrics.shards().iter().map(|shard| shard.iterations.longest()).max();
        self.iteration_max.set(longest.unwrap_or_default().as_secs_f64());
        let longest = metrics.shards().iter().map(|shard| shard.iterations.longest_cpu()).max();
        self.iteration_cpu_max.set(longest.unwrap_or_default().as_secs_f64());
        self.match_cache_bytes.set(metrics.sum(|shard| &shard.match_cache_bytes) as f64);
    }
}

/// Writes what the exporter cannot hold.
pub(super) fn write(metrics: &Metrics, text: &mut String) {
    let shards = || metrics.shards().iter();
    let named = ("fanfare_write_events", "Events in a write to a subscriber.");
    write_counts(text, named, shards().map(|shard| &shard.write_events));
    let named = (
        "fanfare_delivery_seconds",
        "From the accept of an event to its write to a subscriber who was level with its topics.",
    );
    write_times(text, named, shards().map(|shard| &shard.delivery_times));
    let named = (
        "fanfare_event_seconds",
        "From the accept of an event to its last write in a shard, to those who were level.",
    );
    write_times(text, named, shards().map(|shard| &shard.event_times));
    let named = ("fanfare_pass_seconds", "How long a pass over the subscribers took.");
    write_times(text, named, shards().map(|shard| &shard.pass_times));
    let named = (
        "fanfare_shard_busy_seconds_total",
        "Time that the shards did not wait for something to do, all together.",
    );
    let busy = Duration::from_nanos(metrics.sum(|shard| &shard.busy_ns));
    write_counter(text, named, busy.as_secs_f64());
}

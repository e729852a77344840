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
                "Events sent to subscribers: one event sent to a hundred subscribers counts a hundred times.",
            ),
            delivered_bytes: described(
                "fanfare_delivered_bytes_total",
                "Bytes of the events sent to subscribers, as encoded for Server-Sent Events.",
            ),
            shards: described_gauge(
                "fanfare_shards",
                "Delivery threads (shards), each with its own subscribers.",
            ),
            shards_failed: described_gauge(
                "fanfare_shards_failed",
                "Delivery threads (shards) that failed; their streams were closed. See the log lines, and restart the server.",
            ),
            iteration_max: described_gauge(
                "fanfare_shard_iteration_seconds_max",
                "The longest iteration of the event loop of a delivery thread in the last one to two minutes, the one in progress included; it should be less than 5 ms.",
            ),
            iteration_cpu_max: described_gauge(
                "fanfare_shard_iteration_cpu_seconds_max",
                "The most CPU time that an iteration of the event loop of a delivery thread took in the last one to two minutes, up to half a millisecond too high; it should be less than 5 ms.",
            ),
            match_cache_bytes: described_gauge(
                "fanfare_match_cache_bytes",
                "Memory of the caches of which selectors match which topics, at most 4 MiB in each delivery thread.",
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
    let named = ("fanfare_write_events", "How many events one write to a subscriber carried.");
    write_counts(text, named, shards().map(|shard| &shard.write_events));
    let named = (
        "fanfare_delivery_seconds",
        "Latency of a delivery: from the accept of an event to its write to a subscriber that had caught up.",
    );
    write_times(text, named, shards().map(|shard| &shard.delivery_times));
    let named = (
        "fanfare_event_seconds",
        "Latency of an event: from its accept to its last write by a delivery thread to the subscribers that had caught up.",
    );
    write_times(text, named, shards().map(|shard| &shard.event_times));
    let named = (
        "fanfare_pass_seconds",
        "How long a delivery thread took to send new events to all its subscribers that had caught up.",
    );
    write_times(text, named, shards().map(|shard| &shard.pass_times));
    let named = (
        "fanfare_shard_busy_seconds_total",
        "Time for which the delivery threads were busy, added up over all of them.",
    );
    let busy = Duration::from_nanos(metrics.sum(|shard| &shard.busy_ns));
    write_counter(text, named, busy.as_secs_f64());
}

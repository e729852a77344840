//! The limits, beside the stats that approach them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;

use super::Metrics;
use super::clients::LimitsOfClients;
use super::series::described_gauge;

/// What was set, in the units of the stats that it bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The most bytes that the process may take, where the system tells.
    pub memory: Option<u64>,
    /// The most connections.
    pub connections: usize,
    /// How far a subscriber may be behind before its policy acts, in events.
    pub lag_events: u64,
    /// The same in bytes.
    pub lag_bytes: u64,
    /// The most events retained.
    pub log_events: usize,
    /// The most bytes that they hold.
    pub log_bytes: usize,
    /// How long they are retained.
    pub log_age: Duration,
    /// The most topics of which rules keep events; 0 without rules.
    pub kept_topics: usize,
    /// The most bytes that these events take.
    pub kept_bytes: usize,
    /// What slow streams may hold beyond the log, in bytes.
    pub output_buffers: usize,
    /// The most bytes that the bodies of requests may take together.
    pub body_memory: usize,
    /// The most bytes that compiled selectors may take together.
    pub selector_bytes: usize,
    /// The most bytes that the compiled grants of tokens may take together.
    pub grant_bytes: usize,
    /// The most bytes that the lists of partial replays may take together.
    pub partial_replay_bytes: usize,
    /// The most bytes that topics which were parsed as URLs may take.
    pub topic_url_bytes: usize,
    /// What each client may take.
    pub clients: LimitsOfClients,
    /// The most bytes that active subscriptions may take together; 0 when nobody is told of them.
    pub subscription_bytes: usize,
    /// The most tickets that are remembered.
    pub tickets: usize,
    /// The time over which a drain closes the streams.
    pub drain_window: Duration,
}

pub(super) struct LimitGauges {
    memory: Gauge,
    in_force: Mutex<Limits>,
    lag_events: Gauge,
    lag_bytes: Gauge,
    log_events: Gauge,
    log_bytes: Gauge,
    log_age: Gauge,
    kept_topics: Gauge,
    kept_bytes: Gauge,
    output_buffers: Gauge,
    selector_bytes: Gauge,
    grant_bytes: Gauge,
    partial_replay_bytes: Gauge,
    topic_url_bytes: Gauge,
    drain_window: Gauge,
}

impl LimitGauges {
    fn in_force(&self) -> MutexGuard<'_, Limits> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register() -> Self {
        let gauge = described_gauge;
        Self {
            memory: gauge(
                "fanfare_memory_limit_bytes",
                "The most memory that the process may take: the memory limit of its container (cgroup), or else the memory of the machine, as it was at the start.",
            ),
            in_force: Mutex::default(),
            lag_events: gauge(
                "fanfare_lag_events_limit",
                "How many events a subscriber may lag behind before its backpressure policy acts.",
            ),
            lag_bytes: gauge(
                "fanfare_lag_bytes_limit",
                "How many bytes of events a subscriber may lag behind before its backpressure policy acts.",
            ),
            log_events: gauge(
                "fanfare_retained_events_limit",
                "The most events that the event log retains.",
            ),
            log_bytes: gauge(
                "fanfare_retained_bytes_limit",
                "The most memory that the retained events may take.",
            ),
            log_age: gauge(
                "fanfare_retained_age_limit_seconds",
                "How long the event log retains an event.",
            ),
            kept_topics: gauge(
                "fanfare_kept_topics_limit",
                "The most topics of which rules of retention keep events; 0 where there are no rules. Above it, the oldest events that rules keep are dropped.",
            ),
            kept_bytes: gauge(
                "fanfare_kept_bytes_limit",
                "The most memory that the events may take which rules of retention keep; 0 where there are no rules. Above it, the oldest of them are dropped.",
            ),
            output_buffers: gauge(
                "fanfare_output_buffer_bytes_limit",
                "The most memory that the output buffers of slow consumers may take beside the retained events; above it, the streams that lag furthest behind are disconnected.",
            ),
            selector_bytes: gauge(
                "fanfare_selector_bytes_limit",
                "The most memory that selectors may take together: compiled patterns, and names where there are many in a request. Above it, requests that need more are rejected.",
            ),
            grant_bytes: gauge(
                "fanfare_grant_bytes_limit",
                "The most memory that the grants of tokens may take together: compiled patterns, and names where there are many in a token. Above it, requests with tokens that need more are rejected.",
            ),
            partial_replay_bytes: gauge(
                "fanfare_partial_replay_bytes_limit",
                "The most memory that the lists of the events which streams with `last` begin with may take together. Above it, streams that need more are rejected.",
            ),
            topic_url_bytes: gauge(
                "fanfare_topic_url_bytes_limit",
                "The most memory that topics which were parsed as URLs may take, to be compared with URL patterns; those not used for longest go first.",
            ),
            drain_window: gauge(
                "fanfare_drain_window_seconds",
                "The time over which the streams are closed when the server is told to end.",
            ),
        }
    }
}

impl Metrics {
    /// The most connections are others from now on.
    pub fn connections_limited(&self, connections: usize) {
        self.inner.connections.limit.set(connections as f64);
        self.inner.limits.in_force().connections = connections;
    }

    /// The limits that are in force.
    #[must_use]
    pub fn limits_in_force(&self) -> Limits {
        *self.inner.limits.in_force()
    }

    /// Says what the limits are.
    pub fn limits(&self, limits: &Limits) {
        let inner = &self.inner;
        *inner.limits.in_force() = *limits;
        self.connections_limited(limits.connections);
        inner.subscriptions.bytes_limit.set(limits.subscription_bytes as f64);
        inner.tickets.limit.set(limits.tickets as f64);
        inner.publishing.body_memory_limit.set(limits.body_memory as f64);
        inner.clients.limits(&limits.clients);
        let gauges = &inner.limits;
        gauges.memory.set(count_or_infinity(limits.memory.unwrap_or(u64::MAX)));
        gauges.lag_events.set(count_or_infinity(limits.lag_events));
        gauges.lag_bytes.set(count_or_infinity(limits.lag_bytes));
        gauges.log_events.set(limits.log_events as f64);
        gauges.log_bytes.set(limits.log_bytes as f64);
        gauges.log_age.set(seconds_or_infinity(limits.log_age));
        gauges.kept_topics.set(limits.kept_topics as f64);
        gauges.kept_bytes.set(limits.kept_bytes as f64);
        gauges.output_buffers.set(limits.output_buffers as f64);
        gauges.selector_bytes.set(limits.selector_bytes as f64);
        gauges.grant_bytes.set(limits.grant_bytes as f64);
        gauges.partial_replay_bytes.set(limits.partial_replay_bytes as f64);
        gauges.topic_url_bytes.set(limits.topic_url_bytes as f64);
        gauges.drain_window.set(limits.drain_window.as_secs_f64());
    }
}

/// No limit is infinity: a dashboard leaves it out, where the largest number would flatten the
/// rest.
fn count_or_infinity(limit: u64) -> f64 {
    if limit == u64::MAX { f64::INFINITY } else { limit as f64 }
}

fn seconds_or_infinity(limit: Duration) -> f64 {
    if limit == Duration::MAX { f64::INFINITY } else { limit.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_limit_is_infinite_and_everything_else_as_it_was_set() {
        assert_eq!(count_or_infinity(u64::MAX), f64::INFINITY);
        assert_eq!(count_or_infinity(10_000), 10_000.0);
        assert_eq!(seconds_or_infinity(Duration::MAX), f64::INFINITY);
        assert_eq!(seconds_or_infinity(Duration::from_millis(1_500)), 1.5);
    }
}

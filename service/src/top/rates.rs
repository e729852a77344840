//! How fast things happen: the difference of two samples over the time between them, by the server's own
//! clock.

use serde::Serialize;

use super::status::ServerStatus;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PerSecond {
    pub(super) published_events: f64,
    pub(super) published_bytes: f64,
    pub(super) delivered_events: f64,
    pub(super) delivered_bytes: f64,
    pub(super) streams_opened: f64,
    pub(super) streams_closed: f64,
    /// `None` where the system does not tell.
    pub(super) cpu_cores: Option<f64>,
    pub(super) shards: Vec<ShardPerSecond>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct ShardPerSecond {
    pub(super) delivered_events: f64,
    /// Of each second, how much it worked.
    pub(super) busy_seconds: f64,
}

impl PerSecond {
    /// `None` where it is not the same process, or no time has passed.
    pub(super) fn between(before: &ServerStatus, after: &ServerStatus) -> Option<Self> {
        let seconds = after.uptime_seconds - before.uptime_seconds;
        if before.started != after.started || seconds <= 0.0 {
            return None;
        }
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        let cpu = |sample: &ServerStatus| sample.process.cpu_seconds_total;
        let shards =
            before.shards.iter().zip(&after.shards).map(|(before, after)| ShardPerSecond {
                delivered_events: rate(before.events_delivered_total, after.events_delivered_total),
                busy_seconds: (after.busy_seconds_total - before.busy_seconds_total) / seconds,
            });
        Some(Self {
            published_events: rate(before.published.events_total, after.published.events_total),
            published_bytes: rate(before.published.bytes_total, after.published.bytes_total),
            delivered_events: rate(before.delivered.events_total, after.delivered.events_total),
            delivered_bytes: rate(before.delivered.bytes_total, after.delivered.bytes_total),
            streams_opened: rate(before.streams.opened_total, after.streams.opened_total),
            streams_closed: rate(before.streams.closed_total, after.streams.closed_total),
            cpu_cores: cpu(before)
                .zip(cpu(after))
                .map(|(before, after)| (after - before) / seconds),
            shards: shards.collect(),
        })
    }
}

//! What the admin listener tells of a server and of its streams, as far as it is shown here. Fields
//! that are not known are passed over, so that servers of later versions can be watched, too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One sample: both answers, of about the same moment.
#[derive(Clone, Debug)]
pub(super) struct StatusSample {
    pub(super) server: ServerStatus,
    /// As it came, for programs.
    pub(super) server_json: Value,
    /// The slowest streams, or why they are not shown.
    pub(super) streams: Result<StreamList, String>,
    pub(super) streams_json: Value,
}

/// `GET /status`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServerStatus {
    pub(super) version: String,
    pub(super) revision: Option<String>,
    pub(super) time: String,
    pub(super) started: String,
    pub(super) uptime_seconds: f64,
    pub(super) ready: bool,
    pub(super) not_ready: Option<NotReadyStatus>,
    pub(super) streams: StreamCounts,
    pub(super) connections: ConnectionCounts,
    pub(super) limits: BTreeMap<String, LimitStatus>,
    pub(super) shards: Vec<ShardStatus>,
    pub(super) log: RetainedStatus,
    pub(super) published: PublishedTotals,
    pub(super) delivered: DeliveredTotals,
    pub(super) process: ProcessStatus,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct NotReadyStatus {
    pub(super) detail: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StreamCounts {
    pub(super) open: u64,
    pub(super) blocked: u64,
    pub(super) lag_events_max: u64,
    pub(super) lag_bytes_max: u64,
    pub(super) opened_total: u64,
    pub(super) closed_total: u64,
    pub(super) gap_notices_total: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ConnectionCounts {
    pub(super) open: u64,
    pub(super) rejected_total: u64,
}

/// What approaches a limit; `None` where it is not counted, or has none.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct LimitStatus {
    pub(super) used: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) unit: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ShardStatus {
    pub(super) shard: u64,
    pub(super) running: bool,
    pub(super) streams: u64,
    pub(super) blocked: u64,
    pub(super) events_behind: u64,
    pub(super) iteration_seconds_max: f64,
    pub(super) iteration_cpu_seconds_max: f64,
    pub(super) busy_seconds_total: f64,
    pub(super) events_delivered_total: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RetainedStatus {
    pub(super) kind: String,
    pub(super) problem: Option<String>,
    pub(super) events: u64,
    pub(super) bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PublishedTotals {
    pub(super) events_total: u64,
    pub(super) bytes_total: u64,
    pub(super) rejected_total: u64,
    pub(super) waiting: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeliveredTotals {
    pub(super) events_total: u64,
    pub(super) bytes_total: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ProcessStatus {
    pub(super) cpu_seconds_total: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
}

/// `GET /streams?sort=lag`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StreamList {
    pub(super) streams: Vec<StreamStatus>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StreamStatus {
    pub(super) id: String,
    pub(super) peer: Option<String>,
    pub(super) age_seconds: f64,
    pub(super) protocol: Option<String>,
    pub(super) selectors: Vec<String>,
    pub(super) selectors_count: u64,
    pub(super) policy: String,
    pub(super) state: String,
    pub(super) blocked: bool,
    pub(super) lag_events: Option<u64>,
    pub(super) lag_bytes: Option<u64>,
    pub(super) held_bytes: u64,
}

impl LimitStatus {
    /// How much of it is used, from 0.
    pub(super) fn filled(&self) -> Option<f64> {
        let (used, limit) = (self.used?, self.limit?);
        (limit > 0.0).then(|| used / limit)
    }
}

impl StreamStatus {
    /// The other end of its connection.
    pub(super) fn peer_name(&self) -> &str {
        self.peer.as_deref().unwrap_or("-")
    }
}

//! What changes over time: one entry a second, and one an event that was followed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One second of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Second {
    /// Counted from the start of publishing, from 0.
    pub(crate) second: u64,
    /// Events sent.
    pub(crate) published: u64,
    /// Events that arrived, at subscribers that read as fast as they can.
    pub(crate) received: u64,
    /// Bytes of bodies that arrived.
    pub(crate) bytes: u64,
    /// Streams that ended or failed, and attempts that failed.
    pub(crate) errors: u64,
    /// Streams that came back.
    pub(crate) reconnects: u64,
    /// Delivery from when an event was due, in milliseconds; absent when nothing arrived.
    pub(crate) p50_ms: Option<f64>,
    /// The same.
    pub(crate) p90_ms: Option<f64>,
    /// The same.
    pub(crate) p99_ms: Option<f64>,
    /// The same.
    pub(crate) max_ms: Option<f64>,
}

/// How an event reached its subscribers, in milliseconds from when it was due.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventCompletion {
    /// When it was due, in seconds from the start of publishing.
    pub(crate) at_seconds: f64,
    /// How many subscribers it reached.
    pub(crate) reached: u64,
    /// How many it should have reached.
    pub(crate) expected: u64,
    /// The first subscriber.
    pub(crate) first_ms: f64,
    /// Half of them.
    pub(crate) median_ms: f64,
    /// 99 % of them.
    pub(crate) most_ms: f64,
    /// The last.
    pub(crate) last_ms: f64,
}

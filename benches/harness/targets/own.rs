//! What the harness itself measured for a target, which is not in loadgen's results.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::{count, number};
use crate::targets::response_times::ResponseTimes;

/// Of all of it, what belongs to the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OwnFigures {
    pub(crate) response_times: Vec<ResponseTimes>,
    pub(crate) publishing: Option<PublishRates>,
    pub(crate) restart: Option<RestartTimes>,
    /// Of each run that had them.
    pub(crate) replays: Vec<Replays>,
}

/// Publishing at the log itself, beside a bare file that is written and synced in the same groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublishRates {
    /// Events a second, in the median.
    pub(crate) log: f64,
    pub(crate) file: f64,
    /// The median of those of each round.
    pub(crate) ratio: f64,
    /// How long an event took to be confirmed.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Of a server that was started after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RestartTimes {
    /// Until it had opened its log.
    pub(crate) open_seconds: f64,
    /// From the start of the process until it served.
    pub(crate) ready_seconds: f64,
}

/// Streams that began with the oldest retained events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replays {
    /// Events that should have been replayed, and those that were.
    pub(crate) expected: f64,
    pub(crate) received: f64,
    /// Whether they came in order and once.
    pub(crate) is_right: bool,
    /// Pages that the server read from the disk for them.
    pub(crate) pages_read: u64,
}

impl Replays {
    pub(crate) fn are_whole(&self) -> bool {
        self.is_right && (self.received - self.expected).abs() < 0.5
    }
}

impl fmt::Display for RestartTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, ready) = (number(self.open_seconds), number(self.ready_seconds));
        write!(f, "   started again: open in {open} s, served after {ready} s")
    }
}

impl fmt::Display for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, expected) = (count(self.received), count(self.expected));
        let pages = count(self.pages_read as f64);
        write!(f, "   replayed {received} of {expected}, {pages} pages read")
    }
}

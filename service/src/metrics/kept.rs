//! What rules of retention keep.

use metrics::{Counter, Gauge};

use super::series::{described, described_gauge};
use crate::log::KeptTotals;

pub(super) struct KeptMetrics {
    events: Gauge,
    topics: Gauge,
    bytes: Gauge,
    dropped: Counter,
}

impl KeptMetrics {
    pub(super) fn register() -> Self {
        Self {
            events: described_gauge(
                "fanfare_kept_events",
                "Events that rules of retention keep now beyond the bounds of the event log.",
            ),
            topics: described_gauge(
                "fanfare_kept_topics",
                "Topics of which rules of retention keep events now.",
            ),
            bytes: described_gauge(
                "fanfare_kept_bytes",
                "Memory that the events take now which rules of retention keep, with the index of their topics.",
            ),
            dropped: described(
                "fanfare_kept_dropped_total",
                "Events that a rule of retention would have kept, and that were dropped because there were too many topics or too many bytes.",
            ),
        }
    }

    pub(super) fn set(&self, kept: &KeptTotals) {
        self.events.set(kept.events as f64);
        self.topics.set(kept.topics as f64);
        self.bytes.set(kept.bytes as f64);
        self.dropped.absolute(kept.dropped);
    }
}

//! Events that came in, from where, how long their publishers were kept, and what was turned away.

use std::time::Duration;

use metrics::{Counter, Gauge};

use super::histogram::SharedTimes;
use super::labels::{PublishRejection, PublishSource};
use super::series::{counters, described, described_gauge};
use super::{Metrics, Readings};
use crate::log::AppendError;

pub(super) struct Publishing {
    published: [Counter; PublishSource::ALL.len()],
    published_bytes: Counter,
    rejected: [Counter; PublishRejection::ALL.len()],
    durations: SharedTimes,
    waiting: Gauge,
    body_memory: Gauge,
    pub(super) body_memory_limit: Gauge,
}

impl Publishing {
    pub(super) fn register() -> Self {
        Self {
            published: counters(
                ("fanfare_events_published_total", "Events accepted, by how they came in."),
                "source",
                PublishSource::ALL.map(PublishSource::label),
            ),
            published_bytes: described(
                "fanfare_events_published_bytes_total",
                "Bytes of the frames of accepted events.",
            ),
            rejected: counters(
                ("fanfare_publish_rejected_total", "Events that were not accepted, by reason."),
                "reason",
                PublishRejection::ALL.map(PublishRejection::label),
            ),
            durations: SharedTimes::default(),
            waiting: described_gauge(
                "fanfare_publishers_waiting",
                "Publishers who are not answered yet, because delivery is too far behind them.",
            ),
            body_memory: described_gauge(
                "fanfare_body_memory_bytes",
                "Bytes that the bodies of requests hold, until their events have been handed to the log.",
            ),
            body_memory_limit: described_gauge(
                "fanfare_body_memory_limit_bytes",
                "The most that bodies may take together.",
            ),
        }
    }

    pub(super) fn set(&self, readings: &Readings) {
        self.waiting.set(readings.publishers_waiting as f64);
        self.body_memory.set(readings.body_memory_bytes as f64);
    }

    pub(super) fn write(&self, text: &mut String) {
        let named = (
            "fanfare_publish_duration_seconds",
            "From the head of a request to publish one event to its answer.",
        );
        self.durations.write(text, named);
    }
}

impl Metrics {
    /// An event was accepted.
    pub fn published(&self, source: PublishSource, frame_bytes: usize) {
        self.inner.publishing.published[source as usize].increment(1);
        self.inner.publishing.published_bytes.increment(frame_bytes as u64);
    }

    /// The log did not take an event.
    pub fn append_failed(&self, error: &AppendError) {
        self.publish_rejected(match error {
            AppendError::DuplicateId => PublishRejection::DuplicateId,
            AppendError::Unavailable => PublishRejection::Unavailable,
        });
    }

    /// An event was not published.
    pub fn publish_rejected(&self, reason: PublishRejection) {
        self.inner.publishing.rejected[reason as usize].increment(1);
    }

    /// A request to publish one event was answered, whatever the answer.
    pub fn publish_took(&self, time: Duration) {
        self.inner.publishing.durations.took(time);
    }
}

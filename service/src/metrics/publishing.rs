//! Events that came in, from where, how long their publishers were kept, and what was turned away.

use std::time::Duration;

use metrics::{Counter, Gauge};

use super::histogram::SharedTimes;
use super::labels::{PublishRejection, PublishSource};
use super::series::{counters, described, described_gauge};
use super::{Metrics, Snapshot};
use crate::log::AppendError;

pub(super) struct Publishing {
    published: [Counter; PublishSource::ALL.len()],
    published_bytes: Counter,
    repeated: Counter,
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
                (
                    "fanfare_events_published_total",
                    "Events that were accepted from publishers, by how they were published.",
                ),
                "source",
                PublishSource::ALL.map(PublishSource::label),
            ),
            published_bytes: described(
                "fanfare_events_published_bytes_total",
                "Bytes of the events that were accepted, as encoded for Server-Sent Events.",
            ),
            repeated: described(
                "fanfare_publish_repeats_total",
                "Events that a publisher sent again with the same id and the same content, and that were confirmed without being delivered again.",
            ),
            rejected: counters(
                (
                    "fanfare_publish_rejected_total",
                    "Events that publishers sent and that were rejected, by reason.",
                ),
                "reason",
                PublishRejection::ALL.map(PublishRejection::label),
            ),
            durations: SharedTimes::default(),
            waiting: described_gauge(
                "fanfare_publishers_waiting",
                "Publishers held back by backpressure: their events are accepted, and their responses wait for delivery to catch up.",
            ),
            body_memory: described_gauge(
                "fanfare_body_memory_bytes",
                "Memory that bodies take: those of requests, until their events have been appended to the event log, and lists of active subscriptions, until they have been read.",
            ),
            body_memory_limit: described_gauge(
                "fanfare_body_memory_limit_bytes",
                "The most memory that the bodies of all requests may take together.",
            ),
        }
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        self.waiting.set(snapshot.publishers_waiting as f64);
        self.body_memory.set(snapshot.body_memory_bytes as f64);
    }

    pub(super) fn write(&self, text: &mut String) {
        let named = (
            "fanfare_publish_duration_seconds",
            "How long a request to publish one event took, from its headers to its response.",
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

    /// An event was in the log already.
    pub fn publish_repeated(&self) {
        self.inner.publishing.repeated.increment(1);
    }

    /// The log did not take an event.
    pub fn append_failed(&self, error: &AppendError) {
        self.publish_rejected(match error {
            AppendError::DuplicateId => PublishRejection::DuplicateId,
            AppendError::TooLarge { .. } => PublishRejection::TooLarge,
            AppendError::Unavailable => PublishRejection::Unavailable,
            AppendError::Unknown { .. } => PublishRejection::Unknown,
        });
    }

    /// An event was not published.
    pub fn publish_rejected(&self, reason: PublishRejection) {
        self.inner.publishing.rejected[reason as usize].increment(1);
    }

    /// A request to publish one event got its response, whatever that was.
    pub fn publish_took(&self, time: Duration) {
        self.inner.publishing.durations.took(time);
    }
}

//! Events that came in, from where, how long their publishers were kept, and what was turned away.

use std::time::Duration;

use metrics::{Counter, Gauge};

use super::histogram::SharedTimes;
use super::labels::{PublishRejection, PublishSource};
use super::series::{ReadableCount, counters, described, described_gauge, show, sum_of};
use super::{Metrics, Snapshot};
use crate::log::AppendError;

pub(super) struct Publishing {
    counts: PublishCounts,
    published: [Counter; PublishSource::ALL.len()],
    published_bytes: Counter,
    repeated: Counter,
    rejected: [Counter; PublishRejection::ALL.len()],
    durations: SharedTimes,
    waiting: Gauge,
    body_memory: Gauge,
    pub(super) body_memory_limit: Gauge,
}

#[derive(Debug, Default)]
struct PublishCounts {
    published: [ReadableCount; PublishSource::ALL.len()],
    bytes: ReadableCount,
    repeated: ReadableCount,
    rejected: [ReadableCount; PublishRejection::ALL.len()],
}

/// What publishers have done since the start, and how many of them wait.
#[derive(Clone, Debug)]
pub struct PublishReport {
    /// By how the events came in.
    pub by_source: Vec<(&'static str, u64)>,
    pub events: u64,
    pub bytes: u64,
    pub repeated: u64,
    pub rejected: u64,
}

impl Publishing {
    pub(super) fn report(&self) -> PublishReport {
        let PublishCounts { published, bytes, repeated, rejected } = &self.counts;
        let labels = PublishSource::ALL.map(PublishSource::label);
        PublishReport {
            by_source: labels.into_iter().zip(published.iter().map(ReadableCount::get)).collect(),
            events: sum_of(published),
            bytes: bytes.get(),
            repeated: repeated.get(),
            rejected: sum_of(rejected),
        }
    }

    pub(super) fn register() -> Self {
        Self {
            counts: PublishCounts::default(),
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
        let counts = &self.counts;
        show(&counts.published, &self.published);
        show(&counts.rejected, &self.rejected);
        self.published_bytes.absolute(counts.bytes.get());
        self.repeated.absolute(counts.repeated.get());
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
        self.inner.publishing.counts.published[source as usize].add(1);
        self.inner.publishing.counts.bytes.add(frame_bytes as u64);
    }

    /// An event was in the log already.
    pub fn publish_repeated(&self) {
        self.inner.publishing.counts.repeated.add(1);
    }

    /// The log did not take an event.
    pub fn append_failed(&self, error: &AppendError) {
        self.publish_rejected(match error {
            AppendError::DuplicateId => PublishRejection::DuplicateId,
            AppendError::TopicEnded { .. } => PublishRejection::TopicEnded,
            AppendError::TooLarge { .. } => PublishRejection::TooLarge,
            AppendError::Unavailable => PublishRejection::Unavailable,
            AppendError::Unknown { .. } => PublishRejection::Unknown,
        });
    }

    /// An event was not published.
    pub fn publish_rejected(&self, reason: PublishRejection) {
        self.inner.publishing.counts.rejected[reason as usize].add(1);
    }

    /// A request to publish one event got its response, whatever that was.
    pub fn publish_took(&self, time: Duration) {
        self.inner.publishing.durations.took(time);
    }
}

//! Streams: how many, how they began, what they were notified of, and how they ended.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge};

use super::Metrics;
use super::labels::{EndReason, Resumed, SubscribeRejection};
use super::series::{ReadableCount, counters, described, described_gauge, show, sum_of};

pub(super) struct StreamMetrics {
    subscribers: Gauge,
    subscribed: Counter,
    disconnects: [Counter; EndReason::ALL.len()],
    rejected: [Counter; SubscribeRejection::ALL.len()],
    resume_counts: [ReadableCount; Resumed::ALL.len()],
    resumes: [Counter; Resumed::ALL.len()],
    replayed: Counter,
    heartbeats: Counter,
    gap_notices: Counter,
    gap_notices_at_open: AtomicU64,
    topic_ended: Counter,
}

impl StreamMetrics {
    pub(super) fn register() -> Self {
        Self {
            subscribers: described_gauge(
                "fanfare_subscribers",
                "Subscribers: streams that are open now.",
            ),
            subscribed: described("fanfare_streams_opened_total", "Streams that were opened."),
            disconnects: counters(
                ("fanfare_streams_closed_total", "Streams that were closed, by reason."),
                "reason",
                EndReason::ALL.map(EndReason::label),
            ),
            rejected: counters(
                (
                    "fanfare_subscribe_rejected_total",
                    "Requests for a stream that were rejected, by reason.",
                ),
                "reason",
                SubscribeRejection::ALL.map(SubscribeRejection::label),
            ),
            resume_counts: Default::default(),
            resumes: counters(
                (
                    "fanfare_resumes_total",
                    "Streams that began with earlier events, by where: after an id and whether all events since were still retained, with everything, with the newest of each topic, or since a time.",
                ),
                "result",
                Resumed::ALL.map(Resumed::label),
            ),
            replayed: described(
                "fanfare_events_replayed_total",
                "Events that were read from the event log for one subscriber, because it resumed or had fallen behind.",
            ),
            heartbeats: described(
                "fanfare_heartbeats_total",
                "Heartbeats that were sent on silent streams.",
            ),
            gap_notices: described(
                "fanfare_gap_notices_total",
                "Gap notices: times that a client was told that it missed events.",
            ),
            gap_notices_at_open: AtomicU64::new(0),
            topic_ended: described(
                "fanfare_topic_ended_responses_total",
                "Requests for a stream that were answered 204, because all of its topics had ended; clients that do not stop at that show here.",
            ),
        }
    }

    pub(super) fn resumed(&self) -> u64 {
        sum_of(&self.resume_counts)
    }

    pub(super) fn gap_notices(&self, metrics: &Metrics) -> u64 {
        let at_open = self.gap_notices_at_open.load(Ordering::Relaxed);
        at_open + metrics.sum(|shard| &shard.gap_notices)
    }

    /// Adds up what the shards counted.
    pub(super) fn set(&self, metrics: &Metrics) {
        let subscribers: u64 = metrics.shards().iter().map(|shard| shard.subscribers()).sum();
        self.subscribers.set(subscribers as f64);
        self.subscribed.absolute(metrics.sum(|shard| &shard.joined));
        self.replayed.absolute(metrics.sum(|shard| &shard.replayed));
        self.heartbeats.absolute(metrics.sum(|shard| &shard.heartbeats));
        show(&self.resume_counts, &self.resumes);
        self.gap_notices.absolute(self.gap_notices(metrics));
        for reason in EndReason::ALL {
            let count = metrics.sum(|shard| &shard.left[reason as usize]);
            self.disconnects[reason as usize].absolute(count);
        }
    }
}

impl Metrics {
    /// A gap notice was sent at the beginning of a stream.
    pub fn gap_notified(&self) {
        self.inner.streams.gap_notices_at_open.fetch_add(1, Ordering::Relaxed);
    }

    /// A request for a stream was told that there is nothing more.
    pub fn topic_ended(&self) {
        self.inner.streams.topic_ended.increment(1);
    }

    /// A stream goes on from an earlier place.
    pub fn resumed(&self, result: Resumed) {
        self.inner.streams.resume_counts[result as usize].add(1);
    }

    /// A request for a stream was not served.
    pub fn subscribe_rejected(&self, reason: SubscribeRejection) {
        self.inner.streams.rejected[reason as usize].increment(1);
    }
}

//! Every number that is exported: names, help and labels, and the verbs by which they change.
//!
//! Only this folder holds metric names, and labels are never topics, ids or addresses: each label's
//! values are an enum, so that every series exists from the start as 0. What happens for each
//! delivery is counted by each shard in plain atomics of its own ([`ShardFigures`]), and summed when
//! somebody asks; the rest goes through `metrics` handles that are looked up once.

mod histogram;
mod labels;
mod shard;
mod slow_readers;

pub use labels::{EndReason, PublishRejection, Refusal, Skip};
pub use shard::ShardFigures;

pub(crate) use shard::LagSample;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::log::{AppendError, Extent};
use histogram::{write_counts, write_times};
use slow_readers::SlowReaders;

/// A handle to all figures; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Vec<Arc<ShardFigures>>,
    exporter: PrometheusHandle,
    subscribers: Gauge,
    subscribed: Counter,
    published: Counter,
    published_bytes: Counter,
    publish_rejected: [Counter; PublishRejection::ALL.len()],
    delivered: Counter,
    delivered_bytes: Counter,
    heartbeats: Counter,
    gaps_told: Counter,
    gaps_told_at_open: AtomicU64,
    disconnects: [Counter; EndReason::ALL.len()],
    connections: Gauge,
    connections_opened: Counter,
    connections_refused: [Counter; Refusal::ALL.len()],
    accept_errors: Counter,
    slow_readers: SlowReaders,
    shards_failed: Gauge,
    log_events: Gauge,
    log_bytes: Gauge,
    log_oldest_timestamp: Gauge,
    draining: Gauge,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("shards", &self.inner.shards.len()).finish_non_exhaustive()
    }
}

fn add(counter: &AtomicU64, count: u64) {
    // The only writer, so a load and a store are enough.
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

impl Metrics {
    /// All figures at 0, for so many shards. Nothing is global, so several servers can live in one
    /// process, as in the tests.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let exporter = recorder.handle();
        let shards = (0..shards.max(1)).map(|_| Arc::default()).collect();
        let inner = metrics::with_local_recorder(&recorder, || Inner::register(shards, exporter));
        Self { inner: Arc::new(inner) }
    }

    /// What each shard counts.
    #[must_use]
    pub fn shards(&self) -> &[Arc<ShardFigures>] {
        &self.inner.shards
    }

    /// An event was accepted.
    pub fn published(&self, frame_bytes: usize) {
        self.inner.published.increment(1);
        self.inner.published_bytes.increment(frame_bytes as u64);
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
        self.inner.publish_rejected[reason as usize].increment(1);
    }

    /// A connection is open for as long as the answer lives.
    #[must_use]
    pub fn connection(&self) -> OpenConnection {
        self.inner.connections_opened.increment(1);
        self.inner.connections.increment(1.0);
        OpenConnection(self.inner.connections.clone())
    }

    /// A connection was not served.
    pub fn connection_refused(&self, reason: Refusal) {
        self.inner.connections_refused[reason as usize].increment(1);
    }

    /// The system did not give us a connection.
    pub fn accept_failed(&self) {
        self.inner.accept_errors.increment(1);
    }

    /// A gap was told at the beginning of a stream.
    pub fn gap_told(&self) {
        self.inner.gaps_told_at_open.fetch_add(1, Ordering::Relaxed);
    }

    /// The server has begun to stop.
    pub fn draining(&self) {
        self.inner.draining.set(1.0);
    }

    /// Events handed to sinks since the start, by all shards.
    #[must_use]
    pub fn delivered_total(&self) -> u64 {
        self.sum(|shard| &shard.delivered)
    }

    /// Everything as Prometheus text, version 0.0.4.
    #[must_use]
    pub fn render(&self, log: &Extent) -> String {
        let inner = &self.inner;
        let subscribers: u64 = inner.shards.iter().map(|shard| shard.subscribers()).sum();
        inner.subscribers.set(subscribers as f64);
        inner.subscribed.absolute(self.sum(|shard| &shard.joined));
        inner.delivered.absolute(self.sum(|shard| &shard.delivered));
        inner.delivered_bytes.absolute(self.sum(|shard| &shard.delivered_bytes));
        inner.heartbeats.absolute(self.sum(|shard| &shard.heartbeats));
        let gaps_at_open = inner.gaps_told_at_open.load(Ordering::Relaxed);
        inner.gaps_told.absolute(gaps_at_open + self.sum(|shard| &shard.gaps_told));
        for reason in EndReason::ALL {
            let count = self.sum(|shard| &shard.left[reason as usize]);
            inner.disconnects[reason as usize].absolute(count);
        }
        inner.log_events.set(log.events as f64);
        inner.log_bytes.set(log.bytes as f64);
        inner.log_oldest_timestamp.set(log.oldest_ms.map_or(0.0, |ms| ms as f64 / 1_000.0));
        inner.slow_readers.set(self);
        inner.shards_failed.set(self.sum(|shard| &shard.failed) as f64);
        let mut text = inner.exporter.render();
        self.write_histograms(&mut text);
        text
    }

    /// Whether every shard is there. One that has ended by a panic takes its streams with it.
    #[must_use]
    pub fn all_shards_run(&self) -> bool {
        self.sum(|shard| &shard.failed) == 0
    }

    fn write_histograms(&self, text: &mut String) {
        let shards = || self.inner.shards.iter();
        let named = ("fanfare_write_events", "Events in a write to a subscriber.");
        write_counts(text, named, shards().map(|shard| &shard.write_events));
        let named = (
            "fanfare_delivery_seconds",
            "From the accept of an event to its write to a subscriber; replays are left out.",
        );
        write_times(text, named, shards().map(|shard| &shard.delivery_times));
        let named = (
            "fanfare_event_seconds",
            "From the accept of an event to its last write in a shard, to those who were level.",
        );
        write_times(text, named, shards().map(|shard| &shard.event_times));
        let named = ("fanfare_pass_seconds", "How long a pass over the subscribers took.");
        write_times(text, named, shards().map(|shard| &shard.pass_times));
    }

    fn max(&self, figure: impl Fn(&ShardFigures) -> &AtomicU64) -> u64 {
        let figures = self.inner.shards.iter().map(|shard| figure(shard).load(Ordering::Relaxed));
        figures.max().unwrap_or(0)
    }

    fn sum(&self, figure: impl Fn(&ShardFigures) -> &AtomicU64) -> u64 {
        self.inner.shards.iter().map(|shard| figure(shard).load(Ordering::Relaxed)).sum()
    }
}

impl Inner {
    /// Describes and registers every series; the recorder in force is that of the caller.
    fn register(shards: Vec<Arc<ShardFigures>>, exporter: PrometheusHandle) -> Self {
        let build = "fanfare_build_info";
        describe_gauge!(build, "The version of the server; the value is always 1.");
        gauge!(build, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let refused = "fanfare_connections_refused_total";
        describe_counter!(refused, "Connections that were not served, by reason.");
        let rejected = "fanfare_publish_rejected_total";
        describe_counter!(rejected, "Events that were not accepted, by reason.");
        let ended = "fanfare_disconnects_total";
        describe_counter!(ended, "Streams that ended, by reason.");
        Self {
            shards,
            exporter,
            subscribers: described_gauge("fanfare_subscribers", "Open streams."),
            subscribed: described("fanfare_subscribed_total", "Streams opened."),
            published: described("fanfare_events_published_total", "Events accepted."),
            published_bytes: described(
                "fanfare_events_published_bytes_total",
                "Bytes of the frames of accepted events.",
            ),
            publish_rejected: PublishRejection::ALL
                .map(|reason| counter!(rejected, "reason" => reason.label())),
            delivered: described(
                "fanfare_events_delivered_total",
                "Events handed to a subscriber's sink.",
            ),
            delivered_bytes: described(
                "fanfare_delivered_bytes_total",
                "Bytes of the events handed to subscribers' sinks.",
            ),
            heartbeats: described("fanfare_heartbeats_total", "Comments sent into silence."),
            gaps_told: described(
                "fanfare_gaps_told_total",
                "Times that a client was told that it missed events.",
            ),
            gaps_told_at_open: AtomicU64::new(0),
            disconnects: EndReason::ALL.map(|reason| counter!(ended, "reason" => reason.label())),
            connections: described_gauge("fanfare_connections", "Open connections."),
            connections_opened: described(
                "fanfare_connections_opened_total",
                "Connections accepted.",
            ),
            connections_refused: Refusal::ALL
                .map(|reason| counter!(refused, "reason" => reason.label())),
            accept_errors: described(
                "fanfare_accept_errors_total",
                "Connections that the system did not hand over.",
            ),
            slow_readers: SlowReaders::register(),
            shards_failed: described_gauge(
                "fanfare_shards_failed",
                "Delivery threads that have ended by a panic; restart the server.",
            ),
            log_events: described_gauge("fanfare_log_events", "Events retained in the log."),
            log_bytes: described_gauge("fanfare_log_bytes", "Memory held by retained events."),
            log_oldest_timestamp: described_gauge(
                "fanfare_log_oldest_timestamp_seconds",
                "When the oldest retained event was accepted; 0 when there is none.",
            ),
            draining: described_gauge("fanfare_draining", "1 while the server is stopping."),
        }
    }
}

fn described(name: &'static str, help: &'static str) -> Counter {
    describe_counter!(name, help);
    counter!(name)
}

fn described_gauge(name: &'static str, help: &'static str) -> Gauge {
    describe_gauge!(name, help);
    gauge!(name)
}

/// Counts as an open connection until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

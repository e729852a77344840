//! What the server is and does as a whole: its version, its log, whether it is ready or draining.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge, describe_gauge, gauge};

use super::Metrics;
use super::clients::ClientCounts;
use super::kept::KeptMetrics;
use super::process::RuntimeStats;
use super::series::{described, described_gauge};
use super::subscriptions::SubscriptionStats;
use super::tickets::TicketCounts;
use crate::log::{Bounds, ClusterStatus, DiskStatus, LogHealth};
use crate::logging;

/// The commit that the program was built from, when the build was given it.
const REVISION: Option<&str> = option_env!("FANFARE_REVISION");

/// The commit that the program was built from, if that is known.
#[must_use]
pub fn revision() -> Option<&'static str> {
    REVISION.filter(|revision| !revision.is_empty())
}

/// What belongs to other modules and is read when the metrics are requested.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What the log holds; nothing is shown of it when it was not looked at.
    pub log: Option<Bounds>,
    /// How the log is.
    pub log_health: LogHealth,
    /// What it takes and does on a disk; nothing where it has none.
    pub disk: DiskStatus,
    /// What it does among other servers; nothing where it is not shared.
    pub cluster: ClusterStatus,
    /// What streams hold beyond the log, in bytes.
    pub output_buffer_bytes: usize,
    /// Publishers that wait for delivery to come nearer.
    pub publishers_waiting: usize,
    /// What the bodies of requests hold, in bytes.
    pub body_memory_bytes: usize,
    /// Memory held by compiled selectors, in bytes.
    pub selector_bytes: usize,
    /// Memory held by the compiled grants of tokens, in bytes.
    pub grant_bytes: usize,
    /// What the lists of partial replays take.
    pub partial_replay_bytes: usize,
    /// Memory held by topics that were parsed as URLs, in bytes.
    pub topic_url_bytes: usize,
    /// The clients that are counted against limits of their own.
    pub clients: ClientCounts,
    /// Active subscriptions.
    pub subscriptions: SubscriptionStats,
    /// Tickets that have opened a stream.
    pub tickets: TicketCounts,
    /// Whether new streams are welcome.
    pub ready: bool,
    /// The tokio runtime of the HTTP layer.
    pub runtime: RuntimeStats,
}

pub(super) struct ServerState {
    log_events: Gauge,
    log_bytes: Gauge,
    log_oldest_timestamp: Gauge,
    kept: KeptMetrics,
    selector_bytes: Gauge,
    grant_bytes: Gauge,
    partial_replay_bytes: Gauge,
    topic_url_bytes: Gauge,
    ready: Gauge,
    draining: Gauge,
    drain_started: Gauge,
    log_lines_lost: Counter,
    warnings_suppressed: Counter,
    is_draining: AtomicBool,
    began: Instant,
    /// The same, in milliseconds since 1970: it stays, whatever the clock is set to.
    began_ms: u64,
    /// In milliseconds since 1970; 0 before a drain.
    drain_began_ms: AtomicU64,
}

impl ServerState {
    pub(super) fn register() -> Self {
        let build = "fanfare_build_info";
        describe_gauge!(build, "The version of the server and its commit; the value is always 1.");
        let revision = revision().unwrap_or("unknown");
        gauge!(build, "version" => env!("CARGO_PKG_VERSION"), "revision" => revision).set(1.0);
        Self {
            log_events: described_gauge(
                "fanfare_retained_events",
                "Events that the event log retains now.",
            ),
            log_bytes: described_gauge(
                "fanfare_retained_bytes",
                "Memory that the retained events take now, with their index.",
            ),
            log_oldest_timestamp: described_gauge(
                "fanfare_retained_oldest_timestamp_seconds",
                "When the oldest retained event was accepted, in seconds since 1970; 0 when there is none.",
            ),
            kept: KeptMetrics::register(),
            selector_bytes: described_gauge(
                "fanfare_selector_bytes",
                "Memory that selectors take now: compiled patterns, those of streams that have ended included, and names where there are many in a request.",
            ),
            grant_bytes: described_gauge(
                "fanfare_grant_bytes",
                "Memory that the grants of tokens take now: compiled patterns, those of tokens that were used before included, and names where there are many in a token.",
            ),
            partial_replay_bytes: described_gauge(
                "fanfare_partial_replay_bytes",
                "Memory that the lists of the events which streams with `last` begin with take now.",
            ),
            topic_url_bytes: described_gauge(
                "fanfare_topic_url_bytes",
                "Memory that topics which were parsed as URLs take now.",
            ),
            ready: described_gauge(
                "fanfare_ready",
                "1 while the server is ready for new streams: it has started, is not draining, and nothing has failed.",
            ),
            draining: described_gauge(
                "fanfare_draining",
                "1 while the server is draining: it was told to end, and closes its streams.",
            ),
            drain_started: described_gauge(
                "fanfare_drain_started_timestamp_seconds",
                "When the server was told to end, in seconds since 1970; 0 before.",
            ),
            log_lines_lost: described(
                "fanfare_log_lines_lost_total",
                "Diagnostic log lines that were lost because their reader was too slow, since the process started.",
            ),
            warnings_suppressed: described(
                "fanfare_warnings_suppressed_total",
                "Warnings that were not written because the same one had just been, since the process started.",
            ),
            is_draining: AtomicBool::new(false),
            began: Instant::now(),
            began_ms: unix_ms(),
            drain_began_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn set(&self, snapshot: &Snapshot) {
        if let Some(log) = &snapshot.log {
            self.log_events.set(log.events as f64);
            self.log_bytes.set(log.bytes as f64);
            self.log_oldest_timestamp.set(log.oldest_ms.map_or(0.0, |ms| ms as f64 / 1_000.0));
            self.kept.set(&log.kept);
        }
        self.selector_bytes.set(snapshot.selector_bytes as f64);
        self.grant_bytes.set(snapshot.grant_bytes as f64);
        self.partial_replay_bytes.set(snapshot.partial_replay_bytes as f64);
        self.topic_url_bytes.set(snapshot.topic_url_bytes as f64);
        self.ready.set(if snapshot.ready { 1.0 } else { 0.0 });
        self.log_lines_lost.absolute(logging::lines_lost());
        self.warnings_suppressed.absolute(logging::warnings_suppressed());
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

impl Metrics {
    /// The server has begun to stop.
    pub fn draining(&self) {
        let state = &self.inner.state;
        state.is_draining.store(true, Ordering::Relaxed);
        state.draining.set(1.0);
        let now = unix_ms();
        state.drain_started.set(now as f64 / 1_000.0);
        state.drain_began_ms.store(now, Ordering::Relaxed);
    }

    /// How long the server has been there.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.inner.state.began.elapsed()
    }

    /// When the server began, in milliseconds since 1970.
    #[must_use]
    pub fn began_ms(&self) -> u64 {
        self.inner.state.began_ms
    }

    /// When the server was told to end, in milliseconds since 1970.
    #[must_use]
    pub fn drain_began_ms(&self) -> Option<u64> {
        let began = self.inner.state.drain_began_ms.load(Ordering::Relaxed);
        self.is_draining().then_some(began)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.inner.state.is_draining.load(Ordering::Relaxed)
    }
}

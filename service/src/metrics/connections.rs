//! Connections: how many, of what kind, for how long, and how they ended.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use metrics::{Counter, Gauge};

use super::Metrics;
use super::histogram::SharedLongTimes;
use super::labels::{AcceptError, ConnectionEnd, Protocol, Refusal, StatusClass};
use super::series::{ReadableCount, counters, described, described_gauge, gauges, show, sum_of};

pub(super) struct Connections {
    /// By protocol. Counted here, because a gauge of the exporter is a loop over a
    /// compare-and-swap.
    open: [AtomicI64; Protocol::ALL.len()],
    gauges: [Gauge; Protocol::ALL.len()],
    pub(super) limit: Gauge,
    opened_count: ReadableCount,
    rejected_counts: [ReadableCount; Refusal::ALL.len()],
    opened: Counter,
    closed: [Counter; ConnectionEnd::ALL.len()],
    rejected: [Counter; Refusal::ALL.len()],
    accept_errors: [Counter; AcceptError::ALL.len()],
    responses: [Counter; StatusClass::ALL.len()],
    durations: SharedLongTimes,
    began: Instant,
}

/// Connections that are open now, and those since the start.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionReport {
    pub http1: u64,
    pub http2: u64,
    /// They have not said enough to tell.
    pub new: u64,
    pub opened: u64,
    pub rejected: u64,
}

impl ConnectionReport {
    /// All that are open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.http1 + self.http2 + self.new
    }
}

impl Connections {
    pub(super) fn report(&self) -> ConnectionReport {
        let open = |protocol: Protocol| {
            // Two threads may be seen in the wrong order.
            u64::try_from(self.open[protocol as usize].load(Ordering::Relaxed)).unwrap_or(0)
        };
        ConnectionReport {
            http1: open(Protocol::Http1),
            http2: open(Protocol::Http2),
            new: open(Protocol::New),
            opened: self.opened_count.get(),
            rejected: sum_of(&self.rejected_counts),
        }
    }

    pub(super) fn register() -> Self {
        Self {
            open: Protocol::ALL.map(|_| AtomicI64::new(0)),
            gauges: gauges(
                ("fanfare_connections", "Connections that are open now, by protocol."),
                "protocol",
                Protocol::ALL.map(Protocol::label),
            ),
            limit: described_gauge(
                "fanfare_connections_limit",
                "The most connections that may be open at a time.",
            ),
            opened_count: ReadableCount::default(),
            rejected_counts: Default::default(),
            opened: described(
                "fanfare_connections_opened_total",
                "Connections that were accepted and served.",
            ),
            closed: counters(
                ("fanfare_connections_closed_total", "Connections that were closed, by reason."),
                "reason",
                ConnectionEnd::ALL.map(ConnectionEnd::label),
            ),
            rejected: counters(
                (
                    "fanfare_connections_rejected_total",
                    "Connections that were rejected because a limit on connections was reached, by limit.",
                ),
                "reason",
                Refusal::ALL.map(Refusal::label),
            ),
            accept_errors: counters(
                (
                    "fanfare_accept_errors_total",
                    "Calls of accept for a new connection that failed, by error.",
                ),
                "error",
                AcceptError::ALL.map(AcceptError::label),
            ),
            responses: counters(
                (
                    "fanfare_responses_total",
                    "HTTP responses, those that begin a stream included, by class of status.",
                ),
                "status",
                StatusClass::ALL.map(StatusClass::label),
            ),
            durations: SharedLongTimes::default(),
            began: Instant::now(),
        }
    }

    /// Brings the exporter up to date.
    pub(super) fn set(&self) {
        for (open, gauge) in self.open.iter().zip(&self.gauges) {
            gauge.set(open.load(Ordering::Relaxed) as f64);
        }
        self.opened.absolute(self.opened_count.get());
        show(&self.rejected_counts, &self.rejected);
    }

    pub(super) fn write(&self, text: &mut String) {
        let named = (
            "fanfare_connection_duration_seconds",
            "How long connections that were closed had been open.",
        );
        self.durations.write(text, named);
    }

    fn moved(&self, protocol: Protocol, by: i64) {
        self.open[protocol as usize].fetch_add(by, Ordering::Relaxed);
    }

    fn tenths(&self) -> u32 {
        u32::try_from(self.began.elapsed().as_millis() / 100).unwrap_or(u32::MAX)
    }
}

impl Metrics {
    /// Counts a connection as open for as long as the value that it returns lives.
    #[must_use]
    pub fn connection(&self) -> OpenConnection {
        let connections = &self.inner.connections;
        connections.opened_count.add(1);
        connections.moved(Protocol::New, 1);
        OpenConnection {
            metrics: self.clone(),
            opened: connections.tenths(),
            protocol: Protocol::New,
            end: None,
        }
    }

    /// A connection was not served.
    pub fn connection_refused(&self, reason: Refusal) {
        self.inner.connections.rejected_counts[reason as usize].add(1);
    }

    /// The system did not give us a connection.
    pub fn accept_failed(&self, error: AcceptError) {
        self.inner.connections.accept_errors[error as usize].increment(1);
    }

    /// A request got its response.
    pub fn responded(&self, class: StatusClass) {
        self.inner.connections.responses[class as usize].increment(1);
    }
}

/// Counts as an open connection until it is dropped. It lies beside each stream's socket, so it is
/// kept small.
#[derive(Debug)]
pub struct OpenConnection {
    metrics: Metrics,
    /// In tenths of a second since the start: 13 years of them.
    opened: u32,
    protocol: Protocol,
    end: Option<ConnectionEnd>,
}

impl OpenConnection {
    /// It has said enough to know what it speaks.
    pub fn speaks(&mut self, protocol: Protocol) {
        self.metrics.inner.connections.moved(self.protocol, -1);
        self.protocol = protocol;
        self.metrics.inner.connections.moved(protocol, 1);
    }

    /// Says why it is going to be closed; the first reason counts. Without any it was the client,
    /// or the drain.
    pub fn ends(&mut self, end: ConnectionEnd) {
        self.end.get_or_insert(end);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let unsaid =
            if self.metrics.is_draining() { ConnectionEnd::Drain } else { ConnectionEnd::Client };
        let end = self.end.unwrap_or(unsaid);
        let connections = &self.metrics.inner.connections;
        connections.moved(self.protocol, -1);
        connections.closed[end as usize].increment(1);
        connections.durations.lasted(u64::from(connections.tenths().saturating_sub(self.opened)));
    }
}

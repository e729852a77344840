//! Tickets of streams.

use metrics::{Counter, Gauge};

use super::Metrics;
use super::series::{counters, described, described_gauge, gauges};

/// Why a ticket opened no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketFault {
    /// Sealed with another key, or changed.
    Unreadable,
    /// Too old.
    Late,
    /// Its stream is open.
    InUse,
    /// As many streams with tickets are open as there may be.
    TooMany,
}

impl TicketFault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unreadable, Self::Late, Self::InUse, Self::TooMany];

    fn label(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Late => "late",
            Self::InUse => "in_use",
            Self::TooMany => "too_many",
        }
    }
}

/// How many tickets have opened a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketCounts {
    /// Whose stream is open.
    pub open: usize,
    /// Whose stream has ended and may come back.
    pub ended: usize,
}

pub(super) struct TicketSeries {
    issued: Counter,
    refused: [Counter; TicketFault::ALL.len()],
    kept: [Gauge; 2],
    pub(super) limit: Gauge,
}

impl TicketSeries {
    pub(super) fn register() -> Self {
        Self {
            issued: described(
                "fanfare_tickets_issued_total",
                "Tickets of streams that were issued.",
            ),
            refused: counters(
                (
                    "fanfare_tickets_refused_total",
                    "Tickets that opened no stream, by why: not sealed by this server or changed (unreadable), too old (late), its stream still open (in_use), or no room for more (too_many).",
                ),
                "reason",
                TicketFault::ALL.map(TicketFault::label),
            ),
            kept: gauges(
                (
                    "fanfare_tickets",
                    "Tickets that have opened a stream: it is open, or has ended and may come back.",
                ),
                "stream",
                ["open", "ended"],
            ),
            limit: described_gauge(
                "fanfare_tickets_limit",
                "The most tickets that are remembered; above it, streams that have ended do not come back with theirs.",
            ),
        }
    }

    pub(super) fn set(&self, counts: TicketCounts) {
        let [open, ended] = &self.kept;
        open.set(counts.open as f64);
        ended.set(counts.ended as f64);
    }
}

impl Metrics {
    /// A ticket was issued.
    pub fn ticket_issued(&self) {
        self.inner.tickets.issued.increment(1);
    }

    /// A ticket opened no stream.
    pub fn ticket_refused(&self, fault: TicketFault) {
        self.inner.tickets.refused[fault as usize].increment(1);
    }
}

//! Backpressure on subscribers: what happens to one whose lag passes the limit. Pure: numbers in, a
//! verdict out.
//!
//! A subscriber that is still being replayed is not measured: it has the log's own limits, and
//! closing it again, or leaving events out, while it catches up would not help it.

mod rules;

pub use rules::{Policies, PolicyRule, PolicyRuleError};

use std::fmt;

/// What happens to a subscriber whose lag passes the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BackpressurePolicy {
    /// Its stream is closed. It comes back with `Last-Event-ID` and is replayed, which loses
    /// nothing while the log reaches back.
    #[default]
    Disconnect,
    /// It gets a gap notice with the number of events that it misses, and goes on with the newest
    /// that are within the limit.
    DropOldest,
    /// It gets a gap notice with the number of events that it misses, and then only the newest of
    /// each topic.
    Conflate,
    /// There is no limit but the log's own; when the log has passed it, its stream is closed.
    CatchUp,
}

impl BackpressurePolicy {
    /// All of them, so that every one is exported from the start.
    pub const ALL: [Self; 4] = [Self::Disconnect, Self::DropOldest, Self::Conflate, Self::CatchUp];

    /// Its name in flags, metrics and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::DropOldest => "drop-oldest",
            Self::Conflate => "conflate",
            Self::CatchUp => "catch-up",
        }
    }

    /// Whether it leaves events out instead of closing the stream.
    pub(super) fn skips(self) -> bool {
        matches!(self, Self::DropOldest | Self::Conflate)
    }
}

impl fmt::Display for BackpressurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a live subscriber may fall behind.
#[derive(Clone, Copy, Debug)]
pub struct LagLimit {
    /// In events that it should have been sent.
    pub events_max: u64,
    /// In bytes of their frames.
    pub bytes_max: u64,
}

impl Default for LagLimit {
    fn default() -> Self {
        Self { events_max: 10_000, bytes_max: 4 << 20 }
    }
}

/// How far a subscriber is behind the head of its audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    pub events: u64,
    pub bytes: u64,
}

impl Lag {
    /// With one more event of so many bytes.
    pub(super) fn plus(self, bytes: u64) -> Self {
        Self { events: self.events + 1, bytes: self.bytes + bytes }
    }

    pub(super) fn is_within(self, limit: LagLimit) -> bool {
        self.events <= limit.events_max && self.bytes <= limit.bytes_max
    }
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it is served from the log when it takes bytes again.
    Wait,
    /// Close its stream.
    Disconnect,
    /// Leave events out, when it takes bytes again: until then nothing is held for it.
    Skip,
}

pub(super) fn judge(policy: BackpressurePolicy, lag: Lag, limit: LagLimit) -> Verdict {
    if lag.is_within(limit) {
        return Verdict::Wait;
    }
    match policy {
        BackpressurePolicy::Disconnect => Verdict::Disconnect,
        BackpressurePolicy::DropOldest | BackpressurePolicy::Conflate => Verdict::Skip,
        BackpressurePolicy::CatchUp => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_acts_when_either_limit_is_passed_and_not_when_it_is_reached() {
        let limit = LagLimit { events_max: 10, bytes_max: 1_000 };
        let cases = [
            (0, 0, false),
            (10, 1_000, false),
            (11, 0, true),
            (1, 1_001, true),
            (u64::MAX, u64::MAX, true),
        ];
        for (events, bytes, acts) in cases {
            for (policy, action) in [
                (BackpressurePolicy::Disconnect, Verdict::Disconnect),
                (BackpressurePolicy::DropOldest, Verdict::Skip),
                (BackpressurePolicy::Conflate, Verdict::Skip),
                (BackpressurePolicy::CatchUp, Verdict::Wait),
            ] {
                let expected = if acts { action } else { Verdict::Wait };
                let verdict = judge(policy, Lag { events, bytes }, limit);
                assert_eq!(verdict, expected, "{policy}: {events} / {bytes}");
            }
        }
    }
}

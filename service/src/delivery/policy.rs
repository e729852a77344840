//! What happens to a subscriber whose lag passes the limit. Pure: numbers in, a verdict out.
//!
//! There is one policy so far: the stream is closed, and the client comes back with its
//! `Last-Event-ID` and is replayed, which loses nothing while the log reaches back. Whoever is
//! still being replayed is not measured: it has the log's own limits, and being closed again while
//! it catches up would help nobody.

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
pub(super) struct Lag {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Disconnect,
}

pub(super) fn judge(lag: Lag, limit: LagLimit) -> Verdict {
    if lag.events > limit.events_max || lag.bytes > limit.bytes_max {
        Verdict::Disconnect
    } else {
        Verdict::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_closed_when_either_limit_is_passed_and_not_when_it_is_reached() {
        let limit = LagLimit { events_max: 10, bytes_max: 1_000 };
        let cases = [
            (0, 0, Verdict::Wait),
            (10, 1_000, Verdict::Wait),
            (11, 0, Verdict::Disconnect),
            (1, 1_001, Verdict::Disconnect),
        ];
        for (events, bytes, expected) in cases {
            assert_eq!(judge(Lag { events, bytes }, limit), expected, "{events} / {bytes}");
        }
    }
}

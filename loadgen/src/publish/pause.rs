//! The longest time in which no event was accepted, over all publishers: how long a server, or all of
//! them together, took nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// Measures it while events are accepted, by whichever publisher.
#[derive(Debug, Default)]
pub(crate) struct PauseMeter {
    last: AtomicU64,
    longest: AtomicU64,
}

impl PauseMeter {
    /// Begins with the start of publishing.
    pub(super) fn from(start: Moment) -> Self {
        Self { last: AtomicU64::new(start.0), longest: AtomicU64::new(0) }
    }

    /// An event was accepted.
    pub(super) fn accepted(&self, now: Moment) {
        let last = self.last.fetch_max(now.0, Ordering::Relaxed);
        self.longest.fetch_max(now.since(Moment(last)), Ordering::Relaxed);
    }

    /// Up to this moment, at which nothing is sent any more.
    pub(super) fn longest(&self, end: Moment) -> Duration {
        let last = Moment(self.last.load(Ordering::Relaxed));
        let open = end.since(last);
        Duration::from_nanos(self.longest.load(Ordering::Relaxed).max(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_two_events_or_before_the_first_or_after_the_last() {
        let ms = |ms: u64| Moment(ms * 1_000_000);
        for (accepted, end, longest) in [
            (vec![10, 20, 70, 75], 80, 50),
            (vec![40, 50], 60, 40),
            (vec![10, 20], 90, 70),
            // Two publishers may be told in another order than they say it.
            (vec![10, 30, 20, 40], 40, 20),
            (vec![], 90, 90),
        ] {
            let meter = PauseMeter::from(ms(0));
            accepted.iter().for_each(|&at| meter.accepted(ms(at)));
            assert_eq!(meter.longest(ms(end)), Duration::from_millis(longest), "{accepted:?}");
        }
    }
}

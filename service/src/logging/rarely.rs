//! What can happen very often is said once in a while, with how often it was not said.
//!
//! Clients decide how often a connection is refused or a slow reader is cut, and a log that they
//! can fill is a way to do harm. Each place in the code has its own pause, so that one kind of
//! trouble never hides another. What is left out is counted in the next line of the place and in
//! [`warnings_suppressed`]; how often it really happened is in a metric of its own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How long a place keeps silent after it has spoken, in milliseconds.
const PAUSE_MS: u64 = 10_000;

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// When the process first asked for the time; what places remember counts from here.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How many lines this process has left out because the same had just been said.
#[must_use]
pub fn warnings_suppressed() -> u64 {
    SUPPRESSED.load(Ordering::Relaxed)
}

/// A place in the code that speaks rarely.
#[derive(Debug)]
pub(crate) struct Place {
    /// The millisecond in which it may speak again.
    silent_until: AtomicU64,
    suppressed: AtomicU64,
}

impl Place {
    pub(crate) const fn new() -> Self {
        Self { silent_until: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// How many were suppressed since it last spoke, if it may speak now.
    pub(crate) fn speaks(&self) -> Option<u64> {
        self.speaks_at(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn speaks_at(&self, now_ms: u64) -> Option<u64> {
        let until = self.silent_until.load(Ordering::Relaxed);
        let next = now_ms.saturating_add(PAUSE_MS);
        // Of several threads that come at once, one speaks.
        if now_ms >= until
            && self
                .silent_until
                .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        SUPPRESSED.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Logs at a level, at most once in ten seconds from each place where it stands: `rarely!(WARN,
/// %error, "cannot do it; do that instead")`.
macro_rules! rarely {
    ($level:ident, $($line:tt)+) => {{
        static PLACE: $crate::logging::Place = $crate::logging::Place::new();
        if tracing::enabled!(tracing::Level::$level)
            && let Some(suppressed) = PLACE.speaks()
        {
            let suppressed = (suppressed > 0).then_some(suppressed);
            tracing::event!(tracing::Level::$level, suppressed, $($line)+);
        }
    }};
}
pub(crate) use rarely;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_speaks_once_in_its_pause_and_then_says_how_often_it_did_not() {
        let place = Place::new();
        let steps = [
            (5, Some(0)),
            (5, None),
            (PAUSE_MS + 4, None),
            (PAUSE_MS + 5, Some(2)),
            (PAUSE_MS + 6, None),
            (9 * PAUSE_MS, Some(1)),
            (20 * PAUSE_MS, Some(0)),
        ];
        for (now_ms, expected) in steps {
            assert_eq!(place.speaks_at(now_ms), expected, "{now_ms}");
        }
    }

    #[test]
    fn what_is_suppressed_is_counted_for_the_process_too() {
        let before = warnings_suppressed();
        let place = Place::new();
        for _ in 0..4 {
            place.speaks_at(0);
        }
        // Other tests of the process may add to it.
        assert!(warnings_suppressed() >= before + 3);
    }

    #[test]
    fn of_many_threads_that_come_at_once_one_speaks_and_nobody_is_forgotten() {
        let place = Place::new();
        let spoke = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1_000).filter_map(|_| place.speaks_at(7)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(spoke, 1);
        let said = place.speaks_at(7 + PAUSE_MS).unwrap();
        // What came between the word and its count is in it as well.
        assert!((7_000..8_000).contains(&said), "{said}");
    }
}

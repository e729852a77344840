//! The rate limit of log lines that clients can cause.
//!
//! Clients decide how often a connection is rejected or a slow consumer is disconnected, and log
//! files that they can fill are a way to do harm. Each call site has a limit of its own, so that
//! one kind of trouble never hides another. Lines that are suppressed are counted in the next line
//! of the call site and in [`warnings_suppressed`]; how often it really happened is in a metric of
//! its own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How long a call site logs nothing more after a line, in milliseconds.
const PAUSE_MS: u64 = 10_000;

static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// When the process first asked for the time; what call sites remember counts from here.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How many lines this process has suppressed because their call site had just logged one.
#[must_use]
pub fn warnings_suppressed() -> u64 {
    SUPPRESSED.load(Ordering::Relaxed)
}

/// A place in the code that logs, at most once in a while.
#[derive(Debug)]
pub(crate) struct CallSite {
    /// The millisecond in which it may log again.
    suppressed_until: AtomicU64,
    suppressed: AtomicU64,
}

impl CallSite {
    pub(crate) const fn new() -> Self {
        Self { suppressed_until: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// How many lines were suppressed since its last one, if it may log now.
    pub(crate) fn may_log(&self) -> Option<u64> {
        self.may_log_at(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn may_log_at(&self, now_ms: u64) -> Option<u64> {
        let until = self.suppressed_until.load(Ordering::Relaxed);
        let next = now_ms.saturating_add(PAUSE_MS);
        // Of several threads that come at once, one logs.
        if now_ms >= until
            && self
                .suppressed_until
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

/// Logs at a level, at most once in ten seconds from each place where it stands:
/// `log_limited!(WARN, %error, "cannot do it; do that instead")`.
macro_rules! log_limited {
    ($level:ident, $($line:tt)+) => {{
        static SITE: $crate::logging::CallSite = $crate::logging::CallSite::new();
        if tracing::enabled!(tracing::Level::$level)
            && let Some(suppressed) = SITE.may_log()
        {
            let suppressed = (suppressed > 0).then_some(suppressed);
            tracing::event!(tracing::Level::$level, suppressed, $($line)+);
        }
    }};
}
pub(crate) use log_limited;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_speaks_once_in_its_pause_and_then_says_how_often_it_did_not() {
        let place = CallSite::new();
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
            assert_eq!(place.may_log_at(now_ms), expected, "{now_ms}");
        }
    }

    #[test]
    fn what_is_suppressed_is_counted_for_the_process_too() {
        let before = warnings_suppressed();
        let place = CallSite::new();
        for _ in 0..4 {
            place.may_log_at(0);
        }
        // Other tests of the process may add to it.
        assert!(warnings_suppressed() >= before + 3);
    }

    #[test]
    fn of_many_threads_that_come_at_once_one_speaks_and_nobody_is_forgotten() {
        let place = CallSite::new();
        let spoke = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1_000).filter_map(|_| place.may_log_at(7)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(spoke, 1);
        let said = place.may_log_at(7 + PAUSE_MS).unwrap();
        // What came between the word and its count is in it as well.
        assert!((7_000..8_000).contains(&said), "{said}");
    }
}

//! How long the iterations of a shard take: the longest of the last minute or two, the one in
//! progress included, so that one that does not end is seen.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Moments are counted from here, in nanoseconds.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long a maximum holds at least. A scrape less often than that may miss one.
const WINDOW: Duration = Duration::from_secs(60);

/// The iterations of one shard. It alone writes; others only read.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// When the one in progress began; 0 while the shard waits.
    began: AtomicU64,
    /// The longest of the window that is going on, and of the one before, in nanoseconds.
    longest: AtomicU64,
    longest_before: AtomicU64,
    /// The number of the window that is going on.
    window: AtomicU64,
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn since_origin(moment: Instant) -> u64 {
    // Not 0, which says that the shard waits.
    nanoseconds(moment.saturating_duration_since(*ORIGIN)) + 1
}

fn window_of(moment: u64) -> u64 {
    moment / nanoseconds(WINDOW)
}

impl Iterations {
    pub(super) fn begin(&self) -> Instant {
        let _ = *ORIGIN;
        let now = Instant::now();
        self.began.store(since_origin(now), Ordering::Relaxed);
        now
    }

    pub(super) fn end(&self, began: Instant) -> Duration {
        let now = Instant::now();
        let time = now.saturating_duration_since(began);
        self.note(since_origin(now), nanoseconds(time));
        self.began.store(0, Ordering::Relaxed);
        time
    }

    fn note(&self, now: u64, time: u64) {
        let (window, last) = (window_of(now), self.window.load(Ordering::Relaxed));
        if window != last {
            let before = if window == last + 1 { self.longest.load(Ordering::Relaxed) } else { 0 };
            self.longest_before.store(before, Ordering::Relaxed);
            self.longest.store(0, Ordering::Relaxed);
            self.window.store(window, Ordering::Relaxed);
        }
        if time > self.longest.load(Ordering::Relaxed) {
            self.longest.store(time, Ordering::Relaxed);
        }
    }

    /// How long the one in progress has taken so far.
    pub(super) fn in_progress(&self) -> Duration {
        self.in_progress_at(since_origin(Instant::now()))
    }

    fn in_progress_at(&self, now: u64) -> Duration {
        match self.began.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            began => Duration::from_nanos(now.saturating_sub(began)),
        }
    }

    /// The longest, for as long as its window and the next one last.
    pub(super) fn longest(&self) -> Duration {
        self.longest_at(since_origin(Instant::now()))
    }

    fn longest_at(&self, now: u64) -> Duration {
        let longest = self.longest.load(Ordering::Relaxed);
        let before = self.longest_before.load(Ordering::Relaxed);
        // A shard that waits for long notes nothing meanwhile.
        let ended = match window_of(now).saturating_sub(self.window.load(Ordering::Relaxed)) {
            0 => longest.max(before),
            1 => longest,
            _ => 0,
        };
        Duration::from_nanos(ended).max(self.in_progress_at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn longest_at(iterations: &Iterations, seconds: u64) -> u64 {
        iterations.longest_at(seconds * SECOND).as_secs()
    }

    #[test]
    fn the_longest_is_shown_for_its_window_and_the_next_and_then_forgotten() {
        let iterations = Iterations::default();
        iterations.note(10 * SECOND, 3 * SECOND);
        iterations.note(11 * SECOND, 2 * SECOND);
        assert_eq!([11, 59, 60, 119, 120].map(|at| longest_at(&iterations, at)), [3, 3, 3, 3, 0]);
        iterations.note(70 * SECOND, SECOND);
        assert_eq!([70, 119, 120, 179, 180].map(|at| longest_at(&iterations, at)), [3, 3, 1, 1, 0]);
        iterations.note(600 * SECOND, 1);
        assert_eq!(longest_at(&iterations, 600), 0);
    }

    #[test]
    fn one_that_is_in_progress_counts_as_far_as_it_has_come() {
        let iterations = Iterations::default();
        iterations.note(10 * SECOND, 3 * SECOND);
        iterations.began.store(12 * SECOND, Ordering::Relaxed);
        assert_eq!([12, 14, 22, 300].map(|at| longest_at(&iterations, at)), [3, 3, 10, 288]);
        assert_eq!(iterations.in_progress_at(13 * SECOND).as_secs(), 1);
        iterations.began.store(0, Ordering::Relaxed);
        assert_eq!(iterations.in_progress_at(13 * SECOND), Duration::ZERO);
    }
}

//! How long the iterations of a shard take: the longest of the last minute or two, by the clock,
//! the one in progress included, so that one that does not end is seen; and by the CPU time of the
//! thread, which says whether the shard had that much to do or was kept waiting by the machine.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Moments are counted from here, in nanoseconds.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long a maximum holds at least. A scrape less often than that may miss one.
const WINDOW: Duration = Duration::from_secs(60);

/// The clock of the thread is read after so much work: it is a system call (some 250 ns), while an
/// iteration may take less. So the CPU time of an iteration is shown up to this much too high.
const UNREAD_MAX: Duration = Duration::from_micros(500);

/// What a wait before an iteration takes of the thread's time, at most.
const WAIT: Duration = Duration::from_micros(10);

/// The iterations of one shard. It alone writes, from its own thread; others only read.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// When the one in progress began; 0 while the shard waits.
    began: AtomicU64,
    longest: WindowMax,
    longest_cpu: WindowMax,
    /// The clock of the thread when it was last read, and the work since then, in nanoseconds.
    cpu_read: AtomicU64,
    unread: AtomicU64,
}

/// The largest of what was noted in the last one to two windows, in nanoseconds.
#[derive(Debug, Default)]
struct WindowMax {
    /// Of the window that is going on, and of the one before.
    current: AtomicU64,
    before: AtomicU64,
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

fn cpu_time_of_this_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    nanoseconds(Duration::try_from(time).unwrap_or_default())
}

impl WindowMax {
    fn note(&self, now: u64, value: u64) {
        let (window, last) = (window_of(now), self.window.load(Ordering::Relaxed));
        if window != last {
            let before = if window == last + 1 { self.current.load(Ordering::Relaxed) } else { 0 };
            self.before.store(before, Ordering::Relaxed);
            self.current.store(0, Ordering::Relaxed);
            self.window.store(window, Ordering::Relaxed);
        }
        if value > self.current.load(Ordering::Relaxed) {
            self.current.store(value, Ordering::Relaxed);
        }
    }

    fn at(&self, now: u64) -> u64 {
        let current = self.current.load(Ordering::Relaxed);
        // A shard that waits for long notes nothing meanwhile.
        match window_of(now).saturating_sub(self.window.load(Ordering::Relaxed)) {
            0 => current.max(self.before.load(Ordering::Relaxed)),
            1 => current,
            _ => 0,
        }
    }
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
        self.note(since_origin(now), nanoseconds(time), cpu_time_of_this_thread);
        self.began.store(0, Ordering::Relaxed);
        time
    }

    fn note(&self, now: u64, time: u64, cpu_clock: impl FnOnce() -> u64) {
        self.longest.note(now, time);
        let unread = self.unread.load(Ordering::Relaxed) + time + nanoseconds(WAIT);
        if unread < nanoseconds(UNREAD_MAX) {
            self.unread.store(unread, Ordering::Relaxed);
            return;
        }
        self.unread.store(0, Ordering::Relaxed);
        let read = cpu_clock();
        let before = self.cpu_read.swap(read, Ordering::Relaxed);
        // Of what was spent since the last reading no more than all its time is this iteration's.
        self.longest_cpu.note(now, read.saturating_sub(before).min(time));
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
        Duration::from_nanos(self.longest.at(now)).max(self.in_progress_at(now))
    }

    /// The most CPU time of one that has ended, for as long as its window and the next one last.
    pub(super) fn longest_cpu(&self) -> Duration {
        Duration::from_nanos(self.longest_cpu.at(since_origin(Instant::now())))
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
        iterations.longest.note(10 * SECOND, 3 * SECOND);
        iterations.longest.note(11 * SECOND, 2 * SECOND);
        assert_eq!([11, 59, 60, 119, 120].map(|at| longest_at(&iterations, at)), [3, 3, 3, 3, 0]);
        iterations.longest.note(70 * SECOND, SECOND);
        assert_eq!([70, 119, 120, 179, 180].map(|at| longest_at(&iterations, at)), [3, 3, 1, 1, 0]);
        iterations.longest.note(600 * SECOND, 1);
        assert_eq!(longest_at(&iterations, 600), 0);
    }

    #[test]
    fn one_that_is_in_progress_counts_as_far_as_it_has_come() {
        let iterations = Iterations::default();
        iterations.longest.note(10 * SECOND, 3 * SECOND);
        iterations.began.store(12 * SECOND, Ordering::Relaxed);
        assert_eq!([12, 14, 22, 300].map(|at| longest_at(&iterations, at)), [3, 3, 10, 288]);
        assert_eq!(iterations.in_progress_at(13 * SECOND).as_secs(), 1);
        iterations.began.store(0, Ordering::Relaxed);
        assert_eq!(iterations.in_progress_at(13 * SECOND), Duration::ZERO);
    }

    #[test]
    fn the_cpu_time_of_an_iteration_is_read_when_there_was_work_and_is_no_more_than_its_time() {
        const MICROSECOND: u64 = 1_000;
        let iterations = Iterations::default();
        let longest = || iterations.longest_cpu.at(SECOND) / MICROSECOND;
        let unread = || panic!("the clock of the thread is read too early");
        iterations.note(SECOND, 300 * MICROSECOND, unread);
        assert_eq!(longest(), 0);
        // The iteration before it was not read, so its 200 are taken for this one's too.
        iterations.note(SECOND, 900 * MICROSECOND, || 700 * MICROSECOND);
        assert_eq!(longest(), 700);
        iterations.note(SECOND, 480 * MICROSECOND, unread);
        // A clock that went on by more than the iteration took.
        iterations.note(SECOND, 800 * MICROSECOND, || 2_000 * MICROSECOND);
        assert_eq!(longest(), 800);
        // An iteration that waited for a core.
        iterations.note(SECOND, SECOND, || 2_100 * MICROSECOND);
        assert_eq!(longest(), 800);
    }

    #[test]
    fn the_clock_of_a_thread_goes_on_with_its_own_work_alone() {
        const WORK: u64 = 5_000_000;
        let before = cpu_time_of_this_thread();
        let works = || while cpu_time_of_this_thread() < WORK {};
        std::thread::spawn(works).join().unwrap();
        let waited = cpu_time_of_this_thread() - before;
        assert!(waited < WORK, "{waited} ns of waiting");
    }
}

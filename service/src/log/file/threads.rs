//! The threads of the log, and how work gets to them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::disk::Disk;
use super::retained::Retained;
use super::upkeep::Upkeep;
use super::writer::{AppendRequest, LogWriter};
use crate::clock::Clock;
use crate::log::LogHealth;

/// How often old events are looked for.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How long the writer waits for it when memory is full.
const UPKEEP_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often it is seen whether a thread has ended.
const ENDED_INTERVAL: Duration = Duration::from_millis(1);

/// From how many requests on the writer does not look for more.
const GATHERED_MAX: usize = 1_024;

/// For how many requests the queue keeps its room. A burst of more gives it back.
const KEPT_ROOM_MAX: usize = 4_096;

/// What waits for the writer.
#[derive(Debug, Default)]
pub(super) struct WriterQueue {
    state: Mutex<WriterQueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WriterQueueState {
    /// With their numbers, in order.
    requests: VecDeque<(u64, AppendRequest)>,
    next_number: u64,
    closing: Option<oneshot::Sender<()>>,
    is_closed: bool,
    /// There is something to do beside requests.
    is_woken: bool,
}

/// Wakes the thread that keeps the folder in order.
#[derive(Debug, Default)]
pub(super) struct UpkeepSignal {
    state: Mutex<UpkeepState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct UpkeepState {
    is_wanted: bool,
    /// How often the work has been done.
    rounds: u64,
    is_closed: bool,
}

impl WriterQueue {
    fn lock(&self) -> MutexGuard<'_, WriterQueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; given back if nothing is written any more. Its number is what it is withdrawn by.
    pub(super) fn push(&self, request: AppendRequest) -> Result<u64, AppendRequest> {
        let mut state = self.lock();
        if state.is_closed || state.closing.is_some() {
            return Err(request);
        }
        let number = state.next_number;
        state.next_number += 1;
        state.requests.push_back((number, request));
        // While there were others the writer has been told.
        let is_first = state.requests.len() == 1;
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        Ok(number)
    }

    /// Takes a request back, if the writer has not begun with it.
    pub(super) fn withdraw(&self, number: u64) -> Option<AppendRequest> {
        let mut state = self.lock();
        let at = state.requests.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        state.requests.remove(at).map(|(_, request)| request)
    }

    /// Wakes the writer, which has to write something again.
    fn wake(&self) {
        self.lock().is_woken = true;
        self.changed.notify_one();
    }

    /// Lets the writer end when it has written everything; it is told here when it has.
    pub(super) fn close(&self, ended: oneshot::Sender<()>) {
        self.lock().closing = Some(ended);
        self.changed.notify_one();
    }

    /// Lets publishers that have just been answered come back, so that they share a sync: for as long as
    /// each look finds more of them. One that was alone the last time, too, is not held up: nobody
    /// would join it, and where the processors are busy a single look can take milliseconds.
    fn gather<'a>(
        &'a self,
        mut state: MutexGuard<'a, WriterQueueState>,
        answered: usize,
    ) -> MutexGuard<'a, WriterQueueState> {
        let mut before = usize::from(answered <= 1);
        while state.requests.len() > before && before < GATHERED_MAX {
            before = state.requests.len();
            drop(state);
            thread::yield_now();
            state = self.lock();
        }
        state
    }

    /// Writes what comes until the log is closed.
    pub(super) fn serve<D: Disk>(&self, mut writer: LogWriter<D>, upkeep: &UpkeepSignal) {
        let _end = WriterEnd { queue: self, retained: Arc::clone(&writer.retained) };
        let (mut answered, mut requests) = (0, VecDeque::new());
        loop {
            let mut state = self.lock();
            while state.requests.is_empty() && state.closing.is_none() && !state.is_woken {
                let Some(at) = writer.next_sync() else {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                };
                let wait = at.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                let waited = self.changed.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if writer.answers_after_sync() {
                state = self.gather(state, answered);
            }
            let is_woken = std::mem::take(&mut state.is_woken);
            // Two buffers take turns, so that hardly any push has to make one larger while it has the lock.
            std::mem::swap(&mut requests, &mut state.requests);
            answered = requests.len();
            let closing = requests.is_empty().then(|| state.closing.take()).flatten();
            state.is_closed |= closing.is_some();
            drop(state);
            if let Some(ended) = closing {
                writer.close();
                // Whoever asked may have stopped waiting.
                let _ = ended.send(());
                return;
            }
            let retained = Arc::clone(&writer.retained);
            let _work = retained.counters().begin_work();
            if !requests.is_empty() {
                if writer.is_memory_too_full() {
                    upkeep.want_and_wait();
                }
                writer.commit(requests.drain(..).map(|(_, request)| request));
                requests.shrink_to(KEPT_ROOM_MAX);
                if writer.has_upkeep() {
                    upkeep.want();
                }
            }
            if is_woken && writer.write_again() {
                upkeep.want();
            }
            writer.sync_if_due();
        }
    }
}

/// The end of the writer, in order or by a panic: nobody waits for it then.
struct WriterEnd<'a> {
    queue: &'a WriterQueue,
    retained: Arc<Retained>,
}

impl Drop for WriterEnd<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "its writer has failed; please report the panic in the log".into();
            self.retained.lock().set_health(LogHealth::Failed { why });
        }
        let mut state = self.queue.lock();
        state.is_closed = true;
        state.requests.clear();
    }
}

impl UpkeepSignal {
    fn lock(&self) -> MutexGuard<'_, UpkeepState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn want(&self) {
        self.lock().is_wanted = true;
        self.changed.notify_one();
    }

    /// Waits until the work has been done once, but not for ever.
    fn want_and_wait(&self) {
        let mut state = self.lock();
        state.is_wanted = true;
        self.changed.notify_all();
        // What is being done now may have begun before.
        let enough = state.rounds + 2;
        let waited = self.changed.wait_timeout_while(state, UPKEEP_WAIT_MAX, |state| {
            state.is_wanted |= !state.is_closed;
            state.rounds < enough && !state.is_closed
        });
        drop(waited);
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    pub(super) fn serve<D: Disk>(&self, upkeep: &Upkeep<D>, clock: &Clock, writer: &WriterQueue) {
        loop {
            let mut state = self.lock();
            if !state.is_wanted && !state.is_closed {
                let waited = self.changed.wait_timeout(state, UPKEEP_INTERVAL);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.is_closed {
                return;
            }
            state.is_wanted = false;
            drop(state);
            let has_more = upkeep.work(clock.unix_ms());
            if upkeep.waits_for_writer() {
                writer.wake();
            }
            let mut state = self.lock();
            state.rounds += 1;
            state.is_wanted |= has_more;
            drop(state);
            self.changed.notify_all();
        }
    }
}

/// By how much readers of the disk stand behind others for the processor (`nice`): whoever is away for long
/// can wait a moment more, and nobody who is there should notice. The most there is: beside one busy thread of
/// everybody else's a reader has 1.5 % of the processor, and all that they leave.
#[cfg(target_os = "linux")]
const READER_NICENESS: i32 = 19;

/// Lets every other thread go first, from now on.
pub(super) fn stand_behind_others() {
    // On Linux threads have priorities of their own. Nothing is wrong where that is refused.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), READER_NICENESS);
}

/// The threads of a log that have been started.
#[derive(Debug, Default)]
pub(super) struct LogThreads(Vec<JoinHandle<()>>);

impl LogThreads {
    pub(super) fn start(
        &mut self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        self.0.push(thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    /// Waits until all have ended, which they do when they have been closed: the folder is not touched any
    /// more then, so that it may be opened again, or removed. One that waits for a disk that does not answer is
    /// left behind, and the folder stays locked for as long as it is there.
    pub(super) fn join(&mut self, wait_max: Duration) {
        let gives_up = Instant::now() + wait_max;
        for thread in self.0.drain(..) {
            // The last owner of the log may be one of them, called back by what follows it.
            if thread.thread().id() == thread::current().id() {
                continue;
            }
            while !thread.is_finished() && Instant::now() < gives_up {
                thread::sleep(ENDED_INTERVAL);
            }
            if thread.is_finished() {
                // A panic was reported where it happened.
                let _ = thread.join();
            } else {
                tracing::error!(
                    "a thread of the event log waits for the disk, and is left behind; see to the disk"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_log_that_is_dropped_waits_for_its_threads() {
        let mut threads = LogThreads::default();
        let (close, closed) = mpsc::channel::<()>();
        let has_ended = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&has_ended);
        let body = move || {
            closed.recv().unwrap_err();
            ends.store(true, Ordering::Relaxed);
        };
        threads.start("log-test", body).unwrap();
        drop(close);
        threads.join(Duration::from_secs(60));
        assert!(has_ended.load(Ordering::Relaxed));
    }

    #[test]
    fn a_thread_that_the_disk_holds_up_is_left_behind() {
        let mut threads = LogThreads::default();
        let (answers, disk) = mpsc::channel::<()>();
        let body = move || {
            let _ = disk.recv();
        };
        threads.start("log-test", body).unwrap();
        threads.join(Duration::ZERO);
        drop(answers);
    }

    #[test]
    fn a_request_can_be_withdrawn_until_the_writer_has_begun_with_it() {
        let queue = WriterQueue::default();
        let request =
            || AppendRequest { events: Vec::new(), answer: oneshot::channel().0, permit: None };
        let numbers: Vec<_> = (0..3).map(|_| queue.push(request()).unwrap()).collect();
        assert!(queue.withdraw(numbers[1]).is_some());
        assert!(queue.withdraw(numbers[1]).is_none(), "only once");
        let left: Vec<_> = queue.lock().requests.drain(..).map(|(number, _)| number).collect();
        assert_eq!(left, [numbers[0], numbers[2]]);
        assert!(queue.withdraw(numbers[0]).is_none(), "the writer has it");
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let mut threads = LogThreads::default();
        let (hand_over, handed_over) = mpsc::channel::<LogThreads>();
        let (done, is_done) = mpsc::channel();
        let body = move || {
            handed_over.recv().unwrap().join(Duration::ZERO);
            done.send(()).unwrap();
        };
        threads.start("log-test", body).unwrap();
        hand_over.send(threads).unwrap();
        is_done.recv().unwrap();
    }
}

//! The subscribers of a process, spread over its reading threads.
//!
//! A thread owns its subscribers, its sockets, its timers and its recorder; it shares only its
//! progress and the control of the run. Plain HTTP/1.1 has one epoll instance and one buffer for
//! all streams of a thread ([`epoll`]); HTTP/2 and TLS come over hyper, with a task for each stream
//! ([`hyper`]).

mod backoff;
mod connect;
mod control;
mod epoll;
mod faults;
mod hyper;
mod process;
mod progress;
mod session;
pub(crate) mod tls;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

use crate::clock::{Moment, thread_cpu, thread_waiting};
use crate::environment;
use crate::measure::Recorder;
use crate::plan::{Plan, Protocol};
use crate::result::WorkerUse;
use crate::subscriber::Published;

pub(crate) use backoff::MIN_RECONNECT_INTERVAL;
pub(crate) use control::Control;
pub(crate) use process::{ReaderProcess, serve};
pub(crate) use progress::{Progress, SharedProgress};

/// Which subscribers of the plan a process, or a thread, has: every so many-th.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Share {
    pub(crate) const ALL: Self = Self { index: 0, of: 1 };

    /// The part of this share that one of so many threads has.
    fn part(self, index: usize, of: usize) -> Self {
        Self { index: self.index + index * self.of, of: self.of * of }
    }

    pub(crate) fn numbers(self, connections: usize) -> impl Iterator<Item = usize> {
        (self.index..connections).step_by(self.of)
    }
}

/// What reading threads have to report when their work is done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReaderReport {
    pub(crate) recorder: Recorder,
    pub(crate) workers: Vec<WorkerUse>,
}

/// Why there is no report of reading threads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReaderError {
    #[error("a reading thread could not start: {0}")]
    Start(io::Error),
    #[error("a reading thread panicked: this is a defect of loadgen, please report it")]
    Panicked,
    #[error("a worker process could not start: {0}")]
    Spawn(io::Error),
    #[error("a worker process ended early: {0}")]
    Lost(String),
    #[error("TLS cannot be used: {0}")]
    Tls(String),
}

/// The reading threads of this process.
#[derive(Debug)]
pub(crate) struct ReaderPool {
    control: Arc<Control>,
    readers: Vec<Reader>,
    memory_before: u64,
}

#[derive(Debug)]
struct Reader {
    shared_progress: Arc<SharedProgress>,
    thread: JoinHandle<ReaderReport>,
}

impl ReaderPool {
    /// Starts the threads, which begin to connect at once.
    pub(crate) fn start(plan: &Arc<Plan>, share: Share) -> Result<Self, ReaderError> {
        let memory_before = environment::own_memory();
        let control = Arc::new(Control::default());
        let readers = (0..plan.workers)
            .map(|index| Reader::start(plan, share.part(index, plan.workers), &control))
            .collect::<Result<_, _>>()?;
        Ok(Self { control, readers, memory_before })
    }

    /// Publishing begins at this moment.
    pub(crate) fn begin(&self, at: Moment) {
        self.control.begin(at);
    }

    /// Publishing has ended: what is here is all that can come.
    pub(crate) fn finish(&self, published: Published) {
        self.control.finish(published);
    }

    pub(crate) fn progress(&self) -> Progress {
        let all = self.readers.iter().map(|reader| reader.shared_progress.take());
        let mut progress = Progress::sum(all);
        progress.memory = environment::own_memory();
        progress.grown = progress.memory.saturating_sub(self.memory_before);
        progress
    }

    /// Ends the streams and adds up what the threads recorded.
    pub(crate) fn stop(self) -> Result<ReaderReport, ReaderError> {
        self.control.stop();
        let mut all = ReaderReport::default();
        for reader in self.readers {
            let report = reader.thread.join().map_err(|_| ReaderError::Panicked)?;
            all.recorder.merge(&report.recorder);
            all.workers.extend(report.workers);
        }
        Ok(all)
    }
}

impl Reader {
    fn start(plan: &Arc<Plan>, share: Share, control: &Arc<Control>) -> Result<Self, ReaderError> {
        let shared_progress = Arc::new(SharedProgress::default());
        let plain = plan
            .targets
            .iter()
            .all(|target| target.protocol == Protocol::Http1 && !target.endpoint.tls);
        let (plan, control, shared) = (plan.clone(), control.clone(), shared_progress.clone());
        let name = format!("reader {}", share.index);
        let builder = thread::Builder::new().name(name.clone());
        let thread = if plain {
            let worker = epoll::Worker::new(plan, share, control, shared);
            let worker = worker.map_err(ReaderError::Start)?;
            builder.spawn(move || worker.run(name))
        } else {
            let worker = hyper::Worker::new(plan, share, control, shared)?;
            builder.spawn(move || worker.run(&name))
        };
        Ok(Self { shared_progress, thread: thread.map_err(ReaderError::Start)? })
    }
}

impl ReaderReport {
    /// Of one thread. What it used is known only when publishing began.
    fn of_thread(used: Option<WorkerUse>, recorder: Recorder) -> Self {
        Self { recorder, workers: used.into_iter().collect() }
    }
}

/// Measures what the thread that made it uses, from the start of publishing.
#[derive(Debug)]
struct UseMeter {
    from: Moment,
    cpu: std::time::Duration,
    waiting: Option<std::time::Duration>,
    /// Shares of the time, once they have been read.
    read: Option<(f64, Option<f64>)>,
}

impl UseMeter {
    fn start(now: Moment) -> Self {
        Self { from: now, cpu: thread_cpu(), waiting: thread_waiting(), read: None }
    }

    /// Reads it when publishing ends, the first time that it is called: in the tail a thread only
    /// waits, and one that had been saturated would look idle.
    fn pause(&mut self, now: Moment) -> (f64, Option<f64>) {
        let Self { from, cpu, waiting, .. } = *self;
        *self.read.get_or_insert_with(|| {
            let wall = from.until(now).as_secs_f64().max(1e-9);
            let share =
                |now: std::time::Duration, then| now.saturating_sub(then).as_secs_f64() / wall;
            let waiting = thread_waiting().zip(waiting).map(|(now, then)| share(now, then));
            (share(thread_cpu(), cpu), waiting)
        })
    }

    /// For the report of a thread that has read so many events.
    fn finish(&mut self, name: String, now: Moment, deliveries: u64) -> WorkerUse {
        let (cpu, waiting) = self.pause(now);
        WorkerUse { name, cpu, waiting, deliveries }
    }
}

//! The subscribers of a process, spread over its reading threads.
//!
//! A thread owns its subscribers, its sockets, its timers and its books; it shares only a few gauges
//! and orders. Plain HTTP/1.1 has a poll and one buffer for all streams of a thread ([`worker`]);
//! HTTP/2 and TLS come over hyper, with a task for each stream ([`tasks`]).

mod connect;
mod gauges;
mod orders;
mod pace;
mod remote;
mod stream;
mod tasks;
mod timers;
pub(crate) mod tls;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

use crate::clock::{Moment, thread_cpu, thread_waiting};
use crate::environment;
use crate::measure::Ledger;
use crate::plan::{Plan, Protocol};
use crate::result::WorkerUse;
use crate::subscriber::Published;

pub(crate) use gauges::{Gauges, Progress};
pub(crate) use orders::Orders;
pub(crate) use pace::LEAST;
pub(crate) use remote::{RemoteCrew, serve};

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

    /// The subscribers' numbers.
    pub(crate) fn numbers(self, connections: usize) -> impl Iterator<Item = usize> {
        (self.index..connections).step_by(self.of)
    }
}

/// What a crew has to report when its work is done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) ledger: Ledger,
    pub(crate) workers: Vec<WorkerUse>,
}

/// Why a crew has no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrewError {
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
pub(crate) struct Crew {
    orders: Arc<Orders>,
    members: Vec<Member>,
    memory_before: u64,
}

#[derive(Debug)]
struct Member {
    gauges: Arc<Gauges>,
    thread: JoinHandle<Report>,
}

impl Crew {
    /// Starts the threads, which begin to connect at once.
    pub(crate) fn start(plan: &Arc<Plan>, share: Share) -> Result<Self, CrewError> {
        let memory_before = environment::own_memory();
        let orders = Arc::new(Orders::default());
        let members = (0..plan.workers)
            .map(|index| Member::start(plan, share.part(index, plan.workers), &orders))
            .collect::<Result<_, _>>()?;
        Ok(Self { orders, members, memory_before })
    }

    /// Publishing begins at this moment.
    pub(crate) fn begin(&self, at: Moment) {
        self.orders.begin(at);
    }

    /// Publishing has ended: what is here is all that can come.
    pub(crate) fn finish(&self, published: Published) {
        self.orders.finish(published);
    }

    pub(crate) fn progress(&self) -> Progress {
        let all = self.members.iter().map(|member| member.gauges.read());
        let mut progress = Progress::sum(all);
        progress.memory = environment::own_memory();
        progress.grown = progress.memory.saturating_sub(self.memory_before);
        progress
    }

    /// Ends the streams and adds up the books.
    pub(crate) fn stop(self) -> Result<Report, CrewError> {
        self.orders.stop();
        let mut all = Report::default();
        for member in self.members {
            let report = member.thread.join().map_err(|_| CrewError::Panicked)?;
            all.ledger.merge(&report.ledger);
            all.workers.extend(report.workers);
        }
        Ok(all)
    }
}

impl Member {
    fn start(plan: &Arc<Plan>, share: Share, orders: &Arc<Orders>) -> Result<Self, CrewError> {
        let gauges = Arc::new(Gauges::default());
        let plain = plan
            .targets
            .iter()
            .all(|target| target.protocol == Protocol::Http1 && !target.endpoint.tls);
        let (plan, orders, shared) = (plan.clone(), orders.clone(), gauges.clone());
        let name = format!("reader {}", share.index);
        let builder = thread::Builder::new().name(name.clone());
        let thread = if plain {
            let worker = worker::Worker::new(plan, share, orders, shared);
            let worker = worker.map_err(CrewError::Start)?;
            builder.spawn(move || worker.run(name))
        } else {
            let tasks = tasks::Tasks::new(plan, share, orders, shared)?;
            builder.spawn(move || tasks.run(&name))
        };
        Ok(Self { gauges, thread: thread.map_err(CrewError::Start)? })
    }
}

impl Report {
    /// Of one thread. What it used is known only when publishing began.
    fn of_thread(used: Option<WorkerUse>, ledger: Ledger) -> Self {
        Self { ledger, workers: used.into_iter().collect() }
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
    fn account(&mut self, name: String, now: Moment, deliveries: u64) -> WorkerUse {
        let (cpu, waiting) = self.pause(now);
        WorkerUse { name, cpu, waiting, deliveries }
    }
}

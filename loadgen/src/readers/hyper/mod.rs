//! A reading thread of HTTP/2 and TLS streams: a task for each stream on a runtime of one thread,
//! over hyper. Subscriber and recorder are those of the plain transport.
//!
//! What it cannot do as exactly: time stamps are taken when a frame comes out of hyper, after the
//! other frames of the same read; and a task costs some kilobytes where a plain stream costs a few
//! hundred bytes. Reports say which transport a run used.

mod connection;
mod stream_task;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;

use self::connection::Connection;
use self::stream_task::StreamState;
use super::control::Control;
use super::progress::{Progress, SharedProgress};
use super::{ReaderError, ReaderReport, Share, UseMeter, tls};
use crate::clock::{Clock, Moment, nanos};
use crate::measure::Recorder;
use crate::plan::{Class, Plan, Protocol};
use crate::subscriber::Subscriber;

/// How often the thread polls the control and publishes its progress.
const POLL_PERIOD: Duration = Duration::from_millis(20);

/// A reading thread.
pub(in crate::readers) struct Worker {
    plan: Arc<Plan>,
    share: Share,
    control: Arc<Control>,
    shared_progress: Arc<SharedProgress>,
    runtime: Runtime,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// What all tasks of a thread share. Never borrowed across an await.
pub(super) struct WorkerState {
    pub(super) recorder: Recorder,
    pub(super) random: SmallRng,
    pub(super) clock: Clock,
    /// Publishing is over: no more faults are injected, so that all can reconnect and catch up.
    pub(super) faults_paused: bool,
    pub(super) open: u64,
}

/// What a task is given.
#[derive(Clone)]
pub(super) struct TaskContext {
    pub(super) plan: Arc<Plan>,
    pub(super) state: Rc<RefCell<WorkerState>>,
    /// The start of publishing.
    pub(super) start: watch::Receiver<Moment>,
    pub(super) handshakes: Rc<Semaphore>,
}

impl Worker {
    pub(in crate::readers) fn new(
        plan: Arc<Plan>,
        share: Share,
        control: Arc<Control>,
        shared_progress: Arc<SharedProgress>,
    ) -> Result<Self, ReaderError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(ReaderError::Start)?;
        let target = plan.targets.iter().find(|target| target.endpoint.tls);
        let tls = target.map(|target| {
            let protocol = match target.protocol {
                Protocol::Http1 => b"http/1.1".as_slice(),
                Protocol::Http2 { .. } => b"h2",
            };
            tls::client(&target.trust, protocol)
        });
        let tls = tls.transpose()?;
        Ok(Self { plan, share, control, shared_progress, runtime, tls })
    }

    /// Works until the control says stop.
    pub(in crate::readers) fn run(self, name: &str) -> ReaderReport {
        let clock = self.plan.timing.clock;
        let (start, started) = watch::channel(Moment::NEVER);
        let most = self.plan.ramp.handshakes.div_ceil(self.share.of).max(1);
        let state = Rc::new(RefCell::new(WorkerState {
            recorder: Recorder::new(&self.plan),
            random: SmallRng::seed_from_u64(self.plan.seed ^ (self.share.index as u64) << 32),
            clock,
            faults_paused: false,
            open: 0,
        }));
        let context = TaskContext {
            plan: self.plan.clone(),
            state: state.clone(),
            start: started,
            handshakes: Rc::new(Semaphore::new(most)),
        };
        let local = LocalSet::new();
        let streams = self.spawn(&local, &context);
        let used = self
            .runtime
            .block_on(local.run_until(self.poll_control(name, &state, &streams, &start)));
        // Ends the tasks, and with them the streams, before the recorder is finished.
        drop(local);
        drop(context);
        let mut state = state.borrow_mut();
        for stream in &streams {
            let mut stream = stream.borrow_mut();
            let away = !stream.open;
            stream.subscriber.finish(self.control.published(), away, &mut state.recorder);
        }
        let recorder = std::mem::take(&mut state.recorder);
        ReaderReport::of_thread(used, recorder)
    }

    /// Starts a task for each subscriber; those of one HTTP/2 connection share it.
    fn spawn(&self, local: &LocalSet, context: &TaskContext) -> Vec<Rc<RefCell<StreamState>>> {
        let numbers: Vec<usize> = self.share.numbers(self.plan.ramp.connections).collect();
        let targets = &self.plan.targets;
        let per_connection = match targets[0].protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 { streams } => streams,
        };
        let every = self.plan.ramp.connect_rate.map_or(0.0, |rate| self.share.of as f64 / rate);
        let mut streams = Vec::with_capacity(numbers.len());
        for (place, group) in numbers.chunks(per_connection).enumerate() {
            let target = targets[place % targets.len()].clone();
            let connection = Rc::new(Connection::new(target, self.tls.clone(), place));
            for number in group {
                let delay = Duration::try_from_secs_f64(every * streams.len() as f64);
                let number = u32::try_from(*number).unwrap_or(u32::MAX);
                let subscriber = Subscriber::new(number, &self.plan);
                let stream =
                    Rc::new(RefCell::new(StreamState { subscriber, open: false, is_final: false }));
                let delay = delay.unwrap_or(Duration::MAX);
                local.spawn_local(stream_task::run(
                    stream.clone(),
                    connection.clone(),
                    context.clone(),
                    delay,
                ));
                streams.push(stream);
            }
        }
        streams
    }

    /// Passes the control on to the tasks and publishes their progress, until the end.
    async fn poll_control(
        &self,
        name: &str,
        state: &RefCell<WorkerState>,
        streams: &[Rc<RefCell<StreamState>>],
        start: &watch::Sender<Moment>,
    ) -> Option<crate::result::WorkerUse> {
        let clock = self.plan.timing.clock;
        let mut meter: Option<UseMeter> = None;
        while !self.control.is_stopped() {
            let due = clock.now() + POLL_PERIOD;
            tokio::time::sleep(POLL_PERIOD).await;
            let now = clock.now();
            let mut state = state.borrow_mut();
            let begins = self.control.start();
            // As soon as it is known: the first events may be here before the next look.
            state.recorder.facts.begin(begins, self.plan.timing.warmup);
            if meter.is_none() && begins <= now {
                meter = Some(UseMeter::start(now));
                start.send_replace(begins);
            }
            if meter.is_some() {
                // The runtime's timer has a resolution of a millisecond.
                let late = now.since(due).saturating_sub(nanos(Duration::from_millis(1)));
                state.recorder.timer_lateness.record(late);
            }
            if let Some(meter) = meter.as_mut().filter(|_| self.control.published().is_some()) {
                meter.pause(now);
            }
            self.shared_progress.publish(self.progress(&mut state, streams));
        }
        let received = state.borrow().recorder.counts.received;
        meter.map(|mut meter| meter.finish(name.to_owned(), clock.now(), received))
    }

    fn progress(&self, state: &mut WorkerState, streams: &[Rc<RefCell<StreamState>>]) -> Progress {
        let mut progress = Progress::of(&state.recorder, state.open);
        if let Some(published) = self.control.published() {
            state.faults_paused = true;
            let mut behind = 0;
            for stream in streams {
                let stream = stream.borrow();
                if stream.subscriber.class == Class::Fast && !stream.is_final {
                    behind += stream.subscriber.behind(published);
                    progress.absent += u64::from(!stream.open);
                }
            }
            progress.behind = Some(behind);
        }
        progress.latency = std::mem::take(&mut state.recorder.recent);
        progress
    }
}

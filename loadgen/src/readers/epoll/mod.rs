//! A reading thread of plain HTTP/1.1 streams: one poll, one buffer for all of them, a time stamp
//! right after every read.
//!
//! A pass serves what is ready, then timers, then new connections, so that none of the three can
//! keep the others waiting for long; a stream that has more than a few buffers full is taken up
//! again in the next pass.

mod stream;
mod timers;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use self::stream::{Readiness, Stream};
use self::timers::Timers;
use super::control::Control;
use super::faults::is_in_storm;
use super::progress::{Progress, SharedProgress};
use super::{ReaderReport, Share, UseMeter};
use crate::clock::{Clock, Moment};
use crate::measure::{ReadTime, Recorder};
use crate::plan::{Class, Cut, Plan};

/// Bytes of the buffer that all streams of a thread share.
const BUFFER: usize = 256 << 10;

/// Readiness events taken from the kernel at once.
const EVENTS: usize = 1024;

/// How often a thread wakes up by itself: to poll the control and to learn how late timers run.
const POLL_PERIOD: Duration = Duration::from_millis(10);

/// How often progress is published.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);

/// A reading thread.
pub(super) struct Worker {
    poll: Poll,
    streams: Vec<Stream>,
    context: Context,
    control: Arc<Control>,
    shared_progress: Arc<SharedProgress>,
    /// Streams that have more to read than they may read at once.
    unfinished: Vec<usize>,
    ramp: Ramping,
    publish_progress_at: Moment,
    storm_at: Option<Moment>,
    meter: Option<UseMeter>,
}

/// What all streams of a thread share.
struct Context {
    plan: Arc<Plan>,
    registry: Registry,
    buffer: Vec<u8>,
    recorder: Recorder,
    timers: Timers,
    random: SmallRng,
    clock: Clock,
    /// Publishing is over: no more faults are injected, so that all can reconnect and catch up.
    faults_paused: bool,
    /// Attempts that are under way.
    handshakes: usize,
    /// Streams that are open.
    open: u64,
    /// Streams that wait for their turn to connect.
    queue: VecDeque<usize>,
}

/// Which streams have not been requested yet.
struct Ramping {
    begin: Moment,
    next: usize,
    /// Nanoseconds between two connections of this thread.
    every: u64,
    most_handshakes: usize,
}

impl Worker {
    pub(super) fn new(
        plan: Arc<Plan>,
        share: Share,
        control: Arc<Control>,
        shared_progress: Arc<SharedProgress>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let clock = plan.timing.clock;
        let now = clock.now();
        let numbers = share.numbers(plan.ramp.connections);
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let streams = numbers.map(|n| Stream::new(number(n), &plan)).collect();
        let every = plan.ramp.connect_rate.map_or(0, |rate| {
            #[expect(clippy::cast_precision_loss, reason = "a few threads")]
            let seconds = share.of as f64 / rate;
            crate::clock::nanos(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        });
        let most_handshakes = plan.ramp.handshakes.div_ceil(share.of).max(1);
        let context = Context {
            registry: poll.registry().try_clone()?,
            buffer: vec![0; BUFFER],
            recorder: Recorder::new(&plan),
            timers: Timers::default(),
            random: SmallRng::seed_from_u64(plan.seed ^ (share.index as u64) << 32),
            clock,
            faults_paused: false,
            handshakes: 0,
            open: 0,
            queue: VecDeque::new(),
            plan,
        };
        let ramp = Ramping { begin: now, next: 0, every, most_handshakes };
        Ok(Self {
            poll,
            streams,
            context,
            control,
            shared_progress,
            unfinished: Vec::new(),
            ramp,
            publish_progress_at: now,
            storm_at: None,
            meter: None,
        })
    }

    /// Works until the control says stop.
    pub(super) fn run(mut self, name: String) -> ReaderReport {
        let mut events = Events::with_capacity(EVENTS);
        while !self.control.is_stopped() {
            let now = self.context.clock.now();
            self.poll_control(now);
            self.connect(now);
            self.publish_progress(now);
            let woke = self.wait(&mut events, now);
            for event in &events {
                let slot = event.token().0;
                let readiness = Readiness::of(event);
                self.serve(slot, readiness, woke);
            }
            for slot in std::mem::take(&mut self.unfinished) {
                self.serve(slot, Readiness::more(), woke);
            }
            self.run_timers();
        }
        self.finish(name)
    }

    /// Waits for readiness, a timer or the poll period, and says when it woke up.
    fn wait(&mut self, events: &mut Events, now: Moment) -> Moment {
        let idle = self.unfinished.is_empty();
        let next = [self.context.timers.next(), self.ramp.due(&self.context, self.streams.len())];
        let next = next.into_iter().flatten().min().unwrap_or(Moment::NEVER);
        let timeout = if idle { now.until(next).min(POLL_PERIOD) } else { Duration::ZERO };
        // The kernel waits for whole milliseconds; what that adds is no lateness.
        let timeout = Duration::from_millis(timeout.as_micros().div_ceil(1000) as u64);
        if self.poll.poll(events, Some(timeout)).is_err() {
            // Only an interruption by a signal: as good as a wake-up without events.
            events.clear();
        }
        let woke = self.context.clock.now();
        if events.is_empty() && !timeout.is_zero() && self.meter.is_some() {
            self.context.recorder.timer_lateness.record(woke.since(now + timeout));
        }
        woke
    }

    fn serve(&mut self, slot: usize, readiness: Readiness, known_since: Moment) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let read_time = ReadTime { now: known_since, known_since: Some(known_since) };
        if stream.serve(slot, readiness, read_time, &mut self.context) {
            self.unfinished.push(slot);
        }
    }

    fn run_timers(&mut self) {
        let now = self.context.clock.now();
        while let Some(due) = self.context.timers.pop(now) {
            if let Some(stream) = self.streams.get_mut(due.slot) {
                stream.timer(due, now, &mut self.context);
            }
        }
        if self.storm_at.is_some_and(|at| at <= now) {
            self.storm_at = None;
            self.storm(now);
        }
    }

    fn connect(&mut self, now: Moment) {
        while let Some(at) = self.ramp.due(&self.context, self.streams.len())
            && at <= now
        {
            self.context.queue.push_back(self.ramp.next);
            self.ramp.next += 1;
        }
        while self.context.handshakes < self.ramp.most_handshakes
            && let Some(slot) = self.context.queue.pop_front()
        {
            self.streams[slot].connect(slot, self.context.clock.now(), &mut self.context);
        }
    }

    /// Polls the control. At the start of publishing the faults are planned.
    fn poll_control(&mut self, now: Moment) {
        let start = self.control.start();
        // As soon as it is known: the first events may be here before this thread looks again.
        self.context.recorder.facts.begin(start, self.context.plan.timing.warmup);
        if self.meter.is_some() || now < start {
            return;
        }
        self.meter = Some(UseMeter::start(now));
        self.storm_at = self.context.plan.faults.storm.map(|(after, _)| start + after);
        for (slot, stream) in self.streams.iter_mut().enumerate() {
            stream.plan_cut(slot, now, &mut self.context);
        }
    }

    fn storm(&mut self, now: Moment) {
        let Some((_, share)) = self.context.plan.faults.storm else { return };
        for (slot, stream) in self.streams.iter_mut().enumerate() {
            if is_in_storm(stream.subscriber.number, share)
                && stream.cut(slot, now, &mut self.context)
            {
                self.context.recorder.counts.cut_in_storm += 1;
            }
        }
    }

    fn publish_progress(&mut self, now: Moment) {
        if now < self.publish_progress_at {
            return;
        }
        self.publish_progress_at = now + PROGRESS_PERIOD;
        let context = &mut self.context;
        let mut progress = Progress::of(&context.recorder, context.open);
        if let Some(published) = self.control.published() {
            context.faults_paused = true;
            if let Some(meter) = &mut self.meter {
                meter.pause(now);
            }
            let fast =
                |stream: &&Stream| stream.subscriber.class == Class::Fast && stream.is_expected();
            let fast = || self.streams.iter().filter(fast);
            progress.absent = fast().filter(|stream| !stream.is_open()).count() as u64;
            let parsed = fast().filter(|stream| stream.subscriber.parses);
            progress.behind = Some(parsed.map(|stream| stream.subscriber.behind(published)).sum());
        }
        progress.latency = std::mem::take(&mut context.recorder.recent);
        self.shared_progress.publish(progress);
    }

    /// Finishes the recorder.
    fn finish(mut self, name: String) -> ReaderReport {
        let now = self.context.clock.now();
        let recorder = &mut self.context.recorder;
        let received = recorder.counts.received;
        let used = self.meter.as_mut().map(|meter| meter.finish(name, now, received));
        for stream in &mut self.streams {
            let away = !stream.is_open();
            stream.subscriber.finish(self.control.published(), away, recorder);
        }
        self.shared_progress.publish(Progress::of(recorder, 0));
        ReaderReport::of_thread(used, self.context.recorder)
    }
}

impl Ramping {
    /// When the next new stream may be requested; nothing when all have been.
    fn due(&self, context: &Context, streams: usize) -> Option<Moment> {
        // While others wait for a handshake it is of no use to add to them.
        let wanted = self.next < streams && context.queue.len() < self.most_handshakes;
        wanted.then(|| {
            Moment(self.begin.0.saturating_add(self.every.saturating_mul(self.next as u64)))
        })
    }
}

impl Context {
    /// Whether a stream is disconnected with a reset.
    fn resets(&mut self) -> bool {
        match self.plan.faults.cut {
            Cut::Fin => false,
            Cut::Rst => true,
            Cut::Mix => self.random.random(),
        }
    }
}

/// The token of a slot.
fn token(slot: usize) -> Token {
    Token(slot)
}

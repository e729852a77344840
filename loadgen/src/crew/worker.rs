//! A reading thread of plain HTTP/1.1 streams: one poll, one buffer for all of them, a time stamp
//! right after every read.
//!
//! A pass serves what is ready, then timers, then new connections, so that none of the three can
//! keep the others waiting for long; a stream that has more than a few buffers full is taken up again
//! in the next pass.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::gauges::{Gauges, Progress};
use super::orders::Orders;
use super::stream::{Readiness, Stream};
use super::timers::Timers;
use super::{Report, Share, UseMeter};
use crate::clock::{Clock, Moment};
use crate::measure::{Ledger, Reading};
use crate::plan::{Class, Cut, Plan, spread};

/// Bytes of the buffer that all streams of a thread share.
const BUFFER: usize = 256 << 10;

/// Readiness events taken from the kernel at once.
const EVENTS: usize = 1024;

/// How often a thread wakes up by itself: to look at its orders and to learn how late timers run.
const TICK: Duration = Duration::from_millis(10);

/// How often gauges are written.
const SHOW: Duration = Duration::from_millis(50);

/// A reading thread.
pub(super) struct Worker {
    poll: Poll,
    streams: Vec<Stream>,
    tools: Tools,
    orders: Arc<Orders>,
    gauges: Arc<Gauges>,
    /// Streams that have more to read than one turn allows.
    unfinished: Vec<usize>,
    ramp: Ramping,
    show_at: Moment,
    storm_at: Option<Moment>,
    meter: Option<UseMeter>,
}

/// What all streams of a thread share.
pub(super) struct Tools {
    pub(super) plan: Arc<Plan>,
    pub(super) registry: Registry,
    pub(super) buffer: Vec<u8>,
    pub(super) ledger: Ledger,
    pub(super) timers: Timers,
    pub(super) random: SmallRng,
    pub(super) clock: Clock,
    /// Publishing is over: no more accidents, so that all can come back and catch up.
    pub(super) calm: bool,
    /// Attempts that are under way.
    pub(super) handshakes: usize,
    /// Streams that are open.
    pub(super) open: u64,
    /// Streams that wait for their turn to connect.
    pub(super) queue: VecDeque<usize>,
}

/// Which streams have not been asked for yet.
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
        orders: Arc<Orders>,
        gauges: Arc<Gauges>,
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
        let tools = Tools {
            registry: poll.registry().try_clone()?,
            buffer: vec![0; BUFFER],
            ledger: Ledger::new(&plan),
            timers: Timers::default(),
            random: SmallRng::seed_from_u64(plan.seed ^ (share.index as u64) << 32),
            clock,
            calm: false,
            handshakes: 0,
            open: 0,
            queue: VecDeque::new(),
            plan,
        };
        let ramp = Ramping { begin: now, next: 0, every, most_handshakes };
        Ok(Self {
            poll,
            streams,
            tools,
            orders,
            gauges,
            unfinished: Vec::new(),
            ramp,
            show_at: now,
            storm_at: None,
            meter: None,
        })
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self, name: String) -> Report {
        let mut events = Events::with_capacity(EVENTS);
        while !self.orders.is_stopped() {
            let now = self.tools.clock.now();
            self.take_orders(now);
            self.connect(now);
            self.show(now);
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
        self.dismiss(name)
    }

    /// Waits for readiness, a timer or the tick, and says when it woke up.
    fn wait(&mut self, events: &mut Events, now: Moment) -> Moment {
        let idle = self.unfinished.is_empty();
        let next = [self.tools.timers.next(), self.ramp.due(&self.tools, self.streams.len())];
        let next = next.into_iter().flatten().min().unwrap_or(Moment::NEVER);
        let timeout = if idle { now.until(next).min(TICK) } else { Duration::ZERO };
        // The kernel waits for whole milliseconds; what that adds is no lateness.
        let timeout = Duration::from_millis(timeout.as_micros().div_ceil(1000) as u64);
        if self.poll.poll(events, Some(timeout)).is_err() {
            // Only an interruption by a signal: as good as a tick without events.
            events.clear();
        }
        let woke = self.tools.clock.now();
        if events.is_empty() && !timeout.is_zero() && self.meter.is_some() {
            self.tools.ledger.timer_lateness.record(woke.since(now + timeout));
        }
        woke
    }

    fn serve(&mut self, slot: usize, readiness: Readiness, known_since: Moment) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let reading = Reading { now: known_since, known_since: Some(known_since) };
        if stream.serve(slot, readiness, reading, &mut self.tools) {
            self.unfinished.push(slot);
        }
    }

    fn run_timers(&mut self) {
        let now = self.tools.clock.now();
        while let Some(due) = self.tools.timers.pop(now) {
            if let Some(stream) = self.streams.get_mut(due.slot) {
                stream.timer(due, now, &mut self.tools);
            }
        }
        if self.storm_at.is_some_and(|at| at <= now) {
            self.storm_at = None;
            self.storm(now);
        }
    }

    fn connect(&mut self, now: Moment) {
        while let Some(at) = self.ramp.due(&self.tools, self.streams.len())
            && at <= now
        {
            self.tools.queue.push_back(self.ramp.next);
            self.ramp.next += 1;
        }
        while self.tools.handshakes < self.ramp.most_handshakes
            && let Some(slot) = self.tools.queue.pop_front()
        {
            self.streams[slot].connect(slot, self.tools.clock.now(), &mut self.tools);
        }
    }

    /// Looks at what the conductor wants. At the start of publishing trouble is planned.
    fn take_orders(&mut self, now: Moment) {
        let start = self.orders.start();
        // As soon as it is known: the first events may be here before this thread looks again.
        self.tools.ledger.facts.begin(start, self.tools.plan.timing.warmup);
        if self.meter.is_some() || now < start {
            return;
        }
        self.meter = Some(UseMeter::start(now));
        self.storm_at = self.tools.plan.trouble.storm.map(|(after, _)| start + after);
        for (slot, stream) in self.streams.iter_mut().enumerate() {
            stream.plan_cut(slot, now, &mut self.tools);
        }
    }

    fn storm(&mut self, now: Moment) {
        let Some((_, share)) = self.tools.plan.trouble.storm else { return };
        for (slot, stream) in self.streams.iter_mut().enumerate() {
            // Turned, so that a storm is not of the same subscribers as the handicaps.
            let place = (spread(stream.subscriber.number as usize) + 0.5).fract();
            if place < share && stream.cut(slot, now, &mut self.tools) {
                self.tools.ledger.counts.cut_in_storm += 1;
            }
        }
    }

    fn show(&mut self, now: Moment) {
        if now < self.show_at {
            return;
        }
        self.show_at = now + SHOW;
        let tools = &mut self.tools;
        let mut progress = Progress::of(&tools.ledger, tools.open);
        if let Some(published) = self.orders.published() {
            tools.calm = true;
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
        progress.latency = std::mem::take(&mut tools.ledger.recent);
        self.gauges.show(progress);
    }

    /// Closes the books.
    fn dismiss(mut self, name: String) -> Report {
        let now = self.tools.clock.now();
        let ledger = &mut self.tools.ledger;
        let received = ledger.counts.received;
        let used = self.meter.as_mut().map(|meter| meter.account(name, now, received));
        for stream in &mut self.streams {
            let away = !stream.is_open();
            stream.subscriber.settle(self.orders.published(), away, ledger);
        }
        self.gauges.show(Progress::of(ledger, 0));
        Report::of_thread(used, self.tools.ledger)
    }
}

impl Ramping {
    /// When the next new stream may be asked for; nothing when all have been.
    fn due(&self, tools: &Tools, streams: usize) -> Option<Moment> {
        // While others wait for a handshake there is no use in adding to them.
        let wanted = self.next < streams && tools.queue.len() < self.most_handshakes;
        wanted.then(|| {
            Moment(self.begin.0.saturating_add(self.every.saturating_mul(self.next as u64)))
        })
    }
}

impl Tools {
    /// Whether a cut is a reset.
    pub(super) fn resets(&mut self) -> bool {
        match self.plan.trouble.cut {
            Cut::Fin => false,
            Cut::Rst => true,
            Cut::Mix => self.random.random(),
        }
    }

    /// A random wait with this mean, as between independent accidents.
    pub(super) fn accident(&mut self, mean: Duration) -> Duration {
        let uniform: f64 = self.random.random();
        mean.mul_f64(-(1.0 - uniform).ln())
    }
}

/// The token of a slot.
pub(super) fn token(slot: usize) -> Token {
    Token(slot)
}

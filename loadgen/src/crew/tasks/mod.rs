//! A reading thread of HTTP/2 and TLS streams: a task for each stream on a runtime of one thread,
//! over hyper. The subscriber and its books are those of the plain transport.
//!
//! What it cannot do as exactly: time stamps are taken when a frame comes out of hyper, after the
//! other frames of the same read; and a task costs some kilobytes where a plain stream costs a few
//! hundred bytes. Reports say which transport a run used.

mod line;
mod seat;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;

use self::line::Line;
use self::seat::Seat;
use super::gauges::{Gauges, Progress};
use super::orders::Orders;
use super::{CrewError, Report, Share, UseMeter, tls};
use crate::clock::{Clock, Moment, nanos};
use crate::measure::Ledger;
use crate::plan::{Class, Plan, Protocol};
use crate::subscriber::Subscriber;

/// How often the thread looks at its orders and shows its gauges.
const TICK: Duration = Duration::from_millis(20);

/// A reading thread.
pub(in crate::crew) struct Tasks {
    plan: Arc<Plan>,
    share: Share,
    orders: Arc<Orders>,
    gauges: Arc<Gauges>,
    runtime: Runtime,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// What all tasks of a thread share. Never borrowed across an await.
pub(super) struct Desk {
    pub(super) ledger: Ledger,
    pub(super) random: SmallRng,
    pub(super) clock: Clock,
    /// Publishing is over: no more accidents, so that all can come back and catch up.
    pub(super) calm: bool,
    pub(super) open: u64,
}

/// What a task is given.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) plan: Arc<Plan>,
    pub(super) desk: Rc<RefCell<Desk>>,
    /// The start of publishing.
    pub(super) start: watch::Receiver<Moment>,
    pub(super) handshakes: Rc<Semaphore>,
}

impl Tasks {
    pub(in crate::crew) fn new(
        plan: Arc<Plan>,
        share: Share,
        orders: Arc<Orders>,
        gauges: Arc<Gauges>,
    ) -> Result<Self, CrewError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(CrewError::Start)?;
        let target = plan.targets.iter().find(|target| target.endpoint.tls);
        let tls = target.map(|target| {
            let protocol = match target.protocol {
                Protocol::Http1 => b"http/1.1".as_slice(),
                Protocol::Http2 { .. } => b"h2",
            };
            tls::client(&target.trust, protocol)
        });
        let tls = tls.transpose()?;
        Ok(Self { plan, share, orders, gauges, runtime, tls })
    }

    /// Works until it is told to stop.
    pub(in crate::crew) fn run(self, name: &str) -> Report {
        let clock = self.plan.timing.clock;
        let (start, started) = watch::channel(Moment::NEVER);
        let most = self.plan.ramp.handshakes.div_ceil(self.share.of).max(1);
        let desk = Rc::new(RefCell::new(Desk {
            ledger: Ledger::new(&self.plan),
            random: SmallRng::seed_from_u64(self.plan.seed ^ (self.share.index as u64) << 32),
            clock,
            calm: false,
            open: 0,
        }));
        let room = Room {
            plan: self.plan.clone(),
            desk: desk.clone(),
            start: started,
            handshakes: Rc::new(Semaphore::new(most)),
        };
        let local = LocalSet::new();
        let seats = self.seat(&local, &room);
        let used = self.runtime.block_on(local.run_until(self.watch(name, &desk, &seats, &start)));
        // Ends the tasks, and with them the streams, before the books are closed.
        drop(local);
        drop(room);
        let mut desk = desk.borrow_mut();
        for seat in &seats {
            let mut seat = seat.borrow_mut();
            let away = !seat.open;
            seat.subscriber.settle(self.orders.published(), away, &mut desk.ledger);
        }
        let ledger = std::mem::take(&mut desk.ledger);
        Report::of_thread(used, ledger)
    }

    /// Starts a task for each subscriber; those of a connection share a line.
    fn seat(&self, local: &LocalSet, room: &Room) -> Vec<Rc<RefCell<Seat>>> {
        let numbers: Vec<usize> = self.share.numbers(self.plan.ramp.connections).collect();
        let targets = &self.plan.targets;
        let per_line = match targets[0].protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 { streams } => streams,
        };
        let every = self.plan.ramp.connect_rate.map_or(0.0, |rate| self.share.of as f64 / rate);
        let mut seats = Vec::with_capacity(numbers.len());
        for (place, group) in numbers.chunks(per_line).enumerate() {
            let target = targets[place % targets.len()].clone();
            let line = Rc::new(Line::new(target, self.tls.clone(), place));
            for number in group {
                let delay = Duration::try_from_secs_f64(every * seats.len() as f64);
                let number = u32::try_from(*number).unwrap_or(u32::MAX);
                let subscriber = Subscriber::new(number, &self.plan);
                let seat = Rc::new(RefCell::new(Seat { subscriber, open: false, for_ever: false }));
                let delay = delay.unwrap_or(Duration::MAX);
                local.spawn_local(seat::occupy(seat.clone(), line.clone(), room.clone(), delay));
                seats.push(seat);
            }
        }
        seats
    }

    /// Passes orders on and shows gauges, until the end.
    async fn watch(
        &self,
        name: &str,
        desk: &RefCell<Desk>,
        seats: &[Rc<RefCell<Seat>>],
        start: &watch::Sender<Moment>,
    ) -> Option<crate::result::WorkerUse> {
        let clock = self.plan.timing.clock;
        let mut meter: Option<UseMeter> = None;
        while !self.orders.is_stopped() {
            let due = clock.now() + TICK;
            tokio::time::sleep(TICK).await;
            let now = clock.now();
            let mut desk = desk.borrow_mut();
            let begins = self.orders.start();
            // As soon as it is known: the first events may be here before the next look.
            desk.ledger.facts.begin(begins, self.plan.timing.warmup);
            if meter.is_none() && begins <= now {
                meter = Some(UseMeter::start(now));
                start.send_replace(begins);
            }
            if meter.is_some() {
                // The runtime's timer has a resolution of a millisecond.
                let late = now.since(due).saturating_sub(nanos(Duration::from_millis(1)));
                desk.ledger.timer_lateness.record(late);
            }
            if let Some(meter) = meter.as_mut().filter(|_| self.orders.published().is_some()) {
                meter.pause(now);
            }
            self.gauges.show(self.progress(&mut desk, seats));
        }
        let received = desk.borrow().ledger.counts.received;
        meter.map(|mut meter| meter.account(name.to_owned(), clock.now(), received))
    }

    fn progress(&self, desk: &mut Desk, seats: &[Rc<RefCell<Seat>>]) -> Progress {
        let mut progress = Progress::of(&desk.ledger, desk.open);
        if let Some(published) = self.orders.published() {
            desk.calm = true;
            let mut behind = 0;
            for seat in seats {
                let seat = seat.borrow();
                if seat.subscriber.class == Class::Fast && !seat.for_ever {
                    behind += seat.subscriber.behind(published);
                    progress.absent += u64::from(!seat.open);
                }
            }
            progress.behind = Some(behind);
        }
        progress.latency = std::mem::take(&mut desk.ledger.recent);
        progress
    }
}

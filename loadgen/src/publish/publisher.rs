//! One publisher: when each of its events is due, what is in it, and how late it was.

use std::iter::once;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::route::Route;
use super::{LATE, PublishError, PublishOutcome, PublishProgress, PublishReport};
use crate::clock::{Clock, ClockId, Moment};
use crate::payload::{self, Stamp};
use crate::plan::{Plan, Publishing, Rate};

/// How long a publisher goes on after the end of the schedule to send what is overdue.
const GRACE: Duration = Duration::from_secs(1);

/// The longest sleep between two checks whether to stop.
const STOP_POLL: Duration = Duration::from_millis(50);

/// What all publishers share.
pub(super) struct PublisherContext {
    pub(super) plan: Arc<Plan>,
    pub(super) publishing: Publishing,
    pub(super) progress: Arc<PublishProgress>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) start: Moment,
}

/// One publisher, ready to go.
pub(super) struct Publisher {
    pub(super) context: PublisherContext,
    pub(super) number: usize,
    pub(super) clock: Clock,
    clock_id: ClockId,
    pub(super) random: SmallRng,
    pub(super) report: PublishReport,
    pub(super) payload: Vec<u8>,
    /// Absent where a program publishes.
    pub(super) route: Option<Route>,
}

/// An event of the schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    pub(super) due: Moment,
    /// When the publisher was ready for it.
    pub(super) picked_up_at: Moment,
}

impl Publisher {
    pub(super) fn new(context: PublisherContext, number: usize) -> Result<Self, PublishError> {
        let route = Route::open(&context.plan, &context.publishing, number)?;
        let clock = context.plan.timing.clock;
        Ok(Self {
            number,
            clock,
            clock_id: clock.id(),
            random: SmallRng::seed_from_u64(context.plan.seed ^ 0x5eed ^ (number as u64) << 16),
            report: PublishReport::new(context.plan.topics.count),
            payload: Vec::with_capacity(context.publishing.payload),
            route,
            context,
        })
    }

    /// Publishes each event when it is due, or when the one before has its response.
    pub(super) fn one_by_one(&mut self, mut publish: impl FnMut(&mut Self, u32) -> PublishOutcome) {
        let mut schedule = self.schedule();
        while let Some(scheduled) = self.wait(&mut schedule) {
            let (topic, sequence, sent) = self.prepare(scheduled);
            let outcome = publish(self, topic);
            let acknowledged_at = self.clock.now();
            match outcome {
                PublishOutcome::Accepted => self.accepted(scheduled, sent, acknowledged_at),
                PublishOutcome::Refused(kind)
                | PublishOutcome::Unavailable(kind)
                | PublishOutcome::Unknown(kind) => {
                    self.refused(&kind, topic, sequence);
                }
            }
        }
    }

    /// The moments at which this publisher's events are due.
    pub(super) fn schedule(&self) -> impl Iterator<Item = Moment> + use<> {
        let (start, plan) = (self.context.start, &self.context.plan);
        let length = plan.timing.publishing();
        let closed_loop = self.context.publishing.schedule.rate == Rate::Max;
        let publishers = self.context.publishing.publishers;
        let due = self.context.publishing.schedule.of_publisher(self.number, publishers, plan.seed);
        let due = due.take_while(move |due| closed_loop || *due < length);
        due.map(move |due| start + due)
    }

    /// Waits for the next event. None when there are no more, or no time for them.
    pub(super) fn wait(
        &mut self,
        schedule: &mut impl Iterator<Item = Moment>,
    ) -> Option<Scheduled> {
        let due = schedule.next()?;
        let picked_up_at = self.clock.now();
        let end = self.context.start + self.context.plan.timing.publishing();
        let closed_loop = self.context.publishing.schedule.rate == Rate::Max;
        let over = if closed_loop { picked_up_at >= end } else { picked_up_at >= end + GRACE };
        if over || self.context.stop.load(Ordering::Acquire) {
            self.skip_missed(&mut once(due).chain(schedule));
            return None;
        }
        let mut now = picked_up_at;
        while now < due {
            if self.context.stop.load(Ordering::Acquire) {
                self.skip_missed(&mut once(due).chain(schedule));
                return None;
            }
            sleep(now.until(due).min(STOP_POLL));
            now = self.clock.now();
        }
        self.report.scheduled += 1;
        // In a closed loop an event is due when the publisher is ready for it.
        let due = if closed_loop { now } else { due };
        Some(Scheduled { due, picked_up_at })
    }

    /// Records these events as never sent. A closed loop has no schedule that could be missed.
    pub(super) fn skip_missed(&mut self, rest: &mut impl Iterator<Item = Moment>) {
        if self.context.publishing.schedule.rate != Rate::Max {
            let left = rest.count() as u64;
            self.report.scheduled += left;
            self.report.missed += left;
        }
    }

    /// Makes the payload of an event and records its lateness. Gives its topic, its sequence and
    /// the moment of sending, which is now.
    pub(super) fn prepare(&mut self, scheduled: Scheduled) -> (u32, u64, Moment) {
        let plan = &self.context.plan;
        let topic = plan.topics.of_event(&mut self.random);
        let sequence = self.report.next(topic);
        let sent = self.clock.now();
        let late = sent.since(scheduled.due);
        if scheduled.due >= self.context.start + plan.timing.warmup {
            if scheduled.picked_up_at > scheduled.due {
                self.report.blocked_lateness.record(late);
            } else {
                self.report.own_lateness.record(late);
            }
            self.report.late += u64::from(late > LATE);
            self.context.progress.lateness.record(late);
        }
        let stamp = Stamp {
            run: plan.run,
            clock: self.clock_id,
            publisher: u8::try_from(self.number).unwrap_or(u8::MAX),
            topic,
            sequence,
            due: scheduled.due,
            sent,
        };
        payload::write(&stamp, self.context.publishing.payload, &mut self.payload);
        self.report.sent(self.context.start, sent);
        self.context.progress.sent.fetch_add(1, Ordering::Relaxed);
        (topic, sequence, sent)
    }

    pub(super) fn accepted(&mut self, scheduled: Scheduled, sent: Moment, acknowledged_at: Moment) {
        self.report.acknowledged += 1;
        self.context.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.context.progress.pause.accepted(acknowledged_at);
        if scheduled.due >= self.context.start + self.context.plan.timing.warmup {
            self.report.acknowledgement.record(acknowledged_at.since(sent));
        }
    }

    pub(super) fn refused(&mut self, kind: &str, topic: u32, sequence: u64) {
        self.context.progress.refused.fetch_add(1, Ordering::Relaxed);
        self.report.refused(kind, topic, sequence);
    }
}

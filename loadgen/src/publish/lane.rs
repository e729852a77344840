//! One lane: when each of its events is due, what is in it, and how late it was.

use std::iter::once;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::client::Client;
use super::{LATE, LaneReport, Outcome, PublishError, PublishGauges, command, ndjson, request};
use crate::clock::{Clock, ClockId, Moment};
use crate::payload::{self, Stamp};
use crate::plan::{Plan, PublishStyle, Publishing, Rate};

/// How long a lane goes on after the end of the schedule to send what is overdue.
const GRACE: Duration = Duration::from_secs(1);

/// The longest sleep without a look at the order to stop.
const NAP: Duration = Duration::from_millis(50);

/// What all lanes share.
pub(super) struct Room {
    pub(super) plan: Arc<Plan>,
    pub(super) publishing: Publishing,
    pub(super) gauges: Arc<PublishGauges>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) start: Moment,
}

/// One lane, ready to go.
pub(super) struct Lane {
    pub(super) room: Room,
    pub(super) number: usize,
    pub(super) clock: Clock,
    clock_id: ClockId,
    pub(super) random: SmallRng,
    pub(super) report: LaneReport,
    pub(super) payload: Vec<u8>,
    client: Option<Client>,
}

/// An event of the schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) due: Moment,
    /// When the lane turned to it.
    pub(super) free: Moment,
}

impl Lane {
    pub(super) fn new(room: Room, number: usize) -> Result<Self, PublishError> {
        let client = match &room.publishing.endpoint {
            Some(endpoint) => {
                let trust = &room.plan.targets[0].trust;
                let mut client = Client::new(endpoint.clone(), trust, room.publishing.timeout)?;
                client.connect().map_err(|error| {
                    PublishError::Unreachable(endpoint.authority.clone(), error.to_string())
                })?;
                Some(client)
            }
            None => None,
        };
        let clock = room.plan.timing.clock;
        Ok(Self {
            number,
            clock,
            clock_id: clock.id(),
            random: SmallRng::seed_from_u64(room.plan.seed ^ 0x5eed ^ (number as u64) << 16),
            report: LaneReport::new(room.plan.topics.count),
            payload: Vec::with_capacity(room.publishing.payload),
            client,
            room,
        })
    }

    /// Publishes the whole schedule.
    pub(super) fn run(mut self) -> LaneReport {
        // The kernel may delay a sleep by 50 us to save power; a refusal leaves it so.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000));
        match (self.room.publishing.style, self.client.take()) {
            (PublishStyle::Ndjson, Some(client)) => return ndjson::publish(self, client),
            (PublishStyle::Command, _) => self.one_by_one(command::publish),
            (_, Some(mut client)) => {
                let mut bytes = Vec::new();
                self.one_by_one(|lane, topic| {
                    request::write(&lane.room.publishing, topic, &lane.payload, &mut bytes);
                    request::publish(&mut client, &bytes)
                });
            }
            (_, None) => {}
        }
        self.report
    }

    /// Publishes each event when it is due, or when the one before has been answered.
    fn one_by_one(&mut self, mut publish: impl FnMut(&mut Self, u32) -> Outcome) {
        let mut schedule = self.schedule();
        while let Some(slot) = self.wait(&mut schedule) {
            let (topic, sequence, sent) = self.prepare(slot);
            let outcome = publish(self, topic);
            let answered = self.clock.now();
            match outcome {
                Outcome::Accepted => self.accepted(slot, sent, answered),
                Outcome::Refused(kind) | Outcome::Unknown(kind) => {
                    self.refused(&kind, topic, sequence);
                }
            }
        }
    }

    /// The moments at which this lane's events are due.
    pub(super) fn schedule(&self) -> impl Iterator<Item = Moment> + use<> {
        let (start, plan) = (self.room.start, &self.room.plan);
        let length = plan.timing.publishing();
        let closed_loop = self.room.publishing.schedule.rate == Rate::Max;
        let lanes = self.room.publishing.lanes;
        let due = self.room.publishing.schedule.lane(self.number, lanes, plan.seed);
        let due = due.take_while(move |due| closed_loop || *due < length);
        due.map(move |due| start + due)
    }

    /// Waits for the next event. None when there are no more, or no time for them.
    pub(super) fn wait(&mut self, schedule: &mut impl Iterator<Item = Moment>) -> Option<Slot> {
        let due = schedule.next()?;
        let free = self.clock.now();
        let end = self.room.start + self.room.plan.timing.publishing();
        let closed_loop = self.room.publishing.schedule.rate == Rate::Max;
        let over = if closed_loop { free >= end } else { free >= end + GRACE };
        if over || self.room.stop.load(Ordering::Acquire) {
            self.leave_out(&mut once(due).chain(schedule));
            return None;
        }
        let mut now = free;
        while now < due {
            if self.room.stop.load(Ordering::Acquire) {
                self.leave_out(&mut once(due).chain(schedule));
                return None;
            }
            sleep(now.until(due).min(NAP));
            now = self.clock.now();
        }
        self.report.slots += 1;
        // As fast as it goes means: due when its turn comes.
        let due = if closed_loop { now } else { due };
        Some(Slot { due, free })
    }

    /// Books these events as never sent. A closed loop has no schedule that could be missed.
    pub(super) fn leave_out(&mut self, rest: &mut impl Iterator<Item = Moment>) {
        if self.room.publishing.schedule.rate != Rate::Max {
            let left = rest.count() as u64;
            self.report.slots += left;
            self.report.missed += left;
        }
    }

    /// Makes the payload of an event and books its lateness. Gives its topic, its sequence and the
    /// moment of sending, which is now.
    pub(super) fn prepare(&mut self, slot: Slot) -> (u32, u64, Moment) {
        let plan = &self.room.plan;
        let topic = plan.topics.of_event(&mut self.random);
        let sequence = self.report.next(topic);
        let sent = self.clock.now();
        let late = sent.since(slot.due);
        if slot.due >= self.room.start + plan.timing.warmup {
            if slot.free > slot.due {
                self.report.blocked_lateness.record(late);
            } else {
                self.report.own_lateness.record(late);
            }
            self.report.late += u64::from(late > LATE);
            self.room.gauges.lateness.record(late);
        }
        let stamp = Stamp {
            run: plan.run,
            clock: self.clock_id,
            lane: u8::try_from(self.number).unwrap_or(u8::MAX),
            topic,
            sequence,
            due: slot.due,
            sent,
        };
        payload::write(&stamp, self.room.publishing.payload, &mut self.payload);
        self.report.sent(self.room.start, sent);
        self.room.gauges.sent.fetch_add(1, Ordering::Relaxed);
        (topic, sequence, sent)
    }

    pub(super) fn accepted(&mut self, slot: Slot, sent: Moment, answered: Moment) {
        self.report.acknowledged += 1;
        self.room.gauges.acknowledged.fetch_add(1, Ordering::Relaxed);
        if slot.due >= self.room.start + self.room.plan.timing.warmup {
            self.report.acknowledgement.record(answered.since(sent));
        }
    }

    pub(super) fn refused(&mut self, kind: &str, topic: u32, sequence: u64) {
        self.room.gauges.refused.fetch_add(1, Ordering::Relaxed);
        self.report.refused(kind, topic, sequence);
    }
}

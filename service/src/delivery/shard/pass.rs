//! A pass: what is new in the log, handed to everybody who is level.
//!
//! A pass reads a page or a few, matches each event once for each audience, and then walks over the
//! members. The walk is cut into slices, so that new subscribers, sockets that can be written
//! again, deadlines and those who are behind are served in between; and it begins at another
//! member every time, so that nobody is always last.
//!
//! Members come and go between two slices. Cursors make that safe: whoever the walk misses or
//! meets twice is found to be behind, or to have the batch already.

use std::sync::Arc;
use std::time::Instant;

use super::super::audience::{Audience, AudienceKey};
use super::super::batch::{Batch, JoinedBatches};
use super::super::deadlines::Tick;
use super::super::policy::Lag;
use super::super::sink::Offer;
use super::super::subscriber::{Subscriber, SubscriberKey};
use super::{PASS, Shard, lag_verdict};
use crate::event::{Event, Sequence};
use crate::log::{Page, PageLimit, ReadRange, Wanted};
use crate::logging::rarely;
use crate::metrics::{COUNTING, EndReason, ShardFigures};

/// The most writes of a slice: about a millisecond.
const SLICE_WRITES: usize = 256;

/// How many writes share a look at the clock: some tens of microseconds.
const TIMED_WRITES: u64 = 16;

/// The most events that wait for audiences at a time. One event can match very many patterns, and
/// a page of such would be held a million times over.
const ASSIGNED_MAX: usize = 64 << 10;

/// The most events that a pass begins with, if nobody gets much of them: where each of many
/// subscribers has a topic of its own, events for the same one meet in one write only if a pass is
/// longer than a page.
pub(super) const GATHERED_MAX: usize = 16 << 10;

/// The frames of one audience in this pass.
#[derive(Debug)]
struct Assigned {
    audience: AudienceKey,
    batch: Batch,
    /// Whoever's cursor is here or further had everything before this batch.
    level_from: Sequence,
    /// The stream ends after this batch.
    ends: bool,
}

/// A pass that is going on.
#[derive(Debug, Default)]
pub(super) struct Pass {
    assigned: Vec<Assigned>,
    /// The audience that is being served.
    current: usize,
    /// Where the walk over its members began, where it is, and whether it has been at the end.
    start: usize,
    position: usize,
    wrapped: bool,
    /// Differs from pass to pass; see [`Pass::begin_walk`].
    rotation: usize,
    joined: JoinedBatches,
    began: Option<Instant>,
    /// Those that somebody gets.
    events: Vec<Arc<Event>>,
    // Space that is used again in every pass.
    touched: Vec<AudienceKey>,
}

impl Pass {
    /// Whether there is something left to hand out.
    pub(super) fn is_going_on(&self) -> bool {
        self.current < self.assigned.len()
    }

    fn begin_walk(&mut self, members: usize) {
        // Steps by the golden ratio visit all of a circle evenly, whatever its size.
        self.rotation = self.rotation.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let fraction = (self.rotation >> 32) as u64;
        self.start = usize::try_from((fraction * members as u64) >> 32).unwrap_or(0);
        self.position = self.start;
        self.wrapped = false;
    }

    /// The next member; `None` at the end of the walk.
    fn next_member(&mut self, members: &[SubscriberKey]) -> Option<SubscriberKey> {
        if !self.wrapped && self.position >= members.len() {
            self.wrapped = true;
            self.position = 0;
        }
        if self.wrapped && self.position >= self.start {
            return None;
        }
        let member = members.get(self.position).copied();
        self.position += 1;
        member
    }

    fn next_audience(&mut self) {
        self.current += 1;
        if !self.is_going_on() {
            self.assigned.clear();
            self.current = 0;
            self.joined.clear();
        }
    }
}

impl Shard {
    /// Serves a slice of the pass that is going on, or of a new one; true when there is more.
    pub(super) fn advance(&mut self) -> bool {
        if !self.pass.is_going_on() && !self.begin_pass() {
            return false;
        }
        let mut writes = 0;
        while writes < SLICE_WRITES && self.pass.is_going_on() {
            writes += self.serve_audience(SLICE_WRITES - writes);
        }
        self.part_with_leaving();
        if self.pass.is_going_on() {
            return true;
        }
        self.end_pass();
        self.seen < self.log.extent().head
    }

    /// Reads on and finds out who gets what; false when there is nothing new.
    fn begin_pass(&mut self) -> bool {
        let began = Instant::now();
        if !self.gather() {
            return false;
        }
        self.pass.began = Some(began);
        self.joined_pages.clear();
        let mut touched = std::mem::take(&mut self.pass.touched);
        for key in touched.drain(..) {
            if let Some(audience) = self.audiences.get_mut(key) {
                self.pass.assigned.push(take_pending(key, audience, &mut self.pass.joined));
            }
        }
        self.pass.touched = touched;
        self.begin_walk();
        true
    }

    /// Reads pages and assigns their events, until somebody's piece is as large as it may be or
    /// there is enough to do; true if there was anything.
    fn gather(&mut self) -> bool {
        let began_at = self.seen;
        let (mut events, mut assigned, mut fullest) = (0, 0, 0);
        while events < GATHERED_MAX && assigned < ASSIGNED_MAX && fullest < PASS.bytes_max {
            let range = ReadRange { after: self.seen, through: Sequence(u64::MAX) };
            let room = PageLimit { bytes_max: PASS.bytes_max - fullest, ..PASS };
            let page = self.log.read(range, Wanted::Everything, room);
            if page.through == self.seen {
                break;
            }
            // A page has one event even if that is larger than the room that is left.
            let too_large = page.events.first().is_some_and(|first| {
                first.frame().len() > room.bytes_max && page.events.len() == 1
            });
            if self.seen > began_at && (page.passed || too_large) {
                // What has been gathered goes out first.
                break;
            }
            if page.passed {
                let oldest = page.events.first().map(|event| event.sequence());
                self.all_fell_behind(oldest.map_or(page.through, Sequence::previous));
            }
            events += page.events.len();
            self.seen = self.assign(&page, &mut assigned, &mut fullest);
        }
        self.seen > began_at
    }

    /// Matches the events of a page, until enough are waiting; how far it came.
    fn assign(&mut self, page: &Page, assigned: &mut usize, fullest: &mut usize) -> Sequence {
        for event in &page.events {
            let to = self.audiences.assign(event, &mut self.pass.touched);
            if to.audiences > 0 {
                self.pass.events.push(Arc::clone(event));
            }
            *fullest = (*fullest).max(to.fullest_bytes);
            *assigned += to.audiences;
            if *assigned >= ASSIGNED_MAX {
                return event.sequence();
            }
        }
        page.through
    }

    fn end_pass(&mut self) {
        self.mailbox.set_seen(self.seen);
        if let Some(follower) = &self.follower {
            follower.set_seen(self.seen);
        }
        let (events, began) = (self.pass.events.drain(..), self.pass.began.take());
        if !COUNTING {
            return;
        }
        let now = Instant::now();
        for event in events {
            self.figures.event_took(now.saturating_duration_since(event.accepted_at()));
        }
        if let Some(began) = began {
            self.figures.pass_took(now - began);
        }
    }

    /// The log no longer had what came next: nobody is level, whatever its cursor was.
    fn all_fell_behind(&mut self, lost: Sequence) {
        rarely!(
            WARN,
            after = %self.seen,
            through = %lost,
            "the log has passed a shard, whose subscribers miss events and are told; raise --log-events and --log-bytes, or publish more slowly"
        );
        for audience in self.audiences.values_mut() {
            audience.last = lost;
        }
        self.behind.extend(self.subscribers.keys());
    }

    fn begin_walk(&mut self) {
        let current = self.pass.assigned.get(self.pass.current);
        let audience = current.and_then(|assigned| self.audiences.get(assigned.audience));
        self.pass.begin_walk(audience.map_or(0, |audience| audience.members.len()));
    }

    /// Hands an audience its frames, with at most so many writes; how many it made.
    fn serve_audience(&mut self, writes_max: usize) -> usize {
        let Some(assigned) = self.pass.assigned.get(self.pass.current) else { return 0 };
        let (key, ends) = (assigned.audience, assigned.ends);
        let turn = Turn {
            batch: assigned.batch.clone(),
            level_from: assigned.level_from,
            now: self.deadlines.now(),
        };
        let (mut writes, mut whole, mut untimed) = (0, 0, 0);
        while let Some(audience) = self.audiences.get(key)
            && let Some(member) = self.pass.next_member(&audience.members)
        {
            let Some(subscriber) = self.subscribers.get_mut(member) else { continue };
            let met = turn.meet(subscriber, audience.total);
            let leaves = match met {
                Met::HasIt => None,
                Met::KnowsSome => {
                    self.behind.push_back(member);
                    None
                }
                Met::Whole => {
                    whole += 1;
                    ends.then_some(EndReason::Finished)
                }
                Met::Part { events, bytes } => {
                    self.figures.wrote(1, events, bytes);
                    self.blocked.insert(member);
                    (ends && events == turn.batch.count()).then_some(EndReason::Finished)
                }
                Met::Behind => lag_verdict(subscriber, audience, &self.settings),
                Met::Full => {
                    self.blocked.insert(member);
                    lag_verdict(subscriber, audience, &self.settings)
                }
                Met::Gone => Some(EndReason::Client),
            };
            self.leaving.extend(leaves.map(|reason| (member, reason)));
            writes += usize::from(met.is_a_write());
            untimed += u64::from(met.is_a_write());
            if untimed == TIMED_WRITES {
                turn.time(std::mem::take(&mut untimed), &self.figures);
            }
            if writes >= writes_max {
                break;
            }
        }
        turn.time(untimed, &self.figures);
        self.figures.wrote(whole, turn.batch.count(), turn.batch.bytes());
        if writes < writes_max {
            self.pass.next_audience();
            self.begin_walk();
        }
        writes
    }
}

/// What every member of an audience is met with.
struct Turn {
    batch: Batch,
    level_from: Sequence,
    now: Tick,
}

/// How it went with one member.
#[derive(Clone, Copy)]
enum Met {
    /// It was behind already and is served from the log.
    Behind,
    /// It joined in the middle of this batch.
    KnowsSome,
    /// It joined after this batch, or was served from the log meanwhile.
    HasIt,
    Whole,
    Part {
        events: u64,
        bytes: u64,
    },
    Full,
    Gone,
}

impl Met {
    fn is_a_write(self) -> bool {
        !matches!(self, Self::Behind | Self::KnowsSome | Self::HasIt)
    }
}

impl Turn {
    fn meet(&self, subscriber: &mut Subscriber, total: Lag) -> Met {
        if subscriber.cursor < self.level_from {
            return Met::Behind;
        }
        if subscriber.cursor >= self.batch.first() {
            subscriber.served = self.served_through(subscriber.cursor, total);
            let has_all = subscriber.cursor >= self.batch.last();
            return if has_all { Met::HasIt } else { Met::KnowsSome };
        }
        match subscriber.sink.offer_batch(&self.batch) {
            Offer::Taken => {
                subscriber.cursor = self.batch.last();
                subscriber.sent = subscriber.cursor;
                subscriber.served = total;
                subscriber.replaying = false;
                subscriber.stalled = false;
                subscriber.last_sent = self.now;
                Met::Whole
            }
            Offer::Part(through) => {
                let (events, bytes) = self.batch.measure_through(through);
                subscriber.cursor = through;
                subscriber.sent = through;
                subscriber.served = self.served_through(through, total);
                subscriber.replaying &= through < self.batch.last();
                subscriber.stalled = true;
                subscriber.last_sent = self.now;
                Met::Part { events, bytes }
            }
            Offer::Full => {
                // Nothing between its cursor and this batch was for it.
                subscriber.cursor = self.batch.first().previous();
                subscriber.stalled = true;
                Met::Full
            }
            Offer::Gone => Met::Gone,
        }
    }

    /// Notes how long after their accept the events of this batch were written so many times.
    fn time(&self, writes: u64, figures: &ShardFigures) {
        if writes > 0 && COUNTING {
            let now = Instant::now();
            for event in self.batch.events() {
                figures.delivery_took(now.saturating_duration_since(event.accepted_at()), writes);
            }
        }
    }

    /// What somebody has been served who has this batch up to a sequence.
    fn served_through(&self, through: Sequence, total: Lag) -> Lag {
        let (events, bytes) = self.batch.measure_through(through);
        Lag {
            events: total.events - self.batch.count() + events,
            bytes: total.bytes - self.batch.bytes() + bytes,
        }
    }
}

/// Makes a batch of what the pass has brought an audience, and counts it.
fn take_pending(key: AudienceKey, audience: &mut Audience, joined: &mut JoinedBatches) -> Assigned {
    let batch = joined.join(&audience.pending);
    let ends = audience.pending.iter().any(|event| audience.ends_with(event));
    audience.pending.clear();
    audience.pending_bytes = 0;
    let level_from = audience.last;
    audience.last = batch.last();
    audience.total.events += batch.count();
    audience.total.bytes += batch.bytes();
    Assigned { audience: key, batch, level_from, ends }
}

//! A pass: what is new in the log, sent to every subscriber that has caught up.
//!
//! A pass reads a page or a few, matches each event once for each audience, and then walks over the
//! members. The walk is cut into slices, so that new subscribers, sockets that can be written
//! again, deadlines and subscribers that have fallen behind are served in between; and it begins at
//! another member every time, so that no member is always last.
//!
//! Members come and go between two slices. Cursors make that safe: a member that the walk misses or
//! meets twice is found to have fallen behind, or to have the batch already.

use std::sync::Arc;
use std::time::Instant;

use super::super::audience::Audience;
use super::super::backpressure::Lag;
use super::super::batch::{Batch, JoinedBatches};
use super::super::budget::{self, Budget};
use super::super::deadlines::Tick;
use super::super::keys::AudienceKey;
use super::super::keys::SubscriberKey;
use super::super::sink::Sent;
use super::super::subscriber::Subscriber;
use super::gather::Gathered;
use super::topic_ends::TopicEndSearch;
use super::{Shard, lag_verdict};
use crate::event::{Block, Buffers, Event, Sequence};
use crate::metrics::{COUNTING, EndReason, ShardStats};

/// The most writes of a slice: about a millisecond.
const SLICE_WRITES: usize = 256;

/// How many writes share a look at the clock: some tens of microseconds.
const TIMED_WRITES: u64 = 16;

/// The frames of one audience in this pass.
#[derive(Clone, Debug)]
struct AudienceBatch {
    audience: AudienceKey,
    batch: Batch,
    /// A subscriber whose cursor is here or further had everything before this batch.
    previous_last: Sequence,
    /// The stream ends after this batch.
    ends: bool,
}

/// A pass that is going on.
#[derive(Debug)]
pub(super) struct Pass {
    /// The audiences for which something is pending.
    touched: Vec<AudienceKey>,
    /// Of those, how many have been served or are being served.
    current: usize,
    /// What the next one is to be told of topics that have ended.
    ends: TopicEndSearch,
    /// What the audience that is being served gets.
    serving: Option<AudienceBatch>,
    /// Where the walk over its members began, where it is, and whether it has been at the end.
    start: usize,
    position: usize,
    wrapped: bool,
    /// Differs from pass to pass; see [`Pass::begin_walk`].
    rotation: usize,
    joined: JoinedBatches,
    began: Option<Instant>,
    /// Those that at least one audience gets.
    events: Vec<Arc<Event>>,
}

impl Pass {
    pub(super) fn counted_in(buffers: Buffers) -> Self {
        Self {
            touched: Vec::new(),
            current: 0,
            ends: TopicEndSearch::default(),
            serving: None,
            start: 0,
            position: 0,
            wrapped: false,
            rotation: 0,
            joined: JoinedBatches::counted_in(buffers),
            began: None,
            events: Vec::new(),
        }
    }

    /// Whether there is something left to hand out.
    pub(super) fn is_going_on(&self) -> bool {
        self.serving.is_some() || self.has_audiences_to_serve()
    }

    pub(super) fn has_audiences_to_serve(&self) -> bool {
        self.current < self.touched.len()
    }

    /// Where audiences are noted for which something is pending.
    pub(super) fn touched(&mut self) -> &mut Vec<AudienceKey> {
        &mut self.touched
    }

    /// At least one audience gets this event.
    pub(super) fn note_event(&mut self, event: Arc<Event>) {
        self.events.push(event);
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

    /// The next audience for which something is pending.
    fn next_touched(&self) -> Option<AudienceKey> {
        self.touched.get(self.current).copied()
    }

    /// What the next audience is to be told of topics that have ended, which is found; the one behind
    /// it is next.
    fn take_ends(&mut self) -> TopicEndSearch {
        self.current += 1;
        std::mem::take(&mut self.ends)
    }

    /// Nobody is left who could be served.
    pub(super) fn abandon(&mut self) {
        self.clear();
        self.serving = None;
        self.began = None;
        self.events.clear();
    }

    /// All audiences have been served.
    fn clear(&mut self) {
        self.touched.clear();
        self.current = 0;
        self.ends = TopicEndSearch::default();
        self.joined.clear();
    }
}

impl Shard {
    /// Serves a slice of the pass that is going on, or of a new one; true when there is more.
    pub(super) fn advance(&mut self) -> bool {
        // Twice what other parts get: a slice cut at half a millisecond cost 5 % of a delivery.
        let mut budget = Budget::new(self.allowance.doubled());
        self.part_with_leaving(&mut budget);
        if !self.pass.is_going_on() {
            let began = Instant::now();
            match self.gather(&mut budget) {
                // Without any budget left, the log has not been looked at.
                Gathered::Nothing => return !budget.is_left() || !self.leaving.is_empty(),
                Gathered::NothingYet => return true,
                Gathered::Some => {}
            }
            self.pass.began = Some(began);
            self.joined_pages.clear();
        }
        let mut writes = 0;
        while writes < SLICE_WRITES && budget.is_left() && self.begin_audience(&mut budget) {
            writes += self.serve_audience(SLICE_WRITES - writes, &mut budget);
        }
        self.part_with_leaving(&mut budget);
        if self.pass.is_going_on() {
            return true;
        }
        self.pass.clear();
        self.end_pass();
        let is_behind = !self.loading.is_loading_head() && self.seen < self.log.bounds().head;
        is_behind || !self.leaving.is_empty()
    }

    /// Makes a batch of what is pending for the next audience, unless one is being served; false
    /// when there is none, or the budget is spent before it is known what that is told.
    fn begin_audience(&mut self, budget: &mut Budget) -> bool {
        while self.pass.serving.is_none() {
            let Some(key) = self.pass.next_touched() else { return false };
            let Some(audience) = self.audiences.get_mut(key) else {
                self.pass.take_ends();
                continue;
            };
            if !self.pass.ends.go_on(&audience.pending, audience, budget) {
                return false;
            }
            let ends = self.pass.take_ends();
            let (found, joined) = (ends.found(), &mut self.pass.joined);
            let members = audience.members.len();
            let (batch, previous_last) = take_pending(audience, &found.blocks, self.lost, joined);
            let ends = self.note_topic_ends(key, found, batch.last());
            self.pass.serving = Some(AudienceBatch { audience: key, batch, previous_last, ends });
            self.pass.begin_walk(members);
        }
        true
    }

    fn end_pass(&mut self) {
        self.publish_seen();
        let (events, began) = (self.pass.events.drain(..), self.pass.began.take());
        self.stats.match_cache(self.audiences.match_cache_bytes());
        if !COUNTING {
            return;
        }
        let now = Instant::now();
        for accepted_at in events.filter_map(|event| event.accepted_at()) {
            self.stats.event_took(now.saturating_duration_since(accepted_at));
        }
        if let Some(began) = began {
            self.stats.pass_took(now - began);
        }
    }

    /// Hands an audience its frames, with at most so many writes; how many it made.
    fn serve_audience(&mut self, writes_max: usize, budget: &mut Budget) -> usize {
        let Some(assigned) = self.pass.serving.clone() else { return 0 };
        let AudienceBatch { audience: key, batch, previous_last, ends } = assigned;
        let delivery = BatchDelivery { batch, previous_last, now: self.deadlines.now() };
        let (mut writes, mut whole, mut untimed) = (0, 0, 0);
        let mut cut = false;
        while let Some(audience) = self.audiences.get(key)
            && let Some(member) = self.pass.next_member(&audience.members)
        {
            let Some(subscriber) = self.subscribers.get_mut(member) else { continue };
            // It may have caught up by its cursor while events left out before that have yet to be
            // announced, or its place is yet to be told.
            let is_behind =
                subscriber.is_in_initial_replay() || self.skipping.contains_key(&member);
            let delivered = if is_behind {
                Delivered::Behind
            } else {
                delivery.deliver_to(subscriber, audience.total)
            };
            let leaves = match delivered {
                Delivered::HasIt => None,
                Delivered::KnowsSome => {
                    self.behind.push_back(member);
                    None
                }
                Delivered::Whole => {
                    whole += 1;
                    ends.then_some(EndReason::Finished)
                }
                Delivered::Part { events, bytes } => {
                    self.stats.wrote(1, events, bytes);
                    self.blocked.insert(member, ());
                    (ends && events == delivery.batch.count()).then_some(EndReason::Finished)
                }
                Delivered::Behind => lag_verdict(subscriber, audience, &self.settings),
                Delivered::Full => {
                    self.blocked.insert(member, ());
                    lag_verdict(subscriber, audience, &self.settings)
                }
                Delivered::Gone => Some(EndReason::Client),
            };
            self.leaving.extend(leaves.map(|reason| (member, reason)));
            writes += usize::from(delivered.is_a_write());
            untimed += u64::from(delivered.is_a_write());
            if untimed == TIMED_WRITES {
                delivery.time(std::mem::take(&mut untimed), &self.stats);
            }
            let steps = if delivered.is_a_write() { budget::WRITE } else { budget::LOOK };
            if !budget.spend(steps) || writes >= writes_max {
                cut = true;
                break;
            }
        }
        delivery.time(untimed, &self.stats);
        self.stats.wrote(whole, delivery.batch.count(), delivery.batch.bytes());
        if !cut {
            self.pass.serving = None;
        }
        writes
    }
}

/// A batch, and what its delivery to each member of its audience needs.
struct BatchDelivery {
    batch: Batch,
    previous_last: Sequence,
    now: Tick,
}

/// What became of the delivery to one member.
#[derive(Clone, Copy)]
enum Delivered {
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

impl Delivered {
    fn is_a_write(self) -> bool {
        !matches!(self, Self::Behind | Self::KnowsSome | Self::HasIt)
    }
}

impl BatchDelivery {
    fn deliver_to(&self, subscriber: &mut Subscriber, total: Lag) -> Delivered {
        let cursor = subscriber.cursor();
        if cursor < self.previous_last {
            return Delivered::Behind;
        }
        if cursor >= self.batch.first() {
            subscriber.has_some(self.served_through(cursor, total));
            let has_all = cursor >= self.batch.last();
            return if has_all { Delivered::HasIt } else { Delivered::KnowsSome };
        }
        match subscriber.sink().offer_batch(&self.batch) {
            Sent::All => {
                subscriber.took_all(&self.batch, total, self.now);
                Delivered::Whole
            }
            Sent::Through(through) => {
                let (events, bytes) = self.batch.measure_through(through);
                let served = self.served_through(through, total);
                subscriber.took_part(&self.batch, through, served, self.now);
                Delivered::Part { events, bytes }
            }
            Sent::Full => {
                // Nothing between its cursor and this batch was for it.
                subscriber.skip_to(self.batch.first().previous(), Lag::default());
                subscriber.found_full();
                Delivered::Full
            }
            Sent::Closed => Delivered::Gone,
        }
    }

    /// Notes how long after their accept the events of this batch were written so many times.
    fn time(&self, writes: u64, stats: &ShardStats) {
        if writes > 0 && COUNTING {
            let now = Instant::now();
            for accepted_at in self.batch.events().iter().filter_map(|event| event.accepted_at()) {
                stats.delivery_took(now.saturating_duration_since(accepted_at), writes);
            }
        }
    }

    /// What a subscriber has been served that has this batch up to a sequence.
    fn served_through(&self, through: Sequence, total: Lag) -> Lag {
        let (events, bytes) = self.batch.measure_through(through);
        Lag {
            events: total.events - self.batch.count() + events,
            bytes: total.bytes - self.batch.bytes() + bytes,
        }
    }
}

/// Makes a batch of what the pass has brought an audience, and counts it. A subscriber whose cursor is
/// at the sequence beside it, or further, had everything before.
fn take_pending(
    audience: &mut Audience,
    ends: &[(usize, Block)],
    lost: Sequence,
    joined: &mut JoinedBatches,
) -> (Batch, Sequence) {
    let batch = joined.join(&audience.pending, ends);
    audience.pending.clear();
    audience.pending_bytes = 0;
    let previous_last = audience.last.max(lost);
    audience.last = batch.last();
    audience.total.events += batch.count();
    audience.total.bytes += batch.bytes();
    (batch, previous_last)
}

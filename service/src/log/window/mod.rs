//! The events that a log has in memory, and how they are found.
//!
//! Every kind of log has one: for the log in memory it is all that there is, for others it is the
//! newest part. It is pure: it reads no clock, takes no lock and does no I/O, so whoever owns it
//! says when an event was accepted, and guards it.

mod clock_steps;
mod custom_ids;
mod ended_topics;
mod holes;
mod kept;
mod kept_events;
mod locating;
mod pages;
mod passed_over;
mod topic_index;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{AppendError, Bounds, Receipt, TopicCount, TopicInMemory};
use crate::event::{Buffers, EncodedEvent, Epoch, Event, EventId, HubId, Sequence};
use crate::topic::Topic;
use clock_steps::ClockSteps;
use custom_ids::CustomIds;
use holes::Holes;
use kept_events::KeptEvents;
pub use kept_events::{KeptLimits, KeptSettings, KeptTotals};
use passed_over::PassedOver;
use topic_index::TopicIndex;

/// What a window holds at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowLimits {
    pub(super) events_max: usize,
    /// Held by the events, with everything that is kept for them. The newest event is kept even if
    /// it alone is larger.
    pub(super) bytes_max: usize,
    /// An event that was accepted before this is too old.
    pub(super) oldest_ms: u64,
    /// An event before this one is not retained any more.
    pub(super) oldest: Sequence,
    /// From this event on they stay, however many there are and however much they take: they cannot be
    /// read anywhere else.
    pub(super) needed_from: Sequence,
    /// The time by which rules keep events, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// What goes for want of room is nowhere else, so that it is retained no longer.
    pub(super) is_all: bool,
}

impl WindowLimits {
    /// Of a log that is nowhere but in memory.
    pub(super) fn of_memory(events_max: usize, bytes_max: usize, oldest_ms: u64) -> Self {
        let (oldest, needed_from) = (Sequence(0), Sequence::MAX);
        Self { events_max, bytes_max, oldest_ms, oldest, needed_from, now_ms: 0, is_all: true }
    }
}

/// Some events in the order of their log, up to its head.
#[derive(Debug)]
pub(super) struct Window {
    epoch: Epoch,
    buffers: Buffers,
    /// In order. But for the holes and what was passed over each follows the one before, and the last
    /// one is the head.
    events: VecDeque<Arc<Event>>,
    holes: Holes,
    passed_over: PassedOver,
    head: Sequence,
    /// What the events hold, but for what is in the tables below.
    events_held: usize,
    by_topic: TopicIndex,
    by_custom_id: CustomIds,
    /// The accept time of the newest event, or when the log began.
    head_ms: u64,
    /// The accept time of the last event that was evicted, or when the log began.
    start_ms: u64,
    /// Whether that is the time of the event before the oldest, and not only as late or later.
    start_is_exact: bool,
    clock_steps: ClockSteps,
    /// How many of the events end their topics: where none does, nothing is looked up.
    ends: usize,
    /// It may have been evicted.
    last_uncounted: Sequence,
    kept: KeptEvents,
    /// Through here something has gone of which nobody knows the topics.
    unknown_through: Sequence,
}

/// What went from a window. It is to be dropped where nobody waits for it.
#[derive(Debug, Default)]
pub(super) struct Evicted {
    /// From its front, in order.
    pub(super) passed: Vec<Arc<Event>>,
    /// What rules had kept and keep no longer.
    _kept: Vec<Arc<Event>>,
    /// There may be more of these.
    is_cut: bool,
}

impl Evicted {
    /// Whether there is no more to be taken out than this, where so many are at once.
    pub(super) fn is_less_than(&self, count_max: usize) -> bool {
        self.passed.len() < count_max && !self.is_cut
    }
}

/// What became of an event that was to be appended.
#[derive(Debug)]
pub(super) enum Appended {
    Now(Receipt),
    /// It is idempotent, and an event with its id is retained. Whether that is the same event is for
    /// the caller to find out, because comparing a megabyte takes longer than anybody may hold the
    /// lock.
    IdIsTaken {
        by: Arc<Event>,
        event: EncodedEvent,
    },
    /// This one of its topics has ended.
    TopicEnded(Topic),
}

impl Appended {
    pub(super) fn into_result(self) -> Result<Receipt, AppendError> {
        match self {
            Self::Now(receipt) => Ok(receipt),
            Self::IdIsTaken { by, event } => match event.custom_id() {
                Some(id) if event.is_repeat_of(&by) => Ok(Receipt {
                    sequence: by.sequence(),
                    id: EventId::Custom(id.clone()),
                    frame_bytes: by.frame().len(),
                    is_repeat: true,
                }),
                _ => Err(AppendError::DuplicateId),
            },
            Self::TopicEnded(topic) => Err(AppendError::TopicEnded { topic }),
        }
    }
}

impl Window {
    /// The window of a log that began at a time, in milliseconds since 1970 (UTC).
    pub(super) fn opened_at(ms: u64, epoch: Epoch, buffers: Buffers) -> Self {
        Self {
            epoch,
            buffers,
            events: VecDeque::new(),
            holes: Holes::default(),
            passed_over: PassedOver::default(),
            head: Sequence(0),
            events_held: 0,
            by_topic: TopicIndex::default(),
            by_custom_id: CustomIds::default(),
            head_ms: ms,
            start_ms: ms,
            start_is_exact: true,
            clock_steps: ClockSteps::begun_at(ms),
            ends: 0,
            last_uncounted: Sequence(0),
            kept: KeptEvents::default(),
            unknown_through: Sequence(0),
        }
    }

    /// The window of a log that goes on after an event that is not in memory, which was accepted at a
    /// time, in milliseconds since 1970 (UTC).
    pub(super) fn resumed_after(
        (head, head_ms): (Sequence, u64),
        last_uncounted: Sequence,
        epoch: Epoch,
        buffers: Buffers,
    ) -> Self {
        Self { head, last_uncounted, ..Self::opened_at(head_ms, epoch, buffers) }
    }

    /// The window of a log that others write, behind an event that this node has not had: that was
    /// accepted at a time or earlier.
    pub(super) fn joined_after(
        (head, latest_ms): (Sequence, u64),
        epoch: Epoch,
        buffers: Buffers,
    ) -> Self {
        let window = Self::resumed_after((head, latest_ms), head, epoch, buffers);
        Self { start_is_exact: false, ..window }
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            epoch: self.epoch,
            head: self.head,
            head_ms: self.head_ms,
            oldest: self.oldest(),
            start_ms: self.start_ms,
            events: self.events.len(),
            bytes: self.bytes(),
            oldest_ms: self.events.front().map(|event| event.accepted_ms()),
            last_uncounted: self.last_uncounted,
            kept: self.kept.totals(),
        }
    }

    /// Everything that is held for the events, but for what is kept beyond the bounds: that has a bound of
    /// its own.
    pub(super) fn bytes(&self) -> usize {
        let list = self.events.capacity() * size_of::<Arc<Event>>();
        self.events_held
            + list
            + self.by_topic.bytes().saturating_sub(self.kept.topics_held())
            + self.by_custom_id.bytes()
            + self.passed_over.bytes()
            + self.clock_steps.bytes()
    }

    /// The oldest sequence retained; one behind the head when there is none.
    pub(super) fn oldest(&self) -> Sequence {
        self.events.front().map_or(self.head.next(), |event| event.sequence())
    }

    /// Appends an event, which was accepted at a time, behind all others.
    pub(super) fn append(
        &mut self,
        event: EncodedEvent,
        (now_ms, now): (u64, Instant),
    ) -> Appended {
        if let Some(earlier) = self.taken_by(&event) {
            return Appended::IdIsTaken { by: Arc::clone(earlier), event };
        }
        if let Some(topic) = self.first_ended(event.topics()) {
            return Appended::TopicEnded(topic.clone());
        }
        let accepted = (self.head_ms.max(now_ms), Some(now));
        Appended::Now(self.push(event, self.head.next(), accepted))
    }

    /// The event whose id an idempotent one has.
    pub(super) fn taken_by(&self, event: &EncodedEvent) -> Option<&Arc<Event>> {
        let id = event.custom_id().filter(|_| event.is_idempotent())?;
        self.get(self.by_custom_id.earliest(id.as_str())?)
    }

    /// Adds the next event of the log.
    pub(super) fn push(
        &mut self,
        event: EncodedEvent,
        sequence: Sequence,
        accepted: (u64, Option<Instant>),
    ) -> Receipt {
        let custom_id = event.custom_id().cloned();
        let mut event = event.assign(sequence, accepted, self.epoch, &self.buffers);
        self.clock_steps.note(sequence, event.accepted_ms());
        self.head = sequence;
        self.head_ms = event.accepted_ms();
        if let Some(id) = &custom_id {
            self.by_custom_id.add(id.shared(), sequence);
        }
        let hub_id = HubId { epoch: self.epoch, sequence, accepted_ms: self.head_ms };
        let receipt = Receipt {
            sequence,
            id: custom_id.map_or(EventId::Hub(hub_id), EventId::Custom),
            frame_bytes: event.frame().len(),
            is_repeat: false,
        };
        self.ends += usize::from(event.ends_topic());
        if event.is_for_one_stream() {
            self.last_uncounted = self.head;
        }
        self.events_held += event.bytes_held();
        self.buffers.retain(event.buffer_held());
        let gone = self.oldest().previous().min(sequence.previous());
        self.by_topic.add(&mut event, self.kept.rules(), gone);
        self.drop_superseded_by(&event);
        self.events.push_back(Arc::new(event));
        receipt
    }

    /// Takes out what is beyond the limits, at most `count_max` events.
    pub(super) fn evict(&mut self, limits: &WindowLimits, count_max: usize) -> Evicted {
        let mut evicted = Vec::new();
        while evicted.len() < count_max {
            let Some(oldest) = self.events.front() else { break };
            let is_needed = oldest.sequence() >= limits.needed_from;
            let too_many = !is_needed && self.events.len() > limits.events_max.max(1);
            let too_large = !is_needed && self.events.len() > 1 && self.bytes() > limits.bytes_max;
            let too_old =
                oldest.accepted_ms() < limits.oldest_ms || oldest.sequence() < limits.oldest;
            if !(too_many || too_large || too_old) {
                break;
            }
            evicted.extend(self.evict_oldest(limits.now_ms, limits.is_all || too_old));
        }
        let is_cut = self.drop_past_bounds(limits.now_ms, count_max);
        if self.events.capacity() > 1_024 && self.events.len() < self.events.capacity() / 4 {
            self.events.shrink_to(self.events.len() * 2);
        }
        Evicted { passed: evicted, _kept: self.kept.take_gone(), is_cut }
    }

    /// How many events are missing from one on.
    pub(super) fn missing_from(&self, sequence: Sequence) -> u64 {
        self.holes.missing_from(sequence)
    }

    /// Nobody knows what was between the head and this sequence, which is the head now.
    pub(super) fn hole_through(&mut self, through: Sequence) {
        if through <= self.head {
            return;
        }
        // What is before the oldest event is not in here anyway.
        if !self.events.is_empty() {
            self.holes.add(self.head, through, self.head_ms);
        }
        self.head = through;
        self.last_uncounted = through;
    }

    /// The next sequence is no event, and everybody knows that: nothing is missing.
    pub(super) fn pass_over(&mut self, sequence: Sequence, accepted_ms: u64) {
        self.head = sequence;
        self.head_ms = accepted_ms;
        self.last_uncounted = sequence;
        if self.events.is_empty() {
            self.start_ms = accepted_ms;
            self.start_is_exact = true;
        } else {
            self.passed_over.add(sequence, accepted_ms);
        }
    }

    /// The oldest event goes from here; `is_gone` if it goes for good.
    fn evict_oldest(&mut self, now_ms: u64, is_gone: bool) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.start_ms = event.accepted_ms();
        self.start_is_exact = true;
        self.events_held -= event.bytes_held();
        if !(is_gone && self.keep(&event, now_ms)) {
            self.by_topic.remove(&event, is_gone);
            self.forget(&event);
        }
        if let Some(through) = self.holes.forget_before(self.oldest()) {
            self.note_unknown_through(through);
        }
        self.clock_steps.forget_before(self.oldest());
        if let Some(last_ms) = self.passed_over.forget_before(self.oldest()) {
            self.start_ms = last_ms;
        }
        Some(event)
    }

    /// An event has gone for good that is in no index by topic any more.
    fn forget(&mut self, event: &Event) {
        self.buffers.release(event.buffer_held());
        self.ends -= usize::from(event.ends_topic());
        if event.has_custom_id() {
            self.by_custom_id.remove(event.id(), event.sequence());
        }
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&Arc<Event>> {
        if sequence < self.oldest() {
            return self.kept.get(sequence);
        }
        if self.holes.is_empty() && self.passed_over.is_empty() {
            let offset = sequence.0.checked_sub(self.oldest().0)?;
            return self.events.get(usize::try_from(offset).ok()?);
        }
        let at = self.events.binary_search_by_key(&sequence, |event| event.sequence());
        self.events.get(at.ok()?)
    }

    /// The topics in one part of the index; nothing behind the last part.
    pub(super) fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.by_topic.topics_in_part(part)
    }

    pub(super) fn count_of(&self, topic: &Topic) -> TopicCount {
        self.by_topic.count_of(topic)
    }

    pub(super) fn topic_in_memory(&self, topic: &Topic) -> Option<TopicInMemory> {
        let (bytes, oldest, newest) = self.by_topic.held_of(topic)?;
        let (oldest, newest) = (self.get(oldest)?.clone(), self.get(newest)?.clone());
        Some(TopicInMemory { count: self.by_topic.count_of(topic), bytes, oldest, newest })
    }

    pub(super) fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        let sequence = self.by_topic.newest_first(topic, through).next()?;
        self.get(sequence).cloned()
    }

    /// The newest event of a topic, whatever is kept of before the window.
    pub(super) fn newest_in_window(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.newest(topic, through).filter(|newest| newest.sequence() >= self.oldest())
    }

    /// How many events of a topic are behind a sequence, at most so many.
    pub(super) fn count_behind(&self, topic: &Topic, after: Sequence, count_max: usize) -> usize {
        let newest_first = self.by_topic.newest_first(topic, Sequence::MAX);
        newest_first.take(count_max).take_while(|&sequence| sequence > after).count()
    }

    #[cfg(test)]
    pub(super) fn topics(&self) -> usize {
        self.by_topic.len()
    }

    /// The earliest event with an id that a publisher brought.
    pub(super) fn earliest_with_id(&self, id: &str) -> Option<Sequence> {
        self.by_custom_id.earliest(id)
    }

    #[cfg(test)]
    pub(super) fn custom_ids(&self) -> &CustomIds {
        &self.by_custom_id
    }
}

#[cfg(test)]
mod tests;

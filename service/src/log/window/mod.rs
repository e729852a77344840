//! The events that a log has in memory, and how they are found.
//!
//! Every kind of log has one: for the log in memory it is all that there is, for others it is the
//! newest part. It is pure: it reads no clock, takes no lock and does no I/O, so whoever owns it
//! says when an event was accepted, and guards it.

mod appending;
mod clock_steps;
mod custom_ids;
mod ended_topics;
mod eviction;
mod holes;
mod kept;
mod kept_events;
mod locating;
mod pages;
mod passed_over;
mod topic_index;

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Bounds, TopicCount, TopicInMemory};
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::topic::Topic;
pub(super) use appending::{Appended, EventsWithId, SAME_ID_COMPARED_MAX};
use clock_steps::ClockSteps;
use custom_ids::CustomIds;
pub(super) use eviction::{Evicted, TOPICS_AT_ONCE, WindowLimits};
use holes::Holes;
use kept_events::KeptEvents;
pub use kept_events::{KeptLimits, KeptSettings, KeptTotals};
use passed_over::PassedOver;
use topic_index::TopicIndex;

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

    /// The same where the event after which it goes on was accepted at that time or earlier.
    pub(super) fn with_latest_start(self) -> Self {
        Self { start_is_exact: false, ..self }
    }

    /// The window of a log that others write, behind an event that this node has not had: that was
    /// accepted at a time or earlier.
    pub(super) fn joined_after(
        (head, latest_ms): (Sequence, u64),
        epoch: Epoch,
        buffers: Buffers,
    ) -> Self {
        Self::resumed_after((head, latest_ms), head, epoch, buffers).with_latest_start()
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

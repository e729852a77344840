//! What a node makes of the messages of the stream, in their order: which events it shows.
//!
//! Pure: no I/O and no clock. Every node comes to the same, wherever in the stream it began to
//! read, as long as that was far enough back (see [`retention`](super::retention)).

use std::time::Instant;

use super::super::Receipt;
use super::super::window::{Evicted, Window, WindowLimits};
use super::entry::{Attempt, EntryKind, StreamEntry};
use super::retention::{
    ContentDigest, CountedEvent, PublisherId, RetainedLimits, Retention, Ruling, Winner,
};
use crate::event::{Buffers, CustomId, EncodedEvent, Epoch, Sequence};
use crate::topic::Topic;

/// What has become of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is an event, and has its place now.
    Shown(Receipt),
    /// It was in the log already, and is passed over.
    Repeat(Receipt),
    /// Another event has its id, and it is passed over.
    Conflict,
    /// This one of its topics has ended, and it is passed over.
    TopicEnded(Topic),
    /// An epoch has begun, and nothing before it can be read.
    Epoch,
    /// It is no event, but a message of this or another node.
    PassedOver,
    /// No node has sent it.
    Foreign,
    /// There was something that this version cannot read.
    Unreadable,
    /// It has been seen before.
    Known,
}

/// The events of the stream that are retained.
#[derive(Debug)]
pub(super) struct Replica {
    window: Window,
    retention: Retention,
    limits: RetainedLimits,
    buffers: Buffers,
    /// How many messages were no events of ours.
    foreign: u64,
    /// That of the last message, if it was sent by a node.
    head_attempt: Option<Attempt>,
    /// The message with which the epoch began, if that was read.
    epoch_record: Option<Sequence>,
}

impl Replica {
    /// A replica that begins to read behind a message, which was stored at a time or earlier.
    pub(super) fn beginning_after(
        (start, start_ms): (Sequence, u64),
        epoch: Epoch,
        limits: RetainedLimits,
        buffers: Buffers,
    ) -> Self {
        let window = Window::joined_after((start, start_ms), epoch, buffers.clone());
        let retention = Retention::new(limits);
        Self {
            window,
            retention,
            limits,
            buffers,
            foreign: 0,
            head_attempt: None,
            epoch_record: None,
        }
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    pub(super) fn head(&self) -> Sequence {
        self.window.bounds().head
    }

    /// That of the last message; none where a node did not send it, or where it was not read.
    pub(super) fn head_attempt(&self) -> Option<Attempt> {
        self.head_attempt
    }

    pub(super) fn epoch_record(&self) -> Option<Sequence> {
        self.epoch_record
    }

    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.window.bytes() + self.retention.bytes_held()
    }

    /// Takes the next message. What was left out before it is a hole.
    pub(super) fn apply(&mut self, entry: StreamEntry, accepted_at: Option<Instant>) -> Outcome {
        let StreamEntry { sequence, stored_ms, attempt, bytes, kind } = entry;
        if sequence <= self.head() {
            return Outcome::Known;
        }
        self.window.hole_through(sequence.previous());
        self.head_attempt = attempt;
        let place = (sequence, stored_ms);
        match kind {
            EntryKind::Event { event, id } => {
                self.take_event(place, bytes, (event, id), accepted_at)
            }
            EntryKind::Epoch(epoch) if epoch != self.window.bounds().epoch => {
                self.window = Window::resumed_after(place, sequence, epoch, self.buffers.clone());
                self.retention = Retention::new(self.limits);
                self.epoch_record = Some(sequence);
                Outcome::Epoch
            }
            EntryKind::Epoch(_) => {
                self.pass_over(place, bytes);
                Outcome::PassedOver
            }
            EntryKind::Foreign => {
                self.foreign += 1;
                self.pass_over(place, bytes);
                Outcome::Foreign
            }
            EntryKind::Unreadable => {
                self.retention.count(place, bytes);
                self.window.hole_through(sequence);
                Outcome::Unreadable
            }
        }
    }

    /// Takes out events that are not retained any more, at most so many, and those from before a
    /// time. They are to be dropped where nobody waits for it.
    pub(super) fn evict(&mut self, oldest_ms: u64, count_max: usize) -> Evicted {
        let oldest = self.retention.oldest().unwrap_or(Sequence(0));
        let limits =
            WindowLimits { oldest, ..WindowLimits::of_memory(usize::MAX, usize::MAX, oldest_ms) };
        self.window.evict(&limits, count_max)
    }

    fn pass_over(&mut self, place: (Sequence, u64), bytes: u64) {
        self.retention.count(place, bytes);
        self.window.pass_over(place.0, place.1);
    }

    fn take_event(
        &mut self,
        place: (Sequence, u64),
        bytes: u64,
        (event, id): (EncodedEvent, Option<PublisherId>),
        accepted_at: Option<Instant>,
    ) -> Outcome {
        let content = id.as_ref().map(|id| id.content);
        let counted = CountedEvent { id, topics: event.topics(), ends: event.ends_topic() };
        let outcome = match self.retention.count_event(place, bytes, counted) {
            Ruling::Shown => {
                let receipt = self.window.push(event, place.0, (place.1, accepted_at));
                return Outcome::Shown(receipt);
            }
            Ruling::GivesWay(winner) => give_way(&event, content, winner),
            Ruling::IdIsSpent => Outcome::Conflict,
            Ruling::TopicEnded(topic) => Outcome::TopicEnded(topic),
        };
        self.window.pass_over(place.0, place.1);
        outcome
    }

    /// The topic that keeps an event from being shown, as far as this node has read. Such an event need
    /// not be sent: in the stream it would have a say, though nobody saw it.
    pub(super) fn first_ended<'a>(&self, event: &'a EncodedEvent) -> Option<&'a Topic> {
        let id = event.custom_id().filter(|_| event.is_idempotent()).map(CustomId::as_str);
        self.retention.first_ended(event.topics(), id)
    }
}

fn give_way(event: &EncodedEvent, content: Option<ContentDigest>, winner: Winner) -> Outcome {
    let is_repeat = content == Some(winner.content);
    let receipt = is_repeat.then(|| Receipt::of_repeat(event, winner.sequence)).flatten();
    receipt.map_or(Outcome::Conflict, Outcome::Repeat)
}

#[cfg(test)]
mod tests;

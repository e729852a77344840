//! What an event is, and how it becomes bytes.
//!
//! A *draft* is what a publisher sent, checked. Encoding it gives an [`EncodedEvent`]: the whole
//! frame, but for the sequence inside its id. The log assigns that under its lock, which costs a
//! copy of 23 bytes, and from then on the [`Event`] and its frame never change and are shared.
//! Nothing in here does I/O or reads a clock.

mod buffers;
mod chunk;
mod content;
mod draft;
mod frame;
pub(crate) mod fuzzing;
mod id;
mod reserved;

pub use buffers::Buffers;
pub use chunk::{LAST_CHUNK, chunk_of};
pub use content::{ContentError, EventContent, EventData, TopicTexts};
pub use draft::{Draft, DraftError, DraftFields, EventLimits, EventType, Retry};
pub use frame::{Block, GapNotice, HEARTBEAT, end_frame, gap_frame, id_frame, retry_frame};
pub use id::{CustomId, Epoch, EventId, HubId, IdError};
pub use reserved::{ReservedName, ReservedNames, is_hub};

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use crate::memory::allocated;
use crate::topic::Topic;
use frame::{Encoded, Framed};

/// The position of an event in the log: the first event is 1, and there are no gaps.
///
/// 0 is "before the first event". Only the low 44 bits are used, because an id carries no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The last one that an id can carry.
    pub const MAX: Self = Self((1 << id::SEQUENCE_BITS) - 1);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; the one before the first is 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event that has been accepted: it has a sequence, an id and its frame.
#[derive(Debug)]
pub struct Event {
    sequence: Sequence,
    accepted_ms: u64,
    accepted_at: Option<Instant>,
    topics: Box<[Topic]>,
    framed: Framed,
    id_bytes: usize,
    custom_id: bool,
    private: bool,
    for_one_stream: bool,
    ends_topic: bool,
    idempotent: bool,
}

impl Event {
    /// Its position in the log.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// When the log accepted it, in milliseconds since 1970 (UTC).
    #[must_use]
    pub fn accepted_ms(&self) -> u64 {
        self.accepted_ms
    }

    /// The same moment on the monotonic clock, from which its way to the subscribers is measured;
    /// none for an event that this process has not accepted.
    #[must_use]
    pub fn accepted_at(&self) -> Option<Instant> {
        self.accepted_at
    }

    /// The topics that it was published under; the first one is canonical.
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The topics, for a log that has one text for all events of a topic.
    pub(crate) fn topics_mut(&mut self) -> &mut [Topic] {
        &mut self.topics
    }

    /// Only subscribers whose grants match one of the topics may see a private event.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Whoever asks for one of its topics may see it.
    #[must_use]
    pub fn is_for_everybody(&self) -> bool {
        !self.private && !self.for_one_stream
    }

    /// Only the stream that its topic was made for may see it.
    #[must_use]
    pub fn is_for_one_stream(&self) -> bool {
        self.for_one_stream
    }

    /// No event follows on its topics: a stream that listens to nothing else ends after it.
    #[must_use]
    pub fn ends_topic(&self) -> bool {
        self.ends_topic
    }

    /// It was accepted as one that may be sent again: no event that was retained then had its id.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The publisher chose the id.
    #[must_use]
    pub fn has_custom_id(&self) -> bool {
        self.custom_id
    }

    /// The id, as it stands in the frame.
    #[must_use]
    pub fn id(&self) -> &str {
        // The frame was written from a `str`, and the range covers exactly the id in it.
        std::str::from_utf8(&self.framed.frame[frame::ID_START..frame::ID_START + self.id_bytes])
            .unwrap_or_default()
    }

    /// What it says, without its place.
    #[must_use]
    pub fn content(&self) -> EventContent<'_> {
        EventContent {
            topics: self.topics.iter().map(Topic::as_str).collect(),
            id: self.custom_id.then(|| self.id()),
            private: self.private,
            for_one_stream: self.for_one_stream,
            ends_topic: self.ends_topic,
            idempotent: self.idempotent,
            ..EventContent::of_frame(self.frame(), frame::ID_START + self.id_bytes)
        }
    }

    /// The bytes on the wire: made once, shared by all.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        &self.framed.frame
    }

    /// The frame as a chunk of HTTP/1.1, in the same memory.
    #[must_use]
    pub fn chunk(&self) -> &Bytes {
        &self.framed.chunk
    }

    /// What it takes in memory: its frame, its list of topics, its id if that has a place of its
    /// own, and itself. The texts of its topics, and what the log's tables take for it, are the
    /// log's to count: events share them.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        // An `Arc` keeps two counts with what it holds.
        const COUNTS: usize = 2 * size_of::<usize>();
        const EVENT: usize = allocated(COUNTS + size_of::<Event>());
        let topics = allocated(size_of_val(&*self.topics));
        let custom_id = if self.custom_id { allocated(COUNTS + self.id_bytes) } else { 0 };
        EVENT + self.framed.held + topics + custom_id
    }

    /// The part of it that slow streams may hold after the log has dropped the event.
    #[must_use]
    pub fn buffer_held(&self) -> usize {
        self.framed.held
    }
}

/// An encoded event that has no sequence yet.
///
/// Encoding happens here, outside the log's lock; [`assign`](Self::assign) is all that is left to
/// do inside it.
#[derive(Debug)]
pub struct EncodedEvent {
    topics: Box<[Topic]>,
    frame: Encoded,
    custom_id: Option<CustomId>,
    private: bool,
    for_one_stream: bool,
    ends_topic: bool,
    idempotent: bool,
}

impl EncodedEvent {
    #[must_use]
    pub fn encode(draft: Draft) -> Self {
        let frame = frame::encode(&draft);
        let Draft {
            topics, id: custom_id, private, for_one_stream, ends_topic, idempotent, ..
        } = draft;
        let topics = topics.into_boxed_slice();
        Self { topics, frame, custom_id, private, for_one_stream, ends_topic, idempotent }
    }

    /// The topics that it is to be published under.
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// No event is to follow on its topics.
    #[must_use]
    pub fn ends_topic(&self) -> bool {
        self.ends_topic
    }

    /// The length of its frame, in bytes.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.frame.frame().len()
    }

    /// It can be sent again without being delivered twice.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.idempotent && self.custom_id.is_some()
    }

    /// An event that was sent again is to be recognised by its id.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// Whether an event with the same id has the same content: topics in their order, data, type,
    /// retry, and whom it is for.
    #[must_use]
    pub fn is_repeat_of(&self, event: &Event) -> bool {
        self.private == event.private
            && self.for_one_stream == event.for_one_stream
            && self.ends_topic == event.ends_topic
            && self.topics == event.topics
            && self.frame.frame() == event.framed.frame
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> EventContent<'_> {
        EventContent {
            topics: self.topics.iter().map(Topic::as_str).collect(),
            id: self.custom_id.as_ref().map(CustomId::as_str),
            private: self.private,
            for_one_stream: self.for_one_stream,
            ends_topic: self.ends_topic,
            idempotent: self.idempotent,
            ..EventContent::of_frame(self.frame.frame(), frame::ID_START + self.id_bytes())
        }
    }

    fn id_bytes(&self) -> usize {
        self.custom_id.as_ref().map_or(id::HUB_ID_BYTES, |id| id.as_str().len())
    }

    /// The id that the publisher brought, if there is one.
    #[must_use]
    pub fn custom_id(&self) -> Option<&CustomId> {
        self.custom_id.as_ref()
    }

    /// Gives the event its place: writes the id into the frame, unless the publisher brought one.
    #[must_use]
    pub fn assign(
        mut self,
        sequence: Sequence,
        (accepted_ms, accepted_at): (u64, impl Into<Option<Instant>>),
        epoch: Epoch,
        buffers: &Buffers,
    ) -> Event {
        let id_bytes = self.id_bytes();
        if self.custom_id.is_none() {
            HubId { epoch, sequence, accepted_ms }.write(self.frame.id_place());
        }
        Event {
            sequence,
            accepted_ms,
            accepted_at: accepted_at.into(),
            topics: self.topics,
            framed: self.frame.freeze(buffers),
            id_bytes,
            custom_id: self.custom_id.is_some(),
            private: self.private,
            for_one_stream: self.for_one_stream,
            ends_topic: self.ends_topic,
            idempotent: self.idempotent,
        }
    }
}

#[cfg(test)]
mod tests;

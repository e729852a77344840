//! What an event is, and how it becomes bytes.
//!
//! A *draft* is what a publisher sent, checked. Encoding it gives an [`Unnumbered`] event: the
//! whole frame, but for the sequence inside its id. The log numbers it under its lock, which costs
//! a copy of 36 bytes, and from then on the [`Event`] and its frame never change and are shared.
//! Nothing in here does I/O or reads a clock.

mod draft;
mod frame;
mod id;
mod reserved;

pub use draft::{Draft, DraftError, DraftFields, EventLimits, EventType, Retry};
pub use frame::{GapNotice, HEARTBEAT, chunk_of, gap_frame, retry_frame};
pub use id::{CustomId, HubId, IdError, Life};
pub use reserved::{ReservedName, ReservedNames};

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use crate::topic::Topic;
use frame::{Encoded, Framed};

/// The position of an event in the log: the first event is 1, and there are no gaps.
///
/// 0 is "before the first event". Only the low 62 bits are used, because an id carries no more
/// (at a billion events a second they last for 146 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
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
    accepted_at: Instant,
    topics: Box<[Topic]>,
    framed: Framed,
    id_bytes: usize,
    custom_id: bool,
    private: bool,
    ends_topic: bool,
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

    /// The same moment on the monotonic clock, from which its way to the subscribers is measured.
    #[must_use]
    pub fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// The topics that it was published under; the first one is canonical.
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Only subscribers whose grants match one of the topics may see a private event.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// No event follows on its topics: a stream that listens to nothing else ends after it.
    #[must_use]
    pub fn ends_topic(&self) -> bool {
        self.ends_topic
    }

    /// The publisher chose the id himself.
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

    /// What it is counted as against the byte limit of the log: its frame, its topics, and what
    /// the structures around them cost. Measured by resident memory: about 140 bytes for a topic
    /// that no other event has, of which the index is the most; the share of an event itself is the
    /// size of its parts.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        const EVENT: usize = 160;
        const TOPIC: usize = 140;
        let topics: usize = self.topics.iter().map(|topic| TOPIC + topic.as_str().len()).sum();
        EVENT + self.frame().len() + topics
    }
}

/// An encoded event that has no sequence yet.
///
/// Encoding happens here, outside the log's lock; [`number`](Self::number) is all that is left to
/// do inside it.
#[derive(Debug)]
pub struct Unnumbered {
    topics: Box<[Topic]>,
    frame: Encoded,
    custom_id: Option<CustomId>,
    private: bool,
    ends_topic: bool,
}

impl Unnumbered {
    /// Encodes a draft.
    #[must_use]
    pub fn encode(draft: Draft) -> Self {
        let frame = frame::encode(&draft);
        let Draft { topics, id: custom_id, private, ends_topic, .. } = draft;
        Self { topics: topics.into_boxed_slice(), frame, custom_id, private, ends_topic }
    }

    /// The id that the publisher brought, if he did.
    #[must_use]
    pub fn custom_id(&self) -> Option<&CustomId> {
        self.custom_id.as_ref()
    }

    /// Gives the event its place: writes the id into the frame, unless the publisher brought one.
    #[must_use]
    pub fn number(
        mut self,
        sequence: Sequence,
        (accepted_ms, accepted_at): (u64, Instant),
        life: Life,
    ) -> Event {
        let id_bytes = match &self.custom_id {
            Some(id) => id.as_str().len(),
            None => {
                HubId { accepted_ms, life, sequence }.write(self.frame.id_place());
                id::HUB_ID_BYTES
            }
        };
        Event {
            sequence,
            accepted_ms,
            accepted_at,
            topics: self.topics,
            framed: self.frame.freeze(),
            id_bytes,
            custom_id: self.custom_id.is_some(),
            private: self.private,
            ends_topic: self.ends_topic,
        }
    }
}

#[cfg(test)]
mod tests;

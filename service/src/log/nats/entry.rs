//! A message of the stream, as it was read: what it is, before anybody knows what becomes of it.

use std::fmt;

use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::hash::Hasher as _;

use super::super::record::{RecordError, put_content, read_content};
use super::retention::{ContentDigest, PublisherId};
use crate::event::{CustomId, EncodedEvent, Epoch, EventContent, Sequence};

/// One attempt to publish, by which a node knows its own events again, and the broker those that it
/// has already: `Nats-Msg-Id`. It is nobody's but the attempt's, so that sending again never doubles
/// an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt(pub(super) u128);

impl Attempt {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What the broker says of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawMessage<'a> {
    pub(super) sequence: Sequence,
    /// When the broker stored it, in milliseconds since 1970.
    pub(super) stored_ms: u64,
    /// Which attempt it is of; a message without one was not sent by a node.
    pub(super) attempt: Option<Attempt>,
    /// The epoch that begins with it.
    pub(super) epoch: Option<Epoch>,
    /// The length of its headers.
    pub(super) headers_bytes: usize,
    pub(super) body: &'a [u8],
}

/// A message that was read.
#[derive(Debug)]
pub(super) struct StreamEntry {
    pub(super) sequence: Sequence,
    pub(super) stored_ms: u64,
    pub(super) attempt: Option<Attempt>,
    pub(super) bytes: u64,
    pub(super) kind: EntryKind,
}

#[derive(Debug)]
pub(super) enum EntryKind {
    Event {
        event: EncodedEvent,
        id: Option<PublisherId>,
    },
    /// With this message another epoch begins.
    Epoch(Epoch),
    /// An event that only a later version can read.
    Unreadable,
    /// Nothing of ours.
    Foreign,
}

impl StreamEntry {
    pub(super) fn read(message: RawMessage<'_>) -> Self {
        let RawMessage { sequence, stored_ms, attempt, epoch, headers_bytes, body } = message;
        let kind = match (attempt, epoch) {
            (None, _) => EntryKind::Foreign,
            (Some(_), Some(epoch)) => EntryKind::Epoch(epoch),
            (Some(_), None) => match read_content(body) {
                Ok(event) => EntryKind::Event { id: publisher_id(&event), event },
                Err(RecordError::Version { .. }) => EntryKind::Unreadable,
                Err(_) => EntryKind::Foreign,
            },
        };
        let bytes = (body.len() + headers_bytes) as u64;
        Self { sequence, stored_ms, attempt, bytes, kind }
    }
}

fn publisher_id(event: &EncodedEvent) -> Option<PublisherId> {
    let id = event.custom_id().map(CustomId::shared)?;
    // That it is idempotent is no part of what it says.
    let content = EventContent { idempotent: false, ..event.content() };
    let mut bytes = Vec::new();
    put_content(&mut bytes, &content).ok()?;
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes);
    let content = ContentDigest(hasher.finish128().as_u128());
    Some(PublisherId { id, content, is_idempotent: event.is_idempotent() })
}

//! How an event is written down: one form for every log that keeps events outside of memory.
//!
//! ```text
//! record:  length u32 | CRC-32C u32 | version u8 | kind u8 | sequence u64 | accepted u64 | content
//! content: flags u16 | topics u16 | topic … | [id] | [type] | [retry u32] | data
//! ```
//!
//! All numbers are little-endian. The length and the checksum are of everything behind them. A
//! topic, an id and a type are two bytes of length and a text; the data is what is left. A log that
//! has another place for sequence and time writes version and content alone.
//!
//! Reading believes nothing: neither a length, nor what a checksum happens to fit. Zeros are no
//! record, so that a file may have room behind its last one.

mod read;

use thiserror::Error;

use crate::event::{ContentError, EncodedEvent, EventContent, Sequence};
pub(crate) use read::{read_content, read_record, view_record};

/// The version that is written. Records of later versions are refused, never guessed at.
const VERSION: u8 = 1;
/// Length and checksum.
const PREFIX_BYTES: usize = 8;
/// Version, kind, sequence and time.
const PLACE_BYTES: usize = 18;
/// The most bytes behind the prefix. A length beyond it is damage, whatever follows.
const RECORD_BYTES_MAX: usize = 64 << 20;

const PRIVATE: u16 = 1;
const FOR_ONE_STREAM: u16 = 1 << 1;
const ENDS_TOPIC: u16 = 1 << 2;
const IDEMPOTENT: u16 = 1 << 3;
const HAS_ID: u16 = 1 << 4;
const HAS_TYPE: u16 = 1 << 5;
const HAS_RETRY: u16 = 1 << 6;
const KNOWN_FLAGS: u16 = (1 << 7) - 1;

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// The event that follows the one before it.
    Next = 0,
    /// An older event, which is written again so that it stays when its first record goes. Its
    /// sequence and its time are those that it had.
    Again = 1,
}

/// An event as it was written down.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) sequence: Sequence,
    /// When the log accepted it, in milliseconds since 1970 (UTC).
    pub(crate) accepted_ms: u64,
    pub(crate) event: EncodedEvent,
}

/// The same as it stands there, of which no event has been made.
#[derive(Clone, Debug)]
pub(crate) struct RecordView<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) sequence: Sequence,
    pub(crate) accepted_ms: u64,
    pub(crate) content: EventContent<'a>,
}

/// Why an event cannot be written down.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the event takes {bytes} bytes, and a log on disk takes at most {max}")]
pub(crate) struct RecordTooLarge {
    pub(crate) bytes: usize,
    pub(crate) max: usize,
}

/// Why some bytes are no record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum RecordError {
    /// Nothing was written here, or only zeros.
    #[error("there is no record")]
    Blank,
    /// The bytes end before the record does.
    #[error("the record has {bytes} bytes, of which only {found} are there")]
    Cut { bytes: usize, found: usize },
    #[error("a record cannot have {bytes} bytes")]
    Length { bytes: usize },
    #[error("the checksum does not fit")]
    Checksum,
    #[error("it is of version {version}, which a later version of the server wrote; use that one")]
    Version { version: u8 },
    #[error("{what} cannot be read")]
    Malformed { what: &'static str },
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// Adds the record of an event to a buffer.
///
/// # Errors
/// When it is larger than a record may be; then nothing is added.
pub(crate) fn put_record(
    buffer: &mut Vec<u8>,
    kind: RecordKind,
    (sequence, accepted_ms): (Sequence, u64),
    content: &EventContent<'_>,
) -> Result<(), RecordTooLarge> {
    let bytes = PLACE_BYTES + content_bytes(content)?;
    let start = buffer.len();
    buffer.reserve(PREFIX_BYTES + bytes);
    buffer.extend_from_slice(&(bytes as u32).to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&[VERSION, kind as u8]);
    buffer.extend_from_slice(&sequence.0.to_le_bytes());
    buffer.extend_from_slice(&accepted_ms.to_le_bytes());
    put_fields(buffer, content);
    let checksum = crc32c::crc32c(&buffer[start + PREFIX_BYTES..]);
    buffer[start + 4..start + PREFIX_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Adds version and content of an event to a buffer, for a log that knows its place otherwise.
///
/// # Errors
/// When it is larger than a record may be; then nothing is added.
pub(crate) fn put_content(
    buffer: &mut Vec<u8>,
    content: &EventContent<'_>,
) -> Result<(), RecordTooLarge> {
    buffer.reserve(1 + content_bytes(content)?);
    buffer.push(VERSION);
    put_fields(buffer, content);
    Ok(())
}

fn content_bytes(content: &EventContent<'_>) -> Result<usize, RecordTooLarge> {
    let text = |text: &str| 2 + text.len();
    let optional = |value: Option<&str>| value.map_or(0, text);
    let topics: usize = content.topics.iter().map(|topic| text(topic)).sum();
    let retry = if content.retry_ms.is_some() { 4 } else { 0 };
    let named = optional(content.id) + optional(content.event_type);
    let bytes = 4 + topics + named + retry + content.data.bytes();
    let max = RECORD_BYTES_MAX - PLACE_BYTES;
    // A text has two bytes for its length; nearly all are far below the limits of their kind.
    let is_long = |text: &&str| text.len() > usize::from(u16::MAX);
    let too_long = content.topics.iter().any(is_long)
        || content.topics.len() > usize::from(u16::MAX)
        || content.id.as_ref().is_some_and(is_long);
    if bytes > max || too_long { Err(RecordTooLarge { bytes, max }) } else { Ok(bytes) }
}

fn put_fields(buffer: &mut Vec<u8>, content: &EventContent<'_>) {
    buffer.extend_from_slice(&flags_of(content).to_le_bytes());
    buffer.extend_from_slice(&(content.topics.len() as u16).to_le_bytes());
    let named = [content.id, content.event_type].into_iter().flatten();
    for text in content.topics.iter().copied().chain(named) {
        buffer.extend_from_slice(&(text.len() as u16).to_le_bytes());
        buffer.extend_from_slice(text.as_bytes());
    }
    if let Some(ms) = content.retry_ms {
        buffer.extend_from_slice(&ms.to_le_bytes());
    }
    content.data.put(buffer);
}

fn flags_of(content: &EventContent<'_>) -> u16 {
    let flags = [
        (content.private, PRIVATE),
        (content.for_one_stream, FOR_ONE_STREAM),
        (content.ends_topic, ENDS_TOPIC),
        (content.idempotent, IDEMPOTENT),
        (content.id.is_some(), HAS_ID),
        (content.event_type.is_some(), HAS_TYPE),
        (content.retry_ms.is_some(), HAS_RETRY),
    ];
    flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, flag)| flags | flag)
}

#[cfg(test)]
mod tests;

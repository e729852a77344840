//! The bytes of an event on the wire.
//!
//! Field order is `id`, `event`, `retry`, `data`; then the blank line. A line break in data is CR,
//! LF or CRLF, each one break, and every line gets a `data:` of its own, as the event stream
//! format of the HTML standard (section 9.2.6) reads them back. The space after the colon is always
//! written, so that data may itself begin with a space. Types without control characters cannot
//! start another field, which [`CustomId`](super::CustomId) and [`EventType`](super::EventType)
//! see to.
//!
//! A frame is made inside the chunk of HTTP/1.1 that carries it, so that sockets and bodies are
//! given the same memory.

use bytes::Bytes;
use memchr::{memchr2, memchr2_iter};
use serde::Serialize;

use super::buffers::Buffers;
use super::chunk::{self, chunk_of};
use super::draft::Draft;
use super::id::{HUB_ID_BYTES, HubId};
use crate::topic::Topic;

const ID_FIELD: &[u8] = b"id: ";
pub(super) const TYPE_FIELD: &[u8] = b"event: ";
pub(super) const RETRY_FIELD: &[u8] = b"retry: ";
pub(super) const DATA_FIELD: &[u8] = b"data: ";
/// Where the id begins in every frame.
pub(super) const ID_START: usize = ID_FIELD.len();

/// A comment line: every client skips it, and every proxy sees that the stream is alive.
pub const HEARTBEAT: Bytes = Bytes::from_static(b":\n");

/// An encoded draft, with room around its frame for what makes it a chunk.
#[derive(Debug)]
pub(super) struct Encoded {
    buffer: Vec<u8>,
}

/// A frame, alone and as a chunk of HTTP/1.1: the same bytes in memory.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) frame: Bytes,
    pub(super) chunk: Bytes,
    /// What the memory of both is counted as.
    pub(super) held: usize,
}

impl Encoded {
    /// The place in the frame where the id made by the hub belongs.
    pub(super) fn id_place(&mut self) -> &mut [u8] {
        let start = chunk::HEAD_BYTES_MAX + ID_START;
        &mut self.buffer[start..start + HUB_ID_BYTES]
    }

    /// The frame, in which the place of an id made by the hub is not filled in yet.
    pub(super) fn frame(&self) -> &[u8] {
        &self.buffer[chunk::HEAD_BYTES_MAX..self.buffer.len() - chunk::END.len()]
    }

    pub(super) fn freeze(self, buffers: &Buffers) -> Framed {
        let mut buffer = self.buffer;
        let held = Buffers::held_by(buffer.capacity());
        let (frame, start) = chunk::put_head(&mut buffer);
        let buffer = buffers.count(buffer);
        Framed { frame: buffer.slice(frame), chunk: buffer.slice(start..), held }
    }
}

/// Encodes a draft. One that only ends its topics has no data lines: it is a block that sets the
/// client's last event id and dispatches nothing. The place of an id that the hub will make is left as zeros. The buffer is made
/// as large as it has to be, and no larger: it is kept for as long as the event.
pub(super) fn encode(draft: &Draft) -> Encoded {
    let retry = draft.retry.map(|retry| retry_field(retry.ms()));
    let bytes = chunk::HEAD_BYTES_MAX + frame_bytes(draft, retry.as_deref()) + chunk::END.len();
    let mut buffer = Vec::with_capacity(bytes);
    buffer.resize(chunk::HEAD_BYTES_MAX, 0);
    buffer.extend_from_slice(ID_FIELD);
    match &draft.id {
        Some(id) => buffer.extend_from_slice(id.as_str().as_bytes()),
        None => buffer.resize(buffer.len() + HUB_ID_BYTES, b'0'),
    }
    buffer.push(b'\n');
    if let Some(event_type) = &draft.event_type {
        buffer.extend_from_slice(TYPE_FIELD);
        buffer.extend_from_slice(event_type.as_str().as_bytes());
        buffer.push(b'\n');
    }
    buffer.extend_from_slice(retry.as_deref().unwrap_or_default().as_bytes());
    if !draft.is_end_alone() {
        put_data(&mut buffer, draft.data.as_bytes());
    }
    buffer.push(b'\n');
    buffer.extend_from_slice(chunk::END);
    debug_assert_eq!(buffer.len(), bytes, "the size of a frame is known before it is written");
    Encoded { buffer }
}

fn frame_bytes(draft: &Draft, retry: Option<&str>) -> usize {
    let id = draft.id.as_ref().map_or(HUB_ID_BYTES, |id| id.as_str().len());
    let event_type = draft.event_type.as_ref();
    let event_type = event_type.map_or(0, |name| TYPE_FIELD.len() + name.as_str().len() + 1);
    let data = if draft.is_end_alone() { 0 } else { data_bytes(&draft.data) };
    ID_FIELD.len() + id + 1 + event_type + retry.map_or(0, str::len) + data + 1
}

/// How many bytes the `data:` lines of some data have.
fn data_bytes(data: &str) -> usize {
    let bytes = data.as_bytes();
    let mut breaks = 0;
    let mut two_byte_breaks = 0;
    for at in memchr2_iter(b'\r', b'\n', bytes) {
        // The second half of a CRLF belongs to the first.
        if bytes[at] == b'\n' && at > 0 && bytes[at - 1] == b'\r' {
            two_byte_breaks += 1;
        } else {
            breaks += 1;
        }
    }
    // Each break becomes one byte, and each line gets a name and a break.
    bytes.len() - two_byte_breaks + (breaks + 1) * DATA_FIELD.len() + 1
}

fn put_data(buffer: &mut Vec<u8>, mut data: &[u8]) {
    loop {
        buffer.extend_from_slice(DATA_FIELD);
        let Some(end) = memchr2(b'\r', b'\n', data) else {
            buffer.extend_from_slice(data);
            buffer.push(b'\n');
            return;
        };
        buffer.extend_from_slice(&data[..end]);
        buffer.push(b'\n');
        let break_bytes = if data[end..].starts_with(b"\r\n") { 2 } else { 1 };
        data = &data[end + break_bytes..];
    }
}

fn retry_field(ms: u32) -> String {
    format!("retry: {ms}\n")
}

/// Tells a client when to come back: the last thing it is sent when its stream is closed.
#[must_use]
pub fn retry_frame(ms: u32) -> Bytes {
    Bytes::from(retry_field(ms) + "\n")
}

/// A block with an id alone: it sets the client's last event id and dispatches nothing (HTML
/// standard, section 9.2.6). The id must be one that an event could have, without control
/// characters.
#[must_use]
pub fn id_frame(id: &str) -> Bytes {
    Bytes::from(format!("id: {id}\n\n"))
}

/// A block of a stream that is no event of a publisher: alone and as a chunk of HTTP/1.1, in the
/// same memory. Cheap to clone, so that what many are sent is made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    frame: Bytes,
    chunk: Bytes,
}

impl Block {
    /// A comment line: every client skips it, and every proxy sees that the stream is alive.
    pub const HEARTBEAT: Self =
        Self { frame: HEARTBEAT, chunk: Bytes::from_static(b"2\r\n:\n\r\n") };

    /// Some whole lines.
    #[must_use]
    pub fn new(frame: &Bytes) -> Self {
        let chunk = chunk_of(frame);
        let end = chunk.len() - chunk::END.len();
        Self { frame: chunk.slice(end - frame.len()..end), chunk }
    }

    /// Tells a client its place.
    #[must_use]
    pub fn id(id: HubId) -> Self {
        Self::new(&id_frame(&id.to_string()))
    }

    /// Tells a client that it misses events.
    #[must_use]
    pub fn gap(notice: &GapNotice) -> Self {
        Self::new(&gap_frame(notice))
    }

    /// Tells a client which topics have ended.
    #[must_use]
    pub fn end<'a>(topics: impl Iterator<Item = &'a Topic>) -> Self {
        Self::new(&end_frame(topics))
    }

    /// For a body: hyper adds the framing of its version of HTTP.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// For a socket that carries HTTP/1.1.
    #[must_use]
    pub fn chunk(&self) -> &Bytes {
        &self.chunk
    }
}

/// The event `fanfare-end`: these topics have ended. It has no id, so that the client keeps that of the
/// event which ended them.
#[must_use]
pub fn end_frame<'a>(topics: impl Iterator<Item = &'a Topic>) -> Bytes {
    let topics: Vec<&str> = topics.map(Topic::as_str).collect();
    // Strings always serialise, and JSON has no raw line breaks.
    let json = serde_json::to_string(&EndNotice { topics }).unwrap_or_default();
    Bytes::from(format!("event: fanfare-end\ndata: {json}\n\n"))
}

#[derive(Serialize)]
struct EndNotice<'a> {
    topics: Vec<&'a str>,
}

/// What a client is notified of when it misses events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapNotice {
    /// How many events of its selectors it misses, where that is known.
    pub missed: Option<u64>,
    /// The id that it resumed after, or that it held when events were left out; none when the log
    /// passed it in mid-replay.
    pub after: Option<String>,
    /// The place that the gap leads to, or the event that follows it, where that is known.
    pub before: Option<String>,
}

/// The event `fanfare-gap`. It has no id, so that it does not move the client's position.
#[must_use]
pub fn gap_frame(notice: &GapNotice) -> Bytes {
    // JSON has no raw line breaks, and two strings and a number always serialise.
    let json = serde_json::to_string(notice).unwrap_or_default();
    Bytes::from(format!("event: fanfare-gap\ndata: {json}\n\n"))
}

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

use std::io::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use serde::Serialize;

use super::draft::Draft;
use super::id::HUB_ID_BYTES;

const ID_FIELD: &[u8] = b"id: ";
/// Where the id begins in every frame.
pub(super) const ID_START: usize = ID_FIELD.len();

/// A comment line: every client skips it, and every proxy sees that the stream is alive.
pub const HEARTBEAT: Bytes = Bytes::from_static(b":\n");

/// The most bytes before the data of a chunk: its size in up to eight hexadecimal digits, and a
/// line break.
const CHUNK_HEAD_MAX: usize = 10;
const CHUNK_END: &[u8] = b"\r\n";

/// An encoded draft, with room around its frame for what makes it a chunk.
#[derive(Debug)]
pub(super) struct Encoded {
    buffer: BytesMut,
}

/// A frame, alone and as a chunk of HTTP/1.1 (RFC 9112, section 7.1): the same bytes in memory.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) frame: Bytes,
    pub(super) chunk: Bytes,
}

impl Encoded {
    /// The place in the frame where the id made by the hub belongs.
    pub(super) fn id_place(&mut self) -> &mut [u8] {
        let start = CHUNK_HEAD_MAX + ID_START;
        &mut self.buffer[start..start + HUB_ID_BYTES]
    }

    pub(super) fn freeze(self) -> Framed {
        let mut buffer = self.buffer;
        let frame = CHUNK_HEAD_MAX..buffer.len() - CHUNK_END.len();
        let head = format!("{:x}\r\n", frame.len());
        // A frame of 4 GiB would need more digits; events are limited to far less.
        let start = CHUNK_HEAD_MAX.saturating_sub(head.len());
        buffer[start..CHUNK_HEAD_MAX].copy_from_slice(&head.as_bytes()[..CHUNK_HEAD_MAX - start]);
        let buffer = buffer.freeze();
        Framed { frame: buffer.slice(frame), chunk: buffer.slice(start..) }
    }
}

/// Encodes a draft. The place of an id that the hub will make is left as zeros.
pub(super) fn encode(draft: &Draft) -> Encoded {
    let mut frame = BytesMut::with_capacity(CHUNK_HEAD_MAX + capacity(draft) + CHUNK_END.len());
    frame.put_bytes(0, CHUNK_HEAD_MAX);
    frame.put_slice(ID_FIELD);
    match &draft.id {
        Some(id) => frame.put_slice(id.as_str().as_bytes()),
        None => frame.put_bytes(b'0', HUB_ID_BYTES),
    }
    frame.put_u8(b'\n');
    if let Some(event_type) = &draft.event_type {
        frame.put_slice(b"event: ");
        frame.put_slice(event_type.as_str().as_bytes());
        frame.put_u8(b'\n');
    }
    if let Some(retry) = draft.retry {
        put_retry(&mut frame, retry.ms());
    }
    put_data(&mut frame, draft.data.as_bytes());
    frame.put_u8(b'\n');
    frame.put_slice(CHUNK_END);
    Encoded { buffer: frame }
}

fn capacity(draft: &Draft) -> usize {
    const FIELDS: usize = 64 + HUB_ID_BYTES;
    let id = draft.id.as_ref().map_or(0, |id| id.as_str().len());
    let event_type = draft.event_type.as_ref().map_or(0, |name| name.as_str().len());
    FIELDS + id + event_type + draft.data.len()
}

fn put_data(frame: &mut BytesMut, mut data: &[u8]) {
    loop {
        frame.put_slice(b"data: ");
        let Some(end) = memchr2(b'\r', b'\n', data) else {
            frame.put_slice(data);
            frame.put_u8(b'\n');
            return;
        };
        frame.put_slice(&data[..end]);
        frame.put_u8(b'\n');
        let break_bytes = if data[end..].starts_with(b"\r\n") { 2 } else { 1 };
        data = &data[end + break_bytes..];
    }
}

fn put_retry(frame: &mut BytesMut, ms: u32) {
    // Writing into memory cannot fail.
    let _ = writeln!(frame.writer(), "retry: {ms}");
}

/// Tells a client when to come back: the last thing it is sent when its stream is closed.
#[must_use]
pub fn retry_frame(ms: u32) -> Bytes {
    let mut frame = BytesMut::with_capacity(32);
    put_retry(&mut frame, ms);
    frame.put_u8(b'\n');
    frame.freeze()
}

/// A piece that is no event, such as a comment, as a chunk.
#[must_use]
pub fn chunk_of(piece: &Bytes) -> Bytes {
    if *piece == HEARTBEAT {
        return Bytes::from_static(b"2\r\n:\n\r\n");
    }
    let mut chunk = BytesMut::with_capacity(CHUNK_HEAD_MAX + piece.len() + CHUNK_END.len());
    let _ = write!((&mut chunk).writer(), "{:x}\r\n", piece.len());
    chunk.put_slice(piece);
    chunk.put_slice(CHUNK_END);
    chunk.freeze()
}

/// What a client is told when the log no longer has what it missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapNotice {
    /// How many events of its selectors are gone, where that is known.
    pub missed: Option<u64>,
    /// The id that it asked to resume after; none when the log passed it in mid-replay.
    pub after: Option<String>,
    /// The id of the oldest event that is retained.
    pub before: Option<String>,
}

/// The event `fanfare-gap`. It has no id, so that it does not move the client's position.
#[must_use]
pub fn gap_frame(notice: &GapNotice) -> Bytes {
    // JSON has no raw line breaks, and two strings and a number always serialise.
    let json = serde_json::to_string(notice).unwrap_or_default();
    Bytes::from(format!("event: fanfare-gap\ndata: {json}\n\n"))
}

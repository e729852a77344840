//! Frames of HTTP/2 (RFC 9113) as bytes, right ones and wrong ones, and header blocks without a
//! table (RFC 7541).

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// The largest payload that a peer has to take.
const PAYLOAD_MAX: usize = 16 << 10;

/// What a request asks for.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Get,
    Post,
}

/// A connection begins with this, and with settings, each a number and a value.
pub(super) fn beginning(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &payload)].concat()
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A connection on which each of these is asked for.
pub(super) fn requests(kind: Kind, paths: Vec<String>) -> Vec<Vec<u8>> {
    let frames = paths
        .into_iter()
        .zip(0..)
        .map(|(path, number)| request(2 * number + 1, END_STREAM, &header_block(kind, &path, &[])));
    std::iter::once(beginning(&[])).chain(frames).collect()
}

/// A header block in as many frames as it needs.
pub(super) fn request(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    let pieces: Vec<_> = block.chunks(PAYLOAD_MAX).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        let last = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
        let flags = if index == 0 { flags | last } else { last };
        frames.extend(frame(kind, flags, stream, piece));
    }
    frames
}

pub(super) fn header_block(kind: Kind, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let method = match kind {
        Kind::Get => 0x82,
        Kind::Post => 0x83,
    };
    // The scheme is http; path and authority are named by their places in the static table.
    let mut block = vec![method, 0x86, 0x04];
    put_text(&mut block, path);
    block.push(0x01);
    put_text(&mut block, "localhost");
    for (name, value) in more {
        block.push(0);
        put_text(&mut block, name);
        put_text(&mut block, value);
    }
    block
}

/// A length of seven bits and what goes beyond them (RFC 7541, section 5.1), and the text as it is.
pub(super) fn put_text(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 0x7F {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(0x7F);
        length -= 0x7F;
        while length >= 0x80 {
            block.push(u8::try_from(length % 0x80).unwrap() | 0x80);
            length /= 0x80;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend_from_slice(text.as_bytes());
}

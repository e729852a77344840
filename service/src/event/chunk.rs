//! Chunks of HTTP/1.1 (RFC 9112, section 7.1): how the bytes of a stream are framed on a socket.
//!
//! A chunk is its size in hexadecimal digits, a line break, the bytes, and another. A frame is made
//! with room for that around it, so that sockets, which are sent chunks, and bodies, which hyper
//! frames, share its memory.

use std::io::Write as _;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// The most bytes before the data of a chunk: its size in up to eight hexadecimal digits, and a
/// line break.
pub(super) const HEAD_BYTES_MAX: usize = 10;
pub(super) const END: &[u8] = b"\r\n";

/// What ends a body in chunks: a client knows by it that nothing is missing.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Makes a chunk of a buffer that has data between room for the head and [`END`]: where the data
/// is, and where the chunk begins.
pub(super) fn put_head(buffer: &mut [u8]) -> (Range<usize>, usize) {
    let data = HEAD_BYTES_MAX..buffer.len() - END.len();
    let head = format!("{:x}\r\n", data.len());
    // Data of 4 GiB would need more digits; events are limited to far less.
    let start = HEAD_BYTES_MAX.saturating_sub(head.len());
    buffer[start..HEAD_BYTES_MAX].copy_from_slice(&head.as_bytes()[..HEAD_BYTES_MAX - start]);
    (data, start)
}

/// Some bytes that are no event, such as a comment, as a chunk of their own.
#[must_use]
pub fn chunk_of(data: &Bytes) -> Bytes {
    let mut chunk = BytesMut::with_capacity(HEAD_BYTES_MAX + data.len() + END.len());
    // Writing into memory cannot fail.
    let _ = write!((&mut chunk).writer(), "{:x}\r\n", data.len());
    chunk.put_slice(data);
    chunk.put_slice(END);
    chunk.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_as_long_as_the_size_asks_for() {
        let cases =
            [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (255, "ff\r\n"), (1 << 20, "100000\r\n")];
        for (bytes, head) in cases {
            let data = vec![b'x'; bytes];
            let mut buffer = [&[0; HEAD_BYTES_MAX][..], &data, END].concat();
            let (range, start) = put_head(&mut buffer);
            assert_eq!(&buffer[range.clone()], data, "{bytes}");
            assert_eq!(&buffer[start..range.start], head.as_bytes(), "{bytes}");
            assert_eq!(&buffer[start..], chunk_of(&Bytes::from(data)), "{bytes}");
        }
    }
}

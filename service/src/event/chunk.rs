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
const LINE_BREAK: &[u8] = b"\r\n";
pub(super) const END: &[u8] = LINE_BREAK;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What ends a body in chunks: a client knows by it that nothing is missing.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Makes a chunk of a buffer that has data between room for the head and [`END`]: where the data
/// is, and where the chunk begins.
pub(super) fn put_head(buffer: &mut [u8]) -> (Range<usize>, usize) {
    let data = HEAD_BYTES_MAX..buffer.len() - END.len();
    let digits_end = HEAD_BYTES_MAX - LINE_BREAK.len();
    buffer[digits_end..HEAD_BYTES_MAX].copy_from_slice(LINE_BREAK);
    // Digit by digit from the last: formatting would take a tenth of what it costs to append an event.
    // Data of 4 GiB would need more of them; events are limited to far less.
    let (mut start, mut rest) = (digits_end, data.len());
    while start > 0 && (rest > 0 || start == digits_end) {
        start -= 1;
        buffer[start] = DIGITS[rest % DIGITS.len()];
        rest /= DIGITS.len();
    }
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
        let cases = [
            (0, "0\r\n"),
            (1, "1\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (255, "ff\r\n"),
            (1 << 20, "100000\r\n"),
        ];
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

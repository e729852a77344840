//! The framing of a body (RFC 9112, section 6): what of the bytes that were read is content.

use memchr::memchr;

/// Digits of a chunk's length that are read: 2^60 bytes.
const DIGITS: u8 = 15;

/// Bytes of a chunk's extensions, and of trailers.
const EXTRAS: u16 = 4096;

/// A body that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Everything is content.
    UntilClose,
    /// So many bytes are still content.
    Length(u64),
    Chunked(Chunk),
}

/// Where in the chunks a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the length, of so many digits so far.
    Length { length: u64, digits: u8 },
    /// Behind the length, before its line's end.
    Extension { length: u64, seen: u16 },
    /// In the content, of which so much is left.
    Content(u64),
    /// In the line end behind the content, behind its CR or not.
    Behind { cr: bool },
    /// In the trailers; whether the present line is empty so far.
    Trailers { empty: bool, seen: u16 },
    /// Behind the last chunk.
    End,
}

/// The framing is broken: what follows has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of the body are broken")]
pub(crate) struct BrokenBody;

impl Body {
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunk::start())
    }

    /// Whether all of it has come.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::End))
    }

    /// Takes the next content from the front of `bytes`; empty when the rest is no content.
    pub(crate) fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<&'a [u8], BrokenBody> {
        match self {
            Self::UntilClose => Ok(split(bytes, u64::MAX)),
            Self::Length(left) => {
                let content = split(bytes, *left);
                *left -= content.len() as u64;
                if *left == 0 {
                    *bytes = &[];
                }
                Ok(content)
            }
            Self::Chunked(chunk) => chunk.take(bytes),
        }
    }
}

impl Chunk {
    const fn start() -> Self {
        Self::Length { length: 0, digits: 0 }
    }

    fn take<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<&'a [u8], BrokenBody> {
        while !bytes.is_empty() {
            if let Self::Content(left) = *self {
                let content = split(bytes, left);
                let left = left - content.len() as u64;
                *self = if left == 0 { Self::Behind { cr: false } } else { Self::Content(left) };
                return Ok(content);
            }
            *self = self.step(bytes)?;
        }
        Ok(&[])
    }

    /// Goes one byte on, or over as many as have no meaning, outside of the content.
    fn step(self, bytes: &mut &[u8]) -> Result<Self, BrokenBody> {
        match self {
            Self::Extension { length, seen } => {
                let Some(end) = memchr(b'\n', bytes) else {
                    let seen = seen.saturating_add(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
                    *bytes = &[];
                    return if seen > EXTRAS {
                        Err(BrokenBody)
                    } else {
                        Ok(Self::Extension { length, seen })
                    };
                };
                *bytes = &bytes[end + 1..];
                return Ok(if length == 0 {
                    Self::Trailers { empty: true, seen: 0 }
                } else {
                    Self::Content(length)
                });
            }
            Self::End => {
                *bytes = &[];
                return Ok(self);
            }
            _ => {}
        }
        let byte = split(bytes, 1)[0];
        match (self, byte) {
            (Self::Length { length, digits }, byte) => match (byte as char).to_digit(16) {
                Some(digit) if digits < DIGITS => {
                    Ok(Self::Length { length: length << 4 | u64::from(digit), digits: digits + 1 })
                }
                None if digits > 0 && matches!(byte, b'\r' | b';' | b' ' | b'\t') => {
                    Ok(Self::Extension { length, seen: 0 })
                }
                _ => Err(BrokenBody),
            },
            (Self::Behind { cr: false }, b'\r') => Ok(Self::Behind { cr: true }),
            (Self::Behind { .. }, b'\n') => Ok(Self::start()),
            (Self::Trailers { empty: true, .. }, b'\n') => Ok(Self::End),
            (Self::Trailers { empty, seen }, byte) if seen < EXTRAS => {
                // A CR belongs to the line end that follows.
                let empty = byte == b'\n' || (empty && byte == b'\r');
                Ok(Self::Trailers { empty, seen: seen + 1 })
            }
            _ => Err(BrokenBody),
        }
    }
}

/// Cuts up to so many bytes from the front.
fn split<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let length = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    let (front, rest) = bytes.split_at(length);
    *bytes = rest;
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content of a body that comes in these segments, and whether it is complete.
    fn read(mut body: Body, pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), BrokenBody> {
        let mut content = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                content.extend_from_slice(body.take(&mut rest)?);
            }
        }
        Ok((content, body.is_complete()))
    }

    #[test]
    fn chunks_are_taken_apart_at_every_cut() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"3\r\nabc\r\n", b"abc", false),
            (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", true),
            (b"A;name=\"v\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", b"0123456789", true),
            (b"0000a \r\n0123456789\r\n", b"0123456789", false),
            (b"3\r\n\r\n\n\r\n0\r\n\r\n", b"\r\n\n", true),
        ];
        for (bytes, content, complete) in cases {
            for cut in 0..=bytes.len() {
                let (left, right) = bytes.split_at(cut);
                let found = read(Body::chunked(), &[left, right]);
                assert_eq!(found, Ok((content.to_vec(), *complete)), "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bytes in [
            b"x\r\n".as_slice(),
            b"\r\n",
            b"3\nabc",
            b"3\r\nabcd\r\n",
            b"fffffffffffffffff\r\n",
            b"-1\r\n",
        ] {
            assert_eq!(read(Body::chunked(), &[bytes]), Err(BrokenBody), "{bytes:?}");
        }
        for (begin, again) in [("1;", "x"), ("1\r\na", "\r"), ("0\r\n", "\r"), ("0\r\n", "x\r\n")] {
            let endless = [begin, &again.repeat(5000)].concat();
            assert_eq!(
                read(Body::chunked(), &[endless.as_bytes()]),
                Err(BrokenBody),
                "{endless:?}"
            );
        }
    }

    #[test]
    fn other_bodies_end_with_their_length_or_the_connection() {
        assert_eq!(read(Body::Length(3), &[b"ab", b"cd"]), Ok((b"abc".to_vec(), true)));
        assert_eq!(read(Body::UntilClose, &[b"ab", b"cd"]), Ok((b"abcd".to_vec(), false)));
    }
}

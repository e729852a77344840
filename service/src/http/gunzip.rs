//! Decoding of `gzip` (RFC 1952), a bounded step at a time.
//!
//! A kilobyte may become a megabyte, so nothing is decoded ahead of its reader: each step takes a
//! little input and gives at most some tens of kilobytes, which the limits of the body see before
//! the next step. Several members in a row are one body.

use std::io::{self, Write as _};

use bytes::{Buf as _, Bytes};
use flate2::write::MultiGzDecoder;

use crate::memory::{HeldMemory, MemoryBudget, NoRoom};

/// How much input a step takes.
const STEP_BYTES: usize = 4 << 10;

/// What a decoder holds: a window of 32 KiB, as much output that is not taken yet, and its tables.
const DECODER_BYTES: usize = 76 << 10;

/// A decoder, and the input that it has not taken.
#[derive(Debug)]
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    input: Bytes,
    _held: HeldMemory,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GunzipStep {
    /// Decoded bytes; none where a header was read.
    Decoded(Bytes),
    /// All input has been taken, and everything that it stands for was given.
    NeedsInput,
}

/// These bytes are not gzip, or are not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotGzip;

impl From<io::Error> for NotGzip {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Gunzip {
    /// A decoder whose own memory is counted like the body's.
    pub(super) fn new(memory: &MemoryBudget) -> Result<Self, NoRoom> {
        let held = memory.hold(DECODER_BYTES)?;
        Ok(Self { decoder: MultiGzDecoder::new(Vec::new()), input: Bytes::new(), _held: held })
    }

    /// Gives it more, when it needs input.
    pub(super) fn feed(&mut self, input: Bytes) {
        debug_assert!(self.input.is_empty(), "what it has not taken would be lost");
        self.input = input;
    }

    /// Decodes a little.
    pub(super) fn step(&mut self) -> Result<GunzipStep, NotGzip> {
        if self.input.is_empty() {
            return Ok(GunzipStep::NeedsInput);
        }
        let most = self.input.len().min(STEP_BYTES);
        match self.decoder.write(&self.input[..most])? {
            0 => return Err(NotGzip),
            taken => self.input.advance(taken),
        }
        if self.input.is_empty() {
            // The decoder keeps what it has decoded until it is called again; a client that waits
            // for its response sends no more.
            self.decoder.flush()?;
        }
        Ok(GunzipStep::Decoded(self.decoded()))
    }

    /// Nothing more comes: the last bytes, if the last member is whole.
    pub(super) fn finish(&mut self) -> Result<Bytes, NotGzip> {
        self.decoder.try_finish()?;
        Ok(self.decoded())
    }

    fn decoded(&mut self) -> Bytes {
        std::mem::take(self.decoder.get_mut()).into()
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// Decodes a body in chunks, and gives what came out and the longest step.
    fn gunzip(encoded: &[u8], piece_bytes: usize) -> Result<(Vec<u8>, usize), NotGzip> {
        let mut gunzip = Gunzip::new(&MemoryBudget::new(1 << 20)).unwrap();
        let (mut all, mut longest) = (Vec::new(), 0);
        for piece in encoded.chunks(piece_bytes) {
            gunzip.feed(Bytes::copy_from_slice(piece));
            while let GunzipStep::Decoded(bytes) = gunzip.step()? {
                longest = longest.max(bytes.len());
                all.extend_from_slice(&bytes);
            }
        }
        all.extend_from_slice(&gunzip.finish()?);
        Ok((all, longest))
    }

    #[test]
    fn members_are_joined_wherever_the_body_was_split() {
        let encoded = [gzip(b"one,"), gzip(b""), gzip(b"two")].concat();
        for piece_bytes in 1..=encoded.len() {
            assert_eq!(gunzip(&encoded, piece_bytes).unwrap().0, b"one,two", "{piece_bytes}");
        }
    }

    #[test]
    fn what_is_not_whole_or_not_gzip_is_an_error() {
        let whole = gzip(b"hello, hello, hello");
        let wrong_sum = [&whole[..whole.len() - 8], &[0; 8][..]].concat();
        let endless_name = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], &[b'n'; 70_000]].concat();
        let mut cases = vec![
            Vec::new(),
            b"{\"topic\":\"t\"}".to_vec(),
            [&whole[..], b"more"].concat(),
            [&whole[..], &[0; 4]].concat(),
            wrong_sum,
            endless_name,
        ];
        cases.extend((1..whole.len()).map(|end| whole[..end].to_vec()));
        for case in cases {
            for piece_bytes in [1, 7, 1 << 20] {
                assert_eq!(gunzip(&case, piece_bytes), Err(NotGzip), "{case:?} by {piece_bytes}");
            }
        }
    }

    #[test]
    fn a_step_gives_little_however_much_the_input_stands_for() {
        let (data, longest) = gunzip(&gzip(&vec![0; 20 << 20]), 1 << 20).unwrap();
        assert_eq!(data.len(), 20 << 20);
        assert!(longest <= 96 << 10, "{longest}");
    }

    #[test]
    fn what_was_flushed_is_given_before_more_comes() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut decoder = Gunzip::new(&MemoryBudget::new(1 << 20)).unwrap();
        for line in ["first\n", "second\n"] {
            encoder.write_all(line.as_bytes()).unwrap();
            encoder.flush().unwrap();
            decoder.feed(std::mem::take(encoder.get_mut()).into());
            let mut decoded = Vec::new();
            while let GunzipStep::Decoded(bytes) = decoder.step().unwrap() {
                decoded.extend_from_slice(&bytes);
            }
            assert_eq!(String::from_utf8(decoded).unwrap(), line);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            piece_bytes in 1_usize..100,
        ) {
            let _ = gunzip(&bytes, piece_bytes);
            let like_gzip = [&[0x1f, 0x8b, 8][..], &bytes].concat();
            let _ = gunzip(&like_gzip, piece_bytes);
        }

        #[test]
        fn what_was_encoded_comes_back(
            data in proptest::collection::vec(any::<u8>(), 0..5_000),
            piece_bytes in 1_usize..500,
        ) {
            prop_assert_eq!(gunzip(&gzip(&data), piece_bytes).unwrap().0, data);
        }
    }
}

//! The memory that request bodies hold, counted as it is held.
//!
//! A length that a client announces costs nothing: bytes are counted when they have arrived and are
//! kept, and the count is given back when they are dropped. Forms, raw bodies, lines of NDJSON,
//! their responses and decoders share one budget.
//!
//! A count stays until the event has been handed to the log, although the body has become a draft
//! by then: the draft holds about as much.

use crate::memory::{HeldMemory, MemoryBudget};

/// Below this, a buffer grows by as much again, so that a body in many small chunks is not copied
/// for each of them.
const SMALL_BYTES: usize = 4 << 10;

/// Why a buffer does not take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// It would be longer than it may be.
    TooLong,
    /// The budget of all bodies is used up.
    NoRoom,
}

/// A buffer whose whole allocation is counted, and not only what is in it.
///
/// Chunks of a body are copied into it: a chunk of one byte may otherwise keep a whole read buffer
/// alive.
#[derive(Debug)]
pub(super) struct CountedBuffer {
    bytes: Vec<u8>,
    bytes_max: usize,
    held: HeldMemory,
}

impl CountedBuffer {
    /// A buffer that is counted as it grows, up to so many bytes.
    pub(super) fn new(memory: &MemoryBudget, bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, held: memory.nothing() }
    }

    /// Takes a chunk as a whole, or nothing of it.
    pub(super) fn extend(&mut self, piece: &[u8]) -> Result<(), Full> {
        let needed = self.bytes.len().saturating_add(piece.len());
        if needed > self.bytes_max {
            return Err(Full::TooLong);
        }
        if needed > self.bytes.capacity() {
            self.grow(needed)?;
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Counts the larger allocation before it is made. While the bytes move, the smaller one exists
    /// beside it: for a moment, and once for each thread.
    fn grow(&mut self, needed: usize) -> Result<(), Full> {
        let held = self.bytes.capacity();
        // An eighth keeps what is counted near what has arrived, where doubling would not.
        let spare = if needed <= SMALL_BYTES { needed } else { held / 8 };
        let roomy = held.saturating_add(spare).clamp(needed, self.bytes_max);
        let capacity = [roomy, needed].into_iter().find(|&bytes| self.held.resize(bytes).is_ok());
        let capacity = capacity.ok_or(Full::NoRoom)?;
        self.bytes.reserve_exact(capacity - self.bytes.len());
        Ok(())
    }

    #[cfg(test)]
    fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Drops all bytes, and their count.
    pub(super) fn clear(&mut self) {
        let _ = self.take();
    }

    /// Takes out what has been gathered, with its count, and leaves an empty buffer.
    pub(super) fn take(&mut self) -> (Vec<u8>, HeldMemory) {
        let nothing = self.held.budget().nothing();
        (std::mem::take(&mut self.bytes), std::mem::replace(&mut self.held, nothing))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_buffer_stops_at_its_own_limit_and_at_that_of_all() {
        let memory = MemoryBudget::new(1_000);
        let mut long = CountedBuffer::new(&memory, 600);
        assert_eq!(long.extend(&[b'x'; 600]), Ok(()));
        assert_eq!(long.extend(b"x"), Err(Full::TooLong));
        let mut other = CountedBuffer::new(&memory, 600);
        assert_eq!(other.extend(&[b'x'; 400]), Ok(()), "exactly what is left");
        assert_eq!(other.extend(b"x"), Err(Full::NoRoom));
        assert_eq!(other.as_slice().len(), 400, "what it had, it keeps");
        long.clear();
        assert_eq!(other.extend(b"x"), Ok(()));
    }

    #[test]
    fn a_buffer_is_counted_within_an_eighth_of_what_has_arrived() {
        let memory = MemoryBudget::new(64 << 20);
        let mut buffer = CountedBuffer::new(&memory, 16 << 20);
        let mut arrived = 0;
        while arrived < 4 << 20 {
            buffer.extend(&[b'x'; 1_400]).unwrap();
            arrived += 1_400;
            assert_eq!(memory.held(), buffer.bytes.capacity());
            let most = arrived + (arrived / 8).max(SMALL_BYTES);
            assert!((arrived..=most).contains(&memory.held()), "{arrived}: {}", memory.held());
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_counted_to_the_byte_and_given_back(
            pieces in proptest::collection::vec((0_usize..4, 0_usize..3_000), 0..200),
        ) {
            let memory = MemoryBudget::new(20_000);
            let mut buffers: Vec<_> = (0..4).map(|_| CountedBuffer::new(&memory, 9_000)).collect();
            for (index, bytes) in pieces {
                if buffers[index].extend(&vec![b'x'; bytes]).is_err() {
                    buffers[index].clear();
                }
                let allocated: usize = buffers.iter().map(|buffer| buffer.bytes.capacity()).sum();
                prop_assert_eq!(memory.held(), allocated);
                prop_assert!(memory.held() <= 20_000);
            }
            drop(buffers);
            prop_assert_eq!(memory.held(), 0);
        }
    }
}

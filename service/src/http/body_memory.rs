//! The memory that request bodies hold, counted as it is held.
//!
//! A length that a client announces costs nothing: bytes are counted when they have arrived and are
//! kept, and the count is given back when they are dropped. Forms, raw bodies, lines of NDJSON,
//! their responses and decoders share one budget. What does not fit is refused; no request waits
//! for room, because the requests that hold it may be waiting for clients that send nothing.
//!
//! A count stays until the event has been handed to the log, although the body has become a draft
//! by then: the draft holds about as much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below this, a buffer grows by as much again, so that a body in many small chunks is not copied
/// for each of them.
const SMALL_BYTES: usize = 4 << 10;

/// The budget, and how much of it is held. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BodyMemory {
    shared: Arc<SharedMemory>,
}

#[derive(Debug)]
struct SharedMemory {
    held: AtomicUsize,
    max: usize,
}

/// There is no room for these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl BodyMemory {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { shared: Arc::new(SharedMemory { held: AtomicUsize::new(0), max }) }
    }

    /// How many there may be.
    #[must_use]
    pub fn max(&self) -> usize {
        self.shared.max
    }

    /// How many bytes are held at this moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Counts so many bytes, if there is room for them.
    pub(super) fn hold(&self, bytes: usize) -> Result<HeldMemory, NoRoom> {
        let mut held = self.nothing();
        held.resize(bytes)?;
        Ok(held)
    }

    /// Counts bytes whether there is room or not: for what has to be kept, and is bounded
    /// otherwise.
    pub(super) fn hold_anyway(&self, bytes: usize) -> HeldMemory {
        self.shared.held.fetch_add(bytes, Ordering::Relaxed);
        HeldMemory { memory: self.clone(), bytes }
    }

    /// A buffer that is counted as it grows, up to so many bytes.
    pub(super) fn buffer(&self, bytes_max: usize) -> CountedBuffer {
        CountedBuffer { bytes: Vec::new(), bytes_max, held: self.nothing() }
    }

    fn nothing(&self) -> HeldMemory {
        HeldMemory { memory: self.clone(), bytes: 0 }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct HeldMemory {
    memory: BodyMemory,
    bytes: usize,
}

impl HeldMemory {
    /// Counts so many bytes from now on; what was counted before stays when there is no room.
    fn resize(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let SharedMemory { held, max } = &*self.memory.shared;
        if let Some(less) = self.bytes.checked_sub(bytes) {
            held.fetch_sub(less, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            let grown = |held: usize| held.checked_add(more).filter(|held| held <= max);
            held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map_err(|_| NoRoom)?;
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.memory.shared.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

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
        let nothing = self.held.memory.nothing();
        (std::mem::take(&mut self.bytes), std::mem::replace(&mut self.held, nothing))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_held_is_counted_until_it_is_let_go() {
        let memory = BodyMemory::new(100);
        let first = memory.hold(60).unwrap();
        assert_eq!(memory.hold(41).err(), Some(NoRoom));
        assert_eq!(memory.held(), 60, "a refusal holds nothing");
        let second = memory.hold(40).unwrap();
        drop(first);
        assert_eq!(memory.held(), 40);
        drop(second);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn what_has_to_be_kept_is_counted_beyond_the_budget_and_leaves_no_room() {
        let memory = BodyMemory::new(10);
        let kept = memory.hold_anyway(25);
        assert_eq!(memory.held(), 25);
        assert_eq!(memory.hold(1).err(), Some(NoRoom));
        drop(kept);
        assert!(memory.hold(10).is_ok());
    }

    #[test]
    fn a_buffer_stops_at_its_own_limit_and_at_that_of_all() {
        let memory = BodyMemory::new(1_000);
        let mut long = memory.buffer(600);
        assert_eq!(long.extend(&[b'x'; 600]), Ok(()));
        assert_eq!(long.extend(b"x"), Err(Full::TooLong));
        let mut other = memory.buffer(600);
        assert_eq!(other.extend(&[b'x'; 400]), Ok(()), "exactly what is left");
        assert_eq!(other.extend(b"x"), Err(Full::NoRoom));
        assert_eq!(other.as_slice().len(), 400, "what it had, it keeps");
        long.clear();
        assert_eq!(other.extend(b"x"), Ok(()));
    }

    #[test]
    fn a_buffer_is_counted_within_an_eighth_of_what_has_arrived() {
        let memory = BodyMemory::new(64 << 20);
        let mut buffer = memory.buffer(16 << 20);
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
            let memory = BodyMemory::new(20_000);
            let mut buffers: Vec<_> = (0..4).map(|_| memory.buffer(9_000)).collect();
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

//! Batches: what a segment is made of.
//!
//! A batch is what is written and synced at once: a header of 40 bytes, and records that mean nothing
//! here. It is whole or it is not there, which its check says: CRC-32C over the salt of its segment, the
//! header and the records. The salt is random, so that neither what another file has left on the disk
//! nor what a publisher has written into an event passes for a batch.
//!
//! ```text
//!  0  magic     4  89 46 4e 42
//!  4  check     4  over everything that follows, behind the salt
//!  8  length    4  of the records, in bytes
//! 12  kind      1  1 events, 2 a hole, 3 older events that are written again
//! 13  zero      3
//! 16  first     8  the sequence of the first event
//! 24  count     8  how many events follow on each other, or are missing; 0 of kind 3
//! 32  synced    8  up to which position of the segment everything was synced when this was written
//! 40  records      and zeros up to a multiple of 8
//! ```
//!
//! Numbers are little-endian. `synced` tells a batch that was torn by a crash from one that went bad
//! later: what is not whole below the `synced` of any batch was whole once.

use crc32c::crc32c_append;

use crate::event::Sequence;

const MAGIC: [u8; 4] = [0x89, b'F', b'N', b'B'];
/// The length of a header, in bytes.
pub(super) const HEADER_BYTES: usize = 40;
/// Batches begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// The most bytes of records in a batch. An event has 1 MiB at most by default, and 64 MiB if the limit
/// is raised as far as it goes.
pub(super) const RECORDS_BYTES_MAX: usize = 128 << 20;

/// What sets the batches of a segment apart from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(pub(super) u64);

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchKind {
    /// Events that follow on each other.
    Events,
    /// Nothing: so many events are missing, and it is known which.
    Hole,
    /// Events of before, which stay when the segments go that they were in. It begins where the next event
    /// will, and has none that follows.
    Again,
}

/// The head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHead {
    pub(super) kind: BatchKind,
    /// The sequence of its first event.
    pub(super) first: Sequence,
    /// How many there are.
    pub(super) count: u64,
    /// Up to where everything was synced when it was written.
    pub(super) synced: u64,
}

/// A batch that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentBatch<'a> {
    pub(super) head: BatchHead,
    pub(super) records: &'a [u8],
    pub(super) check: u32,
}

impl BatchHead {
    /// The sequence behind its last event.
    pub(super) fn next(&self) -> Sequence {
        Sequence(self.first.0 + self.count)
    }

    /// The batch as bytes, appended to others; its check.
    pub(super) fn write(&self, records: &[u8], salt: Salt, bytes: &mut Vec<u8>) -> u32 {
        let begin = bytes.len();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(records.len() as u32).to_le_bytes());
        let kind = match self.kind {
            BatchKind::Events => 1,
            BatchKind::Hole => 2,
            BatchKind::Again => 3,
        };
        bytes.extend_from_slice(&[kind, 0, 0, 0]);
        for number in [self.first.0, self.count, self.synced] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(records);
        let check = check(salt, &bytes[begin + 8..]);
        bytes[begin + 4..begin + 8].copy_from_slice(&check.to_le_bytes());
        bytes.resize(begin + whole_bytes(records.len()), 0);
        check
    }
}

/// What a batch with so many bytes of records takes.
pub(super) fn whole_bytes(records: usize) -> usize {
    (HEADER_BYTES + records).next_multiple_of(ALIGNMENT)
}

fn check(salt: Salt, bytes: &[u8]) -> u32 {
    crc32c_append(crc32c::crc32c(&salt.0.to_le_bytes()), bytes)
}

/// The batch at the beginning of some bytes, if there is one and it is whole.
pub(super) fn read(bytes: &[u8], salt: Salt) -> Option<SegmentBatch<'_>> {
    let header = bytes.get(..HEADER_BYTES)?;
    if header[..4] != MAGIC {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(array(header, 8))).ok()?;
    let end = HEADER_BYTES.checked_add(length).filter(|_| length <= RECORDS_BYTES_MAX)?;
    let checked = bytes.get(8..end)?;
    let written = u32::from_le_bytes(array(header, 4));
    if check(salt, checked) != written {
        return None;
    }
    let kind = match header[12] {
        1 => BatchKind::Events,
        2 => BatchKind::Hole,
        3 => BatchKind::Again,
        _ => return None,
    };
    let number = |at| u64::from_le_bytes(array(header, at));
    let (first, count) = (number(16), number(24));
    let next = first.checked_add(count)?;
    let has_events = count > 0;
    if first == 0 || next > Sequence::MAX.0 + 1 || has_events == (kind == BatchKind::Again) {
        return None;
    }
    let head = BatchHead { kind, first: Sequence(first), count, synced: number(32) };
    Some(SegmentBatch { head, records: &bytes[HEADER_BYTES..end], check: written })
}

/// How long a batch says that it is, in bytes, whether it is whole or not.
pub(super) fn claimed_bytes(header: &[u8; HEADER_BYTES]) -> Option<usize> {
    let length = usize::try_from(u32::from_le_bytes(array(header, 8))).ok()?;
    (length <= RECORDS_BYTES_MAX).then(|| whole_bytes(length))
}

/// The sequence that a batch says is behind its last event, whether it is whole or not.
pub(super) fn claimed_next(bytes: &[u8]) -> Option<Sequence> {
    let header = bytes.get(..HEADER_BYTES)?;
    let number = |at| u64::from_le_bytes(array(header, at));
    number(16).checked_add(number(24)).map(Sequence)
}

/// The positions at which batches may begin, from one on: those with the first four bytes of one.
pub(super) fn candidates(bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
    let found = memchr::memmem::find_iter(&bytes[from.min(bytes.len())..], &MAGIC);
    found.map(move |at| from + at).filter(|at| at % ALIGNMENT == 0)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt(0x1234_5678_9abc_def0);

    fn head() -> BatchHead {
        BatchHead { kind: BatchKind::Events, first: Sequence(7), count: 3, synced: 1_024 }
    }

    fn written(records: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        head().write(records, SALT, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        for records in [&b""[..], b"x", b"12345678", &[0; 1_000]] {
            let bytes = written(records);
            assert_eq!(bytes.len(), whole_bytes(records.len()));
            assert_eq!(bytes.len() % ALIGNMENT, 0);
            let batch = read(&bytes, SALT).unwrap();
            assert_eq!((batch.head, batch.records), (head(), records));
            assert_eq!(batch.head.next(), Sequence(10));
        }
    }

    #[test]
    fn only_events_of_before_take_no_sequence() {
        for (kind, count, is_read) in [
            (BatchKind::Again, 0, true),
            (BatchKind::Again, 1, false),
            (BatchKind::Events, 0, false),
            (BatchKind::Hole, 0, false),
        ] {
            let mut bytes = Vec::new();
            BatchHead { kind, count, ..head() }.write(b"records", SALT, &mut bytes);
            let batch = read(&bytes, SALT);
            assert_eq!(batch.is_some(), is_read, "{kind:?} {count}");
            assert!(batch.is_none_or(|batch| batch.head.next() == batch.head.first));
        }
    }

    #[test]
    fn a_change_of_any_bit_is_seen() {
        let bytes = written(b"some records");
        for at in 0..HEADER_BYTES + 12 {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(read(&changed, SALT), None, "bit {bit} of byte {at}");
            }
        }
        for cut in 0..HEADER_BYTES + 12 {
            assert_eq!(read(&bytes[..cut], SALT), None, "{cut} bytes");
        }
    }

    #[test]
    fn a_batch_of_another_segment_is_none_of_this() {
        assert_eq!(read(&written(b"records"), Salt(SALT.0 + 1)), None);
        assert_eq!(read(&[0; 64], SALT), None);
    }

    #[test]
    fn batches_are_found_behind_what_is_none() {
        let mut bytes = vec![0xff; 24];
        bytes.extend(written(b"one"));
        bytes.extend([0x89, b'F', b'N']);
        bytes.extend([0; 5]);
        bytes.extend(written(&MAGIC));
        let found: Vec<usize> = candidates(&bytes, 8).collect();
        let whole: Vec<usize> =
            found.iter().copied().filter(|&at| read(&bytes[at..], SALT).is_some()).collect();
        assert_eq!(whole, [24, 80]);
        assert!(found.len() >= 2 && candidates(&bytes, 1_000).next().is_none());
    }
}

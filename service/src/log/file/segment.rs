//! Segments: files of batches that follow on each other.
//!
//! A segment begins with its header, twice, each in a sector of its own, so that one that goes bad does
//! not take a whole segment with it. Batches begin at 1,024. The newest segment has room in advance,
//! which is zeros; the others end with their last batch.
//!
//! ```text
//!  0  magic        8  89 46 4e 53 45 47 0d 0a
//!  8  version      4  1
//! 12  check        4  CRC-32C over everything that follows
//! 16  epoch        8  of the log
//! 24  first        8  the sequence of the first event
//! 32  salt         8  random, of this segment
//! 40  before       4  the check of the last batch of the segment before; 0 in the first one
//! 44  zero         4
//! ```

use crc32c::crc32c;

use super::batch::Salt;
use crate::event::{Epoch, Sequence};

const MAGIC: [u8; 8] = [0x89, b'F', b'N', b'S', b'E', b'G', b'\r', b'\n'];
/// The version of the format that is written.
pub(super) const VERSION: u32 = 1;
const HEADER_BYTES: usize = 48;
const COPIES_AT: [usize; 2] = [0, 512];
/// Where batches begin.
pub(super) const BATCHES_AT: u64 = 1_024;
const SUFFIX: &str = ".seg";
/// Of the sequence in a name, so that names sort as sequences.
const DIGITS: usize = 20;

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) epoch: Epoch,
    /// The sequence of its first event.
    pub(super) first: Sequence,
    pub(super) salt: Salt,
    /// The check of the last batch before it.
    pub(super) before: u32,
}

/// What the first bytes of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadHead {
    Good(SegmentHead),
    /// Of a version that is not known here.
    Newer {
        version: u32,
    },
    Bad,
}

impl SegmentHead {
    /// As it stands before the batches.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        for number in [self.epoch.to_bits(), self.first.0, self.salt.0] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&self.before.to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        let check = crc32c(&header[16..]);
        header[12..16].copy_from_slice(&check.to_le_bytes());
        let mut bytes = vec![0; usize::try_from(BATCHES_AT).unwrap_or(0)];
        for at in COPIES_AT {
            bytes[at..at + HEADER_BYTES].copy_from_slice(&header);
        }
        bytes
    }

    /// Reads it from the first bytes of a segment.
    pub(super) fn read(bytes: &[u8]) -> ReadHead {
        let copies = COPIES_AT.into_iter().filter_map(|at| bytes.get(at..at + HEADER_BYTES));
        let read: Vec<ReadHead> = copies.filter_map(Self::read_copy).collect();
        // One whose version has gone bad is not newer than the other.
        let good = read.iter().find(|head| matches!(head, ReadHead::Good(_)));
        good.or(read.first()).copied().unwrap_or(ReadHead::Bad)
    }

    fn read_copy(header: &[u8]) -> Option<ReadHead> {
        let number =
            |at: usize| u64::from_le_bytes(std::array::from_fn(|index| header[at + index]));
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|index| header[at + index]));
        if header[..8] != MAGIC {
            return None;
        }
        let version = word(8);
        if version != VERSION {
            return Some(ReadHead::Newer { version });
        }
        (crc32c(&header[16..]) == word(12)).then(|| {
            ReadHead::Good(Self {
                epoch: Epoch::from_bits(number(16)),
                first: Sequence(number(24)),
                salt: Salt(number(32)),
                before: word(40),
            })
        })
    }
}

/// The name of the segment that begins with an event.
pub(super) fn name_of(first: Sequence) -> String {
    format!("{:0DIGITS$}{SUFFIX}", first.0)
}

/// The first event of the segment with this name, if a segment can have it.
pub(super) fn first_of(name: &str) -> Option<Sequence> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let first = digits.parse().ok().filter(|_| is_ours).map(Sequence)?;
    (Sequence(1)..=Sequence::MAX).contains(&first).then_some(first)
}

/// The first events of all segments, by the names of the files of a folder, in order.
pub(super) fn firsts_of(names: &[String]) -> Vec<Sequence> {
    let mut firsts: Vec<Sequence> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> SegmentHead {
        let epoch = Epoch::begun_at(1_795_000_000_000, 7);
        SegmentHead { epoch, first: Sequence(41), salt: Salt(99), before: 0xdead_beef }
    }

    #[test]
    fn a_header_is_read_from_either_copy() {
        let bytes = head().write();
        assert_eq!(bytes.len() as u64, BATCHES_AT);
        for bad in [None, Some(0), Some(511), Some(512), Some(1_023)] {
            let mut bytes = bytes.clone();
            if let Some(at) = bad {
                let sector = at / 512 * 512;
                bytes[sector..sector + 512].fill(0xa5);
            }
            assert_eq!(SegmentHead::read(&bytes), ReadHead::Good(head()), "{bad:?}");
        }
        assert_eq!(SegmentHead::read(&vec![0; 1_024]), ReadHead::Bad);
        assert_eq!(SegmentHead::read(&bytes[..40]), ReadHead::Bad);
    }

    #[test]
    fn a_header_with_both_copies_bad_is_none() {
        let bytes = head().write();
        for at in (8..HEADER_BYTES).filter(|at| !(8..12).contains(at)) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            bytes[512 + at] ^= 1;
            assert_eq!(SegmentHead::read(&bytes), ReadHead::Bad, "{at}");
        }
    }

    #[test]
    fn a_newer_version_is_told() {
        let mut bytes = head().write();
        for at in COPIES_AT {
            bytes[at + 8] = 2;
        }
        assert_eq!(SegmentHead::read(&bytes), ReadHead::Newer { version: 2 });
    }

    #[test]
    fn names_sort_as_sequences_and_no_other_name_is_one() {
        assert_eq!(name_of(Sequence(41)), "00000000000000000041.seg");
        for sequence in [1, 41, Sequence::MAX.0] {
            assert_eq!(first_of(&name_of(Sequence(sequence))), Some(Sequence(sequence)));
        }
        for name in ["", "meta", "41.seg", "0000000000000000004x.seg", "00000000000000000041.idx"] {
            assert_eq!(first_of(name), None, "{name}");
        }
        let names = [9, 10, 1].map(|sequence| name_of(Sequence(sequence)));
        assert_eq!(firsts_of(&names), [1, 9, 10].map(Sequence));
    }

    #[test]
    fn a_sequence_that_no_event_can_have_is_the_name_of_no_segment() {
        for sequence in [0, Sequence::MAX.0 + 1, u64::MAX] {
            assert_eq!(first_of(&name_of(Sequence(sequence))), None, "{sequence}");
        }
        // More than a number of 64 bits.
        assert_eq!(first_of("99999999999999999999.seg"), None);
    }
}

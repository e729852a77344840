//! Index files: where in a sealed segment its events are.
//!
//! A segment that is sealed gets a file beside it, by which its events are found without reading it: by
//! their sequence, by their topics and by the ids of publishers. It is made from the segment, and made
//! anew when it is missing or damaged.
//!
//! ```text
//!   0  magic         8  89 46 4e 49 44 58 0d 0a
//!   8  version       4  2
//!  12  check         4  CRC-32C over the rest of the header
//!  16  salt          8  that of the segment
//!  24  first         8  the sequence of its first event
//!  32  next          8  the sequence behind its last event
//!  40  bytes         8  the length of the segment
//!  48  newest        8  the time of its last event, in milliseconds since 1970; 0 when it has none
//!  56  uncounted     8  the last sequence in it that is no event for everybody; 0 when it has none
//!  64  last check    4  that of its last batch
//!  68  tables check  4  CRC-32C over everything between header and filter
//!  72  runs          4  how many there are, and so on
//!  76  events        4
//!  80  topics        4
//!  84  postings      4
//!  88  ids           4
//!  92  filter        4  its length in bytes
//!  96  filter check  4  CRC-32C over the filter
//! 100  ends          4  how often events in it end topics: each of their topics counts
//! 104  again         4  how many batches there are of older events that are written again
//! 108  run          16  each: the first sequence 8, how many follow on each other 4, the number of the
//!                       first 4
//!      event         4  each: where its record begins in the segment
//!      topic        16  each, in the order of their hashes: hash 8, its first posting 4, how many 4
//!      posting       4  each: the number of an event, in order for each topic
//!      id           12  each, in the order of their hashes and then of events: hash 8, the event's number 4
//!      again         4  each: where such a batch begins in the segment
//!      filter           a Bloom filter of the hashes of the ids, and of the topics that end
//! ```
//!
//! Numbers are little-endian. Events are numbered from 0 in the order of the segment. Hashes are
//! SipHash-1-3 with the epoch as key: two texts may share one, so whoever looks something up compares
//! the event that it finds. In the filter a topic that ends is hashed with a byte 0 before it, which no id
//! has.

mod build;
mod filter;
mod lookup;

use std::hash::Hasher as _;
use std::ops::Range;

use crc32c::crc32c;
use siphasher::sip::SipHasher13;

use super::batch::Salt;
use super::segment;
use crate::event::{Epoch, Sequence};
pub(super) use build::build;
pub(super) use filter::IdFilter;
pub(super) use lookup::{IndexLookup, Spot, partition_point};

const MAGIC: [u8; 8] = [0x89, b'F', b'N', b'I', b'D', b'X', b'\r', b'\n'];
const VERSION: u32 = 2;
/// The length of its header, in bytes.
pub(super) const HEADER_BYTES: usize = 108;
const RUN_BYTES: u64 = 16;
const EVENT_BYTES: u64 = 4;
const TOPIC_BYTES: u64 = 16;
const POSTING_BYTES: u64 = 4;
const ID_BYTES: u64 = 12;
const AGAIN_BYTES: u64 = 4;

/// The name of the index file of the segment that begins with an event.
pub(super) fn name_of(first: Sequence) -> String {
    format!("{:020}.idx", first.0)
}

/// The first event of the segment whose index has this name, if it is the name of one.
pub(super) fn first_of(name: &str) -> Option<Sequence> {
    let segment = format!("{}.seg", name.strip_suffix(".idx")?);
    segment::first_of(&segment)
}

/// The header of an index file: what is known of a segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexHead {
    pub(super) salt: Salt,
    /// The sequence of its first event.
    pub(super) first: Sequence,
    /// The sequence behind its last event.
    pub(super) next: Sequence,
    /// The length of the segment.
    pub(super) bytes: u64,
    /// The time of its last event, in milliseconds since 1970; 0 when it has none.
    pub(super) newest_ms: u64,
    /// The last sequence in it that is no event for everybody; 0 when it has none.
    pub(super) last_uncounted: Sequence,
    /// The check of its last batch.
    pub(super) last_check: u32,
    tables_check: u32,
    runs: u32,
    pub(super) events: u32,
    topics: u32,
    postings: u32,
    ids: u32,
    filter: u32,
    filter_check: u32,
    /// How often events in it end topics.
    pub(super) ends: u32,
    /// How many batches there are of older events that are written again.
    pub(super) again: u32,
}

impl IndexHead {
    /// How many events are missing in the segment.
    pub(super) fn missing(&self) -> u64 {
        self.next.0 - self.first.0 - u64::from(self.events)
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let numbers = [
            self.salt.0,
            self.first.0,
            self.next.0,
            self.bytes,
            self.newest_ms,
            self.last_uncounted.0,
        ];
        for (index, number) in numbers.into_iter().enumerate() {
            bytes[16 + 8 * index..][..8].copy_from_slice(&number.to_le_bytes());
        }
        let words = [
            self.last_check,
            self.tables_check,
            self.runs,
            self.events,
            self.topics,
            self.postings,
            self.ids,
            self.filter,
            self.filter_check,
            self.ends,
            self.again,
        ];
        for (index, word) in words.into_iter().enumerate() {
            bytes[64 + 4 * index..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let check = crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads it from the first bytes of an index file, if they are one of this version.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        let number = |at: usize| u64_at(header, 16 + 8 * at);
        let word = |at: usize| u32_at(header, 64 + 4 * at);
        let is_good = header[..8] == MAGIC
            && u32_at(header, 8) == VERSION
            && u32_at(header, 12) == crc32c(&header[16..]);
        is_good.then(|| Self {
            salt: Salt(number(0)),
            first: Sequence(number(1)),
            next: Sequence(number(2)),
            bytes: number(3),
            newest_ms: number(4),
            last_uncounted: Sequence(number(5)),
            last_check: word(0),
            tables_check: word(1),
            runs: word(2),
            events: word(3),
            topics: word(4),
            postings: word(5),
            ids: word(6),
            filter: word(7),
            filter_check: word(8),
            ends: word(9),
            again: word(10),
        })
    }

    fn runs_at(&self) -> u64 {
        HEADER_BYTES as u64
    }

    fn events_at(&self) -> u64 {
        self.runs_at() + RUN_BYTES * u64::from(self.runs)
    }

    fn topics_at(&self) -> u64 {
        self.events_at() + EVENT_BYTES * u64::from(self.events)
    }

    fn postings_at(&self) -> u64 {
        self.topics_at() + TOPIC_BYTES * u64::from(self.topics)
    }

    pub(in crate::log::file) fn ids_at(&self) -> u64 {
        self.postings_at() + POSTING_BYTES * u64::from(self.postings)
    }

    fn again_at(&self) -> u64 {
        self.ids_at() + ID_BYTES * u64::from(self.ids)
    }

    pub(super) fn filter_at(&self) -> Range<u64> {
        let at = self.again_at() + AGAIN_BYTES * u64::from(self.again);
        at..at + u64::from(self.filter)
    }

    /// The length of the whole file.
    pub(super) fn index_bytes(&self) -> u64 {
        self.filter_at().end
    }
}

/// The hash by which a topic or an id is found.
pub(super) fn hash(epoch: Epoch, text: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(epoch.to_bits(), 0);
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The hash by which it is found whether a topic may have ended.
pub(super) fn hash_of_end(epoch: Epoch, topic: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(epoch.to_bits(), 0);
    hasher.write(b"\0");
    hasher.write(topic.as_bytes());
    hasher.finish()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests;

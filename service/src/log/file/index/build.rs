//! Making the index of a segment from what is in it.

use crc32c::crc32c;

use super::filter::IdFilter;
use super::{HEADER_BYTES, IndexHead, hash, hash_of_end};
use crate::event::{Epoch, EventContent, Sequence};
use crate::log::file::batch::{self, BatchKind};
use crate::log::file::segment::{BATCHES_AT, SegmentHead};
use crate::log::record::{RecordKind, view_record};

/// The index file of a segment that is whole: its header, and all its bytes. Nothing is made of a
/// segment in which something cannot be read.
pub(in crate::log::file) fn build(
    segment: SegmentHead,
    bytes: &[u8],
) -> Option<(IndexHead, Vec<u8>)> {
    let mut tables = Tables { next: segment.first, ..Tables::new(segment.epoch) };
    let mut at = usize::try_from(BATCHES_AT).ok()?;
    let mut last_check = segment.before;
    while at < bytes.len() {
        let batch = batch::read(&bytes[at..], segment.salt)?;
        if batch.head.first != tables.next {
            return None;
        }
        match batch.head.kind {
            BatchKind::Hole => tables.last_uncounted = batch.head.next().previous(),
            BatchKind::Events => tables.add_records(batch.records, at + batch::HEADER_BYTES)?,
            BatchKind::Again => tables.again.push(u32::try_from(at).ok()?),
        }
        if tables.next > batch.head.next() {
            return None;
        }
        tables.next = batch.head.next();
        last_check = batch.check;
        at += batch::whole_bytes(batch.records.len());
    }
    Some(tables.write(IndexHead {
        salt: segment.salt,
        first: segment.first,
        next: Sequence(0),
        bytes: bytes.len() as u64,
        newest_ms: 0,
        last_uncounted: Sequence(0),
        last_check,
        tables_check: 0,
        runs: 0,
        events: 0,
        topics: 0,
        postings: 0,
        ids: 0,
        filter: 0,
        filter_check: 0,
        ends: 0,
        again: 0,
    }))
}

struct Tables {
    epoch: Epoch,
    next: Sequence,
    newest_ms: u64,
    last_uncounted: Sequence,
    runs: Vec<(Sequence, u32, u32)>,
    /// Where the record of each event begins.
    events: Vec<u32>,
    /// Hashes of topics, and the events that have them.
    topics: Vec<(u64, u32)>,
    /// Hashes of ids, and the events that have them.
    ids: Vec<(u64, u32)>,
    /// Hashes of the topics that end.
    ends: Vec<u64>,
    /// Where batches begin of older events.
    again: Vec<u32>,
}

impl Tables {
    fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            next: Sequence(0),
            newest_ms: 0,
            last_uncounted: Sequence(0),
            runs: Vec::new(),
            events: Vec::new(),
            topics: Vec::new(),
            ids: Vec::new(),
            ends: Vec::new(),
            again: Vec::new(),
        }
    }

    fn add_records(&mut self, records: &[u8], begin: usize) -> Option<()> {
        let mut at = 0;
        while at < records.len() {
            let (record, bytes) = view_record(&records[at..]).ok()?;
            if record.kind == RecordKind::Next {
                if record.sequence != self.next {
                    return None;
                }
                self.newest_ms = record.accepted_ms;
                self.add(&record.content, u32::try_from(begin + at).ok()?)?;
            }
            at += bytes;
        }
        Some(())
    }

    fn add(&mut self, content: &EventContent<'_>, at: u32) -> Option<()> {
        let number = u32::try_from(self.events.len()).ok()?;
        match self.runs.last_mut() {
            Some((first, count, _)) if first.0 + u64::from(*count) == self.next.0 => *count += 1,
            _ => self.runs.push((self.next, 1, number)),
        }
        self.events.push(at);
        let topics = content.topics.iter().map(|topic| (hash(self.epoch, topic), number));
        self.topics.extend(topics);
        self.ids.extend(content.id.map(|id| (hash(self.epoch, id), number)));
        if content.ends_topic {
            let ends = content.topics.iter().map(|topic| hash_of_end(self.epoch, topic));
            self.ends.extend(ends);
        }
        if content.for_one_stream {
            self.last_uncounted = self.next;
        }
        self.next = self.next.next();
        Some(())
    }

    fn write(mut self, head: IndexHead) -> (IndexHead, Vec<u8>) {
        self.topics.sort_unstable();
        self.topics.dedup();
        self.ids.sort_unstable();
        let mut bytes = vec![0; HEADER_BYTES];
        for (first, count, number) in &self.runs {
            bytes.extend_from_slice(&first.0.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for at in &self.events {
            bytes.extend_from_slice(&at.to_le_bytes());
        }
        let topics = self.write_topics(&mut bytes);
        for (hash, number) in &self.ids {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for at in &self.again {
            bytes.extend_from_slice(&at.to_le_bytes());
        }
        let tables_check = crc32c(&bytes[HEADER_BYTES..]);
        let ids = self.ids.iter().map(|(hash, _)| *hash);
        let hashes: Vec<u64> = ids.chain(self.ends.iter().copied()).collect();
        let filter = IdFilter::of(hashes.into_iter());
        bytes.extend_from_slice(filter.as_bytes());
        let head = IndexHead {
            next: self.next,
            newest_ms: self.newest_ms,
            last_uncounted: self.last_uncounted,
            tables_check,
            runs: self.runs.len() as u32,
            events: self.events.len() as u32,
            topics,
            postings: self.topics.len() as u32,
            ids: self.ids.len() as u32,
            filter: filter.bytes() as u32,
            filter_check: crc32c(filter.as_bytes()),
            ends: self.ends.len() as u32,
            again: self.again.len() as u32,
            ..head
        };
        bytes[..HEADER_BYTES].copy_from_slice(&head.to_bytes());
        (head, bytes)
    }

    /// Writes the topics and their postings; how many topics there are.
    fn write_topics(&self, bytes: &mut Vec<u8>) -> u32 {
        let mut count = 0;
        let mut first = 0_u32;
        for same in self.topics.chunk_by(|(one, _), (other, _)| one == other) {
            bytes.extend_from_slice(&same[0].0.to_le_bytes());
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&(same.len() as u32).to_le_bytes());
            first += same.len() as u32;
            count += 1;
        }
        for (_, number) in &self.topics {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        count
    }
}

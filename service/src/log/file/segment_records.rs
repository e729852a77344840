//! The records of a segment, read where an index says they are.

use std::io;
use std::ops::Range;

use super::disk::{FileContent, is_media_error};
use super::index::IndexLookup;
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::log::record::read_record;

/// What is read at once of records that follow on each other: as many bytes, and as many of them.
const CHUNK_BYTES: u64 = 256 << 10;
const CHUNK_EVENTS: usize = 1_024;
/// What a disk gives back or not at once.
const PAGE_BYTES: u64 = 4_096;
/// In how many places the disk may fail while one page of events is read.
const BAD_PAGES_MAX: usize = 16;

/// The records of a segment, of which those are in memory that were asked for last.
pub(super) struct SegmentRecords<'a, F, I> {
    lookup: &'a IndexLookup<'a, I>,
    file: &'a F,
    epoch: Epoch,
    buffers: &'a Buffers,
    /// The number of the first one in memory.
    first: u32,
    /// Where they begin in the segment, and where the last of them ends.
    places: Vec<u64>,
    bytes: Vec<u8>,
    /// What the disk does not give back, as far as it is known; nothing as long as it has not failed.
    bad_pages: Vec<Range<u64>>,
}

impl<'a, F: FileContent, I: FileContent> SegmentRecords<'a, F, I> {
    /// Those of a segment, by its index.
    pub(super) fn new(
        file: &'a F,
        lookup: &'a IndexLookup<'a, I>,
        (epoch, buffers): (Epoch, &'a Buffers),
    ) -> Self {
        let (places, bytes) = (Vec::new(), Vec::new());
        Self { lookup, file, epoch, buffers, first: 0, places, bytes, bad_pages: Vec::new() }
    }

    /// Has the first of some numbers in memory, with those that follow on it without a break.
    pub(super) fn load(&mut self, numbers: &[u32]) -> io::Result<()> {
        let Some(&number) = numbers.first() else { return Ok(()) };
        if self.place(number).is_some() {
            return Ok(());
        }
        let together = numbers.windows(2).take_while(|pair| pair[0].abs_diff(pair[1]) == 1);
        let last = numbers[together.count().min(CHUNK_EVENTS - 1)];
        let is_backwards = last < number;
        let wanted = number.min(last)..number.max(last) + 1;
        let mut places = self.lookup.places(wanted.clone())?;
        self.first = wanted.start;
        // Of large events only as many as are read at once.
        if is_backwards {
            let end = places.last().copied().unwrap_or(0);
            let from = places.partition_point(|&at| at + CHUNK_BYTES < end);
            let from = from.min(places.len().saturating_sub(2));
            self.first += from as u32;
            places.drain(..from);
        } else {
            let begin = places.first().copied().unwrap_or(0);
            let count = places.partition_point(|&at| at <= begin + CHUNK_BYTES);
            places.truncate(count.max(2));
        }
        let (begin, end) = match places[..] {
            [begin, .., end] if begin <= end => (begin, end),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        let length = usize::try_from(end - begin).map_err(io::Error::other)?;
        // If it fails nothing is in memory.
        self.places.clear();
        self.bytes.resize(length, 0);
        let count = self.file.read_at(&mut self.bytes, begin)?;
        self.bytes.truncate(count);
        self.places = places;
        Ok(())
    }

    /// The event with the first of some numbers; nothing if it is damaged or the disk does not give it.
    ///
    /// # Errors
    /// When it is not the disk that fails, or when it has failed in too many places: each time can take it
    /// seconds.
    pub(super) fn readable_event(
        &mut self,
        numbers: &[u32],
        expected: Sequence,
    ) -> io::Result<Option<Event>> {
        let Some(&number) = numbers.first() else { return Ok(None) };
        if self.bad_pages.is_empty() {
            match self.load(numbers) {
                Ok(()) => return Ok(self.event(number, expected)),
                Err(error) => self.note_bad_page(error, 0..0)?,
            }
        }
        // One page that is bad takes those beside it with it only where they are read together.
        let places = self.lookup.places(number..number + 1)?;
        let (Some(&begin), Some(&end)) = (places.first(), places.last()) else { return Ok(None) };
        if self.bad_pages.iter().any(|bad| bad.start < end && begin < bad.end) {
            return Ok(None);
        }
        match self.load(&[number]) {
            Ok(()) => Ok(self.event(number, expected)),
            Err(error) => {
                let bad = self.first_bad_page(begin..end);
                self.note_bad_page(error, bad)?;
                Ok(None)
            }
        }
    }

    fn note_bad_page(&mut self, error: io::Error, page: Range<u64>) -> io::Result<()> {
        self.bad_pages.push(page);
        match is_media_error(&error) && self.bad_pages.len() <= BAD_PAGES_MAX {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// The first page that cannot be read of some bytes of the segment.
    fn first_bad_page(&self, bytes: Range<u64>) -> Range<u64> {
        let pages = (bytes.start / PAGE_BYTES..bytes.end.div_ceil(PAGE_BYTES))
            .map(|page| page * PAGE_BYTES..(page + 1) * PAGE_BYTES);
        let mut byte = [0];
        let mut bad =
            pages.filter(|page| self.file.read_at(&mut byte, page.start.max(bytes.start)).is_err());
        bad.next().unwrap_or(bytes.clone())
    }

    /// Where the record of an event is in what is in memory.
    fn place(&self, number: u32) -> Option<usize> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        // The last one is where the others end.
        self.places.get(at + 1)?;
        usize::try_from(self.places[at] - self.places[0]).ok()
    }

    /// The event with a number, if its record is good.
    pub(super) fn event(&self, number: u32, expected: Sequence) -> Option<Event> {
        let (record, _) = read_record(self.bytes.get(self.place(number)?..)?).ok()?;
        if record.sequence != expected {
            return None;
        }
        let accepted = (record.accepted_ms, None);
        Some(record.event.assign(expected, accepted, self.epoch, self.buffers))
    }
}

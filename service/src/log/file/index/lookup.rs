//! Finding something by an index file. It is read where it is needed, a few bytes at a time: what is
//! asked for often is in the page cache of the system.

use std::io;
use std::ops::Range;

use crc32c::{crc32c, crc32c_append};

use super::filter::IdFilter;
use super::{
    EVENT_BYTES, HEADER_BYTES, ID_BYTES, IndexHead, POSTING_BYTES, RUN_BYTES, u32_at, u64_at,
};
use crate::event::Sequence;
use crate::log::file::disk::FileContent;

/// How much is read at once where all of it is read.
const READ_BYTES: usize = 1 << 20;
/// From how many bytes on the rest of a search is read at once: copying a page of the page cache takes
/// less than two more calls of the system.
const SEARCH_BYTES: u64 = 4 << 10;

/// An index file, and what its header says.
#[derive(Debug)]
pub(in crate::log::file) struct IndexLookup<'a, F> {
    file: &'a F,
    head: &'a IndexHead,
}

/// An entry of a table, and where it is.
struct FoundEntry<const N: usize> {
    index: u32,
    /// Nothing if all that were looked through are before it.
    entry: Option<[u8; N]>,
}

impl<const N: usize> FoundEntry<N> {
    /// This one, if there is one.
    fn or(self, other: Self) -> Self {
        if self.entry.is_some() { self } else { other }
    }
}

/// Where a sequence is in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log::file) enum Spot {
    /// It is the event with this number. So many right before it and right behind it follow on each
    /// other.
    Event { number: u32, before: u32, behind: u32 },
    /// It is missing, and so is everything after and through these.
    Hole { after: Sequence, through: Sequence },
}

impl<'a, F: FileContent> IndexLookup<'a, F> {
    pub(in crate::log::file) fn new(file: &'a F, head: &'a IndexHead) -> Self {
        Self { file, head }
    }

    /// Whether the tables are as they were written.
    pub(in crate::log::file) fn is_whole(&self) -> io::Result<bool> {
        let mut buffer = vec![0; READ_BYTES];
        let (mut at, mut check) = (HEADER_BYTES as u64, 0);
        let end = self.head.filter_at().start;
        if self.file.bytes()? != self.head.index_bytes() {
            return Ok(false);
        }
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let count = self.file.read_at(&mut buffer[..wanted], at)?;
            if count < wanted {
                return Ok(false);
            }
            check = crc32c_append(check, &buffer[..count]);
            at += count as u64;
        }
        Ok(check == self.head.tables_check)
    }

    /// The filter, if it is as it was written.
    pub(in crate::log::file) fn filter(&self) -> io::Result<Option<IdFilter>> {
        let Range { start, end } = self.head.filter_at();
        let bytes = self.bytes(start, usize::try_from(end - start).map_err(io::Error::other)?)?;
        let is_good = crc32c(&bytes) == self.head.filter_check;
        Ok(is_good.then(|| IdFilter::from_bytes(bytes)))
    }

    /// Where a sequence of the segment is.
    pub(in crate::log::file) fn spot(&self, sequence: Sequence) -> io::Result<Spot> {
        if let Some(event) = self.spot_in_whole(sequence) {
            return Ok(event);
        }
        let run_at = |index| {
            let run = self.entry::<16>(self.head.runs_at() + RUN_BYTES * u64::from(index))?;
            io::Result::Ok((Sequence(u64_at(&run, 0)), u32_at(&run, 8), u32_at(&run, 12)))
        };
        let runs = (self.head.runs_at(), self.head.runs);
        let behind = self.partition_point::<16>(runs, |run| u64_at(run, 0) <= sequence.0)?;
        let mut after = self.head.first.previous();
        if let Some(index) = behind.checked_sub(1) {
            let (first, count, number) = run_at(index)?;
            let before = sequence.0 - first.0;
            if before < u64::from(count) {
                // It is less than the count, which has 32 bits.
                let before = before as u32;
                return Ok(Spot::Event {
                    number: number + before,
                    before,
                    behind: count - before - 1,
                });
            }
            after = Sequence(first.0 + u64::from(count)).previous();
        }
        let through = match behind == self.head.runs {
            true => self.head.next.previous(),
            false => run_at(behind)?.0.previous(),
        };
        Ok(Spot::Hole { after, through })
    }

    /// The same where nothing is missing in the segment, which its header says: hardly any segment needs
    /// a look at its runs.
    fn spot_in_whole(&self, sequence: Sequence) -> Option<Spot> {
        let before = sequence.0.checked_sub(self.head.first.0)?;
        let number = u32::try_from(before).ok().filter(|&number| number < self.head.events)?;
        let behind = self.head.events - number - 1;
        (self.head.missing() == 0).then_some(Spot::Event { number, before: number, behind })
    }

    /// The sequence of an event.
    pub(in crate::log::file) fn sequence_of(&self, number: u32) -> io::Result<Sequence> {
        if self.head.missing() == 0 {
            return Ok(Sequence(self.head.first.0 + u64::from(number)));
        }
        let runs = (self.head.runs_at(), self.head.runs);
        let behind = self.partition_point::<16>(runs, |run| u32_at(run, 12) <= number)?;
        let index = u64::from(behind.saturating_sub(1));
        let run = self.entry::<16>(self.head.runs_at() + RUN_BYTES * index)?;
        Ok(Sequence(u64_at(&run, 0) + u64::from(number - u32_at(&run, 12))))
    }

    /// Where batches begin of older events that are written again.
    pub(in crate::log::file) fn again(&self) -> io::Result<Vec<u32>> {
        self.words(self.head.again_at(), self.head.again as usize)
    }

    /// Where the records of some events begin in the segment, and where the last of them ends at the
    /// latest.
    pub(in crate::log::file) fn places(&self, numbers: Range<u32>) -> io::Result<Vec<u64>> {
        let at = self.head.events_at() + EVENT_BYTES * u64::from(numbers.start);
        let is_last = numbers.end >= self.head.events;
        let words = self.words(at, numbers.len() + usize::from(!is_last))?;
        let end = is_last.then_some(self.head.bytes);
        Ok(words.into_iter().map(u64::from).chain(end).collect())
    }

    /// The events with a topic of this hash, of those with these numbers: the first of them, in order,
    /// at most `count_max`.
    pub(in crate::log::file) fn with_topic(
        &self,
        hash: u64,
        numbers: Range<u32>,
        count_max: usize,
    ) -> io::Result<Vec<u32>> {
        let postings = self.postings(hash)?;
        if is_short(&postings) {
            let mut found = self.all_within(postings, &numbers)?;
            found.truncate(count_max);
            return Ok(found);
        }
        let postings = self.postings_within(postings, &numbers)?;
        let count = postings.len().min(count_max);
        self.words(self.posting_at(postings.start), count)
    }

    /// The same from the end: the last of them, in order.
    pub(in crate::log::file) fn with_topic_back(
        &self,
        hash: u64,
        numbers: Range<u32>,
        count_max: usize,
    ) -> io::Result<Vec<u32>> {
        let postings = self.postings(hash)?;
        if is_short(&postings) {
            let mut found = self.all_within(postings, &numbers)?;
            found.drain(..found.len().saturating_sub(count_max));
            return Ok(found);
        }
        let postings = self.postings_within(postings, &numbers)?;
        let count = postings.len().min(count_max);
        let first = postings.end - u32::try_from(count).unwrap_or(0);
        self.words(self.posting_at(first), count)
    }

    /// The postings of a topic.
    fn postings(&self, hash: u64) -> io::Result<Range<u32>> {
        let topics = (self.head.topics_at(), self.head.topics);
        let found = self.first_from_hash::<16>(topics, hash, |topic| u64_at(topic, 0) < hash)?;
        let Some(topic) = found.entry else { return Ok(0..0) };
        if u64_at(&topic, 0) != hash {
            return Ok(0..0);
        }
        let (first, count) = (u32_at(&topic, 8), u32_at(&topic, 12));
        first.checked_add(count).map(|end| first..end).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// The numbers in a few postings that are among these.
    fn all_within(&self, postings: Range<u32>, numbers: &Range<u32>) -> io::Result<Vec<u32>> {
        let mut all = self.words(self.posting_at(postings.start), postings.len())?;
        all.truncate(all.partition_point(|&number| number < numbers.end));
        all.drain(..all.partition_point(|&number| number < numbers.start));
        Ok(all)
    }

    /// The postings of those that are of events with these numbers.
    fn postings_within(
        &self,
        postings: Range<u32>,
        numbers: &Range<u32>,
    ) -> io::Result<Range<u32>> {
        let table = (self.posting_at(postings.start), postings.end - postings.start);
        let behind =
            |number| self.partition_point::<4>(table, |posting| u32_at(posting, 0) < number);
        Ok(postings.start + behind(numbers.start)?..postings.start + behind(numbers.end)?)
    }

    fn posting_at(&self, index: u32) -> u64 {
        self.head.postings_at() + POSTING_BYTES * u64::from(index)
    }

    /// The events from a sequence on with an id of this hash, in order. Each is read when it is asked for:
    /// all events of a segment may have the same id.
    pub(in crate::log::file) fn with_id(
        &self,
        hash: u64,
        from: Sequence,
    ) -> io::Result<impl Iterator<Item = io::Result<u32>>> {
        let id_at = move |index| self.entry::<12>(self.head.ids_at() + ID_BYTES * u64::from(index));
        let ids = (self.head.ids_at(), self.head.ids);
        let number = self.first_number_from(from)?;
        let first = self.first_from_hash::<12>(ids, hash, |id| {
            (u64_at(id, 0), u32_at(id, 8)) < (hash, number)
        })?;
        let others = (first.index + 1..self.head.ids).map(id_at);
        Ok(first.entry.map(Ok).into_iter().chain(others).map_while(move |id| match id {
            Ok(id) => (u64_at(&id, 0) == hash).then(|| Ok(u32_at(&id, 8))),
            Err(error) => Some(Err(error)),
        }))
    }

    /// The number of the first event from a sequence on; how many there are if there is none.
    fn first_number_from(&self, from: Sequence) -> io::Result<u32> {
        if from <= self.head.first {
            return Ok(0);
        }
        let mut at = from;
        while at < self.head.next {
            match self.spot(at)? {
                Spot::Event { number, .. } => return Ok(number),
                Spot::Hole { through, .. } if through >= at => at = through.next(),
                Spot::Hole { .. } => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(self.head.events)
    }

    /// How many entries of a table are before something. The table is where its first entry is, how many
    /// it has, and the length of each.
    fn partition_point<const N: usize>(
        &self,
        (at, count): (u64, u32),
        is_before: impl Fn(&[u8]) -> bool,
    ) -> io::Result<u32> {
        Ok(self.first_not_before::<N>(at, 0..count, is_before)?.index)
    }

    /// The first entry of a table that is not before another one with this hash. Entries begin with hashes
    /// and are in their order. Hashes are spread evenly, so that a place can be guessed: of 10,000 entries
    /// one read finds 99 % and more.
    fn first_from_hash<const N: usize>(
        &self,
        (at, count): (u64, u32),
        hash: u64,
        is_before: impl Fn(&[u8]) -> bool + Copy,
    ) -> io::Result<FoundEntry<N>> {
        let guess = (u128::from(hash) * u128::from(count)) >> 64;
        let guess = u32::try_from(guess).unwrap_or(count);
        let around = (SEARCH_BYTES / N as u64 / 2) as u32;
        let (low, high) = (guess.saturating_sub(around), guess.saturating_add(around).min(count));
        let found = self.first_not_before::<N>(at, low..high, is_before)?;
        if found.index == low && low > 0 {
            // The first one that was read may be the one.
            let before = self.first_not_before::<N>(at, 0..low, is_before)?;
            return Ok(before.or(found));
        }
        match found.index == high && high < count {
            true => self.first_not_before::<N>(at, high..count, is_before),
            false => Ok(found),
        }
    }

    fn first_not_before<const N: usize>(
        &self,
        at: u64,
        Range { start: mut low, end: mut high }: Range<u32>,
        is_before: impl Fn(&[u8]) -> bool,
    ) -> io::Result<FoundEntry<N>> {
        let place = |index| at + N as u64 * u64::from(index);
        let mut at_high = None;
        while place(high) - place(low) > SEARCH_BYTES {
            let middle = low + (high - low) / 2;
            let entry = self.entry::<N>(place(middle))?;
            if is_before(&entry) {
                low = middle + 1;
            } else {
                (high, at_high) = (middle, Some(entry));
            }
        }
        let rest = self.bytes(place(low), N * (high - low) as usize)?;
        let (entries, _) = rest.as_chunks::<N>();
        let found = entries.partition_point(|entry| is_before(entry));
        let entry = entries.get(found).copied().or(at_high);
        Ok(FoundEntry { index: low + found as u32, entry })
    }

    fn entry<const N: usize>(&self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(&mut bytes, at)?;
        Ok(bytes)
    }

    fn words(&self, at: u64, count: usize) -> io::Result<Vec<u32>> {
        let bytes = self.bytes(at, 4 * count)?;
        Ok(bytes.chunks_exact(4).map(|word| u32_at(word, 0)).collect())
    }

    fn bytes(&self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.read(&mut bytes, at)?;
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        match self.file.read_at(bytes, at)? {
            count if count == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Whether all postings of a topic are read at once.
fn is_short(postings: &Range<u32>) -> bool {
    POSTING_BYTES * postings.len() as u64 <= SEARCH_BYTES
}

/// How many of so many entries, which are in order, are before something.
pub(in crate::log::file) fn partition_point(
    count: u32,
    mut is_before: impl FnMut(u32) -> io::Result<bool>,
) -> io::Result<u32> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

//! Reading events of sealed segments. It waits for the disk, so no delivery thread does it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::counters::DiskCounters;
use super::disk::{Disk, DiskFile};
use super::index::{self, IdFilter, IndexHead, IndexLookup, Spot};
use super::segment::{self, ReadHead, SegmentHead};
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::log::record::read_record;
use crate::logging::log_limited;
use crate::topic::Topic;

/// How many segments are looked through for one page: a topic may be in few of them.
const SEGMENTS_MAX: usize = 16;
/// What is read at once of records that follow on each other: as many bytes, and as many of them.
const CHUNK_BYTES: u64 = 256 << 10;
const CHUNK_EVENTS: usize = 1_024;

/// A sealed segment that has its index.
#[derive(Debug)]
pub(super) struct IndexedSegment {
    pub(super) head: IndexHead,
    filter: IdFilter,
    /// All of the index has been read once, and was as it was written.
    is_verified: Mutex<bool>,
}

/// What a page is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ColdPageKey {
    pub(super) direction: ReadDirection,
    /// Where it begins: forwards behind this sequence, backwards with it.
    pub(super) from: Sequence,
    /// Of these topics only.
    pub(super) topics: Option<Box<[Topic]>>,
    pub(super) events_max: usize,
    /// Of frames; a page has at least one event all the same.
    pub(super) bytes_max: usize,
}

/// Which way a page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReadDirection {
    Forwards,
    Backwards,
}

/// A page as it came from the disk.
#[derive(Clone, Debug)]
pub(super) enum LoadedPage {
    /// Events in the page's direction. Everything up to `to` has been looked at: forwards including
    /// it, backwards without it.
    Events { events: Vec<Arc<Event>>, to: Sequence },
    /// What the page begins with cannot be read, as far as this: forwards including it, backwards
    /// without it.
    Unreadable { to: Sequence },
}

impl LoadedPage {
    /// Nothing of it can be read, as far as it could reach.
    pub(super) fn unreadable(key: &ColdPageKey) -> Self {
        let to = match key.direction {
            ReadDirection::Forwards => Sequence::MAX,
            ReadDirection::Backwards => Sequence(0),
        };
        Self::Unreadable { to }
    }
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimedSequence {
    pub(super) sequence: Sequence,
    pub(super) accepted_ms: u64,
}

impl IndexedSegment {
    pub(super) fn new(head: IndexHead, filter: IdFilter) -> Self {
        Self { head, filter, is_verified: Mutex::new(false) }
    }

    /// What segment and index take on the disk, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.head.bytes + self.head.index_bytes()
    }

    /// What is kept of it in memory, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.filter.bytes()
    }

    /// Whether an event with this id may be in it.
    pub(super) fn may_have_id(&self, hash: u64) -> bool {
        self.filter.may_have(hash)
    }
}

/// Reads the events of sealed segments.
#[derive(Clone, Debug)]
pub(super) struct SegmentReader<D> {
    disk: D,
    epoch: Epoch,
    buffers: Buffers,
    counters: Arc<DiskCounters>,
}

impl<D: Disk> SegmentReader<D> {
    pub(super) fn new(
        disk: D,
        epoch: Epoch,
        buffers: Buffers,
        counters: &Arc<DiskCounters>,
    ) -> Self {
        Self { disk, epoch, buffers, counters: Arc::clone(counters) }
    }

    /// Makes the index of a sealed segment and writes it beside it; nothing if the segment is damaged.
    pub(super) fn make_index(&self, first: Sequence) -> io::Result<Option<IndexedSegment>> {
        let file = self.disk.open(&segment::name_of(first))?;
        let length = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let count = file.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
        let ReadHead::Good(head) = SegmentHead::read(&bytes) else { return Ok(None) };
        let Some((head, index)) = index::build(head, &bytes) else { return Ok(None) };
        let name = index::name_of(first);
        let file = match self.disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&name)?;
                self.disk.create(&name)?
            }
            file => file?,
        };
        file.write_at(&index, 0)?;
        file.sync()?;
        self.disk.sync_names()?;
        let filter = IndexLookup::new(&file, &head).filter()?;
        let is_verified = Mutex::new(true);
        Ok(filter.map(|filter| IndexedSegment { head, filter, is_verified }))
    }

    /// Loads a page. `segments` are all there are, the oldest first.
    pub(super) fn load(&self, segments: &[Arc<IndexedSegment>], key: &ColdPageKey) -> LoadedPage {
        let mut page = PageBuilder { key, events: Vec::new(), bytes: 0, to: key.from };
        for _ in 0..SEGMENTS_MAX {
            let next = match key.direction {
                ReadDirection::Forwards => page.to.next(),
                ReadDirection::Backwards if page.to == Sequence(0) => break,
                ReadDirection::Backwards => page.to,
            };
            let at = segments.partition_point(|segment| segment.head.next <= next);
            let Some(segment) = segments.get(at).filter(|segment| segment.head.first <= next)
            else {
                let between = segments.get(at).map(|segment| segment.head.first.previous());
                let before = at.checked_sub(1).map(|at| segments[at].head.next.previous());
                return match key.direction {
                    ReadDirection::Forwards => page.end(between.unwrap_or(Sequence::MAX)),
                    ReadDirection::Backwards => page.end(before.unwrap_or(Sequence(0))),
                };
            };
            match self.read_run(segment, next, &mut page) {
                Ok(RunEnd::GoOn) => {}
                Ok(RunEnd::Full) => break,
                Ok(RunEnd::Unreadable { to }) => return page.end(to),
                Err(error) => {
                    // One that is not retained any more may be removed while somebody reads it.
                    if error.kind() != io::ErrorKind::NotFound {
                        self.counters.could_not_read();
                        log_limited!(ERROR, segment = %segment.head.first, "events cannot be read from the disk, and their readers are told of a gap: {error}");
                    }
                    return page.end(match key.direction {
                        ReadDirection::Forwards => segment.head.next.previous(),
                        ReadDirection::Backwards => segment.head.first.previous(),
                    });
                }
            }
        }
        LoadedPage::Events { events: page.events, to: page.to }
    }

    /// Reads what is wanted of the events that follow on each other, from one sequence on.
    fn read_run(
        &self,
        segment: &IndexedSegment,
        next: Sequence,
        page: &mut PageBuilder<'_>,
    ) -> io::Result<RunEnd> {
        let file = self.open_index(segment)?;
        let lookup = IndexLookup::new(&file, &segment.head);
        let numbers = match (page.key.direction, lookup.spot(next)?) {
            (ReadDirection::Forwards, Spot::Hole { through, .. }) => {
                return Ok(RunEnd::Unreadable { to: through });
            }
            (ReadDirection::Backwards, Spot::Hole { after, .. }) => {
                return Ok(RunEnd::Unreadable { to: after });
            }
            (ReadDirection::Forwards, Spot::Event { number, behind, .. }) => {
                number..number + behind + 1
            }
            (ReadDirection::Backwards, Spot::Event { number, before, .. }) => {
                number - before..number + 1
            }
        };
        let end = match page.key.direction {
            ReadDirection::Forwards => Sequence(next.0 + numbers.len() as u64 - 1),
            ReadDirection::Backwards => Sequence(next.0 - numbers.len() as u64),
        };
        // One more than fits tells a full page from the end.
        let left = page.key.events_max.saturating_sub(page.events.len());
        let mut wanted = self.wanted(&lookup, numbers.clone(), page.key, left.saturating_add(1))?;
        let is_all = wanted.len() <= left;
        wanted.truncate(left.max(usize::from(page.events.is_empty())));
        // The numbers of a run follow on each other as its sequences do.
        let first = match page.key.direction {
            ReadDirection::Forwards => next,
            ReadDirection::Backwards => end.next(),
        };
        let sequence_of = |number| Sequence(first.0 + u64::from(number - numbers.start));
        let mut records = Records::of(self, segment, &lookup)?;
        for (at, &number) in wanted.iter().enumerate() {
            records.load(&wanted[at..])?;
            let expected = sequence_of(number);
            let Some(event) = records.event(number, expected) else {
                // Damage is seldom of one event alone: one gap is told of all of it.
                let mut last = expected;
                for (at, &number) in wanted.iter().enumerate().skip(at + 1) {
                    records.load(&wanted[at..])?;
                    if records.event(number, sequence_of(number)).is_some() {
                        break;
                    }
                    last = sequence_of(number);
                }
                self.counters.could_not_read();
                log_limited!(ERROR, segment = %segment.head.first, sequence = %expected, "events on the disk are damaged, and their readers are told of a gap; see to the disk, and have a copy of the folder read by `fanfare data check`, which names all damage");
                page.reach_before(expected);
                return Ok(RunEnd::Unreadable {
                    to: match page.key.direction {
                        ReadDirection::Forwards => last,
                        ReadDirection::Backwards => last.previous(),
                    },
                });
            };
            if !page.push(event) {
                return Ok(RunEnd::Full);
            }
        }
        if !is_all {
            return Ok(RunEnd::Full);
        }
        page.to = end;
        Ok(RunEnd::GoOn)
    }

    /// The numbers of the events that are wanted of some, in the page's direction.
    fn wanted(
        &self,
        lookup: &IndexLookup<'_, D::File>,
        numbers: std::ops::Range<u32>,
        key: &ColdPageKey,
        count_max: usize,
    ) -> io::Result<Vec<u32>> {
        let is_forwards = key.direction == ReadDirection::Forwards;
        let Some(topics) = &key.topics else {
            return Ok(match is_forwards {
                true => numbers.take(count_max).collect(),
                false => numbers.rev().take(count_max).collect(),
            });
        };
        let mut wanted = Vec::new();
        for topic in topics {
            let hash = index::hash(self.epoch, topic.as_str());
            wanted.extend(match is_forwards {
                true => lookup.with_topic(hash, numbers.clone(), count_max)?,
                false => lookup.with_topic_back(hash, numbers.clone(), count_max)?,
            });
        }
        wanted.sort_unstable();
        wanted.dedup();
        if !is_forwards {
            wanted.reverse();
        }
        wanted.truncate(count_max);
        Ok(wanted)
    }

    /// The index file of a segment, which is as it was written: made anew if it is not.
    fn open_index(&self, segment: &IndexedSegment) -> io::Result<D::File> {
        let mut is_verified = segment.is_verified.lock().unwrap_or_else(PoisonError::into_inner);
        let name = index::name_of(segment.head.first);
        let found = self.disk.open(&name);
        if *is_verified {
            return found;
        }
        if let Ok(file) = found
            && IndexLookup::new(&file, &segment.head).is_whole()?
        {
            *is_verified = true;
            return Ok(file);
        }
        tracing::warn!(file = name, "an index file is damaged, and made anew");
        let made = self.make_index(segment.head.first)?;
        if made.is_none_or(|made| made.head != segment.head) {
            return Err(io::Error::other("the segment is damaged"));
        }
        *is_verified = true;
        self.disk.open(&name)
    }

    /// The event at a sequence, if it is in these segments and can be read.
    pub(super) fn event_at(
        &self,
        segments: &[Arc<IndexedSegment>],
        sequence: Sequence,
    ) -> Option<Arc<Event>> {
        let key = ColdPageKey {
            direction: ReadDirection::Forwards,
            from: sequence.previous(),
            topics: None,
            events_max: 1,
            bytes_max: usize::MAX,
        };
        match self.load(segments, &key) {
            LoadedPage::Events { events, .. } => {
                events.into_iter().next().filter(|event| event.sequence() == sequence)
            }
            LoadedPage::Unreadable { .. } => None,
        }
    }

    /// The earliest event from a sequence on that has an id by a publisher.
    pub(super) fn with_id(
        &self,
        segments: &[Arc<IndexedSegment>],
        from: Sequence,
        id: &str,
    ) -> io::Result<Option<Arc<Event>>> {
        let hash = index::hash(self.epoch, id);
        for segment in segments.iter().filter(|segment| segment.may_have_id(hash)) {
            let file = self.open_index(segment)?;
            let lookup = IndexLookup::new(&file, &segment.head);
            let mut records = Records::of(self, segment, &lookup)?;
            for number in lookup.with_id(hash)? {
                let sequence = lookup.sequence_of(number)?;
                records.load(&[number])?;
                let event = records.event(number, sequence).filter(|_| sequence >= from);
                if let Some(event) = event.filter(|event| event.id() == id) {
                    return Ok(Some(Arc::new(event)));
                }
            }
        }
        Ok(None)
    }

    /// The last event that was accepted at or before a time; nothing if all were accepted later.
    pub(super) fn last_accepted_by(
        &self,
        segments: &[Arc<IndexedSegment>],
        ms: u64,
    ) -> io::Result<Option<TimedSequence>> {
        let mut last = None;
        for segment in segments.iter().filter(|segment| segment.head.events > 0) {
            if segment.head.newest_ms <= ms {
                last = Some(segment);
                continue;
            }
            if let Some(found) = self.last_of_segment(segment, ms)? {
                return Ok(Some(found));
            }
            break;
        }
        let Some(segment) = last else { return Ok(None) };
        self.last_of_segment(segment, ms)
    }

    fn last_of_segment(
        &self,
        segment: &IndexedSegment,
        ms: u64,
    ) -> io::Result<Option<TimedSequence>> {
        let file = self.open_index(segment)?;
        let lookup = IndexLookup::new(&file, &segment.head);
        let mut records = Records::of(self, segment, &lookup)?;
        let mut at = |number| -> io::Result<TimedSequence> {
            let sequence = lookup.sequence_of(number)?;
            records.load(&[number])?;
            let event = records.event(number, sequence);
            let event = event.ok_or_else(|| io::Error::other("a record is damaged"))?;
            Ok(TimedSequence { sequence, accepted_ms: event.accepted_ms() })
        };
        let behind = index::partition_point(segment.head.events, |number| {
            at(number).map(|at| at.accepted_ms <= ms)
        })?;
        behind.checked_sub(1).map(at).transpose()
    }
}

/// The index that stands beside a segment, if its header is good and is that of this segment.
pub(super) fn find_index<D: Disk>(
    disk: &D,
    segment: SegmentHead,
    bytes: u64,
) -> io::Result<Option<IndexedSegment>> {
    let file = match disk.open(&index::name_of(segment.first)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut header = [0; index::HEADER_BYTES];
    let count = file.read_at(&mut header, 0)?;
    let Some(head) = IndexHead::read(&header[..count]) else { return Ok(None) };
    let is_of_it = (head.salt, head.first, head.bytes) == (segment.salt, segment.first, bytes)
        && file.bytes()? == head.index_bytes();
    if !is_of_it {
        return Ok(None);
    }
    let filter = IndexLookup::new(&file, &head).filter()?;
    Ok(filter.map(|filter| IndexedSegment::new(head, filter)))
}

/// The records of a segment, of which those are in memory that were asked for last.
struct Records<'a, D: Disk> {
    reader: &'a SegmentReader<D>,
    lookup: &'a IndexLookup<'a, D::File>,
    file: D::File,
    /// The number of the first one in memory.
    first: u32,
    /// Where they begin in the segment, and where the last of them ends.
    places: Vec<u64>,
    bytes: Vec<u8>,
}

impl<'a, D: Disk> Records<'a, D> {
    fn of(
        reader: &'a SegmentReader<D>,
        segment: &IndexedSegment,
        lookup: &'a IndexLookup<'a, D::File>,
    ) -> io::Result<Self> {
        let file = reader.disk.open(&segment::name_of(segment.head.first))?;
        Ok(Self { reader, lookup, file, first: 0, places: Vec::new(), bytes: Vec::new() })
    }

    /// Has the first of some numbers in memory, with those that follow on it without a break.
    fn load(&mut self, numbers: &[u32]) -> io::Result<()> {
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
        self.bytes.resize(length, 0);
        let count = self.file.read_at(&mut self.bytes, begin)?;
        self.bytes.truncate(count);
        self.places = places;
        Ok(())
    }

    /// Where the record of an event is in what is in memory.
    fn place(&self, number: u32) -> Option<usize> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        // The last one is where the others end.
        self.places.get(at + 1)?;
        usize::try_from(self.places[at] - self.places[0]).ok()
    }

    /// The event with a number, if its record is good.
    fn event(&self, number: u32, expected: Sequence) -> Option<Event> {
        let (record, _) = read_record(self.bytes.get(self.place(number)?..)?).ok()?;
        if record.sequence != expected {
            return None;
        }
        let accepted = (record.accepted_ms, None);
        let (epoch, buffers) = (self.reader.epoch, &self.reader.buffers);
        Some(record.event.assign(expected, accepted, epoch, buffers))
    }
}

/// How the reading of a run ended.
enum RunEnd {
    /// The page goes on behind it.
    GoOn,
    Full,
    Unreadable {
        to: Sequence,
    },
}

/// A page that is being read.
struct PageBuilder<'a> {
    key: &'a ColdPageKey,
    events: Vec<Arc<Event>>,
    bytes: usize,
    to: Sequence,
}

impl PageBuilder<'_> {
    /// Adds an event unless the page is full.
    fn push(&mut self, event: Event) -> bool {
        let bytes = self.bytes.saturating_add(event.frame().len());
        if bytes > self.key.bytes_max && !self.events.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.to = match self.key.direction {
            ReadDirection::Forwards => event.sequence(),
            ReadDirection::Backwards => event.sequence().previous(),
        };
        self.events.push(Arc::new(event));
        true
    }

    /// Everything before this event, in the page's direction, has been looked at.
    fn reach_before(&mut self, sequence: Sequence) {
        self.to = match self.key.direction {
            ReadDirection::Forwards => sequence.previous(),
            ReadDirection::Backwards => sequence,
        };
    }

    /// Ends before what cannot be read, unless that is what it begins with.
    fn end(self, unreadable_to: Sequence) -> LoadedPage {
        if self.to == self.key.from {
            return LoadedPage::Unreadable { to: unreadable_to };
        }
        LoadedPage::Events { events: self.events, to: self.to }
    }
}

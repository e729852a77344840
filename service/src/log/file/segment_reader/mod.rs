//! Reading events of sealed segments. It waits for the disk, so no delivery thread does it.

mod by_id;
mod by_time;
mod index_files;
mod open_segments;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch;
use super::cold_page::{ColdPageKey, LoadedPage, PageBuilder, ReadDirection, ReadFault};
use super::counters::DiskCounters;
use super::disk::{Disk, FileContent as _};
use super::index::{self, IndexLookup, Spot};
use super::indexed_segment::{IndexFile, IndexedSegment};
use super::segment_records::SegmentRecords;
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::log::record::{RecordKind, read_record};
use crate::logging::log_limited;
use open_segments::OpenSegment;
pub(super) use open_segments::OpenSegments;

/// How many segments are looked through for one page: a topic may be in few of them.
const SEGMENTS_MAX: usize = 16;
/// How many holes are passed over in search of an event that can be read.
const HOLES_MAX: usize = 64;
/// What fails is tried once more, but not if it took longer than this and nothing is made anew for that.
const AGAIN_WITHIN: Duration = Duration::from_millis(100);

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimedSequence {
    pub(super) sequence: Sequence,
    pub(super) accepted_ms: u64,
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

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where the events that it reads are counted.
    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Loads a page. `segments` are all there are, the oldest first.
    pub(super) fn load(&self, segments: &[Arc<IndexedSegment>], key: &ColdPageKey) -> LoadedPage {
        self.load_of_open(&mut OpenSegments::one_at_a_time(), segments, key)
    }

    /// The same for whoever loads one page after another, and leaves the files open that it has read.
    pub(super) fn load_of_open(
        &self,
        open: &mut OpenSegments<D::File>,
        segments: &[Arc<IndexedSegment>],
        key: &ColdPageKey,
    ) -> LoadedPage {
        open.close_gone(segments);
        let mut page = PageBuilder { key, events: Vec::new(), bytes: 0, to: key.from };
        let mut has_failed = false;
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
                    ReadDirection::Forwards => {
                        page.end(between.unwrap_or(Sequence::MAX), ReadFault::Lost)
                    }
                    ReadDirection::Backwards => {
                        page.end(before.unwrap_or(Sequence(0)), ReadFault::Lost)
                    }
                };
            };
            let began = Instant::now();
            match self.read_run(open, segment, next, &mut page) {
                Ok(RunEnd::GoOn) => {}
                Ok(RunEnd::Full) => break,
                Ok(RunEnd::Unreadable { to }) => {
                    // What cannot be read of files that are open may be readable when they are opened anew.
                    // That it is a hole, where nothing has failed, is rare.
                    open.close();
                    return page.end(to, ReadFault::Lost);
                }
                Err(error) if !has_failed && is_to_be_tried_again(segment, &error, began) => {
                    open.close();
                    has_failed = true;
                }
                Err(error) => {
                    open.close();
                    // One that is not retained any more may be removed while somebody reads it.
                    if error.kind() != io::ErrorKind::NotFound {
                        self.counters.could_not_read();
                        log_limited!(ERROR, segment = %segment.head.first, "events cannot be read from the disk, and their readers are told of a gap: {error}");
                    }
                    let to = match key.direction {
                        ReadDirection::Forwards => segment.head.next.previous(),
                        ReadDirection::Backwards => segment.head.first.previous(),
                    };
                    return page.end(to, ReadFault::of(&error));
                }
            }
        }
        LoadedPage::Events { events: page.events, to: page.to }
    }

    /// Reads what is wanted of the events that follow on each other, from one sequence on.
    fn read_run(
        &self,
        open: &mut OpenSegments<D::File>,
        segment: &IndexedSegment,
        next: Sequence,
        page: &mut PageBuilder<'_>,
    ) -> io::Result<RunEnd> {
        let open = open.of(segment, self)?;
        let lookup = IndexLookup::new(&open.index, &segment.head);
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
        let mut records = self.records(&open, &lookup);
        for (at, &number) in wanted.iter().enumerate() {
            let expected = sequence_of(number);
            let event = records.readable_event(&wanted[at..], expected)?;
            let Some(event) = event else {
                // Damage is seldom of one event alone: one gap is told of all of it.
                let mut last = expected;
                for (at, &number) in wanted.iter().enumerate().skip(at + 1) {
                    let sequence = sequence_of(number);
                    let behind = records.readable_event(&wanted[at..], sequence)?;
                    if behind.is_some() {
                        break;
                    }
                    last = sequence;
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
        lookup: &IndexLookup<'_, IndexFile<D::File>>,
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

    fn records<'a>(
        &'a self,
        open: &'a OpenSegment<D::File>,
        lookup: &'a IndexLookup<'a, IndexFile<D::File>>,
    ) -> SegmentRecords<'a, D::File, IndexFile<D::File>> {
        SegmentRecords::new(&open.records, lookup, (self.epoch, &self.buffers))
    }

    /// The older events that were written again to a segment. Where a batch of them cannot be read they are
    /// lost, as a value is that nobody has published.
    pub(super) fn written_again(&self, segment: &IndexedSegment) -> io::Result<Vec<Arc<Event>>> {
        if segment.head.again == 0 {
            return Ok(Vec::new());
        }
        twice(segment, || self.read_written_again(segment))
    }

    fn read_written_again(&self, segment: &IndexedSegment) -> io::Result<Vec<Arc<Event>>> {
        let open = self.open_segment(segment)?;
        let places = IndexLookup::new(&open.index, &segment.head).again()?;
        let mut events = Vec::new();
        for at in places {
            let mut header = [0; batch::HEADER_BYTES];
            open.records.read_at(&mut header, at.into())?;
            let mut bytes = vec![0; batch::claimed_bytes(&header).unwrap_or(0)];
            let count = open.records.read_at(&mut bytes, at.into())?;
            match batch::read(&bytes[..count], segment.head.salt) {
                Some(batch) => events.extend(self.events_again(batch.records)),
                None => {
                    self.counters.could_not_read();
                    log_limited!(ERROR, segment = %segment.head.first, "events that rules keep are damaged on the disk, and lost");
                }
            }
        }
        Ok(events)
    }

    /// The older events in the records of a batch.
    pub(super) fn events_again(&self, records: &[u8]) -> Vec<Arc<Event>> {
        let mut rest = records;
        let mut events = Vec::new();
        while let Ok((record, bytes)) = read_record(rest) {
            if record.kind == RecordKind::Again {
                let accepted = (record.accepted_ms, None);
                let event =
                    record.event.assign(record.sequence, accepted, self.epoch, &self.buffers);
                events.push(Arc::new(event));
            }
            rest = &rest[bytes..];
        }
        events
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

    /// The first event from a sequence on that can be read, if it is in these segments. Of what is behind
    /// many holes nothing is known.
    pub(super) fn first_from(
        &self,
        segments: &[Arc<IndexedSegment>],
        sequence: Sequence,
    ) -> Option<Arc<Event>> {
        let mut from = sequence.previous();
        for _ in 0..HOLES_MAX {
            let key = ColdPageKey {
                direction: ReadDirection::Forwards,
                from,
                topics: None,
                events_max: 1,
                bytes_max: usize::MAX,
            };
            match self.load(segments, &key) {
                LoadedPage::Events { events, .. } => return events.into_iter().next(),
                LoadedPage::Unreadable { to, .. } if to > from && to < Sequence::MAX => from = to,
                LoadedPage::Unreadable { .. } => return None,
            }
        }
        None
    }
}

/// Whether a second attempt at reading something of a segment is worth while: its index is made anew where that
/// was what failed, and a disk that has failed once may not a second time.
fn is_to_be_tried_again(segment: &IndexedSegment, error: &io::Error, began: Instant) -> bool {
    let is_gone = error.kind() == io::ErrorKind::NotFound;
    let may_be_index = ReadFault::of(error) == ReadFault::Lost && !is_gone;
    (may_be_index && segment.doubt()) || began.elapsed() < AGAIN_WITHIN
}

/// What comes of reading something of a segment, of a second attempt if that is worth while.
fn twice<T>(segment: &IndexedSegment, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let began = Instant::now();
    match attempt() {
        Err(error) if is_to_be_tried_again(segment, &error, began) => attempt(),
        result => result,
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

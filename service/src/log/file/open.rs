//! Opening: from what is in the folder to a log that serves.

use std::collections::{BTreeMap, HashMap};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio::sync::Semaphore;

use super::batch::BatchKind;
use super::chain::{FoundBatch, KnownSegment, SegmentChain, TornTail, WriteError, repair};
use super::cold_page::{ColdPageKey, LoadedPage, ReadDirection};
use super::cold_pages::ColdPages;
use super::counters::DiskCounters;
use super::disk::{Disk, Folder};
use super::identity::LogIdentity;
use super::index;
use super::indexed_segment::{IndexedSegment, find_index};
use super::lock::{FolderLock, LockError};
use super::log_parts::LogParts;
use super::retained::{Retained, RetainedStart};
use super::segment::SegmentHead;
use super::segment_reader::SegmentReader;
use super::threads::{self, LogThreads, UpkeepSignal, WriterQueue};
use super::upkeep::Upkeep;
use super::writer::LogWriter;
use super::{FileLog, FileLogSettings, OpenError, READERS, WAITING_BYTES_MAX};
use crate::clock::Clock;
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::log::KeptSettings;
use crate::log::record::{RecordKind, read_record};
use crate::log::window::Window;

/// A newest segment that is larger is sealed at the start: what is in it is then read from the disk, and
/// need not be in memory.
const KEPT_BYTES_MAX: u64 = 16 << 20;
/// How much before the newest segment is read into memory, in events and in bytes of frames: clients that
/// were cut off by a restart are hardly farther behind.
const FILLED_MAX: usize = 10_000;
const FILLED_BYTES_MAX: usize = 16 << 20;

/// Why a log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenLogError {
    /// The folder cannot be made.
    #[error("cannot make the data folder {folder}: {error}; give a folder that can be written to")]
    Folder { folder: String, error: io::Error },
    /// Another process has the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is in it cannot be used.
    #[error("cannot open the event log in {folder}: {error}")]
    Open { folder: String, error: OpenError },
    /// No threads can be had.
    #[error("cannot start the threads of the event log: {0}; raise the limits of the process")]
    Threads(io::Error),
}

/// A log that is open and has no threads yet.
pub(super) struct OpenedLog<D: Disk> {
    pub(super) writer: LogWriter<D>,
    pub(super) upkeep: Upkeep<D>,
    pub(super) inner: LogParts<D>,
}

impl FileLog {
    /// Opens the log of a folder, or begins one, and starts its threads.
    ///
    /// # Errors
    /// Says what is wrong with the folder and what to do.
    pub fn open(
        folder: &Path,
        settings: FileLogSettings,
        clock: Clock,
    ) -> Result<Self, OpenLogError> {
        Self::open_with_rules(folder, settings, KeptSettings::default(), clock)
    }

    /// The same, and rules keep some events beyond its bounds.
    ///
    /// # Errors
    /// Says what is wrong with the folder and what to do.
    pub fn open_with_rules(
        folder: &Path,
        settings: FileLogSettings,
        kept: KeptSettings,
        clock: Clock,
    ) -> Result<Self, OpenLogError> {
        let began = Instant::now();
        let name = || folder.display().to_string();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| OpenLogError::Folder { folder: name(), error })?;
        let lock = FolderLock::take(folder)?;
        let buffers = Buffers::default();
        let opened = OpenedLog::open(Folder::at(folder), settings, kept, clock, &buffers)
            .map_err(|error| OpenLogError::Open { folder: name(), error })?;
        let log = Self::start(opened, buffers, lock).map_err(OpenLogError::Threads)?;
        let bounds = log.inner.retained.lock().bounds();
        tracing::info!(
            folder = name(),
            events = bounds.events,
            oldest = %bounds.oldest,
            head = %bounds.head,
            seconds = began.elapsed().as_secs_f64(),
            "opened the event log"
        );
        Ok(log)
    }

    /// Makes a log that can be opened of one that was refused as corrupt: what is lost becomes a hole
    /// that clients are told of. What it was is logged.
    ///
    /// # Errors
    /// When another process has the folder, a file is of a newer version, nothing says whose log it is,
    /// or the disk fails.
    pub fn repair(folder: &Path, clock: &Clock) -> Result<(), OpenLogError> {
        let _lock = FolderLock::take(folder)?;
        let lost = repair(&Folder::at(folder), new_identity(clock.unix_ms()))
            .map_err(|error| OpenLogError::Open { folder: folder.display().to_string(), error })?;
        for part in lost {
            tracing::warn!(
                file = part.file,
                offset = part.offset,
                first = %part.first,
                events = part.next.0 - part.first.0,
                "repaired the event log; events that cannot be read are left out"
            );
        }
        Ok(())
    }

    fn start(opened: OpenedLog<Folder>, buffers: Buffers, lock: FolderLock) -> io::Result<Self> {
        let OpenedLog { writer, upkeep, inner } = opened;
        upkeep.look_for_room();
        let inner = Arc::new(inner);
        let mut log = Self {
            inner: Arc::clone(&inner),
            buffers,
            waiting: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
            threads: LogThreads::default(),
            _lock: lock,
        };
        let of_writer = Arc::clone(&inner);
        log.threads.start("log-writer", move || {
            of_writer.queue.serve(writer, &of_writer.upkeep);
        })?;
        let of_upkeep = Arc::clone(&inner);
        log.threads.start("log-upkeep", move || {
            of_upkeep.upkeep.serve(&upkeep, &of_upkeep.clock, &of_upkeep.queue);
        })?;
        for number in 0..READERS {
            let inner = Arc::clone(&inner);
            log.threads.start(&format!("log-reader-{number}"), move || inner.load_cold_pages())?;
        }
        Ok(log)
    }
}

impl<D: Disk> LogParts<D> {
    fn load_cold_pages(&self) {
        threads::stand_behind_others();
        self.cold.work(|key| {
            let segments = Arc::clone(self.retained.lock().segments());
            self.retained.counters().read_page();
            self.reader.load(&segments, key)
        });
    }
}

/// The records of the newest segment, as they were found.
#[derive(Default)]
struct NewestBatches {
    segment: Sequence,
    batches: Vec<NewestBatch>,
    /// The records of older events that were written again.
    again: Vec<Vec<u8>>,
    /// Without a look at what is in it.
    is_too_large: bool,
    bytes: u64,
}

struct NewestBatch {
    first: Sequence,
    count: u64,
    /// None of a hole.
    records: Vec<u8>,
}

impl NewestBatches {
    fn add(&mut self, found: &FoundBatch<'_>) {
        if found.segment != self.segment {
            *self = Self { segment: found.segment, ..Self::default() };
        }
        if found.batch.head.kind == BatchKind::Again {
            self.again.push(found.batch.records.to_vec());
            return;
        }
        self.bytes += found.batch.records.len() as u64;
        if self.bytes > KEPT_BYTES_MAX {
            (self.is_too_large, self.batches) = (true, Vec::new());
            return;
        }
        let head = found.batch.head;
        let records = found.batch.records.to_vec();
        self.batches.push(NewestBatch { first: head.first, count: head.count, records });
    }
}

impl<D: Disk> OpenedLog<D> {
    /// Opens the log, with nothing going on beside.
    ///
    /// # Errors
    /// When what should be there is not, or the disk fails.
    pub(super) fn open(
        disk: D,
        settings: FileLogSettings,
        kept: KeptSettings,
        clock: Clock,
        buffers: &Buffers,
    ) -> Result<Self, OpenError> {
        let now_ms = clock.unix_ms();
        let new = new_identity(now_ms);
        let mut newest = NewestBatches::default();
        let mut indexes = HashMap::new();
        let known = |head: SegmentHead, bytes| {
            let Some(index) = find_index(&disk, head, bytes)? else { return Ok(None) };
            let known = KnownSegment { next: index.head.next, last_check: index.head.last_check };
            indexes.insert(head.first, index);
            Ok(Some(known))
        };
        let (mut chain, torn) =
            SegmentChain::open(disk.clone(), settings.segment_bytes(), new, known, |found| {
                newest.add(&found);
            })?;
        let counters = counters_of(torn);
        if newest.is_too_large {
            chain.seal().map_err(|error| match error {
                WriteError::Full => io::Error::from(io::ErrorKind::StorageFull),
                WriteError::Failed(why) => io::Error::other(why),
            })?;
            newest.batches.clear();
        }
        let identity = chain.identity();
        let reader = SegmentReader::new(disk.clone(), identity.epoch, buffers.clone(), &counters);
        let mut segments = Vec::new();
        for sealed in chain.take_sealed() {
            let index = match indexes.remove(&sealed.first) {
                Some(index) => index,
                None => index_of(&reader, sealed.first)?,
            };
            segments.push(Arc::new(index));
        }
        remove_other_indexes(&disk, &segments)?;
        let has_rules = !kept.rules.is_empty();
        let window =
            filled_window(&segments, &reader, (&chain, identity), &newest, (kept, buffers));
        if window.bounds().head_ms > now_ms + 60_000 {
            tracing::warn!(
                behind_seconds = (window.bounds().head_ms - now_ms) / 1_000,
                "the clock is behind the newest event; events get its time until the clock has caught up"
            );
        }
        let mut start = start_of(&segments, &reader, &chain, identity, window);
        if has_rules {
            restore(&mut start, &reader, &newest, now_ms)?;
        }
        let retained = Arc::new(Retained::new(settings, counters, start));
        retained.evict(now_ms);
        Ok(Self {
            writer: LogWriter {
                chain,
                retained: Arc::clone(&retained),
                reader: reader.clone(),
                clock: clock.clone(),
                records: Vec::new(),
                unsynced_since: None,
            },
            upkeep: Upkeep { disk, retained: Arc::clone(&retained), reader: reader.clone() },
            inner: LogParts {
                epoch: identity.epoch,
                clock,
                retained,
                cold: ColdPages::default(),
                queue: WriterQueue::default(),
                upkeep: UpkeepSignal::default(),
                reader,
            },
        })
    }
}

/// That of a log that begins now.
fn new_identity(now_ms: u64) -> LogIdentity {
    LogIdentity { epoch: Epoch::begun_at(now_ms, rand::random()), created_ms: now_ms }
}

/// Tells of a tail that was torn; what is counted from now on.
fn counters_of(torn: Option<TornTail>) -> Arc<DiskCounters> {
    let counters = Arc::new(DiskCounters::default());
    let Some(torn) = torn else { return counters };
    counters.found_torn_tail();
    tracing::warn!(
        file = torn.file,
        offset = torn.offset,
        bytes = torn.bytes,
        "the last write was cut off by a crash before it was confirmed; removed it"
    );
    counters
}

/// The index of a sealed segment, made if there is none.
fn index_of<D: Disk>(
    reader: &SegmentReader<D>,
    first: Sequence,
) -> Result<IndexedSegment, OpenError> {
    let made = reader.make_index(first)?;
    made.ok_or_else(|| OpenError::Corrupt {
        file: super::segment::name_of(first),
        offset: super::segment::BATCHES_AT,
        what: "a record in it cannot be read",
    })
}

/// Removes the indexes that a crash has left of segments that were removed.
fn remove_other_indexes<D: Disk>(
    disk: &D,
    segments: &[Arc<IndexedSegment>],
) -> Result<(), OpenError> {
    let is_known = |first| segments.iter().any(|segment| segment.head.first == first);
    for name in disk.names()? {
        if index::first_of(&name).is_some_and(|first| !is_known(first)) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

/// The window with the events of the newest segment, and some of before it.
fn filled_window<D: Disk>(
    segments: &[Arc<IndexedSegment>],
    reader: &SegmentReader<D>,
    (chain, identity): (&SegmentChain<D>, LogIdentity),
    newest: &NewestBatches,
    (kept, buffers): (KeptSettings, &Buffers),
) -> Window {
    let active_first = chain.active_first();
    let key = ColdPageKey {
        direction: ReadDirection::Backwards,
        from: active_first.previous(),
        topics: None,
        events_max: FILLED_MAX,
        bytes_max: FILLED_BYTES_MAX,
    };
    let before = match reader.load(segments, &key) {
        LoadedPage::Events { events, .. } => events,
        LoadedPage::Unreadable { .. } => Vec::new(),
    };
    let newest_ms = segments.iter().map(|segment| segment.head.newest_ms).max().unwrap_or(0);
    let begin = match before.last() {
        // When the event before it was accepted is not known here, but no later.
        Some(first) => (first.sequence().previous(), first.accepted_ms()),
        None => (active_first.previous(), newest_ms.max(identity.created_ms)),
    };
    let last_uncounted = segments.iter().map(|segment| segment.head.last_uncounted).max();
    let last_uncounted = last_uncounted.unwrap_or_default();
    let filled = Window::resumed_after(begin, last_uncounted, identity.epoch, buffers.clone());
    let mut filled = filled.with_rules(kept);
    for event in before.iter().rev() {
        filled.hole_through(event.sequence().previous());
        if let Ok(encoded) = event.content().encode() {
            filled.push(encoded, event.sequence(), (event.accepted_ms(), None));
        }
    }
    filled.hole_through(active_first.previous());
    for batch in &newest.batches {
        fill_from_batch(&mut filled, batch);
    }
    filled.hole_through(chain.next().previous());
    filled
}

fn fill_from_batch(window: &mut Window, batch: &NewestBatch) {
    let mut rest = &batch.records[..];
    let end = batch.first.0 + batch.count;
    window.hole_through(batch.first.previous());
    while let Ok((record, bytes)) = read_record(rest) {
        // What does not follow is no event of this batch, whatever its check says.
        let is_next = record.sequence == window.bounds().head.next();
        if record.kind != RecordKind::Next || !is_next || record.sequence.0 >= end {
            break;
        }
        window.push(record.event, record.sequence, (record.accepted_ms, None));
        rest = &rest[bytes..];
    }
    window.hole_through(Sequence(end).previous());
}

fn start_of<D: Disk>(
    segments: &[Arc<IndexedSegment>],
    reader: &SegmentReader<D>,
    chain: &SegmentChain<D>,
    identity: LogIdentity,
    window: Window,
) -> RetainedStart {
    let first_indexed = segments.first().map(|segment| segment.head.first);
    let oldest = first_indexed.unwrap_or(chain.active_first()).min(window.oldest());
    let oldest_ms = match window.time_at(oldest).filter(|_| oldest <= window.bounds().head) {
        Some(ms) => Some(ms),
        None => reader.event_at(segments, oldest).map(|event| event.accepted_ms()),
    };
    RetainedStart {
        segments: segments.to_vec(),
        active_first: chain.active_first(),
        active_bytes: chain.active_bytes(),
        oldest,
        // When what was before the oldest event was accepted is not known any more, but no later.
        start_ms: oldest_ms.filter(|_| oldest > Sequence(1)).unwrap_or(identity.created_ms),
        oldest_ms,
        window,
        restored: Vec::new(),
    }
}

/// Keeps what was written again of the events before the oldest segment, as far as rules still want it.
fn restore<D: Disk>(
    start: &mut RetainedStart,
    reader: &SegmentReader<D>,
    newest: &NewestBatches,
    now_ms: u64,
) -> Result<(), OpenError> {
    let mut found = BTreeMap::new();
    let mut note = |events: Vec<Arc<Event>>, segment| {
        // Of those that are in the segments as well nothing has to be restored.
        let of_before = events.into_iter().filter(|event| event.sequence() < start.oldest);
        found.extend(of_before.map(|event| (event.sequence(), (event, segment))));
    };
    for segment in &start.segments {
        match reader.written_again(segment) {
            Ok(events) => note(events, segment.head.first),
            Err(error) => tracing::error!(
                segment = %segment.head.first,
                "what rules had kept cannot be read, and is kept no longer: {error}"
            ),
        }
    }
    for records in &newest.again {
        note(reader.events_again(records), newest.segment);
    }
    let segments: Vec<_> = found.iter().map(|(event, (_, segment))| (*event, *segment)).collect();
    start.window.adopt(found.into_values().map(|(event, _)| event).collect(), now_ms);
    let kept = segments.into_iter().filter(|(event, _)| start.window.is_kept(*event));
    start.restored = kept.collect();
    Ok(())
}

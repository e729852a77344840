//! Opening: from what is in the folder to a log that serves.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio::sync::Semaphore;

use super::batch_records::readable_records;
use super::chain::{
    KnownSegment, SealedSegment, SegmentChain, TornTail, WriteError, is_full, repair,
};
use super::cold_pages::ColdPages;
use super::counters::DiskCounters;
use super::disk::{Disk, Folder};
use super::identity::{self, LogIdentity};
use super::index;
use super::indexed_segment::{IndexedSegment, find_index};
use super::lock::{FolderLock, LockError};
use super::log_parts::LogParts;
use super::newest_batches::NewestBatches;
use super::refilled::{filled_window, restore, start_of};
use super::retained::Retained;
use super::segment::SegmentHead;
use super::segment_reader::SegmentReader;
use super::threads::{LogThreads, UpkeepSignal, WriterQueue};
use super::upkeep::Upkeep;
use super::writer::LogWriter;
use super::{FileLog, FileLogSettings, OpenError, READERS};
use crate::clock::Clock;
use crate::event::{Buffers, Epoch, Sequence};
use crate::log::KeptSettings;

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
        let disk = Folder::at(folder);
        let buffers = Buffers::default();
        let opened = check_writable(&disk)
            .and_then(|()| OpenedLog::open(disk, settings, kept, clock, &buffers))
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
        if !folder.exists() {
            return Ok(());
        }
        let _lock = FolderLock::take(folder)?;
        let new = new_identity(clock.unix_ms());
        let lost = repair(&Folder::at(folder), new, readable_records)
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
        let lock = Arc::new(lock);
        let waiting_max = inner.retained.settings().waiting_max();
        let mut log = Self {
            inner: Arc::clone(&inner),
            buffers,
            waiting: Arc::new(Semaphore::new(waiting_max)),
            threads: LogThreads::default(),
            _lock: Arc::clone(&lock),
        };
        let (of_writer, locked) = (Arc::clone(&inner), Arc::clone(&lock));
        log.threads.start("log-writer", move || {
            of_writer.queue.serve(writer, &of_writer.upkeep);
            drop(locked);
        })?;
        let (of_upkeep, locked) = (Arc::clone(&inner), Arc::clone(&lock));
        log.threads.start("log-upkeep", move || {
            of_upkeep.upkeep.serve(&upkeep, &of_upkeep.clock, &of_upkeep.queue);
            drop(locked);
        })?;
        for number in 0..READERS {
            let (inner, locked) = (Arc::clone(&inner), Arc::clone(&lock));
            log.threads.start(&format!("log-reader-{number}"), move || {
                inner.load_cold_pages();
                drop(locked);
            })?;
        }
        Ok(log)
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
            let Some(index) = find_index(&disk, head, bytes) else { return Ok(None) };
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
                WriteError::NoFile(why) | WriteError::Failed(why) => io::Error::other(why),
            })?;
            newest.batches.clear();
        }
        let identity = chain.identity();
        let reader = SegmentReader::new(disk.clone(), identity.epoch, buffers.clone(), &counters);
        let segments = indexed(&reader, chain.take_sealed(), indexes, settings.memory_max)?;
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
                cold: ColdPages::new(settings.cold_max(), buffers.clone()),
                queue: WriterQueue::default(),
                upkeep: UpkeepSignal::default(),
                reader,
            },
        })
    }
}

/// Whether files can be made in a folder: a log that opens and cannot begin its next segment would fail later,
/// and so would the one behind each restart. A disk that is full is not that: there may be room by then.
fn check_writable(disk: &Folder) -> Result<(), OpenError> {
    match disk.make_and_remove(identity::NEW_NAME) {
        Err(error) if !is_full(&error) => Err(OpenError::making(&error)),
        _ => Ok(()),
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
        "the newest file does not end with a whole write, as after a crash; removed what is not whole"
    );
    counters
}

/// Sealed segments with their indexes. Those for which the disk has no room may take so much memory.
fn indexed<D: Disk>(
    reader: &SegmentReader<D>,
    sealed: Vec<SealedSegment>,
    mut found: HashMap<Sequence, IndexedSegment>,
    memory_max: usize,
) -> Result<Vec<Arc<IndexedSegment>>, OpenError> {
    let mut segments = Vec::with_capacity(sealed.len());
    let mut in_memory = 0;
    for SealedSegment { first, .. } in sealed {
        let index = match found.remove(&first) {
            Some(index) => index,
            None => index_of(reader, first)?,
        };
        in_memory += index.in_memory.as_ref().map_or(0, |index| index.len());
        if in_memory > memory_max {
            let why = "the disk is full, and there is no room for index files; make room";
            return Err(OpenError::Disk(why.to_owned()));
        }
        segments.push(Arc::new(index));
    }
    Ok(segments)
}

/// The index of a sealed segment, made if there is none.
fn index_of<D: Disk>(
    reader: &SegmentReader<D>,
    first: Sequence,
) -> Result<IndexedSegment, OpenError> {
    let made = reader.make_index_at_start(first)?;
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

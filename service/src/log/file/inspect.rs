//! Reading a whole folder for tools: every event, every hole, and every problem, in order. The server
//! that has the folder must have ended, and nothing is changed but `LOCK`.

use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;

use super::batch::BatchKind;
use super::chain::{self, ChainFinding, ChainProblem, FoundBatch, content};
use super::disk::{Disk, FileContent as _, Folder};
use super::identity::{self, LogIdentity};
use super::index::{self, IndexHead, IndexLookup};
use super::lock::{FolderLock, LockError, next_step};
use super::open_error::OpenError;
use super::segment;
use crate::event::{Buffers, Epoch, Event, Sequence};
use crate::log::record::{RecordKind, read_record};

/// What a folder has in it. It is locked as long as this is there.
#[derive(Debug)]
pub struct FolderContents {
    disk: Folder,
    identity: Result<LogIdentity, OpenError>,
    _lock: FolderLock,
}

/// Something that was found in a folder.
#[derive(Debug)]
pub enum FolderFinding {
    Event(Event),
    /// An event of before, which was written again so that it stays.
    Again(Event),
    /// These were lost before, and it is known.
    Hole(Range<Sequence>),
    Problem(FolderProblem),
    /// The rest of a write that was cut off. It is no problem: the next start removes it.
    TornTail {
        file: String,
        offset: u64,
    },
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderProblem {
    pub file: String,
    /// Where in it.
    pub offset: u64,
    pub what: String,
    /// The events that are lost by it; none where it begins and ends with the same.
    pub missing: Range<Sequence>,
    /// The next start puts it right by itself.
    pub is_harmless: bool,
}

/// What a folder takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderSize {
    pub segments: u64,
    /// Of all files of the log, with the room that is kept for the next events.
    pub bytes: u64,
}

/// Why a folder cannot be looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    #[error("there is no folder {}; give the one of --data-dir", folder.display())]
    NoFolder { folder: PathBuf },
    #[error(
        "{} has no event log: it has neither a file `meta` nor segments (*.seg); give the folder of --data-dir",
        folder.display()
    )]
    NoLog { folder: PathBuf },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("cannot read the event log in {}: {error}", folder.display())]
    Open { folder: PathBuf, error: OpenError },
}

impl FolderContents {
    /// Takes the folder.
    ///
    /// # Errors
    /// When there is none or no log in it, another process has it, or a later version has written it.
    pub fn open(folder: &Path) -> Result<Self, InspectError> {
        let path = || folder.to_owned();
        if !folder.is_dir() {
            return Err(InspectError::NoFolder { folder: path() });
        }
        let failed = |error: io::Error| {
            let why = format!("{error}{}", next_step(folder, &error));
            InspectError::Open { folder: path(), error: OpenError::Disk(why) }
        };
        let disk = Folder::at(folder);
        let names = disk.names().map_err(failed)?;
        let has_identity = names.iter().any(|name| name == identity::NAME);
        if !has_identity && !names.iter().any(|name| segment::first_of(name).is_some()) {
            return Err(InspectError::NoLog { folder: path() });
        }
        let lock = FolderLock::take_to_read(folder)?;
        let identity = match LogIdentity::read(&disk) {
            _ if !has_identity => Err(LogIdentity::missing()),
            Err(error)
                if !matches!(error, OpenError::Corrupt { .. } | OpenError::Unreadable { .. }) =>
            {
                return Err(InspectError::Open { folder: path(), error });
            }
            identity => identity,
        };
        Ok(Self { disk, identity, _lock: lock })
    }

    /// Its epoch as a number, and when it began, in milliseconds since 1970; nothing where `meta` is
    /// damaged.
    #[must_use]
    pub fn identity(&self) -> Option<(u64, u64)> {
        let identity = self.identity.as_ref().ok()?;
        Some((identity.epoch.to_bits(), identity.created_ms))
    }

    /// What it takes.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn size(&self) -> io::Result<FolderSize> {
        let mut size = FolderSize::default();
        for name in self.disk.names()?.iter().filter(|name| is_of_log(name)) {
            size.segments += u64::from(segment::first_of(name).is_some());
            size.bytes += self.disk.open_to_read(name)?.bytes()?;
        }
        Ok(size)
    }

    /// Reads all of it, and shows what there is in order, until it is told to stop.
    ///
    /// # Errors
    /// When the folder cannot be read. What cannot be read of a file is a problem that is shown.
    pub fn read(&self, each: &mut impl FnMut(FolderFinding) -> ControlFlow<()>) -> io::Result<()> {
        inspect(&self.disk, &self.identity, each)
    }
}

/// Whether a file is one of the log's: a file system of its own has others too.
fn is_of_log(name: &str) -> bool {
    let is_table = segment::first_of(name).is_some() || index::first_of(name).is_some();
    is_table || name == identity::NAME
}

/// Reads the log on a disk.
pub(super) fn inspect<D: Disk>(
    disk: &D,
    identity: &Result<LogIdentity, OpenError>,
    each: &mut impl FnMut(FolderFinding) -> ControlFlow<()>,
) -> io::Result<()> {
    let names = disk.names()?;
    let mut indexes: Vec<Sequence> =
        names.iter().filter_map(|name| index::first_of(name)).collect();
    indexes.sort_unstable();
    let _ = inspect_files(disk, identity, &segment::firsts_of(&names), &indexes, each);
    Ok(())
}

fn inspect_files<D: Disk>(
    disk: &D,
    identity: &Result<LogIdentity, OpenError>,
    segments: &[Sequence],
    indexes: &[Sequence],
    each: &mut impl FnMut(FolderFinding) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if let Err(error) = identity {
        let what = match error {
            OpenError::Corrupt { what, .. } => (*what).to_owned(),
            error => error.to_string(),
        };
        each(FolderFinding::Problem(identity_problem(0, what)))?;
    }
    let buffers = Buffers::default();
    let meta = identity.as_ref().ok().map(|identity| identity.epoch);
    chain::inspect(disk, meta, segments, &mut |finding| match finding {
        ChainFinding::OtherMeta(epoch) => {
            each(FolderFinding::Problem(other_identity(meta.unwrap_or(epoch), epoch)))
        }
        ChainFinding::Batch(found, epoch) => inspect_batch(&found, (epoch, &buffers), each),
        ChainFinding::Problem(problem) => each(FolderFinding::Problem(problem.into())),
        ChainFinding::TornTail(tail) => {
            each(FolderFinding::TornTail { file: tail.file, offset: tail.offset })
        }
    })?;
    for &first in indexes {
        if let Some(problem) = index_problem(disk, first) {
            each(FolderFinding::Problem(problem))?;
        }
    }
    ControlFlow::Continue(())
}

/// Something is wrong with `meta`, which loses no event.
fn identity_problem(offset: u64, what: String) -> FolderProblem {
    let missing = Sequence(0)..Sequence(0);
    FolderProblem { file: identity::NAME.to_owned(), offset, what, missing, is_harmless: false }
}

fn other_identity(meta: Epoch, segments: Epoch) -> FolderProblem {
    let (meta, segments) = (meta.to_bits(), segments.to_bits());
    let what = format!(
        "it is of the log with epoch {meta}, and most segments are of the one with epoch {segments}; put the right one in its place, or start once with --repair, which takes that of the segments and keeps their events"
    );
    identity_problem(identity::EPOCH_AT, what)
}

fn inspect_batch(
    found: &FoundBatch<'_>,
    (epoch, buffers): (Epoch, &Buffers),
    each: &mut impl FnMut(FolderFinding) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let head = found.batch.head;
    if head.kind == BatchKind::Hole {
        return each(FolderFinding::Hole(head.first..head.next()));
    }
    let (mut at, mut next) = (0, head.first);
    let mut what = None;
    while let Some(rest) = found.batch.records.get(at..).filter(|rest| !rest.is_empty()) {
        let (record, bytes) = match read_record(rest) {
            Ok(record) => record,
            Err(error) => {
                what = Some(format!("a record cannot be read: {error}"));
                break;
            }
        };
        let place = (record.accepted_ms, None::<Instant>);
        if record.kind == RecordKind::Again {
            let event = record.event.assign(record.sequence, place, epoch, buffers);
            each(FolderFinding::Again(event))?;
        } else {
            if record.sequence != next {
                what = Some("a record is not the one that should be there".to_owned());
                break;
            }
            let event = record.event.assign(record.sequence, place, epoch, buffers);
            each(FolderFinding::Event(event))?;
            next = next.next();
        }
        at += bytes;
    }
    if what.is_none() && next == head.next() {
        return ControlFlow::Continue(());
    }
    each(FolderFinding::Problem(FolderProblem {
        file: segment::name_of(found.segment),
        offset: found.records_at + at as u64,
        what: what.unwrap_or_else(|| "the batch has fewer records than events".to_owned()),
        missing: next..head.next().max(next),
        is_harmless: false,
    }))
}

/// What is wrong with the index of a segment. One that is too short was not finished, and one of another
/// segment is not used: neither is damage. A start makes anew what it can remove.
fn index_problem<D: Disk>(disk: &D, first: Sequence) -> Option<FolderProblem> {
    let (offset, what, is_harmless) = match index_fault(disk, first) {
        Ok(fault) => fault.map(|(offset, what)| (offset, what.to_owned(), true))?,
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            let what = "it is a directory, in whose place no start can make the index";
            (0, what.to_owned(), false)
        }
        Err(error) => (0, format!("it cannot be read: {error}"), true),
    };
    let file = index::name_of(first);
    Some(FolderProblem { file, offset, what, missing: first..first, is_harmless })
}

fn index_fault<D: Disk>(disk: &D, first: Sequence) -> io::Result<Option<(u64, &'static str)>> {
    let file = disk.open_to_read(&index::name_of(first))?;
    // Some file systems say that a directory is empty, and that it is one only when it is read.
    file.read_at(&mut [0], 0)?;
    let bytes = content(&file)?;
    if bytes.len() < index::HEADER_BYTES {
        return Ok(None);
    }
    let Some(head) = IndexHead::read(&bytes) else {
        return Ok(Some((0, "the header of the index is damaged")));
    };
    if (bytes.len() as u64) < head.index_bytes() {
        return Ok(None);
    }
    let lookup = IndexLookup::new(&file, &head);
    if !lookup.is_whole()? {
        return Ok(Some((index::HEADER_BYTES as u64, "the tables of the index are damaged")));
    }
    let is_good = lookup.filter()?.is_some();
    Ok((!is_good).then(|| (head.filter_at().start, "the filter of the index is damaged")))
}

impl From<ChainProblem> for FolderProblem {
    fn from(problem: ChainProblem) -> Self {
        let ChainProblem { segment, offset, what, missing } = problem;
        Self { file: segment::name_of(segment), offset, what, missing, is_harmless: false }
    }
}

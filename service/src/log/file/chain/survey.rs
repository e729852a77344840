//! Which files of a folder are segments of its log, before what is in them is believed.
//!
//! A name makes no segment: an empty file may have it, or one of another log. So a file bounds what is read
//! of those before it only where its header says that it is a segment of this log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::super::batch::BatchKind;
use super::super::disk::{Disk, FileContent as _, is_media_error};
use super::super::open_error::OpenError;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::scan::{batches_at, is_unbegun, readable_content, whole_batches};
use crate::event::{Epoch, Sequence};

/// What is wrong with a segment that does not stand where its header says.
pub(super) const MISNAMED: &str = "it has the name of another segment";

/// What is wrong with a file in whose place are events of the segment before it.
pub(super) const COVERED: &str =
    "its header cannot be read, and the segment before it has events of its place";

/// The files of a folder that have names of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// The log that most of them are of; that of `meta` where no header is good.
    pub(super) epoch: Option<Epoch>,
    /// In the order of their places.
    pub(super) files: Vec<SurveyedFile>,
    /// Why nothing may be changed by it: a file is of a later version, or cannot be read for a reason that
    /// may be gone at the next attempt. Such a file may be a segment.
    pub(super) refused: Option<OpenError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SurveyedFile {
    /// The sequence that is its name.
    pub(super) name: Sequence,
    /// The sequence of its first event: that of its header, and its name where it has none.
    pub(super) place: Sequence,
    pub(super) kind: FileKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A segment of the log.
    Segment,
    /// It may have been one. Nothing in it can be verified.
    Unknown,
    Stray(Stray),
}

/// Why a file is no segment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// All of it can be read, and neither a header nor a batch is in it. So many bytes are not zero.
    Nothing {
        written: u64,
    },
    OtherLog,
    /// Another file has the name that its header says.
    Copy,
    /// Its header cannot be read, and a copy has taken its place.
    Displaced,
    Directory,
}

impl Stray {
    /// What is wrong with the file.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Nothing { written: 0 } => "it is empty",
            Self::Nothing { .. } => "it is no segment: neither a header nor a batch is in it",
            Self::OtherLog => "it is of another log",
            Self::Copy => "it is a copy of another segment, or has taken the name of one",
            Self::Displaced => {
                "its header cannot be read, and another file has the segment of that name"
            }
            Self::Directory => "it is a directory",
        }
    }
}

impl SurveyedFile {
    pub(super) fn may_be_segment(&self) -> bool {
        !matches!(self.kind, FileKind::Stray(_))
    }
}

impl Survey {
    /// Looks at the files with these names. Of most of them the header is read, and no more.
    pub(super) fn of<D: Disk>(disk: &D, names: &[Sequence], meta: Option<Epoch>) -> Self {
        let headers: Vec<(Sequence, io::Result<ReadHead>)> =
            names.iter().map(|&name| (name, read_header(disk, name))).collect();
        let heads = headers.iter().filter_map(|(name, header)| match header {
            Ok(ReadHead::Good(head)) => Some((*name, *head)),
            _ => None,
        });
        let heads: Vec<(Sequence, SegmentHead)> = heads.collect();
        let mut refused = None;
        let epoch = match epoch_of(disk, &heads) {
            Ok(epoch) => epoch.or(meta),
            Err(error) => {
                refused = Some(error);
                meta
            }
        };
        let mut files = Vec::with_capacity(names.len());
        for (name, header) in headers {
            files.push(surveyed(disk, name, header, epoch).unwrap_or_else(|error| {
                refused.get_or_insert(error);
                SurveyedFile { name, place: name, kind: FileKind::Unknown }
            }));
        }
        find_copies(&mut files);
        files.sort_unstable_by_key(|file| (file.place, file.name));
        Self { epoch, files, refused }
    }
}

/// What no event before it may go beyond: the next segment, of those that stand behind one.
pub(super) fn limit(behind: &[SurveyedFile]) -> Option<Sequence> {
    behind.iter().find(|file| file.kind == FileKind::Segment).map(|file| file.place)
}

/// The place of the file that comes next where one ends, of those that stand behind it; none where no
/// segment follows. A file whose place is before that end is none: its events are there already.
pub(super) fn following(behind: &[SurveyedFile], end: Sequence) -> Option<Sequence> {
    let mut later = behind.iter().filter(|file| file.place >= end);
    let next = later.clone().next().map(|file| file.place);
    next.filter(|_| later.any(SurveyedFile::may_be_segment))
}

fn read_header<D: Disk>(disk: &D, name: Sequence) -> io::Result<ReadHead> {
    let mut header = vec![0; batches_at()];
    let file = disk.open_to_read(&segment::name_of(name))?;
    let count = match file.read_at(&mut header, 0) {
        Err(error) if is_media_error(&error) => 0,
        read => read?,
    };
    Ok(match SegmentHead::read(&header[..count]) {
        // A crash may have left it shorter than its header: then nothing was written to it.
        ReadHead::Good(_) if count < header.len() => ReadHead::Bad,
        head => head,
    })
}

/// The log that most of some segments are of. Of logs that have as many it is the one with more events in
/// them, and then the one that has the newest.
///
/// `meta` has no say in it: a start with an empty folder makes one, and a copy that is put there later and
/// overwrites nothing leaves it beside segments of another log.
fn epoch_of<D: Disk>(
    disk: &D,
    heads: &[(Sequence, SegmentHead)],
) -> Result<Option<Epoch>, OpenError> {
    let mut logs: BTreeMap<Epoch, (usize, Sequence)> = BTreeMap::new();
    for (name, head) in heads {
        let (count, newest) = logs.entry(head.epoch).or_default();
        *count += 1;
        *newest = (*newest).max(*name);
    }
    let most = logs.values().map(|(count, _)| *count).max();
    logs.retain(|_, (count, _)| Some(*count) == most);
    if logs.len() < 2 {
        return Ok(logs.into_keys().next());
    }
    let mut best: Option<((u64, Sequence), Epoch)> = None;
    for (epoch, (_, newest)) in logs {
        let found = (events_of(disk, heads, epoch)?, newest);
        if best.is_none_or(|(other, _)| found > other) {
            best = Some((found, epoch));
        }
    }
    Ok(best.map(|(_, epoch)| epoch))
}

/// How many events of a log are in some segments.
fn events_of<D: Disk>(
    disk: &D,
    heads: &[(Sequence, SegmentHead)],
    epoch: Epoch,
) -> Result<u64, OpenError> {
    let mut events = 0;
    for (name, head) in heads.iter().filter(|(_, head)| head.epoch == epoch) {
        let name = segment::name_of(*name);
        let read = disk.open_to_read(&name).and_then(|file| readable_content(&file));
        let content = read.map_err(|error| OpenError::reading(&name, &error))?;
        for (_, batch) in whole_batches(&content.bytes, head.salt) {
            if batch.head.kind == BatchKind::Events {
                events += batch.head.count;
            }
        }
    }
    Ok(events)
}

fn surveyed<D: Disk>(
    disk: &D,
    name: Sequence,
    header: io::Result<ReadHead>,
    epoch: Option<Epoch>,
) -> Result<SurveyedFile, OpenError> {
    let file = || segment::name_of(name);
    let unread = |error: io::Error| OpenError::reading(&file(), &error);
    let (place, kind) = match header {
        Ok(ReadHead::Good(head)) if Some(head.epoch) == epoch => (head.first, FileKind::Segment),
        Ok(ReadHead::Good(_)) => (name, FileKind::Stray(Stray::OtherLog)),
        Ok(ReadHead::Newer { version }) => return Err(OpenError::Newer { file: file(), version }),
        Ok(ReadHead::Bad) => (name, without_header(disk, name).map_err(unread)?),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            (name, FileKind::Stray(Stray::Directory))
        }
        Err(error) => return Err(unread(error)),
    };
    Ok(SurveyedFile { name, place, kind })
}

fn without_header<D: Disk>(disk: &D, name: Sequence) -> io::Result<FileKind> {
    let content = readable_content(&disk.open_to_read(&segment::name_of(name))?)?;
    if !content.unreadable.is_empty() || !is_unbegun(&content.bytes) {
        return Ok(FileKind::Unknown);
    }
    let written = content.bytes.iter().filter(|&&byte| byte != 0).count() as u64;
    Ok(FileKind::Stray(Stray::Nothing { written }))
}

/// A segment with the name of another gets its own back, unless a segment has it that belongs there. A file that
/// cannot be verified does not stand in its way, since nothing of that can be read without its header; but the
/// newest does: nobody knows how many events it had, and a copy of before would have their sequences given again.
fn find_copies(files: &mut [SurveyedFile]) {
    let segments = || files.iter().filter(|file| file.kind == FileKind::Segment);
    let newest = segments().map(|file| file.place).max();
    let in_place = segments().filter(|file| file.name == file.place);
    let newest_unknown =
        files.iter().filter(|file| file.kind == FileKind::Unknown && Some(file.name) >= newest);
    let mut taken: BTreeSet<Sequence> =
        in_place.chain(newest_unknown).map(|file| file.name).collect();
    for file in files.iter_mut().filter(|file| file.place != file.name) {
        if !taken.insert(file.place) {
            file.place = file.name;
            file.kind = FileKind::Stray(Stray::Copy);
        }
    }
    let unknown = files.iter_mut().filter(|file| file.kind == FileKind::Unknown);
    for file in unknown.filter(|file| taken.contains(&file.name) && Some(file.name) < newest) {
        file.kind = FileKind::Stray(Stray::Displaced);
    }
}

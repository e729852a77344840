//! Repair: what was whole once and is not any more becomes a hole, and everything else stays.
//!
//! A segment with something wrong in it is written anew, under another name that it gives up only when it
//! is synced. So after a crash there is either the old one or the new one, and a repair begins again. It
//! gets another salt, so that no index of the old one passes for its own. Since its last check changes
//! with that, the header of the next one is mended too.
//!
//! Before that it is settled whose log it is, and what is none of its segments gets out of the way. Each step
//! leaves a folder of which a survey says the same as before, so that a repair that was cut off is done again.

use std::ops::Range;

use super::super::batch::{self, BatchHead, BatchKind, Salt, SegmentBatch};
use super::super::disk::{Disk, DiskFile as _};
use super::super::identity::{self, LogIdentity};
use super::super::index;
use super::super::open_error::OpenError;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::FoundBatch;
use super::scan::{
    ReadableContent, SegmentRest, WholePart, batches_at, batches_within, claimed_behind,
    readable_content, scan,
};
use super::set_aside::{set_aside, set_directories_aside, set_names_right};
use super::survey::{COVERED, Survey, SurveyedFile, following, limit};
use crate::event::{Epoch, Sequence};

/// The name of a segment while it is being written anew.
const NEW_NAME: &str = "repair.new";

/// No record of an event is smaller.
const EVENT_BYTES_MIN: usize = 32;

/// What a repair has given up, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log::file) struct LostPart {
    pub(in crate::log::file) file: String,
    /// Where in the file as it was.
    pub(in crate::log::file) offset: u64,
    /// The first event that is lost, and the one behind the last; the same where none is.
    pub(in crate::log::file) first: Sequence,
    pub(in crate::log::file) next: Sequence,
}

/// A record is of a version that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log::file) struct NewerRecord {
    pub(in crate::log::file) version: u8,
}

/// What can be read of the records of a batch, from its beginning: how many bytes, and how many events.
pub(in crate::log::file) type ReadableRecords =
    fn(&SegmentBatch<'_>) -> Result<(usize, u64), NewerRecord>;

/// Makes a log that can be opened of one that has gone bad, and says what is lost. One that is whole is
/// not changed, and neither is a torn tail.
///
/// # Errors
/// When a file is of a newer version, there is no segment and nothing says whose log it is, or the disk
/// fails.
pub(in crate::log::file) fn repair<D: Disk>(
    disk: &D,
    new: LogIdentity,
    records: ReadableRecords,
) -> Result<Vec<LostPart>, OpenError> {
    let names = disk.names()?;
    let firsts = segment::firsts_of(&names);
    let meta = known_identity(disk, &names, !firsts.is_empty())?;
    let survey = Survey::of(disk, &firsts, meta.map(|meta| meta.epoch));
    if let Some(refused) = &survey.refused {
        return Err(refused.clone());
    }
    if names.iter().any(|name| name == NEW_NAME) {
        disk.remove(NEW_NAME)?;
    }
    let mut lost = Vec::new();
    let epoch = mend_identity(disk, (meta, new), &survey, &mut lost)?;
    set_names_right(disk, &survey.files)?;
    set_directories_aside(disk, &names)?;
    let segments = survey.files.into_iter().filter(SurveyedFile::may_be_segment);
    let segments: Vec<SurveyedFile> = segments.collect();
    let mut before = None;
    let mut rest = &segments[..];
    while let [segment, behind @ ..] = rest {
        let damaged = Damaged { epoch, first: segment.place, behind, before, records };
        let mended = damaged.mend(disk, &mut lost)?;
        before = mended.last_check;
        let covered = behind.iter().take_while(|file| file.place < mended.end).count();
        for file in &behind[..covered] {
            set_aside(disk, &segment::name_of(file.name), COVERED)?;
        }
        rest = &behind[covered..];
    }
    Ok(lost)
}

/// What `meta` says, if it can be read. Where there is no segment either, the folder may be one of something
/// else, and is left alone.
fn known_identity<D: Disk>(
    disk: &D,
    names: &[String],
    has_segments: bool,
) -> Result<Option<LogIdentity>, OpenError> {
    if !names.iter().any(|name| name == identity::NAME) {
        return Ok(None);
    }
    match LogIdentity::read(disk) {
        Err(OpenError::Corrupt { .. } | OpenError::Unreadable { .. }) if has_segments => Ok(None),
        identity => identity.map(Some),
    }
}

/// Makes `meta` that of the log that the segments are of; its epoch.
fn mend_identity<D: Disk>(
    disk: &D,
    (meta, new): (Option<LogIdentity>, LogIdentity),
    survey: &Survey,
    lost: &mut Vec<LostPart>,
) -> Result<Epoch, OpenError> {
    if let Some(meta) = meta.filter(|meta| survey.epoch == Some(meta.epoch)) {
        return Ok(meta.epoch);
    }
    let identity = match survey.epoch {
        // The epoch says when the log began, to the second.
        Some(epoch) => LogIdentity { epoch, created_ms: epoch.begun_ms() },
        // Without a header there is no event that can be read, and so none that would get another id.
        None => new,
    };
    identity.write(disk)?;
    if let Some(meta) = meta {
        tracing::warn!(
            meta = meta.epoch.to_bits(),
            segments = identity.epoch.to_bits(),
            "the file meta was of another log than the segments; wrote it anew, with their epoch"
        );
    }
    if !survey.files.is_empty() {
        let (first, next) = (Sequence(0), Sequence(0));
        lost.push(LostPart { file: identity::NAME.to_owned(), offset: 0, first, next });
    }
    Ok(identity.epoch)
}

/// A segment that may be damaged.
struct Damaged<'a> {
    epoch: Epoch,
    first: Sequence,
    /// The files behind it that may be segments, in order. It has to reach the next.
    behind: &'a [SurveyedFile],
    /// The check with which the segment before it ends, unless it is the oldest.
    before: Option<u32>,
    records: ReadableRecords,
}

/// What can be read of it.
struct Found<'a> {
    bytes: &'a [u8],
    unreadable: &'a [Range<usize>],
    head: Option<SegmentHead>,
    /// Its batches that are whole, and where.
    batches: Vec<(usize, SegmentBatch<'a>)>,
    /// The first event of the segment behind it.
    following: Option<Sequence>,
}

/// A segment that is whole again.
struct Mended {
    /// The check with which it ends.
    last_check: Option<u32>,
    /// The sequence behind the last one that is in its batches. A file behind it with a place before that is
    /// no segment of the log.
    end: Sequence,
}

impl Damaged<'_> {
    /// Writes the segment anew if it has to be.
    fn mend<D: Disk>(&self, disk: &D, lost: &mut Vec<LostPart>) -> Result<Mended, OpenError> {
        let name = segment::name_of(self.first);
        let read = disk.open(&name).and_then(|file| readable_content(&file));
        let ReadableContent { bytes, unreadable } =
            read.map_err(|error| OpenError::reading(&name, &error))?;
        let found = self.look_into(&bytes, &unreadable);
        let end = found.batches.last().map_or(self.first, |(_, batch)| batch.head.next());
        let mut is_readable = Ok(unreadable.is_empty());
        let mut each = |found: FoundBatch<'_>| {
            if is_readable == Ok(true) {
                is_readable = self.is_readable(&found.batch);
            }
        };
        let whole = found.head.map(|head| (head, scan(&bytes, head, &mut each)));
        let is_readable = is_readable?;
        let whole = whole.filter(|(_, part)| is_readable && is_whole(part, found.following));
        let last_check = match whole {
            None => self.rewrite(disk, &found, lost)?,
            Some((head, part)) => {
                if let Some(before) = self.before.filter(|before| *before != head.before) {
                    let head = SegmentHead { before, ..head };
                    self.replace(disk, &[&head.write()[..], &bytes[batches_at()..]].concat())?;
                    self.lose(lost, 0, self.first, self.first);
                }
                part.last_check.or(self.before)
            }
        };
        Ok(Mended { last_check, end })
    }

    fn look_into<'a>(&self, bytes: &'a [u8], unreadable: &'a [Range<usize>]) -> Found<'a> {
        let head = match SegmentHead::read(bytes) {
            ReadHead::Good(head) if bytes.len() >= batches_at() => Some(head),
            _ => None,
        };
        let head = head.filter(|head| (head.epoch, head.first) == (self.epoch, self.first));
        let batches = head.map_or_else(Vec::new, |head| {
            batches_within(bytes, head.salt, self.first, limit(self.behind))
        });
        let end = batches.last().map_or(self.first, |(_, batch)| batch.head.next());
        let following = following(self.behind, end);
        Found { bytes, unreadable, head, batches, following }
    }

    fn is_readable(&self, batch: &SegmentBatch<'_>) -> Result<bool, OpenError> {
        let readable = self.readable_records(batch)?;
        Ok(batch.head.kind == BatchKind::Hole
            || readable == (batch.records.len(), batch.head.count))
    }

    fn readable_records(&self, batch: &SegmentBatch<'_>) -> Result<(usize, u64), OpenError> {
        (self.records)(batch).map_err(|newer| OpenError::Newer {
            file: segment::name_of(self.first),
            version: newer.version.into(),
        })
    }

    fn rewrite<D: Disk>(
        &self,
        disk: &D,
        found: &Found<'_>,
        lost: &mut Vec<LostPart>,
    ) -> Result<Option<u32>, OpenError> {
        let mut rewritten = Rewritten::of(self);
        if found.head.is_none() {
            rewritten.read_to = 0;
        }
        for &(offset, batch) in &found.batches {
            if batch.head.first > rewritten.next {
                self.lose(lost, rewritten.read_to, rewritten.next, batch.head.first);
                rewritten.hole(batch.head.first);
            }
            if self.is_readable(&batch)? {
                rewritten.add(batch.head, batch.records);
            } else {
                let (bytes, count) = self.readable_records(&batch)?;
                rewritten.add_part(&batch, bytes, count);
                let end = batch.head.next();
                self.lose(lost, offset + batch::HEADER_BYTES + bytes, rewritten.next, end);
                rewritten.hole(end);
            }
            rewritten.read_to = offset + batch::whole_bytes(batch.records.len());
        }
        let end = found.following.unwrap_or_else(|| match (found.head, found.unreadable) {
            (Some(_), []) => rewritten.next,
            (None, []) => claimed_behind(found.bytes, rewritten.read_to, rewritten.next),
            _ => rewritten.may_reach(found.bytes),
        });
        let rest = found.bytes.get(rewritten.read_to..).unwrap_or_default();
        if end > rewritten.next || rest.iter().any(|&byte| byte != 0) {
            self.lose(lost, rewritten.read_to, rewritten.next, end);
        }
        if end > rewritten.next {
            rewritten.hole(end);
        }
        self.replace(disk, &rewritten.bytes)?;
        Ok(rewritten.last_check.or(self.before))
    }

    fn lose(&self, lost: &mut Vec<LostPart>, offset: usize, first: Sequence, next: Sequence) {
        let file = segment::name_of(self.first);
        lost.push(LostPart { file, offset: offset as u64, first, next });
    }

    fn replace<D: Disk>(&self, disk: &D, bytes: &[u8]) -> Result<(), OpenError> {
        let file = disk.create(NEW_NAME)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        let index = index::name_of(self.first);
        if disk.names()?.contains(&index) {
            disk.remove(&index)?;
            disk.sync_names()?;
        }
        disk.rename(NEW_NAME, &segment::name_of(self.first))?;
        Ok(disk.sync_names()?)
    }
}

/// A tail that was torn is left to whoever opens it.
fn is_whole(part: &WholePart, following: Option<Sequence>) -> bool {
    match following {
        Some(following) => part.rest == SegmentRest::Nothing && part.next == following,
        None => part.rest != SegmentRest::Synced,
    }
}

/// A segment as it is written anew.
struct Rewritten {
    bytes: Vec<u8>,
    salt: Salt,
    next: Sequence,
    last_check: Option<u32>,
    /// Up to where the old one was taken over.
    read_to: usize,
}

impl Rewritten {
    fn of(segment: &Damaged<'_>) -> Self {
        let salt = Salt(rand::random());
        let before = segment.before.unwrap_or_default();
        let head = SegmentHead { epoch: segment.epoch, first: segment.first, salt, before };
        let (bytes, read_to) = (head.write(), batches_at());
        Self { bytes, salt, next: segment.first, last_check: None, read_to }
    }

    /// Takes over the first part of a batch.
    fn add_part(&mut self, batch: &SegmentBatch<'_>, bytes: usize, count: u64) {
        if count > 0 || (batch.head.kind == BatchKind::Again && bytes > 0) {
            self.add(BatchHead { count, ..batch.head }, &batch.records[..bytes]);
        }
    }

    /// Up to where events may have been behind the last batch, where something of the file cannot be read:
    /// none of their sequences is to be given to another event.
    fn may_reach(&self, bytes: &[u8]) -> Sequence {
        let behind = bytes.get(self.read_to..).unwrap_or_default();
        let written = behind.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let by_size = Sequence(self.next.0 + (written / EVENT_BYTES_MIN) as u64);
        by_size.min(Sequence::MAX.next()).max(claimed_behind(bytes, self.read_to, self.next))
    }

    fn hole(&mut self, next: Sequence) {
        if next <= self.next {
            return;
        }
        let (kind, first) = (BatchKind::Hole, self.next);
        self.add(BatchHead { kind, first, count: next.0 - first.0, synced: 0 }, &[]);
    }

    /// Everything is synced before anybody sees it under its name.
    fn add(&mut self, head: BatchHead, records: &[u8]) {
        let head = BatchHead { synced: self.bytes.len() as u64, ..head };
        self.next = head.next();
        self.last_check = Some(head.write(records, self.salt, &mut self.bytes));
    }
}

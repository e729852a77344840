//! Repair: what was whole once and is not any more becomes a hole, and everything else stays.
//!
//! A segment with something wrong in it is written anew, under another name that it gives up only when it
//! is synced. So after a crash there is either the old one or the new one, and a repair begins again. It
//! gets another salt, so that no index of the old one passes for its own. Since its last check changes
//! with that, the header of the next one is mended too.

use std::ops::Range;

use super::super::batch::{self, BatchHead, BatchKind, Salt, SegmentBatch};
use super::super::disk::{Disk, DiskFile as _, FileContent as _, is_media_error};
use super::super::identity::{self, LogIdentity};
use super::super::index;
use super::super::open_error::OpenError;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::FoundBatch;
use super::scan::{
    ReadableContent, SegmentRest, WholePart, batches_at, claimed_behind, is_unbegun,
    readable_content, scan, whole_batches,
};
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
/// When a file is of a newer version, nothing says whose log it is, or the disk fails.
pub(in crate::log::file) fn repair<D: Disk>(
    disk: &D,
    new: LogIdentity,
    records: ReadableRecords,
) -> Result<Vec<LostPart>, OpenError> {
    let names = disk.names()?;
    let mut firsts: Vec<Sequence> =
        names.iter().filter_map(|name| segment::first_of(name)).collect();
    firsts.sort_unstable();
    let heads = heads(disk, &firsts)?;
    if names.iter().any(|name| name == NEW_NAME) {
        disk.remove(NEW_NAME)?;
    }
    let mut lost = Vec::new();
    let identity = match LogIdentity::of(disk, &names, new) {
        Err(error @ (OpenError::Corrupt { .. } | OpenError::Unreadable { .. })) => {
            let epoch = epoch_of(&heads).ok_or(error)?;
            // The epoch says when the log began, to the second.
            let identity = LogIdentity { epoch, created_ms: epoch.begun_ms() };
            identity.write(disk)?;
            let (first, next) = (Sequence(0), Sequence(0));
            lost.push(LostPart { file: identity::NAME.to_owned(), offset: 0, first, next });
            identity
        }
        identity => identity?,
    };
    let mut before = None;
    for (index, &first) in firsts.iter().enumerate() {
        let following = firsts.get(index + 1).copied();
        let segment = Damaged { epoch: identity.epoch, first, following, before, records };
        before = segment.mend(disk, &mut lost)?;
    }
    Ok(lost)
}

/// The headers of all segments.
fn heads<D: Disk>(disk: &D, firsts: &[Sequence]) -> Result<Vec<ReadHead>, OpenError> {
    let head = |&first: &Sequence| {
        let file = segment::name_of(first);
        let mut header = vec![0; batches_at()];
        let count = match disk.open(&file)?.read_at(&mut header, 0) {
            Err(error) if is_media_error(&error) => 0,
            read => read?,
        };
        match SegmentHead::read(&header[..count]) {
            ReadHead::Newer { version } => Err(OpenError::Newer { file, version }),
            head => Ok(head),
        }
    };
    firsts.iter().map(head).collect()
}

/// The epoch on which all segments agree that can be read.
fn epoch_of(heads: &[ReadHead]) -> Option<Epoch> {
    let mut epochs = heads.iter().filter_map(|head| match head {
        ReadHead::Good(head) => Some(head.epoch),
        _ => None,
    });
    let epoch = epochs.next()?;
    epochs.all(|other| other == epoch).then_some(epoch)
}

/// A segment that may be damaged.
struct Damaged {
    epoch: Epoch,
    first: Sequence,
    /// The first event of the segment behind it, which it has to reach.
    following: Option<Sequence>,
    /// The check with which the segment before it ends, unless it is the oldest.
    before: Option<u32>,
    records: ReadableRecords,
}

impl Damaged {
    /// Writes the segment anew if it has to be; the check with which it ends.
    fn mend<D: Disk>(&self, disk: &D, lost: &mut Vec<LostPart>) -> Result<Option<u32>, OpenError> {
        let name = segment::name_of(self.first);
        let read = disk.open(&name).and_then(|file| readable_content(&file));
        let ReadableContent { bytes, unreadable } =
            read.map_err(|error| OpenError::reading(&name, &error))?;
        if self.following.is_none() && unreadable.is_empty() && is_unbegun(&bytes) {
            return Ok(self.before);
        }
        let head = match SegmentHead::read(&bytes) {
            ReadHead::Good(head) if bytes.len() >= batches_at() => Some(head),
            _ => None,
        };
        let head = head.filter(|head| head.epoch == self.epoch);
        let in_place = head.filter(|head| head.first == self.first);
        let mut is_readable = Ok(unreadable.is_empty());
        let mut each = |found: FoundBatch<'_>| {
            if is_readable == Ok(true) {
                is_readable = self.is_readable(&found.batch);
            }
        };
        let whole = in_place.map(|head| (head, scan(&bytes, head, &mut each)));
        let is_readable = is_readable?;
        match whole.filter(|(_, part)| is_readable && self.is_whole(part)) {
            None => self.rewrite(disk, (&bytes, head), &unreadable, lost),
            Some((head, part)) => {
                if let Some(before) = self.before.filter(|before| *before != head.before) {
                    let mut mended = bytes;
                    let head = SegmentHead { before, ..head };
                    mended[..batches_at()].copy_from_slice(&head.write());
                    self.replace(disk, &mended)?;
                    self.lose(lost, 0, self.first, self.first);
                }
                Ok(part.last_check.or(self.before))
            }
        }
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

    /// A tail that was torn is left to whoever opens it.
    fn is_whole(&self, part: &WholePart) -> bool {
        match self.following {
            Some(following) => part.rest == SegmentRest::Nothing && part.next == following,
            None => part.rest != SegmentRest::Synced,
        }
    }

    fn rewrite<D: Disk>(
        &self,
        disk: &D,
        (bytes, head): (&[u8], Option<SegmentHead>),
        unreadable: &[Range<usize>],
        lost: &mut Vec<LostPart>,
    ) -> Result<Option<u32>, OpenError> {
        let mut rewritten = Rewritten::of(self);
        if head.is_none() {
            rewritten.read_to = 0;
        }
        for (offset, batch) in head.map_or_else(Vec::new, |head| whole_batches(bytes, head.salt)) {
            let is_within = self.following.is_none_or(|following| batch.head.next() <= following);
            if batch.head.first < rewritten.next || !is_within {
                continue;
            }
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
        let end = self.following.unwrap_or_else(|| match (head, unreadable) {
            (Some(_), []) => rewritten.next,
            (None, []) => claimed_behind(bytes, rewritten.read_to, rewritten.next),
            _ => rewritten.may_reach(bytes),
        });
        let rest = bytes.get(rewritten.read_to..).unwrap_or_default();
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
    fn of(segment: &Damaged) -> Self {
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
        by_size.max(claimed_behind(bytes, self.read_to, self.next))
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

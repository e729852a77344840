//! The chain of segments: opened, written at its end, and cut at its beginning.
//!
//! Three rules make recovery possible.
//!
//! 1. A segment is sealed before the next one is made: synced, cut to its last batch, and synced again.
//!    So in any segment but the newest, what is not whole has gone bad.
//! 2. Each batch says up to where its segment had been synced when it was written. So in the newest
//!    segment, what is not whole below any such mark has gone bad, and what is not whole above all of
//!    them was torn by a crash, and is cut.
//! 3. After a sync or a write that failed nothing of the file is believed any more: the chain is failed
//!    until it is opened again, and reads what there is.

use std::collections::VecDeque;
use std::io;

use thiserror::Error;

use super::batch::{self, Batch, BatchHead, BatchKind, Salt};
use super::disk::{Disk, DiskFile};
use super::identity::LogIdentity;
use super::open_error::OpenError;
use super::segment::{self, BATCHES_AT, ReadHead, SegmentHead};
use crate::event::Sequence;

/// The segments of a folder.
#[derive(Debug)]
pub(super) struct SegmentChain<D: Disk> {
    disk: D,
    identity: LogIdentity,
    /// How large a segment is made, in bytes.
    segment_bytes: u64,
    /// Those before the newest, the oldest first.
    sealed: VecDeque<SealedSegment>,
    active: Option<ActiveSegment<D::File>>,
    /// The sequence of the next event.
    next: Sequence,
    /// The check of the last batch; 0 where there never was one.
    last_check: u32,
    is_failed: bool,
    /// One batch as it is written.
    buffer: Vec<u8>,
}

/// A segment that does not change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealedSegment {
    pub(super) first: Sequence,
    /// The sequence behind its last event.
    pub(super) next: Sequence,
    pub(super) bytes: u64,
}

/// What has to be known of a sealed segment to go over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownSegment {
    /// The sequence behind its last event.
    pub(super) next: Sequence,
    /// The check of its last batch.
    pub(super) last_check: u32,
}

#[derive(Debug)]
struct ActiveSegment<F> {
    file: F,
    head: SegmentHead,
    /// Where the next batch goes.
    end: u64,
    /// Up to where it is synced.
    synced: u64,
    /// How much room it has.
    allocated: u64,
}

/// Why nothing was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum WriteError {
    /// There is no room. Nothing has changed, and the next attempt may succeed.
    #[error("the disk is full")]
    Full,
    /// What is on the disk is unknown until the log is opened again.
    #[error("the disk failed: {0}")]
    Failed(String),
}

/// What was found at the end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TornTail {
    pub(super) file: String,
    pub(super) offset: u64,
    /// How much was cut off, in bytes that are not zero.
    pub(super) bytes: u64,
}

/// A batch that was found, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundBatch<'a> {
    /// The segment that it is in, by its first event.
    pub(super) segment: Sequence,
    /// Where in it its records begin.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tools look at the place"))]
    pub(super) records_at: u64,
    pub(super) batch: Batch<'a>,
}

impl<D: Disk> SegmentChain<D> {
    /// Opens the log of a folder, or begins one. A sealed segment of which enough is `known` is not
    /// read. Every batch of the others is shown, the oldest first.
    ///
    /// # Errors
    /// When what should be there is not, or the disk fails.
    pub(super) fn open(
        disk: D,
        segment_bytes: u64,
        new: LogIdentity,
        mut known: impl FnMut(SegmentHead, u64) -> io::Result<Option<KnownSegment>>,
        mut each: impl FnMut(FoundBatch<'_>),
    ) -> Result<(Self, Option<TornTail>), OpenError> {
        let names = disk.names()?;
        let identity = LogIdentity::of(&disk, &names, new)?;
        let mut firsts: Vec<Sequence> =
            names.iter().filter_map(|name| segment::first_of(name)).collect();
        firsts.sort_unstable();
        let mut chain = Self {
            disk,
            identity,
            segment_bytes,
            sealed: VecDeque::new(),
            active: None,
            next: firsts.first().copied().unwrap_or(Sequence(1)),
            last_check: 0,
            is_failed: false,
            buffer: Vec::new(),
        };
        let mut torn = None;
        for (index, &first) in firsts.iter().enumerate() {
            let place = match (index, index + 1 == firsts.len()) {
                (_, true) => SegmentPlace::Newest { is_oldest: index == 0 },
                (0, false) => SegmentPlace::Oldest,
                (_, false) => SegmentPlace::Between,
            };
            if place.is_newest() || !chain.go_over_known(first, place, &mut known)? {
                torn = chain.open_segment(first, place, &mut each)?;
            }
        }
        chain.disk.sync_names()?;
        Ok((chain, torn))
    }

    pub(super) fn identity(&self) -> LogIdentity {
        self.identity
    }

    /// The sequence of the next event.
    pub(super) fn next(&self) -> Sequence {
        self.next
    }

    /// The segments before the newest, the oldest first.
    #[cfg(test)]
    pub(super) fn sealed(&self) -> &VecDeque<SealedSegment> {
        &self.sealed
    }

    /// The segments that have been sealed since this was asked last, or since the log was opened, the
    /// oldest first. Who takes them removes them as well.
    pub(super) fn take_sealed(&mut self) -> Vec<SealedSegment> {
        self.sealed.drain(..).collect()
    }

    /// The first event that is in no sealed segment.
    pub(super) fn active_first(&self) -> Sequence {
        self.active.as_ref().map_or(self.next, |active| active.head.first)
    }

    /// What the newest segment takes on the disk, with the room that is kept for it.
    pub(super) fn active_bytes(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.allocated)
    }

    /// What has been written to the newest segment, in bytes of batches.
    pub(super) fn active_written(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.end - BATCHES_AT)
    }

    /// What all segments take on the disk, in bytes, with the room that is kept for the newest.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|segment| segment.bytes).sum();
        sealed + self.active.as_ref().map_or(0, |active| active.allocated)
    }

    /// Writes a batch of events behind all others. It is there after a crash when `sync` has returned.
    ///
    /// # Errors
    /// When there is no room, or the disk failed.
    pub(super) fn append(&mut self, count: u64, records: &[u8]) -> Result<(), WriteError> {
        let head = BatchHead { kind: BatchKind::Events, first: self.next, count, synced: 0 };
        self.write(head, records)
    }

    /// Makes sure that everything written before stays.
    ///
    /// # Errors
    /// When the disk failed; then nothing written since the sync before is certain.
    pub(super) fn sync(&mut self) -> Result<(), WriteError> {
        self.check()?;
        let Some(active) = &mut self.active else { return Ok(()) };
        let synced = active.file.sync();
        if synced.is_ok() {
            active.synced = active.end;
        }
        self.believe(synced)
    }

    /// Removes the oldest segment, if it is not the newest: that one knows the next sequence.
    ///
    /// # Errors
    /// When the disk failed.
    #[cfg(test)]
    pub(super) fn remove_oldest(&mut self) -> Result<Option<SealedSegment>, WriteError> {
        self.check()?;
        if self.active.is_none() && self.sealed.len() == 1 {
            return Ok(None);
        }
        let Some(oldest) = self.sealed.pop_front() else { return Ok(None) };
        // One after the other, so that no crash leaves an older one without the one behind it.
        let removed = self.disk.remove(&segment::name_of(oldest.first));
        let removed = removed.and_then(|()| self.disk.sync_names());
        self.believe(removed).map(|()| Some(oldest))
    }

    fn write(&mut self, head: BatchHead, records: &[u8]) -> Result<(), WriteError> {
        self.check()?;
        let bytes = batch::whole_bytes(records.len()) as u64;
        let has_room = |active: &ActiveSegment<D::File>| active.end + bytes <= active.allocated;
        if !self.active.as_ref().is_some_and(has_room) {
            self.begin_segment(bytes)?;
        }
        let Some(active) = &mut self.active else { return Err(WriteError::Full) };
        self.buffer.clear();
        let head = BatchHead { synced: active.synced, ..head };
        let check = head.write(records, active.head.salt, &mut self.buffer);
        let written = active.file.write_at(&self.buffer, active.end);
        if written.as_ref().is_err_and(is_full) {
            return Err(WriteError::Full);
        }
        if written.is_ok() {
            active.end += bytes;
            (self.next, self.last_check) = (head.next(), check);
        }
        self.believe(written)
    }

    /// Seals the newest segment, and begins one with room for so many bytes of batches.
    fn begin_segment(&mut self, bytes: u64) -> Result<(), WriteError> {
        let room = self.segment_bytes.max(BATCHES_AT + bytes);
        if let Some(active) = self.active.as_mut().filter(|active| active.end == BATCHES_AT) {
            // The next one would have its name.
            let made = active.file.allocate(room).and_then(|()| active.file.sync());
            if made.as_ref().is_err_and(is_full) {
                return Err(WriteError::Full);
            }
            active.allocated = room;
            return self.believe(made);
        }
        self.seal()?;
        let head = SegmentHead {
            epoch: self.identity.epoch,
            first: self.next,
            salt: Salt(rand::random()),
            before: self.last_check,
        };
        match self.create_segment(head, room) {
            Err(error) if is_full(&error) => {
                // Half of a segment would only take more room. If it stays it is none when it is found.
                let _ = self.disk.remove(&segment::name_of(head.first));
                Err(WriteError::Full)
            }
            Err(error) => self.believe(Err(error)),
            Ok(file) => {
                let (end, synced) = (BATCHES_AT, BATCHES_AT);
                self.active = Some(ActiveSegment { file, head, end, synced, allocated: room });
                Ok(())
            }
        }
    }

    fn create_segment(&self, head: SegmentHead, allocated: u64) -> io::Result<D::File> {
        let name = segment::name_of(head.first);
        let file = match self.disk.create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&name)?;
                self.disk.create(&name)?
            }
            file => file?,
        };
        file.allocate(allocated)?;
        file.write_at(&head.write(), 0)?;
        file.sync()?;
        self.disk.sync_names()?;
        Ok(file)
    }

    /// Ends the newest segment: it does not change any more, and the next event begins another.
    ///
    /// # Errors
    /// When the disk failed.
    pub(super) fn seal(&mut self) -> Result<(), WriteError> {
        // One without events would have the name of the next.
        let Some(active) = self.active.take_if(|active| active.end > BATCHES_AT) else {
            return Ok(());
        };
        let sealed = active.file.sync().and_then(|()| active.file.truncate(active.end));
        let sealed = sealed.and_then(|()| active.file.sync());
        self.believe(sealed)?;
        let (first, next, bytes) = (active.head.first, self.next, active.end);
        self.sealed.push_back(SealedSegment { first, next, bytes });
        Ok(())
    }

    fn check(&self) -> Result<(), WriteError> {
        match self.is_failed {
            true => Err(WriteError::Failed("it has failed before".to_owned())),
            false => Ok(()),
        }
    }

    fn believe(&mut self, done: io::Result<()>) -> Result<(), WriteError> {
        self.is_failed |= done.is_err();
        done.map_err(|error| WriteError::Failed(error.to_string()))
    }
}

/// Where in the chain a segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentPlace {
    Oldest,
    Between,
    Newest { is_oldest: bool },
}

impl SegmentPlace {
    fn is_newest(self) -> bool {
        matches!(self, Self::Newest { .. })
    }

    fn is_oldest(self) -> bool {
        matches!(self, Self::Oldest | Self::Newest { is_oldest: true })
    }
}

/// Opening.
impl<D: Disk> SegmentChain<D> {
    /// Goes over a sealed segment without reading it, if enough is known of it.
    fn go_over_known(
        &mut self,
        first: Sequence,
        place: SegmentPlace,
        known: &mut impl FnMut(SegmentHead, u64) -> io::Result<Option<KnownSegment>>,
    ) -> Result<bool, OpenError> {
        let file = self.disk.open(&segment::name_of(first))?;
        let mut header = vec![0; usize::try_from(BATCHES_AT).unwrap_or(0)];
        let count = file.read_at(&mut header, 0)?;
        let ReadHead::Good(head) = SegmentHead::read(&header[..count]) else { return Ok(false) };
        let follows = head.epoch == self.identity.epoch
            && head.first == first
            && head.first == self.next
            && (place.is_oldest() || head.before == self.last_check);
        if !follows {
            return Ok(false);
        }
        let bytes = file.bytes()?;
        let Some(known) = known(head, bytes)? else { return Ok(false) };
        (self.next, self.last_check) = (known.next, known.last_check);
        self.sealed.push_back(SealedSegment { first, next: known.next, bytes });
        Ok(true)
    }

    fn open_segment(
        &mut self,
        first: Sequence,
        place: SegmentPlace,
        each: &mut impl FnMut(FoundBatch<'_>),
    ) -> Result<Option<TornTail>, OpenError> {
        let name = segment::name_of(first);
        let file = self.disk.open(&name)?;
        let bytes = content(&file)?;
        let corrupt = |offset: usize, what| {
            Err(OpenError::Corrupt { file: name.clone(), offset: offset as u64, what })
        };
        let begin = usize::try_from(BATCHES_AT).unwrap_or(usize::MAX);
        let head = match SegmentHead::read(&bytes) {
            // A crash may have left it shorter than its header.
            ReadHead::Good(head) if bytes.len() >= begin => head,
            ReadHead::Newer { version } => return Err(OpenError::Newer { file: name, version }),
            _ if place.is_newest() && batch::candidates(&bytes, begin).next().is_none() => {
                // It was being made when the machine went down, and nothing can have been written to it.
                self.disk.remove(&name)?;
                self.disk.sync_names()?;
                return Ok(None);
            }
            _ => return corrupt(0, "its header cannot be read"),
        };
        if head.epoch != self.identity.epoch {
            return corrupt(0, "it is of another log");
        }
        if head.first != first || head.first != self.next {
            return corrupt(0, "it does not go on where the segment before it ends");
        }
        if !place.is_oldest() && head.before != self.last_check {
            return corrupt(0, "the segment before it is not the one that was there");
        }
        let WholePart { end, synced } = self.show_batches(&bytes, head, each);
        let is_whole = end == bytes.len() || (place.is_newest() && is_zero(&bytes[end..]));
        if !is_whole && (!place.is_newest() || was_synced(&bytes, end, head.salt)) {
            return corrupt(end, "a batch that was whole is not any more");
        }
        if !place.is_newest() {
            let (first, next) = (head.first, self.next);
            self.sealed.push_back(SealedSegment { first, next, bytes: end as u64 });
            return Ok(None);
        }
        // It may be in the page cache alone, after a sync that failed even in pages that pass for clean.
        // So it is written again before anybody sees it, and the header too, if nothing was synced.
        let from = if synced > begin { synced } else { 0 };
        file.write_at(&bytes[from..end], from as u64)?;
        let mut lost = 0;
        if !is_whole {
            lost = bytes[end..].iter().filter(|&&byte| byte != 0).count() as u64;
            file.truncate(end as u64)?;
        }
        file.sync()?;
        let allocated = if is_whole { bytes.len() } else { end } as u64;
        let end = end as u64;
        self.active = Some(ActiveSegment { file, head, end, synced: end, allocated });
        Ok((!is_whole).then_some(TornTail { file: name, offset: end, bytes: lost }))
    }

    /// Shows the batches that are whole and follow on each other.
    fn show_batches(
        &mut self,
        bytes: &[u8],
        head: SegmentHead,
        each: &mut impl FnMut(FoundBatch<'_>),
    ) -> WholePart {
        let begin = usize::try_from(BATCHES_AT).unwrap_or(usize::MAX).min(bytes.len());
        let mut part = WholePart { end: begin, synced: begin };
        while let Some(batch) = batch::read(&bytes[part.end..], head.salt) {
            if batch.head.first != self.next {
                break;
            }
            let records_at = (part.end + batch::HEADER_BYTES) as u64;
            each(FoundBatch { segment: head.first, records_at, batch });
            (self.next, self.last_check) = (batch.head.next(), batch.check);
            let synced = usize::try_from(batch.head.synced).unwrap_or(begin);
            part.synced = part.synced.max(synced.min(part.end));
            part.end = bytes.len().min(part.end + batch::whole_bytes(batch.records.len()));
        }
        part
    }
}

/// What is whole of a segment.
#[derive(Clone, Copy, Debug)]
struct WholePart {
    end: usize,
    /// Up to where it is known to have been synced.
    synced: usize,
}

fn content<F: DiskFile>(file: &F) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let count = file.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Whether what begins at a position had been synced: a batch behind it says so.
fn was_synced(bytes: &[u8], at: usize, salt: Salt) -> bool {
    let behind = batch::candidates(bytes, at);
    let mut whole = behind.filter_map(|begin| batch::read(&bytes[begin..], salt));
    whole.any(|batch| batch.head.synced > at as u64)
}

fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    bytes.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests;

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

mod inspect;
mod open;
mod repair;
mod scan;
mod set_aside;
mod survey;

use std::collections::VecDeque;
use std::io;

use rustix::io::Errno;
use thiserror::Error;

use super::batch::{self, BatchHead, BatchKind, Salt};
use super::disk::{Disk, DiskFile};
use super::identity::LogIdentity;
use super::segment::{self, BATCHES_AT, SegmentHead};
use crate::event::Sequence;

pub(super) use inspect::{ChainFinding, ChainProblem, inspect};
pub(super) use repair::{NewerRecord, repair};
pub(super) use scan::{FoundBatch, content};

/// What the buffer for a batch keeps of its memory, in bytes.
const BUFFER_BYTES: usize = 2 << 20;

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
    /// The next file cannot be begun. Nothing has changed, and the next attempt may succeed.
    #[error("no file can be opened for the next events: {0}")]
    NoFile(String),
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

impl<D: Disk> SegmentChain<D> {
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

    /// Writes older events again behind all others. They are there after a crash when `sync` has returned.
    ///
    /// # Errors
    /// When there is no room, or the disk failed.
    pub(super) fn append_again(&mut self, records: &[u8]) -> Result<(), WriteError> {
        let head = BatchHead { kind: BatchKind::Again, first: self.next, count: 0, synced: 0 };
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
        // A large event does not keep its memory here for ever.
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
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
        if let Some(active) = self.active.as_mut().filter(|active| active.head.first == self.next) {
            // The next one would have its name.
            let room = self.segment_bytes.max(active.end + bytes);
            let made = active.file.allocate(room).and_then(|()| active.file.sync());
            if made.as_ref().is_err_and(is_full) {
                return Err(WriteError::Full);
            }
            active.allocated = room;
            return self.believe(made);
        }
        self.seal()?;
        let room = self.segment_bytes.max(BATCHES_AT + bytes);
        let head = SegmentHead {
            epoch: self.identity.epoch,
            first: self.next,
            salt: Salt(rand::random()),
            before: self.last_check,
        };
        let error = match self.create_segment(head, room) {
            Ok(file) => {
                let (end, synced) = (BATCHES_AT, BATCHES_AT);
                self.active = Some(ActiveSegment { file, head, end, synced, allocated: room });
                return Ok(());
            }
            Err(error) if is_full(&error) => WriteError::Full,
            Err(error) if is_exhausted(&error) => WriteError::NoFile(error.to_string()),
            Err(error) => return self.believe(Err(error)),
        };
        // Half of a segment would only take more room. If it stays it is none when it is found.
        let _ = self.disk.remove(&segment::name_of(head.first));
        Err(error)
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
        let Some(active) = self.active.take_if(|active| active.head.first < self.next) else {
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

/// There is no room: on the disk, for this user, or within the size that the process may make a file.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

/// The process or the machine has no file or no memory left, whatever the disk does.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

#[cfg(test)]
mod tests;

//! Opening a chain: what is whole is taken up, a tail that a crash has torn is cut off, and what has gone
//! bad is refused.

use std::collections::VecDeque;
use std::io;

use super::super::batch;
use super::super::disk::{Disk, DiskFile as _, FileContent as _};
use super::super::identity::LogIdentity;
use super::super::open_error::OpenError;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::scan::{FoundBatch, SegmentRest, WholePart, batches_at, content, scan};
use super::survey::{FileKind, MISNAMED, Stray, Survey};
use super::{ActiveSegment, KnownSegment, SealedSegment, SegmentChain, TornTail};
use crate::event::Sequence;

const NOT_WHOLE: &str = "a batch that was whole is not any more";

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

impl<D: Disk> SegmentChain<D> {
    /// Opens the log of a folder, or begins one. A sealed segment of which enough is `known` is not
    /// read. Every batch of the others is shown, the oldest first.
    ///
    /// # Errors
    /// When what should be there is not, or the disk fails.
    pub(in crate::log::file) fn open(
        disk: D,
        segment_bytes: u64,
        new: LogIdentity,
        mut known: impl FnMut(SegmentHead, u64) -> io::Result<Option<KnownSegment>>,
        mut each: impl FnMut(FoundBatch<'_>),
    ) -> Result<(Self, Option<TornTail>), OpenError> {
        let names = disk.names()?;
        let identity = LogIdentity::of(&disk, &names, new)?;
        let firsts = segment::firsts_of(&names);
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

    /// Goes over a sealed segment without reading it, if enough is known of it.
    fn go_over_known(
        &mut self,
        first: Sequence,
        place: SegmentPlace,
        known: &mut impl FnMut(SegmentHead, u64) -> io::Result<Option<KnownSegment>>,
    ) -> Result<bool, OpenError> {
        let name = segment::name_of(first);
        let unreadable = |error: io::Error| OpenError::reading(&name, &error);
        let file = self.disk.open(&name).map_err(unreadable)?;
        let mut header = vec![0; batches_at()];
        let count = file.read_at(&mut header, 0).map_err(unreadable)?;
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
        let unreadable = |error: io::Error| OpenError::reading(&name, &error);
        let file = self.disk.open(&name).map_err(unreadable)?;
        let bytes = content(&file).map_err(unreadable)?;
        let head = match SegmentHead::read(&bytes) {
            // A crash may have left it shorter than its header.
            ReadHead::Good(head) if bytes.len() >= batches_at() => head,
            ReadHead::Newer { version } => return Err(OpenError::Newer { file: name, version }),
            _ if place.is_newest() && batch::candidates(&bytes, batches_at()).next().is_none() => {
                // It was being made when the machine went down, and nothing can have been written to it.
                self.disk.remove(&name)?;
                self.disk.sync_names()?;
                return Ok(None);
            }
            _ => return Err(corrupt(first, 0, "its header cannot be read")),
        };
        self.check_place(head, first, place)?;
        let part = scan(&bytes, head, each);
        self.next = part.next;
        self.last_check = part.last_check.unwrap_or(self.last_check);
        match (part.rest, place.is_newest()) {
            (SegmentRest::Nothing, false) => {
                let (first, next) = (head.first, self.next);
                self.sealed.push_back(SealedSegment { first, next, bytes: part.end as u64 });
                Ok(None)
            }
            (SegmentRest::Nothing | SegmentRest::Zeros | SegmentRest::Unsynced, true) => {
                self.take_up((file, head), &bytes, part)
            }
            (SegmentRest::Zeros | SegmentRest::Unsynced, false) => {
                Err(self.stray_behind(first).unwrap_or_else(|| corrupt(first, part.end, NOT_WHOLE)))
            }
            (SegmentRest::Synced, _) => Err(corrupt(first, part.end, NOT_WHOLE)),
        }
    }

    /// Whether a segment stands where its header says.
    fn check_place(
        &self,
        head: SegmentHead,
        first: Sequence,
        place: SegmentPlace,
    ) -> Result<(), OpenError> {
        if head.epoch != self.identity.epoch {
            return Err(self.another_log(first));
        }
        if head.first != first {
            return Err(corrupt(first, 0, MISNAMED));
        }
        if head.first != self.next {
            return Err(corrupt(first, 0, "it does not go on where the segment before it ends"));
        }
        if !place.is_oldest() && head.before != self.last_check {
            return Err(corrupt(first, 0, "the segment before it is not the one that was there"));
        }
        Ok(())
    }

    /// Why a segment is refused that is of another log than `meta`.
    fn another_log(&self, first: Sequence) -> OpenError {
        let segments = self.survey().and_then(|survey| survey.epoch);
        match segments.is_none_or(|epoch| epoch == self.identity.epoch) {
            true => corrupt(first, 0, Stray::OtherLog.what()),
            false => LogIdentity::of_another_log(),
        }
    }

    /// What is wrong with the file behind a segment, if that is none: one that does not end with its last
    /// batch may be the newest.
    fn stray_behind(&self, first: Sequence) -> Option<OpenError> {
        let files = self.survey()?.files;
        let behind =
            files.into_iter().filter(|file| file.name > first).min_by_key(|file| file.name)?;
        match behind.kind {
            FileKind::Stray(stray) => Some(corrupt(behind.name, 0, stray.what())),
            FileKind::Segment if behind.name != behind.place => {
                Some(corrupt(behind.name, 0, MISNAMED))
            }
            FileKind::Segment | FileKind::Unknown => None,
        }
    }

    fn survey(&self) -> Option<Survey> {
        let names = self.disk.names().ok()?;
        Some(Survey::of(&self.disk, &segment::firsts_of(&names), Some(self.identity.epoch)))
    }

    /// Makes the newest segment ready to be written to, without the tail that a crash has torn.
    fn take_up(
        &mut self,
        (file, head): (D::File, SegmentHead),
        bytes: &[u8],
        WholePart { end, synced, rest, .. }: WholePart,
    ) -> Result<Option<TornTail>, OpenError> {
        // It may be in the page cache alone, after a sync that failed even in pages that pass for clean.
        // So it is written again before anybody sees it, and the header too, if nothing was synced.
        let from = if synced > batches_at() { synced } else { 0 };
        file.write_at(&bytes[from..end], from as u64)?;
        let is_torn = rest == SegmentRest::Unsynced;
        let mut lost = 0;
        if is_torn {
            lost = bytes[end..].iter().filter(|&&byte| byte != 0).count() as u64;
            file.truncate(end as u64)?;
        }
        file.sync()?;
        let allocated = if is_torn { end } else { bytes.len() } as u64;
        let end = end as u64;
        self.active = Some(ActiveSegment { file, head, end, synced: end, allocated });
        let file = segment::name_of(head.first);
        Ok(is_torn.then_some(TornTail { file, offset: end, bytes: lost }))
    }
}

fn corrupt(segment: Sequence, offset: usize, what: &'static str) -> OpenError {
    OpenError::Corrupt { file: segment::name_of(segment), offset: offset as u64, what }
}

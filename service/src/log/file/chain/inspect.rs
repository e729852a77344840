//! Going through all segments for tools: every batch that is whole, and everything that is wrong, in
//! order. Nothing is changed, and nothing ends it. What it finds is what a repair would keep and leave
//! out.

use std::ops::{ControlFlow, Range};

use super::super::batch;
use super::super::disk::Disk;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::TornTail;
use super::scan::{
    FoundBatch, ReadableContent, SegmentRest, batches_at, claimed, is_unbegun, readable_content,
    scan, whole_batches,
};
use crate::event::{Epoch, Sequence};

/// What is found in a chain, in order.
#[derive(Clone, Debug)]
pub(in crate::log::file) enum ChainFinding<'a> {
    Batch(FoundBatch<'a>, Epoch),
    Problem(ChainProblem),
    /// It is none: whoever opens the log cuts it off.
    TornTail(TornTail),
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log::file) struct ChainProblem {
    /// The segment, by its name.
    pub(in crate::log::file) segment: Sequence,
    pub(in crate::log::file) offset: u64,
    pub(in crate::log::file) what: String,
    /// The events that are lost by it.
    pub(in crate::log::file) missing: Range<Sequence>,
}

/// Goes through the segments that begin with these events, in order. Without an epoch it is that of the
/// first segment whose header can be read.
pub(in crate::log::file) fn inspect<D: Disk>(
    disk: &D,
    epoch: Option<Epoch>,
    firsts: &[Sequence],
    each: &mut impl FnMut(ChainFinding<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let next = firsts.first().copied().unwrap_or(Sequence(1));
    let mut inspection = Inspection { disk, epoch, next, before: None, is_readable: true, each };
    for (index, &first) in firsts.iter().enumerate() {
        inspection.segment(first, firsts.get(index + 1).copied())?;
    }
    ControlFlow::Continue(())
}

struct Inspection<'a, D, E> {
    disk: &'a D,
    epoch: Option<Epoch>,
    /// The sequence behind what was found.
    next: Sequence,
    /// The check with which the segment before ends, where that is known.
    before: Option<u32>,
    /// All of the segment can be read.
    is_readable: bool,
    each: &'a mut E,
}

impl<D: Disk, E: FnMut(ChainFinding<'_>) -> ControlFlow<()>> Inspection<'_, D, E> {
    fn segment(&mut self, first: Sequence, following: Option<Sequence>) -> ControlFlow<()> {
        let file = self.disk.open_to_read(&segment::name_of(first));
        let read = file.and_then(|file| readable_content(&file));
        let ReadableContent { bytes, unreadable } = match read {
            Ok(read) => read,
            Err(error) => {
                let what = format!("it cannot be read: {error}");
                return self.give_up(first, what, following.unwrap_or(first));
            }
        };
        self.is_readable = unreadable.is_empty();
        for part in unreadable {
            let what = format!("{} bytes cannot be read from the disk", part.len());
            self.problem(first, part.start, what, self.next)?;
        }
        if following.is_none() && self.is_readable && is_unbegun(&bytes) {
            return self.torn(first, &bytes, 0);
        }
        let head = match SegmentHead::read(&bytes) {
            ReadHead::Good(head) if bytes.len() >= batches_at() => head,
            ReadHead::Newer { version } => {
                let what = format!("it has version {version} of the format, which is not known");
                return self.give_up(first, what, following.unwrap_or(first));
            }
            _ => {
                let end = following.unwrap_or_else(|| claimed(&bytes, first));
                return self.give_up(first, "its header cannot be read".to_owned(), end);
            }
        };
        let epoch = *self.epoch.get_or_insert(head.epoch);
        if head.epoch != epoch {
            let end = following.unwrap_or(first);
            return self.give_up(first, "it is of another log".to_owned(), end);
        }
        if head.first != first {
            self.lose(first, 0, "it has the name of another segment", first)?;
        } else if self.before.is_some_and(|before| before != head.before) {
            self.lose(first, 0, "the segment before it is not the one that was there", first)?;
        }
        self.batches(&bytes, (first, head, following), epoch)
    }

    fn batches(
        &mut self,
        bytes: &[u8],
        (first, head, following): (Sequence, SegmentHead, Option<Sequence>),
        epoch: Epoch,
    ) -> ControlFlow<()> {
        const NOT_WHOLE: &str = "a batch that was whole is not any more";
        let in_place = scan(bytes, head, &mut |_| {});
        // What is whole behind a torn batch was written with it, and is cut off with it.
        let is_torn = following.is_none() && in_place.rest == SegmentRest::Unsynced;
        let limit = if is_torn { in_place.end } else { bytes.len() };
        let mut read_to = batches_at();
        let mut last_check = self.before;
        for (at, batch) in whole_batches(&bytes[..limit], head.salt) {
            let is_within = following.is_none_or(|following| batch.head.next() <= following);
            if batch.head.first < self.next || !is_within {
                continue;
            }
            if batch.head.first > self.next || at > read_to {
                self.lose(first, read_to, NOT_WHOLE, batch.head.first)?;
            }
            let records_at = (at + batch::HEADER_BYTES) as u64;
            (self.each)(ChainFinding::Batch(
                FoundBatch { segment: first, records_at, batch },
                epoch,
            ))?;
            (self.next, last_check) = (batch.head.next(), Some(batch.check));
            read_to = bytes.len().min(at + batch::whole_bytes(batch.records.len()));
        }
        self.before = last_check;
        match following {
            None => self.torn(first, bytes, read_to),
            Some(following) if self.next < following => {
                self.before = None;
                let what = match read_to == bytes.len() {
                    true => "a file is missing that goes on behind this one",
                    false => NOT_WHOLE,
                };
                self.lose(first, read_to, what, following)
            }
            Some(_) if read_to < bytes.len() => {
                self.lose(first, read_to, "there is something behind its last batch", self.next)
            }
            Some(_) => ControlFlow::Continue(()),
        }
    }

    /// What is behind the last batch of all.
    fn torn(&mut self, first: Sequence, bytes: &[u8], at: usize) -> ControlFlow<()> {
        // What cannot be read has been told, and is cut off by no start.
        if !self.is_readable {
            return ControlFlow::Continue(());
        }
        let lost = bytes[at..].iter().filter(|&&byte| byte != 0).count() as u64;
        if lost == 0 {
            return ControlFlow::Continue(());
        }
        let file = segment::name_of(first);
        (self.each)(ChainFinding::TornTail(TornTail { file, offset: at as u64, bytes: lost }))
    }

    /// Goes over a segment of which nothing can be read.
    fn give_up(&mut self, first: Sequence, what: String, end: Sequence) -> ControlFlow<()> {
        self.before = None;
        self.problem(first, 0, what, end)
    }

    fn lose(&mut self, segment: Sequence, at: usize, what: &str, to: Sequence) -> ControlFlow<()> {
        self.problem(segment, at, what.to_owned(), to)
    }

    /// Something is wrong, and everything before this event that was not found is missing.
    fn problem(
        &mut self,
        segment: Sequence,
        at: usize,
        what: String,
        to: Sequence,
    ) -> ControlFlow<()> {
        let to = to.max(self.next);
        let missing = self.next..to;
        self.next = to;
        let offset = at as u64;
        (self.each)(ChainFinding::Problem(ChainProblem { segment, offset, what, missing }))
    }
}

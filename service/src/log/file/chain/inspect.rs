//! Going through all segments for tools: every batch that is whole, and everything that is wrong, in
//! order. Nothing is changed, and nothing ends it. What it finds is what a repair would keep and leave
//! out.

use std::ops::{ControlFlow, Range};

use super::super::batch;
use super::super::disk::Disk;
use super::super::segment::{self, ReadHead, SegmentHead};
use super::TornTail;
use super::scan::{
    FoundBatch, ReadableContent, SegmentRest, batches_at, batches_within, claimed,
    readable_content, scan,
};
use super::survey::{COVERED, FileKind, MISNAMED, Stray, Survey, SurveyedFile, following, limit};
use crate::event::{Epoch, Sequence};

/// What is found in a chain, in order.
#[derive(Clone, Debug)]
pub(in crate::log::file) enum ChainFinding<'a> {
    /// The segments are of this log, and `meta` is not.
    OtherMeta(Epoch),
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

/// Goes through the files with these names, in the order in which they follow on each other.
pub(in crate::log::file) fn inspect<D: Disk>(
    disk: &D,
    meta: Option<Epoch>,
    names: &[Sequence],
    each: &mut impl FnMut(ChainFinding<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Survey { epoch, files, .. } = Survey::of(disk, names, meta);
    if let Some(epoch) = epoch.filter(|epoch| meta.is_some_and(|meta| meta != *epoch)) {
        each(ChainFinding::OtherMeta(epoch))?;
    }
    let oldest = files.iter().find(|file| file.may_be_segment());
    let next = oldest.map_or(Sequence(1), |file| file.place);
    let (is_readable, is_sealed) = (true, true);
    let mut inspection =
        Inspection { disk, epoch, next, before: None, is_readable, is_sealed, each };
    for (index, file) in files.iter().enumerate() {
        inspection.file(file, &files[index + 1..])?;
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
    /// The newest segment ends with its last batch, so that another may have been begun behind it.
    is_sealed: bool,
    each: &'a mut E,
}

impl<D: Disk, E: FnMut(ChainFinding<'_>) -> ControlFlow<()>> Inspection<'_, D, E> {
    fn file(&mut self, file: &SurveyedFile, behind: &[SurveyedFile]) -> ControlFlow<()> {
        match file.kind {
            FileKind::Segment => self.segment(file, behind),
            FileKind::Unknown if file.place < self.next => {
                self.give_up(file.name, COVERED.to_owned(), self.next)
            }
            FileKind::Unknown => self.segment(file, behind),
            // As a crash leaves it: whoever opens the log removes it.
            FileKind::Stray(Stray::Nothing { written }) if self.is_sealed && behind.is_empty() => {
                self.cut_off(file.name, 0, written)
            }
            FileKind::Stray(stray) => {
                // Where a segment is missing it may have been this one.
                let is_in_place = file.place >= self.next;
                let end = following(behind, self.next).filter(|_| is_in_place);
                self.give_up(file.name, stray.what().to_owned(), end.unwrap_or(self.next))
            }
        }
    }

    fn segment(&mut self, file: &SurveyedFile, behind: &[SurveyedFile]) -> ControlFlow<()> {
        let SurveyedFile { name, place, .. } = *file;
        let opened = self.disk.open_to_read(&segment::name_of(name));
        let read = opened.and_then(|file| readable_content(&file));
        let following = following(behind, self.next.max(place));
        let ReadableContent { bytes, unreadable } = match read {
            Ok(read) => read,
            Err(error) => {
                let what = format!("it cannot be read: {error}");
                return self.give_up(name, what, following.unwrap_or(place));
            }
        };
        self.is_readable = unreadable.is_empty();
        for part in unreadable {
            let what = format!("{} bytes cannot be read from the disk", part.len());
            self.problem(name, part.start, what, self.next)?;
        }
        let head = match SegmentHead::read(&bytes) {
            ReadHead::Good(head) if bytes.len() >= batches_at() => Some(head),
            ReadHead::Newer { version } => {
                let what = format!("it has version {version} of the format, which is not known");
                return self.give_up(name, what, following.unwrap_or(place));
            }
            _ => None,
        };
        let is_in_place =
            |head: &SegmentHead| Some(head.epoch) == self.epoch && head.first == place;
        let Some(head) = head.filter(is_in_place) else {
            let end = following.unwrap_or_else(|| claimed(&bytes, place));
            return self.give_up(name, "its header cannot be read".to_owned(), end);
        };
        if name != place {
            self.lose(name, 0, MISNAMED, place)?;
        } else if self.before.is_some_and(|before| before != head.before) {
            self.lose(name, 0, "the segment before it is not the one that was there", place)?;
        }
        self.batches(&bytes, (name, head), behind)
    }

    fn batches(
        &mut self,
        bytes: &[u8],
        (name, head): (Sequence, SegmentHead),
        behind: &[SurveyedFile],
    ) -> ControlFlow<()> {
        const NOT_WHOLE: &str = "a batch that was whole is not any more";
        let mut found = batches_within(bytes, head.salt, self.next, limit(behind));
        let end = found.last().map_or(self.next, |(_, batch)| batch.head.next());
        let following = following(behind, end);
        let in_place = scan(bytes, head, &mut |_| {});
        // What is whole behind a torn batch was written with it, and is cut off with it.
        if following.is_none() && in_place.rest == SegmentRest::Unsynced {
            found.retain(|(at, _)| *at < in_place.end);
        }
        let mut read_to = batches_at();
        let mut last_check = self.before;
        for (at, batch) in found {
            if batch.head.first > self.next || at > read_to {
                self.lose(name, read_to, NOT_WHOLE, batch.head.first)?;
            }
            let records_at = (at + batch::HEADER_BYTES) as u64;
            (self.each)(ChainFinding::Batch(
                FoundBatch { segment: name, records_at, batch },
                head.epoch,
            ))?;
            (self.next, last_check) = (batch.head.next(), Some(batch.check));
            read_to = bytes.len().min(at + batch::whole_bytes(batch.records.len()));
        }
        self.before = last_check;
        match following {
            None => {
                self.is_sealed = read_to == bytes.len();
                self.torn(name, bytes, read_to)
            }
            Some(following) if self.next < following => {
                self.before = None;
                let what = match read_to == bytes.len() {
                    true => "a file is missing that goes on behind this one",
                    false => NOT_WHOLE,
                };
                self.lose(name, read_to, what, following)
            }
            Some(_) if read_to < bytes.len() => {
                self.lose(name, read_to, "there is something behind its last batch", self.next)
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
        self.cut_off(first, at, lost)
    }

    /// So many bytes that are not zero will be cut off a segment.
    fn cut_off(&mut self, first: Sequence, at: usize, bytes: u64) -> ControlFlow<()> {
        if bytes == 0 {
            return ControlFlow::Continue(());
        }
        let (file, offset) = (segment::name_of(first), at as u64);
        (self.each)(ChainFinding::TornTail(TornTail { file, offset, bytes }))
    }

    /// Goes over a file of which nothing can be read.
    fn give_up(&mut self, first: Sequence, what: String, end: Sequence) -> ControlFlow<()> {
        if end > self.next {
            self.before = None;
        }
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

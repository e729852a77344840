//! The files of segments that stay open while one page after another is read of them: for a page with a
//! few events of each segment, opening and closing the files takes as long as reading them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::super::chain::is_exhausted;
use super::super::disk::Disk;
use super::super::indexed_segment::{IndexFile, IndexedSegment};
use super::super::segment;
use super::{SEGMENTS_MAX, SegmentReader};
use crate::event::Sequence;
use crate::file_limit::FileLimit;

/// A segment and its index, to be read.
#[derive(Debug)]
pub(super) struct OpenSegment<F> {
    pub(super) index: IndexFile<F>,
    pub(super) records: F,
}

/// For each so many files that the process may have open, a thread that reads keeps one segment open, which
/// takes two. What is left beside connections, a tenth or what the server needs itself, has room for that.
const FILES_A_SEGMENT: u64 = 256;

/// Segments whose files are open.
///
/// A file that was removed takes its room on the disk for as long as it is open. So whoever keeps them closes
/// all when there has been no page to read for a moment, and before it does anything else; and those of
/// segments that are gone are closed before its next page.
#[derive(Debug)]
pub(in crate::log::file) struct OpenSegments<F> {
    /// How many there are at most, at least one.
    max: usize,
    /// By the first event of each; the one that was used last is the last one.
    segments: VecDeque<(Sequence, Arc<OpenSegment<F>>)>,
}

impl<F> OpenSegments<F> {
    /// Those of whoever reads one page: a segment is closed before the next one is opened.
    pub(super) fn one_at_a_time() -> Self {
        Self { max: 1, segments: VecDeque::new() }
    }

    /// Those of whoever reads one page after another: as many as are looked through for a page, and fewer in
    /// a process that may have few files open.
    pub(in crate::log::file) fn within(limit: FileLimit) -> Self {
        let max = usize::try_from(limit.files_max / FILES_A_SEGMENT).unwrap_or(SEGMENTS_MAX);
        Self { max: max.clamp(1, SEGMENTS_MAX), segments: VecDeque::new() }
    }

    /// The first events of those that are open.
    #[cfg(test)]
    pub(in crate::log::file) fn firsts(&self) -> impl Iterator<Item = Sequence> {
        self.segments.iter().map(|(first, _)| *first)
    }

    /// Closes all of them.
    pub(in crate::log::file) fn close(&mut self) {
        self.segments.clear();
    }

    /// Closes those that are before the first of these, which are all there are.
    pub(super) fn close_gone(&mut self, segments: &[Arc<IndexedSegment>]) {
        let oldest = segments.first().map_or(Sequence::MAX, |segment| segment.head.first);
        self.segments.retain(|(first, _)| *first >= oldest);
    }

    /// The files of a segment, which are opened if they are not.
    pub(super) fn of<D: Disk<File = F>>(
        &mut self,
        segment: &IndexedSegment,
        reader: &SegmentReader<D>,
    ) -> io::Result<Arc<OpenSegment<F>>> {
        let first = segment.head.first;
        let at = self.segments.iter().position(|(other, _)| *other == first);
        let open = match at.and_then(|at| self.segments.remove(at)) {
            Some((_, open)) => open,
            None => {
                let too_many = (self.segments.len() + 1).saturating_sub(self.max);
                self.segments.drain(..too_many);
                Arc::new(self.opened(segment, reader)?)
            }
        };
        self.segments.push_back((first, Arc::clone(&open)));
        Ok(open)
    }

    /// Those that are open may be what it takes to open others.
    fn opened<D: Disk<File = F>>(
        &mut self,
        segment: &IndexedSegment,
        reader: &SegmentReader<D>,
    ) -> io::Result<OpenSegment<F>> {
        match reader.open_segment(segment) {
            Err(error) if is_exhausted(&error) && !self.segments.is_empty() => {
                self.close();
                reader.open_segment(segment)
            }
            opened => opened,
        }
    }
}

impl<D: Disk> SegmentReader<D> {
    pub(super) fn open_segment(
        &self,
        segment: &IndexedSegment,
    ) -> io::Result<OpenSegment<D::File>> {
        let index = self.open_index(segment)?;
        let records = self.disk.open_to_read(&segment::name_of(segment.head.first))?;
        Ok(OpenSegment { index, records })
    }
}

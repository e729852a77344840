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

/// A segment and its index, to be read.
#[derive(Debug)]
pub(super) struct OpenSegment<F> {
    pub(super) index: IndexFile<F>,
    pub(super) records: F,
}

/// Segments whose files are open: as many as are looked through for one page, at most.
///
/// A file that was removed takes its room on the disk for as long as it is open. So those of segments that
/// are gone are closed before the next page, and all when there is none to be read.
#[derive(Debug)]
pub(in crate::log::file) struct OpenSegments<F> {
    /// By the first event of each; the one that was used last is the last one.
    segments: VecDeque<(Sequence, Arc<OpenSegment<F>>)>,
}

impl<F> Default for OpenSegments<F> {
    fn default() -> Self {
        Self { segments: VecDeque::new() }
    }
}

impl<F> OpenSegments<F> {
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
            None => Arc::new(self.opened(segment, reader)?),
        };
        if self.segments.len() >= SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back((first, Arc::clone(&open)));
        Ok(open)
    }

    /// Those that are open may be what it takes to open others: a gap is told only where there is none.
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

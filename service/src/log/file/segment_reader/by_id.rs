//! Finding events by the ids that publishers gave them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::cold_page::ReadFault;
use super::super::disk::Disk;
use super::super::index::{self, IndexLookup};
use super::super::indexed_segment::IndexedSegment;
use super::super::segment;
use super::{SegmentReader, twice};
use crate::event::{Event, Sequence};
use crate::logging::log_limited;

impl<D: Disk> SegmentReader<D> {
    /// Goes through the events from a sequence on that have an id by a publisher, each once and in order, until
    /// one breaks it off. What is damaged is passed over.
    ///
    /// # Errors
    /// When something of them cannot be read now.
    pub(in crate::log::file) fn each_with_id(
        &self,
        segments: &[Arc<IndexedSegment>],
        from: Sequence,
        id: &str,
        mut found: impl FnMut(Event) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let hash = index::hash(self.epoch, id);
        let of_it =
            |segment: &&Arc<IndexedSegment>| segment.head.next > from && segment.may_have_id(hash);
        // A second attempt goes on behind what the first one has found.
        let mut next = from;
        for segment in segments.iter().filter(of_it) {
            let mut in_segment = || {
                self.each_of_segment_with_id(segment, (hash, next), |event| {
                    next = event.sequence().next();
                    match event.id() == id {
                        true => found(event),
                        false => ControlFlow::Continue(()),
                    }
                })
            };
            match twice(segment, &mut in_segment) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(error) if ReadFault::of(&error) == ReadFault::Passing => {
                    let file = segment::name_of(segment.head.first);
                    return Err(io::Error::new(error.kind(), format!("{file}: {error}")));
                }
                // It is not retained any more, and was removed a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.counters.could_not_read();
                    log_limited!(ERROR, segment = %segment.head.first, "an id cannot be looked up in a file that is damaged, and counts as not in it: {error}");
                }
            }
        }
        Ok(())
    }

    /// The same for those of a segment whose id has a hash.
    fn each_of_segment_with_id(
        &self,
        segment: &IndexedSegment,
        (hash, from): (u64, Sequence),
        mut found: impl FnMut(Event) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let open = self.open_segment(segment)?;
        let lookup = IndexLookup::new(&open.index, &segment.head);
        let mut records = self.records(&open, &lookup);
        for number in lookup.with_id(hash, from)? {
            let number = number?;
            let sequence = lookup.sequence_of(number)?;
            let event = records.readable_event(&[number], sequence)?;
            if event.is_some_and(|event| found(event).is_break()) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The earliest of these.
    pub(in crate::log::file) fn earliest_with_id(
        &self,
        segments: &[Arc<IndexedSegment>],
        from: Sequence,
        id: &str,
    ) -> io::Result<Option<Sequence>> {
        let mut earliest = None;
        self.each_with_id(segments, from, id, |event| {
            earliest = Some(event.sequence());
            ControlFlow::Break(())
        })?;
        Ok(earliest)
    }
}

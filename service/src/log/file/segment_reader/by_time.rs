//! Finding events by the time at which they were accepted.

use std::io;
use std::sync::Arc;

use super::super::disk::Disk;
use super::super::index::{self, IndexLookup};
use super::super::indexed_segment::IndexedSegment;
use super::{SegmentReader, TimedSequence, twice};

/// How many events that cannot be read are passed over in search of the time of one.
const DAMAGED_MAX: usize = 64;

impl<D: Disk> SegmentReader<D> {
    /// The last event that was accepted at or before a time; nothing if all were accepted later.
    pub(in crate::log::file) fn last_accepted_by(
        &self,
        segments: &[Arc<IndexedSegment>],
        ms: u64,
    ) -> io::Result<Option<TimedSequence>> {
        let mut last = None;
        for segment in segments.iter().filter(|segment| segment.head.events > 0) {
            if segment.head.newest_ms <= ms {
                last = Some(segment);
                continue;
            }
            if let Some(found) = twice(segment, || self.last_of_segment(segment, ms))? {
                return Ok(Some(found));
            }
            break;
        }
        let Some(segment) = last else { return Ok(None) };
        twice(segment, || self.last_of_segment(segment, ms))
    }

    fn last_of_segment(
        &self,
        segment: &IndexedSegment,
        ms: u64,
    ) -> io::Result<Option<TimedSequence>> {
        let open = self.open_segment(segment)?;
        let lookup = IndexLookup::new(&open.index, &segment.head);
        let (events, newest_ms) = (segment.head.events, segment.head.newest_ms);
        let mut records = self.records(&open, &lookup);
        // One that cannot be read was not accepted later than the next one that can.
        let mut time_of = |number: u32| -> io::Result<u64> {
            for number in (number..events).take(DAMAGED_MAX) {
                let sequence = lookup.sequence_of(number)?;
                match records.readable_event(&[number], sequence) {
                    Ok(Some(event)) => return Ok(event.accepted_ms()),
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
            Ok(newest_ms)
        };
        let behind = match newest_ms <= ms {
            true => events,
            false => index::partition_point(events, |number| Ok(time_of(number)? <= ms))?,
        };
        let Some(number) = behind.checked_sub(1) else { return Ok(None) };
        let (sequence, accepted_ms) = (lookup.sequence_of(number)?, time_of(number)?);
        Ok(Some(TimedSequence { sequence, accepted_ms }))
    }
}

//! What rules keep of the oldest segment, which has to be written again before that can be removed.

use std::sync::Arc;

use super::super::indexed_segment::IndexedSegment;
use super::super::kept_records::KeptRecords;
use super::RetainedState;
use crate::event::{Event, Sequence};

impl RetainedState {
    pub(super) fn first_without_retained(&self) -> Option<&Arc<IndexedSegment>> {
        // The newest file stays, whatever is in it: it alone says which sequence is the next.
        let has_active = self.active_bytes > 0 && !self.active_is_gone;
        let has_newer = self.segments.len() > 1 || !self.unindexed.is_empty() || has_active;
        // What has not gone from memory yet may be kept as it goes.
        let gone_before = self.oldest.min(self.window.oldest());
        self.segments.first().filter(|segment| has_newer && segment.head.next <= gone_before)
    }

    /// The events that rules keep and that are in no other segment.
    pub(super) fn kept_in(&self, segment: &IndexedSegment) -> impl Iterator<Item = &Arc<Event>> {
        let (first, next) = (segment.head.first, segment.head.next);
        let after = first.previous().max(self.written_again_through);
        let first_written = self.window.kept_between(after, next.previous());
        let first_written =
            first_written.filter(|event| !self.kept_records.is_elsewhere(event.sequence()));
        let again = self.kept_records.in_segment(first);
        first_written.chain(again.filter_map(|event| self.window.kept(event)))
    }

    /// The next events, at most so many and of so many bytes, that have to be written again before a segment
    /// can be removed.
    pub(in crate::log::file) fn to_write_again(
        &self,
        count_max: usize,
        bytes_max: usize,
    ) -> Vec<Arc<Event>> {
        let of_segment = self.first_without_retained().into_iter();
        let of_segment = of_segment.flat_map(|segment| self.kept_in(segment));
        let mut bytes = 0;
        let kept = of_segment.chain(self.kept_nowhere()).take(count_max).take_while(|event| {
            let is_first = bytes == 0;
            bytes += event.frame().len();
            is_first || bytes <= bytes_max
        });
        kept.cloned().collect()
    }

    /// Whether there are such events.
    pub(in crate::log::file) fn has_to_write_again(&self) -> bool {
        !self.to_write_again(1, usize::MAX).is_empty()
    }

    /// Those for which there was no room on the disk.
    fn kept_nowhere(&self) -> impl Iterator<Item = &Arc<Event>> {
        let nowhere = self.kept_records.in_segment(KeptRecords::NOWHERE);
        nowhere.filter_map(|event| self.window.kept(event))
    }

    /// Whether an event is one of these.
    pub(in crate::log::file) fn is_nowhere(&self, event: Sequence) -> bool {
        self.kept_records.is_nowhere(event)
    }

    /// They were written to a segment, and are durable.
    pub(in crate::log::file) fn wrote_again(&mut self, events: &[Arc<Event>], segment: Sequence) {
        for event in events {
            let sequence = event.sequence();
            // They come in order, those first that are where they were written first.
            if !self.kept_records.is_elsewhere(sequence) {
                self.written_again_through = self.written_again_through.max(sequence);
            }
            self.kept_records.wrote_again(sequence, segment);
        }
    }
}

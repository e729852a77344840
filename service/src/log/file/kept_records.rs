//! In which segments the records are of events that rules keep: one that is the last to have some is not
//! removed before they have been written again.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Sequence;

/// Where events were written again. All others are where they were written first.
#[derive(Debug, Default)]
pub(super) struct KeptRecords {
    /// The segment of each, by its first event.
    segments: BTreeMap<Sequence, Sequence>,
    /// The same the other way.
    events: BTreeSet<(Sequence, Sequence)>,
}

impl KeptRecords {
    /// No segment: the disk was full, and they wait to be written.
    pub(super) const NOWHERE: Sequence = Sequence(0);

    /// Whether an event is in no segment.
    pub(super) fn is_nowhere(&self, event: Sequence) -> bool {
        self.segments.get(&event) == Some(&Self::NOWHERE)
    }

    /// An event has been written again, to this segment.
    pub(super) fn wrote_again(&mut self, event: Sequence, segment: Sequence) {
        if let Some(before) = self.segments.insert(event, segment) {
            self.events.remove(&(before, event));
        }
        self.events.insert((segment, event));
    }

    /// Whether an event is somewhere else than where it was written first.
    pub(super) fn is_elsewhere(&self, event: Sequence) -> bool {
        self.segments.contains_key(&event)
    }

    /// The events of before that were written again to a segment, whether they are kept still or not.
    pub(super) fn in_segment(&self, segment: Sequence) -> impl Iterator<Item = Sequence> {
        let from = (segment, Sequence(0));
        self.events.range(from..=(segment, Sequence::MAX)).map(|(_, event)| *event)
    }

    /// An event is kept no longer. Where it is in a segment that is known until the segment goes.
    pub(super) fn gone(&mut self, event: Sequence) {
        if self.is_nowhere(event) {
            self.segments.remove(&event);
            self.events.remove(&(Self::NOWHERE, event));
        }
    }

    /// The segment is no longer there.
    pub(super) fn removed(&mut self, segment: Sequence) {
        let gone: Vec<Sequence> = self.in_segment(segment).collect();
        for event in gone {
            self.events.remove(&(segment, event));
            self.segments.remove(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_in_the_segment_to_which_it_was_written_last() {
        let mut records = KeptRecords::default();
        records.wrote_again(Sequence(1), Sequence(100));
        records.wrote_again(Sequence(2), Sequence(100));
        records.wrote_again(Sequence(1), Sequence(200));
        let in_segment = |records: &KeptRecords, segment| {
            records.in_segment(Sequence(segment)).map(|event| event.0).collect::<Vec<_>>()
        };
        assert_eq!((in_segment(&records, 100), in_segment(&records, 200)), (vec![2], vec![1]));
        records.removed(Sequence(100));
        assert!(!records.is_elsewhere(Sequence(2)) && records.is_elsewhere(Sequence(1)));
        assert_eq!(in_segment(&records, 100), [0; 0]);
    }

    #[test]
    fn an_event_that_waited_to_be_written_is_forgotten_when_it_is_kept_no_longer() {
        let mut records = KeptRecords::default();
        records.wrote_again(Sequence(1), KeptRecords::NOWHERE);
        records.wrote_again(Sequence(2), Sequence(100));
        for event in [1, 2] {
            records.gone(Sequence(event));
        }
        assert_eq!(records.in_segment(KeptRecords::NOWHERE).count(), 0);
        assert!(!records.is_elsewhere(Sequence(1)) && records.is_elsewhere(Sequence(2)));
    }
}

//! Which topics have ended, wherever the events are that ended them.
//!
//! A topic whose newest event is in memory has ended if that ends it. Of any other, a filter in memory
//! says that it has not ended, or that it may have: then its newest event is looked up on the disk. So
//! nothing in memory grows with the topics that have ended, and where none has nothing is looked up.

use std::io;
use std::sync::Arc;

use super::cold_page::{ColdPageKey, LoadedPage, ReadDirection, ReadFault};
use super::disk::Disk;
use super::index;
use super::indexed_segment::IndexedSegment;
use super::retained::Retained;
use super::segment_reader::SegmentReader;
use crate::event::{Epoch, Event, Sequence};
use crate::topic::Topic;

/// What memory says of some topics.
#[derive(Debug)]
pub(super) struct KnownEnds {
    /// The event that ended it, of each topic in their order.
    ends: Vec<Option<Arc<Event>>>,
    /// Those, by their numbers, that have to be looked up on the disk.
    unknown: Vec<usize>,
    /// The newest of what rules keep, which counts where the log has none.
    kept: Vec<Option<Arc<Event>>>,
    segments: Arc<Vec<Arc<IndexedSegment>>>,
    oldest: Sequence,
    memory_from: Sequence,
}

impl KnownEnds {
    /// Looks in memory; nothing where no topic has ended at all.
    pub(super) fn of(retained: &Retained, epoch: Epoch, topics: &[Topic]) -> Option<Self> {
        let state = retained.lock();
        if !state.may_have_ends() {
            return None;
        }
        let oldest = state.oldest();
        let newest: Vec<_> = topics
            .iter()
            .map(|topic| state.window.newest_in_window(topic, Sequence::MAX))
            .collect();
        let before_oldest = oldest.previous();
        let kept: Vec<_> = match state.window.kept_through(before_oldest) {
            Some(last) => topics.iter().map(|topic| state.window.newest(topic, last)).collect(),
            None => vec![None; topics.len()],
        };
        let segments = Arc::clone(state.segments());
        let memory_from = state.window.oldest();
        // There may be many segments, and delivery threads wait for the lock.
        drop(state);
        let may_have_ended = |topic: &Topic| {
            let hash = index::hash_of_end(epoch, topic.as_str());
            segments.iter().any(|segment| segment.may_have_end(hash))
        };
        let unknown = newest.iter().zip(topics).enumerate();
        // A topic may have ended with what is kept, unless it has gone on since.
        let is_kept = |number: usize| kept[number].as_ref().is_some_and(|kept| kept.ends_topic());
        let unknown = unknown
            .filter(|(number, (newest, topic))| {
                newest.is_none() && (is_kept(*number) || may_have_ended(topic))
            })
            .map(|(number, _)| number)
            .collect();
        let ends = newest.into_iter().map(|newest| newest.filter(|event| is_end(event, oldest)));
        let ends = ends.collect();
        Some(Self { ends, unknown, kept, segments, oldest, memory_from })
    }

    /// Whether memory says all.
    pub(super) fn is_complete(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Looks on the disk for what memory does not say. What is lost has ended nothing.
    ///
    /// # Errors
    /// When something cannot be read now.
    pub(super) fn completed_from<D: Disk>(
        mut self,
        reader: &SegmentReader<D>,
        topics: &[Topic],
    ) -> io::Result<Vec<Option<Arc<Event>>>> {
        for number in std::mem::take(&mut self.unknown) {
            self.ends[number] = match self.newest_on_disk(reader, &topics[number])? {
                Some(newest) => Some(newest).filter(|event| is_end(event, self.oldest)),
                None => self.kept[number].take().filter(|kept| kept.ends_topic()),
            };
        }
        Ok(self.ends)
    }

    fn newest_on_disk<D: Disk>(
        &self,
        reader: &SegmentReader<D>,
        topic: &Topic,
    ) -> io::Result<Option<Arc<Event>>> {
        let mut from = self.memory_from.previous();
        while from >= self.oldest {
            let key = ColdPageKey {
                direction: ReadDirection::Backwards,
                from,
                topics: Some([topic.clone()].into()),
                events_max: 1,
                bytes_max: usize::MAX,
            };
            from = match reader.load(&self.segments, &key) {
                LoadedPage::Events { events, to } => match events.into_iter().next() {
                    // Another topic may have the same hash.
                    Some(event) if event.topics().contains(topic) => return Ok(Some(event)),
                    Some(event) => event.sequence().previous(),
                    None => to,
                },
                LoadedPage::Unreadable { to, fault: ReadFault::Lost } => to,
                LoadedPage::Unreadable { fault: ReadFault::Passing, .. } => {
                    return Err(io::Error::other("events cannot be read from the disk now"));
                }
            };
        }
        Ok(None)
    }
}

/// Older ones may be there for a while, and are not retained.
fn is_end(newest: &Event, oldest: Sequence) -> bool {
    newest.ends_topic() && newest.sequence() >= oldest
}

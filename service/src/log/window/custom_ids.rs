//! Where the ids are that publishers brought; those made by the log tell their position themselves.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Sequence;
use crate::memory::{SplitMap, allocated};

/// The retained events of each id. An id that came again is found where it came first, so that a
/// client that resumes after it misses nothing.
#[derive(Debug, Default)]
pub(in crate::log) struct CustomIds {
    places: SplitMap<Arc<str>, IdPositions>,
    /// What the lists of repeated ids hold.
    repeats_held: usize,
}

/// Where an id is.
#[derive(Debug)]
struct IdPositions {
    earliest: Sequence,
    /// In order.
    #[expect(clippy::box_collection, reason = "hardly any id comes again: 8 bytes each, not 32")]
    later: Option<Box<VecDeque<Sequence>>>,
}

impl IdPositions {
    fn repeats_held(&self) -> usize {
        self.later.as_ref().map_or(0, |later| {
            allocated(size_of_val(&**later)) + allocated(later.capacity() * size_of::<Sequence>())
        })
    }
}

impl CustomIds {
    /// The earliest event with this id.
    pub(super) fn earliest(&self, id: &str) -> Option<Sequence> {
        self.places.get(id).map(|places| places.earliest)
    }

    /// All events with this id, in order.
    pub(super) fn all(&self, id: &str) -> impl Iterator<Item = Sequence> {
        self.places.get(id).into_iter().flat_map(|places| {
            let later = places.later.iter().flat_map(|later| later.iter().copied());
            std::iter::once(places.earliest).chain(later)
        })
    }

    /// Adds the newest event.
    pub(super) fn add(&mut self, id: Arc<str>, sequence: Sequence) {
        let Some(places) = self.places.get_mut(&*id) else {
            self.places.insert(id, IdPositions { earliest: sequence, later: None });
            return;
        };
        self.repeats_held -= places.repeats_held();
        places.later.get_or_insert_default().push_back(sequence);
        self.repeats_held += places.repeats_held();
    }

    /// Adds an event of before the others.
    pub(super) fn insert(&mut self, id: Arc<str>, sequence: Sequence) {
        let Some(places) = self.places.get_mut(&*id) else { return self.add(id, sequence) };
        self.repeats_held -= places.repeats_held();
        let later = places.later.get_or_insert_default();
        let first = places.earliest.min(sequence);
        let other = places.earliest.max(sequence);
        let at = later.partition_point(|&at| at < other);
        later.insert(at, other);
        places.earliest = first;
        self.repeats_held += places.repeats_held();
    }

    /// An event has gone that had this id.
    pub(super) fn remove(&mut self, id: &str, sequence: Sequence) {
        let Some(places) = self.places.get_mut(id) else { return };
        self.repeats_held -= places.repeats_held();
        if places.earliest == sequence {
            match places.later.as_mut().and_then(|later| later.pop_front()) {
                Some(next) => places.earliest = next,
                None => {
                    self.places.remove(id);
                    return;
                }
            }
        } else if let Some(later) = &mut places.later
            && let Ok(at) = later.binary_search(&sequence)
        {
            later.remove(at);
        }
        places.later.take_if(|later| later.is_empty());
        self.repeats_held += places.repeats_held();
    }

    /// What it takes in memory, but for the ids, which are counted with their events.
    pub(in crate::log) fn bytes(&self) -> usize {
        self.places.bytes() + self.repeats_held
    }

    #[cfg(test)]
    pub(in crate::log) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

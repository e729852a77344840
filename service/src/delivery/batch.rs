//! Several events as one segment of bytes, joined once for all subscribers that get them.
//!
//! A sink may take a part of a segment. Where that part ends inside a frame, the rest of that frame
//! has to follow before anything else, whatever happens to the subscriber meanwhile; a batch tells
//! which frame that is, and gives its rest as a slice of what the log shares, never as a copy.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::event::{Block, Buffers, Event, Sequence};

/// Several events as one segment, in order. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Batch(Arc<Joined>);

#[derive(Debug)]
struct Joined {
    events: Box<[Arc<Event>]>,
    /// What follows right behind the event with this number: that topics have ended. It belongs to the
    /// event, and is neither counted nor sent without it.
    ends: Box<[(usize, Block)]>,
    /// Of the frames.
    bytes: u64,
    /// The joined bytes are counted there until the last reference to them is dropped.
    buffers: Buffers,
    // Most batches are needed in one of the two forms, and those of one event in none.
    frames: OnceLock<Bytes>,
    chunks: OnceLock<Bytes>,
}

/// What becomes of a batch of which a sink took some bytes.
#[derive(Debug)]
pub(super) struct Part {
    /// The last event of which it took at least one byte.
    pub(super) through: Sequence,
    /// The rest of that event's chunk; empty when it took all of it.
    pub(super) rest: Bytes,
}

impl Batch {
    /// A batch of some events, in order.
    pub(super) fn of(events: &[Arc<Event>], buffers: &Buffers) -> Self {
        Self::with_ends(events, &[], buffers)
    }

    /// One in which blocks follow on some of the events, by their numbers and in order.
    pub(super) fn with_ends(
        events: &[Arc<Event>],
        ends: &[(usize, Block)],
        buffers: &Buffers,
    ) -> Self {
        Self(Arc::new(Joined {
            ends: ends.into(),
            bytes: events.iter().map(|event| event.frame().len() as u64).sum(),
            events: events.into(),
            buffers: buffers.clone(),
            frames: <_>::default(),
            chunks: <_>::default(),
        }))
    }

    /// For a slot: hyper adds the framing of its version of HTTP.
    pub(super) fn frames(&self) -> &Bytes {
        self.0.segment(&self.0.frames, Event::frame, Block::frame)
    }

    /// For a socket that carries HTTP/1.1.
    pub(super) fn chunks(&self) -> &Bytes {
        self.0.segment(&self.0.chunks, Event::chunk, Block::chunk)
    }

    pub(super) fn events(&self) -> &[Arc<Event>] {
        &self.0.events
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.events.is_empty()
    }

    pub(super) fn count(&self) -> u64 {
        self.0.events.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The first event's sequence; 0 for no events.
    pub(super) fn first(&self) -> Sequence {
        self.0.events.first().map_or(Sequence(0), |event| event.sequence())
    }

    /// The last event's sequence; 0 for no events.
    pub(super) fn last(&self) -> Sequence {
        self.0.events.last().map_or(Sequence(0), |event| event.sequence())
    }

    /// Whether its last event, up to a sequence, has an id by its publisher.
    pub(super) fn last_id_is_by_publisher(&self, through: Sequence) -> bool {
        let taken = self.0.events.partition_point(|event| event.sequence() <= through);
        taken.checked_sub(1).is_some_and(|last| self.0.events[last].has_custom_id())
    }

    /// How many events there are up to and including one, and their bytes.
    pub(super) fn measure_through(&self, through: Sequence) -> (u64, u64) {
        let taken = self.0.events.partition_point(|event| event.sequence() <= through);
        let bytes: usize = self.0.events[..taken].iter().map(|event| event.frame().len()).sum();
        (taken as u64, bytes as u64)
    }

    /// Where a socket stands that took the first `taken` bytes of the chunks, which is more than
    /// none.
    pub(super) fn part(&self, taken: usize) -> Part {
        let mut end = 0;
        for (number, event) in self.0.events.iter().enumerate() {
            let (event_chunk, block) = (event.chunk(), self.0.end_behind(number));
            end += event_chunk.len() + block.map_or(0, |block| block.chunk().len());
            if end >= taken {
                let rest = match block {
                    None => event_chunk.slice(event_chunk.len() - (end - taken)..),
                    Some(block) => self.0.rest_of_both(event_chunk, block.chunk(), end - taken),
                };
                return Part { through: event.sequence(), rest };
            }
        }
        Part { through: self.last(), rest: Bytes::new() }
    }

    /// The frames up to and including an event, with the block that follows on it.
    #[cfg(test)]
    pub(super) fn frames_through(&self, through: Sequence) -> Bytes {
        let mut end = 0;
        for (number, event) in self.0.events.iter().enumerate() {
            if event.sequence() <= through {
                let block = self.0.end_behind(number);
                end += event.frame().len() + block.map_or(0, |block| block.frame().len());
            }
        }
        self.frames().slice(..end)
    }
}

impl Joined {
    /// One event is its own bytes, shared; several are joined, once.
    fn segment<'a>(
        &'a self,
        joined: &'a OnceLock<Bytes>,
        of: fn(&Event) -> &Bytes,
        of_block: fn(&Block) -> &Bytes,
    ) -> &'a Bytes {
        if let ([event], []) = (&self.events[..], &self.ends[..]) {
            return of(event);
        }
        joined.get_or_init(|| {
            let blocks: usize = self.ends.iter().map(|(_, block)| of_block(block).len()).sum();
            let bytes = self.events.iter().map(|event| of(event).len()).sum::<usize>() + blocks;
            let mut joined = Vec::with_capacity(bytes);
            for (number, event) in self.events.iter().enumerate() {
                joined.extend_from_slice(of(event));
                if let Some(block) = self.end_behind(number) {
                    joined.extend_from_slice(of_block(block));
                }
            }
            self.buffers.count(joined)
        })
    }

    /// The block that follows on the event with this number.
    fn end_behind(&self, number: usize) -> Option<&Block> {
        let at = self.ends.binary_search_by_key(&number, |(behind, _)| *behind).ok()?;
        Some(&self.ends[at].1)
    }

    /// The last bytes of an event's chunk and the block behind it: a slice where they are of the block
    /// alone, else a copy, as an event that ends a topic comes once.
    fn rest_of_both(&self, event: &Bytes, block: &Bytes, bytes: usize) -> Bytes {
        let Some(of_event) = bytes.checked_sub(block.len()) else {
            return block.slice(block.len() - bytes..);
        };
        let mut rest = Vec::with_capacity(bytes);
        rest.extend_from_slice(&event[event.len() - of_event..]);
        rest.extend_from_slice(block);
        self.buffers.count(rest)
    }
}

/// The batches of one pass, by what is in them: audiences that differ in other ways often get the
/// same events, and then share the bytes.
#[derive(Debug)]
pub(super) struct JoinedBatches {
    batches: HashMap<Vec<Sequence>, Batch>,
    /// Of the frames in them.
    bytes: u64,
    buffers: Buffers,
}

/// What the batches that are remembered may hold: more are joined anew.
const REMEMBERED_BYTES_MAX: u64 = 4 << 20;

impl JoinedBatches {
    pub(super) fn counted_in(buffers: Buffers) -> Self {
        Self { batches: HashMap::new(), bytes: 0, buffers }
    }

    pub(super) fn join(&mut self, events: &[Arc<Event>], ends: &[(usize, Block)]) -> Batch {
        // What one audience is told is not what another is.
        if !ends.is_empty() {
            return Batch::with_ends(events, ends, &self.buffers);
        }
        // A single frame is shared as it is.
        if events.len() < 2 {
            return Batch::of(events, &self.buffers);
        }
        let sequences: Vec<Sequence> = events.iter().map(|event| event.sequence()).collect();
        if let Some(batch) = self.batches.get(&sequences) {
            return batch.clone();
        }
        let batch = Batch::of(events, &self.buffers);
        if self.bytes + batch.bytes() > REMEMBERED_BYTES_MAX {
            self.clear();
        }
        self.bytes += batch.bytes();
        self.batches.insert(sequences, batch.clone());
        batch
    }

    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::event::{DraftFields, EncodedEvent, Epoch, EventLimits};

    fn event(sequence: u64, data: &str) -> Arc<Event> {
        let fields = DraftFields {
            topics: vec!["t".into()],
            data: data.to_owned().into(),
            ..DraftFields::default()
        };
        let draft = fields.check(&EventLimits::default()).unwrap();
        Arc::new(EncodedEvent::encode(draft).assign(
            Sequence(sequence),
            (0, Instant::now()),
            Epoch::begun_at(0, 1),
            &Buffers::default(),
        ))
    }

    /// Whatever a socket takes, what it took and the rest are whole chunks, up to the event named.
    #[test]
    fn a_part_of_any_length_is_completed_by_the_rest_of_its_last_chunk() {
        let events = [event(3, "a"), event(5, "two\nlines"), event(6, "")];
        let topic = crate::topic::Topic::parse("t", 1).unwrap();
        let end = |number| (number, Block::end([&topic].into_iter()));
        for ends in [vec![], vec![end(1)], vec![end(2)], vec![end(0), end(2)]] {
            assert_parts_are_completed(&events, &ends);
        }
    }

    fn assert_parts_are_completed(events: &[Arc<Event>], ends: &[(usize, Block)]) {
        let batch = Batch::with_ends(events, ends, &Buffers::default());
        for taken in 1..=batch.chunks().len() {
            let part = batch.part(taken);
            let mut sent = batch.chunks()[..taken].to_vec();
            sent.extend_from_slice(&part.rest);
            let (count, bytes) = batch.measure_through(part.through);
            let through = ends.iter().filter(|(number, _)| *number < count as usize);
            let through: Vec<_> = through.cloned().collect();
            let whole = Batch::with_ends(&events[..count as usize], &through, &Buffers::default());
            assert_eq!(batch.frames_through(part.through), *whole.frames(), "{taken}");
            assert_eq!((&sent[..], whole.last()), (&whole.chunks()[..], part.through), "{taken}");
            assert_eq!(whole.bytes(), bytes, "{taken}");
        }
    }

    #[test]
    fn the_rest_of_a_chunk_is_shared_with_the_event_and_not_copied() {
        let events = [event(1, "a"), event(2, "b")];
        let rest = Batch::of(&events, &Buffers::default()).part(events[0].chunk().len() + 3).rest;
        assert!(events[1].chunk().as_ptr_range().contains(&rest.as_ptr()));
    }

    #[test]
    fn batches_of_the_same_events_are_joined_once() {
        let events = [event(1, "a"), event(2, "b")];
        let mut batches = JoinedBatches::counted_in(Buffers::default());
        let (one, other) = (batches.join(&events, &[]), batches.join(&events, &[]));
        assert_eq!(one.frames().as_ptr(), other.frames().as_ptr());
        assert_ne!(batches.join(&events[..1], &[]).frames(), one.frames());
    }
}

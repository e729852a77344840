//! The events that a stream begins with that asks for the newest of each topic.
//!
//! Which they are is found out once, when it subscribes, and written down: a bit for each sequence, in
//! chunks, of which only those are there that have an event. The events themselves stay where they are. So
//! any part of 100,000 events that are retained takes 14 KiB at most; as numbers it would take a megabyte,
//! while it is gathered in no order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::event::Sequence;
use crate::log::ReadRange;
use crate::memory::{HeldMemory, MemoryBudget, NoRoom, allocated};

/// How many sequences a chunk is of.
const CHUNK: u64 = 512;
const WORDS: usize = (CHUNK / u64::BITS as u64) as usize;

type Bits = [u64; WORDS];

/// Some events of the log, in its order.
#[derive(Debug)]
pub struct PartialReplay {
    /// The number of each chunk that has an event, in order, and which sequences of it.
    chunks: Box<[(u64, Bits)]>,
    _held: HeldMemory,
}

impl PartialReplay {
    /// What of the list comes behind a sequence: events that follow on each other, as a range.
    #[must_use]
    pub fn next_run(&self, after: Sequence) -> Option<ReadRange> {
        let first = self.next_with(true, after.next())?;
        let behind = self.next_with(false, first.next()).unwrap_or(Sequence::MAX);
        Some(ReadRange { after: first.previous(), through: behind.previous() })
    }

    /// The sequence before its first event; nothing of an empty list.
    pub(super) fn before(&self) -> Option<Sequence> {
        self.next_with(true, Sequence(0)).map(Sequence::previous)
    }

    /// The next sequence from one on that is in the list, or that is not.
    fn next_with(&self, listed: bool, from: Sequence) -> Option<Sequence> {
        let mut from = from.0;
        let at = self.chunks.partition_point(|(number, _)| *number < from / CHUNK);
        for (number, bits) in &self.chunks[at..] {
            let begin = number * CHUNK;
            if from < begin {
                // Between two chunks nothing is listed.
                if !listed {
                    return Some(Sequence(from));
                }
                from = begin;
            }
            while from < begin + CHUNK {
                let word = bits[((from - begin) / u64::from(u64::BITS)) as usize];
                let left = if listed { word } else { !word } >> (from % u64::from(u64::BITS));
                if left != 0 {
                    return Some(Sequence(from + u64::from(left.trailing_zeros())));
                }
                from = (from / u64::from(u64::BITS) + 1) * u64::from(u64::BITS);
            }
        }
        (!listed).then_some(Sequence(from))
    }
}

/// Sequences that are gathered for such a list, in any order, and counted as they come.
#[derive(Debug)]
pub(super) struct GatheredSequences {
    chunks: HashMap<u64, Bits>,
    held: HeldMemory,
}

impl GatheredSequences {
    pub(super) fn counted_in(budget: &MemoryBudget) -> Self {
        Self { chunks: HashMap::new(), held: budget.nothing() }
    }

    /// Adds one, which may be there already.
    pub(super) fn add(&mut self, sequence: Sequence) -> Result<(), NoRoom> {
        if self.chunks.len() == self.chunks.capacity() {
            // A table grows to twice as many places, of which an eighth stays free.
            let places = (self.chunks.capacity() * 2).max(4) * 8 / 7;
            self.held.resize(allocated(places * (size_of::<(u64, Bits)>() + 1)))?;
        }
        let bits = match self.chunks.entry(sequence.0 / CHUNK) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert([0; WORDS]),
        };
        let bit = sequence.0 % CHUNK;
        bits[(bit / u64::from(u64::BITS)) as usize] |= 1 << (bit % u64::from(u64::BITS));
        Ok(())
    }

    /// The list, in order.
    pub(super) fn into_replay(self) -> Result<PartialReplay, NoRoom> {
        let bytes = allocated(self.chunks.len() * size_of::<(u64, Bits)>());
        let held = self.held.budget().hold(bytes)?;
        let mut chunks: Vec<(u64, Bits)> = self.chunks.into_iter().collect();
        chunks.sort_unstable_by_key(|(number, _)| *number);
        Ok(PartialReplay { chunks: chunks.into_boxed_slice(), _held: held })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn replay_of(sequences: &[u64], budget: &MemoryBudget) -> Result<PartialReplay, NoRoom> {
        let mut gathered = GatheredSequences::counted_in(budget);
        for &sequence in sequences {
            gathered.add(Sequence(sequence))?;
        }
        gathered.into_replay()
    }

    #[test]
    fn what_follows_on_each_other_is_one_range_and_what_was_read_of_it_is_left_out() {
        let budget = MemoryBudget::new(10_000);
        let replay = replay_of(&[9, 3, 4, 2, 4, 10], &budget).unwrap();
        assert_eq!(replay.before(), Some(Sequence(1)));
        let mut runs = Vec::new();
        for after in [0, 2, 4, 5, 9, 10] {
            let run = replay.next_run(Sequence(after));
            runs.push(run.map(|range| (range.after.0, range.through.0)));
        }
        assert_eq!(
            runs,
            [Some((1, 4)), Some((2, 4)), Some((8, 10)), Some((8, 10)), Some((9, 10)), None]
        );
    }

    #[test]
    fn a_list_counts_until_it_is_dropped_and_one_that_does_not_fit_counts_nothing() {
        let budget = MemoryBudget::new(2_000);
        let one = allocated(size_of::<(u64, Bits)>());
        let replay = replay_of(&(1..=200).collect::<Vec<u64>>(), &budget).unwrap();
        assert_eq!(budget.held(), one, "200 of one chunk");
        let far: Vec<u64> = (1..=30).map(|number| number * CHUNK).collect();
        assert_eq!(replay_of(&far, &budget).err(), Some(NoRoom));
        assert_eq!(budget.held(), one);
        drop(replay);
        assert_eq!(budget.held(), 0);
    }

    /// Every second event, in whatever order they are found.
    #[test]
    fn a_part_of_a_hundred_thousand_events_takes_less_than_14_kib() {
        let budget = MemoryBudget::new(usize::MAX);
        let scattered: Vec<u64> = (1..=50_000).map(|at| at * 7_919 % 50_000 * 2).collect();
        let replay = replay_of(&scattered, &budget).unwrap();
        assert!(budget.held() < 14 << 10, "{}", budget.held());
        let runs =
            std::iter::successors(replay.next_run(Sequence(1)), |run| replay.next_run(run.through));
        assert!(runs.skip(1).all(|run| run.through == run.after.next()));
    }

    #[test]
    fn an_empty_list_has_nothing_and_no_beginning() {
        let replay = replay_of(&[], &MemoryBudget::new(0)).unwrap();
        assert_eq!((replay.before(), replay.next_run(Sequence(0))), (None, None));
    }

    proptest! {
        #[test]
        fn it_has_each_sequence_once_and_in_order(
            sequences in proptest::collection::vec(prop_oneof![1_u64..100, 450_u64..700, 5_000_u64..5_100], 0..300),
            step in 1_u64..9,
        ) {
            let replay = replay_of(&sequences, &MemoryBudget::new(usize::MAX)).unwrap();
            let (mut read, mut after) = (Vec::new(), Sequence(0));
            while let Some(run) = replay.next_run(after) {
                let through = run.through.0.min(run.after.0 + step);
                read.extend(run.after.0 + 1..=through);
                after = Sequence(through);
            }
            let expected: BTreeSet<u64> = sequences.into_iter().collect();
            prop_assert_eq!(read, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

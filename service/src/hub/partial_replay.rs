//! The events that a stream begins with that asks for the newest of each topic.
//!
//! Which they are is found out once, when it subscribes, and written down: a bit for each sequence, in
//! chunks, of which only those are there that have an event. The events themselves stay where they are. So
//! any part of 100,000 events that are retained takes 25 KiB at most, and events that are far from each
//! other take 16 bytes each; as numbers in no order the former would take a megabyte.

use std::collections::HashMap;

use crate::event::Sequence;
use crate::log::ReadRange;
use crate::memory::{HeldMemory, MemoryBudget, NoRoom, allocated};

/// How many sequences a chunk is of.
const CHUNK: u64 = u64::BITS as u64;

/// Which sequences of a chunk, the first one as the lowest bit.
type Bits = u64;

/// Some events of the log, in its order, and all that match behind a place.
#[derive(Debug)]
pub struct PartialReplay {
    /// The number of each chunk that has an event, in order, and which sequences of it.
    chunks: Box<[(u64, Bits)]>,
    all_behind: Sequence,
    /// Up to here it has only what rules keep, which may go without anything being missed.
    kept_through: Sequence,
    _held: HeldMemory,
}

/// A part of such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayRun {
    /// Listed events that follow on each other.
    Listed(ReadRange),
    /// The same, of those that rules keep: when they have gone nothing is missing.
    Kept(ReadRange),
    /// All that match.
    All(ReadRange),
}

impl ReplayRun {
    /// Where it is.
    #[must_use]
    pub fn range(self) -> ReadRange {
        match self {
            Self::Listed(range) | Self::Kept(range) | Self::All(range) => range,
        }
    }
}

impl PartialReplay {
    /// What comes behind a sequence.
    #[must_use]
    pub fn next_run(&self, after: Sequence) -> Option<ReplayRun> {
        let listed = self.next_with(true, after.next()).filter(|first| *first <= self.all_behind);
        let Some(first) = listed else {
            let after = after.max(self.all_behind);
            let through = Sequence::MAX;
            return (after < through).then_some(ReplayRun::All(ReadRange { after, through }));
        };
        let behind = self.next_with(false, first.next()).unwrap_or(Sequence::MAX);
        let through = behind.previous();
        let after = first.previous();
        Some(match first <= self.kept_through {
            true => ReplayRun::Kept(ReadRange { after, through: through.min(self.kept_through) }),
            false => ReplayRun::Listed(ReadRange { after, through }),
        })
    }

    /// The same list of what rules keep through a sequence, and all that match behind it.
    pub(super) fn then_all_behind(self, kept_through: Sequence) -> Self {
        Self { all_behind: kept_through, kept_through, ..self }
    }

    /// The same list, which up to a sequence has only what rules keep.
    pub(super) fn kept_through(self, kept_through: Sequence) -> Self {
        Self { kept_through, ..self }
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
            let left = if listed { *bits } else { !*bits } >> (from - begin);
            if left != 0 {
                return Some(Sequence(from + u64::from(left.trailing_zeros())));
            }
            from = begin + CHUNK;
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
        *self.chunks.entry(sequence.0 / CHUNK).or_default() |= 1 << (sequence.0 % CHUNK);
        Ok(())
    }

    /// The list, in order.
    pub(super) fn into_replay(self) -> Result<PartialReplay, NoRoom> {
        let bytes = allocated(self.chunks.len() * size_of::<(u64, Bits)>());
        let held = self.held.budget().hold(bytes)?;
        let mut chunks: Vec<(u64, Bits)> = self.chunks.into_iter().collect();
        chunks.sort_unstable_by_key(|(number, _)| *number);
        let chunks = chunks.into_boxed_slice();
        let (all_behind, kept_through) = (Sequence::MAX, Sequence(0));
        Ok(PartialReplay { chunks, all_behind, kept_through, _held: held })
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
            let run = replay.next_run(Sequence(after)).map(ReplayRun::range);
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
        let replay = replay_of(&(1..=60).collect::<Vec<u64>>(), &budget).unwrap();
        assert_eq!(budget.held(), one, "60 of one chunk");
        let far: Vec<u64> = (1..=90).map(|number| number * CHUNK).collect();
        assert_eq!(replay_of(&far, &budget).err(), Some(NoRoom));
        assert_eq!(budget.held(), one);
        drop(replay);
        assert_eq!(budget.held(), 0);
    }

    /// Every second event, in whatever order they are found.
    #[test]
    fn a_part_of_a_hundred_thousand_events_takes_less_than_25_kib() {
        let budget = MemoryBudget::new(usize::MAX);
        let scattered: Vec<u64> = (1..=50_000).map(|at| at * 7_919 % 50_000 * 2).collect();
        let replay = replay_of(&scattered, &budget).unwrap();
        assert!(budget.held() < 25 << 10, "{}", budget.held());
        let runs = std::iter::successors(replay.next_run(Sequence(1)), |run| {
            replay.next_run(run.range().through)
        });
        assert!(runs.map(ReplayRun::range).skip(1).all(|run| run.through == run.after.next()));
    }

    #[test]
    fn an_empty_list_has_nothing_and_no_beginning() {
        let replay = replay_of(&[], &MemoryBudget::new(0)).unwrap();
        assert_eq!((replay.before(), replay.next_run(Sequence(0))), (None, None));
    }

    #[test]
    fn what_rules_keep_may_go_and_all_that_match_comes_behind_it() {
        let budget = MemoryBudget::new(10_000);
        let range =
            |after, through| ReadRange { after: Sequence(after), through: Sequence(through) };
        let replay = replay_of(&[3, 4, 8], &budget).unwrap().then_all_behind(Sequence(9));
        let runs: Vec<_> = [0, 4, 8, 20].map(|after| replay.next_run(Sequence(after))).into();
        let all = |after| Some(ReplayRun::All(range(after, Sequence::MAX.0)));
        let kept = |after, through| Some(ReplayRun::Kept(range(after, through)));
        assert_eq!(runs, [kept(2, 4), kept(7, 8), all(9), all(20)]);
        let replay = replay_of(&[3, 4, 5], &budget).unwrap().kept_through(Sequence(4));
        assert_eq!(replay.next_run(Sequence(0)), kept(2, 4));
        assert_eq!(replay.next_run(Sequence(4)), Some(ReplayRun::Listed(range(4, 5))));
        assert_eq!(replay.next_run(Sequence(5)), None);
        let nothing = replay_of(&[], &budget).unwrap().then_all_behind(Sequence(9));
        assert_eq!((nothing.before(), nothing.next_run(Sequence(0))), (None, all(9)));
    }

    proptest! {
        #[test]
        fn it_has_each_sequence_once_and_in_order(
            sequences in proptest::collection::vec(prop_oneof![1_u64..100, 450_u64..700, 5_000_u64..5_100], 0..300),
            step in 1_u64..9,
        ) {
            let replay = replay_of(&sequences, &MemoryBudget::new(usize::MAX)).unwrap();
            let (mut read, mut after) = (Vec::new(), Sequence(0));
            while let Some(run) = replay.next_run(after).map(ReplayRun::range) {
                let through = run.through.0.min(run.after.0 + step);
                read.extend(run.after.0 + 1..=through);
                after = Sequence(through);
            }
            let expected: BTreeSet<u64> = sequences.into_iter().collect();
            prop_assert_eq!(read, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

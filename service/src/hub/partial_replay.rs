//! The events that a stream begins with that asks for the newest of each topic.
//!
//! Which they are is found out once, when it subscribes, and written down as a list of sequences. The
//! events themselves stay where they are: a list of a hundred thousand takes a megabyte and a half at
//! most, and one of events that follow on each other next to nothing.

use crate::event::Sequence;
use crate::log::ReadRange;
use crate::memory::{HeldMemory, MemoryBudget, NoRoom, allocated};

/// Events that follow on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: Sequence,
    last: Sequence,
}

/// Some events of the log, in its order.
#[derive(Debug)]
pub struct PartialReplay {
    runs: Box<[Run]>,
    _held: HeldMemory,
}

impl PartialReplay {
    /// What of the list comes behind a sequence: events that follow on each other, as a range.
    #[must_use]
    pub fn next_run(&self, after: Sequence) -> Option<ReadRange> {
        let run = self.runs.get(self.runs.partition_point(|run| run.last <= after))?;
        Some(ReadRange { after: after.max(run.first.previous()), through: run.last })
    }

    /// The sequence before its first event; nothing of an empty list.
    pub(super) fn before(&self) -> Option<Sequence> {
        self.runs.first().map(|run| run.first.previous())
    }
}

/// Sequences that are gathered for such a list, in any order, and counted as they come.
#[derive(Debug)]
pub(super) struct GatheredSequences {
    sequences: Vec<Sequence>,
    held: HeldMemory,
}

impl GatheredSequences {
    pub(super) fn counted_in(budget: &MemoryBudget) -> Self {
        Self { sequences: Vec::new(), held: budget.nothing() }
    }

    /// Adds one, which may be there already.
    pub(super) fn add(&mut self, sequence: Sequence) -> Result<(), NoRoom> {
        if self.sequences.len() == self.sequences.capacity() {
            let capacity = (self.sequences.len() * 2).max(16);
            self.held.resize(allocated(capacity * size_of::<Sequence>()))?;
            self.sequences.reserve_exact(capacity - self.sequences.len());
        }
        self.sequences.push(sequence);
        Ok(())
    }

    /// The list, in order.
    pub(super) fn into_replay(mut self) -> Result<PartialReplay, NoRoom> {
        self.sequences.sort_unstable();
        self.sequences.dedup();
        let follow = |pair: &[Sequence]| pair[1] == pair[0].next();
        let breaks = self.sequences.windows(2).filter(|pair| !follow(pair)).count();
        let count = breaks + usize::from(!self.sequences.is_empty());
        let held = self.held.budget().hold(allocated(count * size_of::<Run>()))?;
        let mut runs: Vec<Run> = Vec::with_capacity(count);
        for &sequence in &self.sequences {
            match runs.last_mut() {
                Some(run) if run.last.next() == sequence => run.last = sequence,
                _ => runs.push(Run { first: sequence, last: sequence }),
            }
        }
        Ok(PartialReplay { runs: runs.into_boxed_slice(), _held: held })
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
        let budget = MemoryBudget::new(1_000);
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
        let budget = MemoryBudget::new(5_000);
        let dense: Vec<u64> = (1..=200).collect();
        let replay = replay_of(&dense, &budget).unwrap();
        assert_eq!(budget.held(), allocated(size_of::<Run>()), "200 that follow on each other");
        let sparse: Vec<u64> = (1..=300).map(|number| number * 2).collect();
        assert_eq!(replay_of(&sparse, &budget).err(), Some(NoRoom));
        assert_eq!(budget.held(), allocated(size_of::<Run>()));
        drop(replay);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn an_empty_list_has_nothing_and_no_beginning() {
        let replay = replay_of(&[], &MemoryBudget::new(0)).unwrap();
        assert_eq!((replay.before(), replay.next_run(Sequence(0))), (None, None));
    }

    proptest! {
        #[test]
        fn it_has_each_sequence_once_and_in_order(
            sequences in proptest::collection::vec(1_u64..100, 0..200),
            step in 1_u64..5,
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

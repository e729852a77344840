//! Accept times that do not go up: another machine gave them, and its clock was behind that of the one
//! before. Nearly always there are none.
//!
//! A place is looked for by time as if each event had the latest time up to it: what is found so is never
//! too late, and it is found by halving, however long a clock was behind.

use std::collections::VecDeque;

use crate::event::Sequence;

/// The events of a window whose times are before that of an earlier one.
#[derive(Debug)]
pub(super) struct ClockSteps {
    /// The latest time so far, in milliseconds since 1970 (UTC).
    latest_ms: u64,
    /// In order.
    behind: VecDeque<BehindClock>,
}

/// Events from one to another one that are all before a time that came earlier.
#[derive(Clone, Copy, Debug)]
struct BehindClock {
    first: Sequence,
    last: Sequence,
    latest_ms: u64,
}

impl ClockSteps {
    pub(super) fn begun_at(ms: u64) -> Self {
        Self { latest_ms: ms, behind: VecDeque::new() }
    }

    /// The next event has come.
    pub(super) fn note(&mut self, sequence: Sequence, ms: u64) {
        if ms >= self.latest_ms {
            self.latest_ms = ms;
            return;
        }
        match self.behind.back_mut() {
            // Those between them have that time or an earlier one as well.
            Some(step) if step.latest_ms == self.latest_ms => step.last = sequence,
            _ => {
                let (first, last, latest_ms) = (sequence, sequence, self.latest_ms);
                self.behind.push_back(BehindClock { first, last, latest_ms });
            }
        }
    }

    /// The latest time up to an event, which has this one.
    pub(super) fn latest_through(&self, sequence: Sequence, ms: u64) -> u64 {
        let at = self.behind.partition_point(|step| step.last < sequence);
        let step = self.behind.get(at).filter(|step| step.first <= sequence);
        step.map_or(ms, |step| step.latest_ms)
    }

    /// The events before this one have gone.
    pub(super) fn forget_before(&mut self, oldest: Sequence) {
        while self.behind.front().is_some_and(|step| step.last < oldest) {
            self.behind.pop_front();
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.behind.capacity() * size_of::<BehindClock>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_counts_with_the_latest_time_up_to_it() {
        let cases: [&[u64]; 5] = [
            &[10, 20, 20, 30],
            &[10, 40, 20, 30, 40, 35, 50],
            &[5, 4, 3, 2, 9, 1, 9, 8],
            &[50, 10, 20, 60, 30, 70, 70, 65],
            &[0],
        ];
        for times in cases {
            let mut steps = ClockSteps::begun_at(3);
            for (sequence, &ms) in (1..).zip(times) {
                steps.note(Sequence(sequence), ms);
            }
            let mut latest = 3;
            for (sequence, &ms) in (1..).zip(times) {
                latest = latest.max(ms);
                let found = steps.latest_through(Sequence(sequence), ms);
                assert_eq!(found, latest, "{sequence} of {times:?}");
            }
            steps.forget_before(Sequence(100));
            assert!(steps.behind.is_empty());
        }
    }
}

//! Sequences that are no events, as every reader of the log knows: nobody is told of them. Only a log
//! has them whose sequences others give.

use std::collections::VecDeque;

use crate::event::Sequence;

/// Those behind the oldest event of a window, in order, each with its time, which places there have.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    all: VecDeque<(Sequence, u64)>,
}

impl PassedOver {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds one behind all others.
    pub(super) fn add(&mut self, sequence: Sequence, ms: u64) {
        self.all.push_back((sequence, ms));
    }

    /// The events before this one have gone, and with them what was passed over between them. Gives
    /// the time of the last one that goes.
    pub(super) fn forget_before(&mut self, oldest: Sequence) -> Option<u64> {
        let count = self.all.partition_point(|&(sequence, _)| sequence < oldest);
        self.all.drain(..count).next_back().map(|(_, ms)| ms)
    }

    pub(super) fn time_at(&self, sequence: Sequence) -> Option<u64> {
        let at = self.all.binary_search_by_key(&sequence, |&(sequence, _)| sequence);
        at.ok().map(|at| self.all[at].1)
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<(Sequence, u64)>()
    }
}

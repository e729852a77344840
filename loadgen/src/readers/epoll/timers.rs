//! What a thread has to do later, for which of its streams. A timer of a stream that has changed
//! since is void: it carries the stream's epoch, which goes up with every connection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Moment;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Connect again.
    Connect,
    /// Give an attempt up that has taken too long.
    GiveUp,
    /// Read a little, as a slow reader does.
    SlowRead,
    /// Disconnect the stream.
    Cut,
}

/// A timer that has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExpiredTimer {
    pub(super) at: Moment,
    pub(super) slot: usize,
    pub(super) epoch: u32,
    pub(super) task: Task,
}

/// Timers in order of time.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<ExpiredTimer>>);

impl Timers {
    pub(super) fn add(&mut self, at: Moment, slot: usize, epoch: u32, task: Task) {
        self.0.push(Reverse(ExpiredTimer { at, slot, epoch, task }));
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.0.peek().map(|Reverse(due)| due.at)
    }

    pub(super) fn pop(&mut self, now: Moment) -> Option<ExpiredTimer> {
        self.0.peek().filter(|Reverse(due)| due.at <= now)?;
        self.0.pop().map(|Reverse(due)| due)
    }
}

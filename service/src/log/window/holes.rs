//! Sequences of which nobody knows whether they were events: lost by a store, or left out by
//! whoever else appends. Nearly always there are none.

use std::collections::VecDeque;

use super::super::ReadRange;
use crate::event::Sequence;

/// The holes between and behind the events of a window, in order.
#[derive(Debug, Default)]
pub(super) struct Holes {
    all: VecDeque<Hole>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    /// The sequence before the hole.
    after: Sequence,
    /// The last one in it.
    through: Sequence,
    /// The time of the event before it, which places in it have.
    ms: u64,
}

impl Holes {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds one behind all others.
    pub(super) fn add(&mut self, after: Sequence, through: Sequence, ms: u64) {
        match self.all.back_mut() {
            Some(last) if last.through == after => last.through = through,
            _ => self.all.push_back(Hole { after, through, ms }),
        }
    }

    /// The events before this one have gone, and with them the holes between them. Gives the end of the
    /// last one that goes.
    pub(super) fn forget_before(&mut self, oldest: Sequence) -> Option<Sequence> {
        let count = self.all.partition_point(|hole| hole.through < oldest);
        self.all.drain(..count).next_back().map(|hole| hole.through)
    }

    /// How many sequences are missing from one on.
    pub(super) fn missing_from(&self, sequence: Sequence) -> u64 {
        let first = self.all.partition_point(|hole| hole.through < sequence);
        let missing = |hole: &Hole| hole.through.0 - hole.after.max(sequence.previous()).0;
        self.all.range(first..).map(missing).sum()
    }

    /// The time of a place in a hole.
    pub(super) fn time_at(&self, sequence: Sequence) -> Option<u64> {
        let hole = self.all.get(self.all.partition_point(|hole| hole.through < sequence))?;
        (hole.after < sequence).then_some(hole.ms)
    }

    /// What of a range lies before the first hole in it; `Err` says how far the hole reaches with
    /// which the range begins.
    pub(super) fn before_any(&self, range: ReadRange) -> Result<ReadRange, Sequence> {
        let first = self.all.partition_point(|hole| hole.through <= range.after);
        let Some(hole) = self.all.get(first).filter(|hole| hole.after < range.through) else {
            return Ok(range);
        };
        if hole.after <= range.after {
            return Err(hole.through.min(range.through));
        }
        Ok(ReadRange { through: hole.after, ..range })
    }

    /// What of a range lies behind the last hole in it; `Err` says how far back the hole reaches
    /// with which the range ends.
    pub(super) fn behind_all(&self, range: ReadRange) -> Result<ReadRange, Sequence> {
        let end = self.all.partition_point(|hole| hole.after < range.through);
        let Some(hole) = end.checked_sub(1).map(|last| self.all[last]) else { return Ok(range) };
        if hole.through <= range.after {
            return Ok(range);
        }
        if hole.through >= range.through {
            return Err(hole.after.max(range.after));
        }
        Ok(ReadRange { after: hole.through, ..range })
    }
}

//! Where things are in a log: what it retains, and where a client goes on.

use super::window::KeptTotals;
use crate::event::{Epoch, HubId, Sequence};

/// Where a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Right after this sequence: the id says it exactly, retained or not.
    After(Sequence),
    /// The id is from another epoch: everything accepted later than it comes after this sequence,
    /// but whether something was lost in between cannot be known.
    Later(Sequence),
    /// The id means nothing to this log, or is from its future. Ids by publishers are known while
    /// they are retained, so whatever is retained came later.
    Unknown,
}

/// What a log retains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The epoch of its ids.
    pub epoch: Epoch,
    /// The last event; 0 when there never was one.
    pub head: Sequence,
    /// When that was accepted, or when the log began, in milliseconds since 1970.
    pub head_ms: u64,
    /// The oldest event retained; one behind the head when there is none.
    pub oldest: Sequence,
    /// When the event before the oldest was accepted, or when the log began, in milliseconds since
    /// 1970.
    pub start_ms: u64,
    /// How many are retained.
    pub events: usize,
    /// What they hold in memory.
    pub bytes: usize,
    /// When the oldest was accepted, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
    /// The last sequence that is no event for everybody: one [for one stream
    /// only](crate::event::Draft::for_one_stream), or a hole; 0 when there never was one. What was
    /// missed before it cannot be counted.
    pub last_uncounted: Sequence,
    /// What rules keep beyond these bounds.
    pub kept: KeptTotals,
}

impl Bounds {
    /// The place of a client that has had everything.
    #[must_use]
    pub fn head_id(&self) -> HubId {
        HubId { epoch: self.epoch, sequence: self.head, accepted_ms: self.head_ms }
    }

    /// The place before everything that is retained.
    #[must_use]
    pub fn start_id(&self) -> HubId {
        let sequence = self.oldest.previous();
        HubId { epoch: self.epoch, sequence, accepted_ms: self.start_ms }
    }
}

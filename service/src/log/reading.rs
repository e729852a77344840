//! What a reader of a log asks for, and what it gets.

use std::sync::Arc;

use crate::event::{Event, Sequence};
use crate::topic::SelectorSet;

/// Everything after one sequence and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRange {
    /// Read from behind this one.
    pub after: Sequence,
    /// Read up to and including this one.
    pub through: Sequence,
}

/// Which events of a range a reader wants.
#[derive(Clone, Copy, Debug)]
pub enum EventFilter<'a> {
    /// All of them.
    Everything,
    /// At least those that match. A log finds exact topics in its index; where there is any other
    /// selector it gives every event, and the reader has to match: that can take long, and is not
    /// done here, where it could not be cut.
    Candidates(&'a SelectorSet),
}

/// How much one page may hold, so that no reader keeps other threads waiting.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The most events returned, and the order of the most events looked at.
    pub events_max: usize,
    /// The most bytes of frames; a page has at least one event all the same.
    pub bytes_max: usize,
}

/// Some events of a range, in order.
#[derive(Debug)]
pub struct Page {
    /// The events, or candidates.
    pub events: Vec<Arc<Event>>,
    /// Everything up to here has been looked at: the next page goes on after it.
    pub through: Sequence,
    /// The log no longer had the beginning of the range.
    pub is_truncated: bool,
}

/// The end of a range, newest first.
#[derive(Debug)]
pub struct PageBack {
    /// The events, or candidates, from the newest to the oldest.
    pub events: Vec<Arc<Event>>,
    /// Everything after this one has been looked at: the next page ends here. It is the range's
    /// beginning when there is nothing left.
    pub after: Sequence,
}

//! Events on their way through a commit: staged, written, shown to readers, and answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use std::vec;

use smallvec::SmallVec;

use super::super::chain::WriteError;
use crate::event::{EncodedEvent, Event, Sequence};
use crate::log::window::{Appended, EventsWithId};
use crate::log::{AppendError, Receipt};
use crate::topic::Topic;

/// What was made of an event that was to be appended.
pub(super) enum Staged {
    /// It is the next of those that are written now.
    New {
        repeatable: bool,
    },
    /// It is idempotent, and these of them have its id.
    IdIsTaken {
        by: NumbersWithId,
        event: Box<EncodedEvent>,
    },
    /// One of those ends a topic of it.
    TopicEnded {
        by: usize,
        topic: Topic,
        repeatable: bool,
    },
    Known(Result<Receipt, AppendError>),
}

/// Events that were shown to readers.
#[derive(Default)]
pub(super) struct Shown {
    /// One an event, in their order, until it is taken.
    pub(super) receipts: vec::IntoIter<Receipt>,
    /// How many there were.
    pub(super) count: usize,
    /// Those with ids of their own, by their number in the commit.
    pub(super) with_ids: HashMap<usize, Arc<Event>>,
}

/// Which events of a commit have one id: the first, [`SAME_ID_COMPARED_MAX`] at most.
///
/// [`SAME_ID_COMPARED_MAX`]: crate::log::window::SAME_ID_COMPARED_MAX
pub(super) type NumbersWithId = SmallVec<[usize; 2]>;

/// Events that are written together.
pub(super) struct Commit {
    pub(super) now: (u64, Instant),
    /// The sequence of the first one.
    pub(super) first: Sequence,
    pub(super) events: Vec<EncodedEvent>,
    /// How many of them are in batches that were written.
    pub(super) written: usize,
    pub(super) by_id: HashMap<Arc<str>, NumbersWithId>,
    /// The topics that they end.
    pub(super) ended: HashMap<Topic, usize>,
    /// Topics may have ended before.
    pub(super) may_have_ends: bool,
    /// Nothing is to be written.
    pub(super) refuses: bool,
    pub(super) stopped: Option<WriteError>,
}

/// Why what was not written, or is not known to be, was not.
pub(super) enum CommitOutcome {
    Written,
    /// What is not among those shown has surely not been written.
    Refused,
    Unknown,
}

impl Commit {
    pub(super) fn outcome(&self) -> CommitOutcome {
        match &self.stopped {
            None => CommitOutcome::Written,
            Some(WriteError::Full | WriteError::NoFile(_)) => CommitOutcome::Refused,
            Some(WriteError::Failed(_)) => CommitOutcome::Unknown,
        }
    }
}

impl Staged {
    /// What the publisher is told. Those of a commit are asked in their order.
    pub(super) fn result(
        self,
        shown: &mut Shown,
        outcome: &CommitOutcome,
    ) -> Result<Receipt, AppendError> {
        let missing = |repeatable| match outcome {
            CommitOutcome::Written | CommitOutcome::Refused => AppendError::Unavailable,
            CommitOutcome::Unknown => AppendError::Unknown { repeatable },
        };
        match self {
            Self::Known(result) => result,
            Self::New { repeatable } => shown.receipts.next().ok_or_else(|| missing(repeatable)),
            // Where the end itself was not written nothing has ended.
            Self::TopicEnded { by, topic, .. } if by < shown.count => {
                Err(AppendError::TopicEnded { topic })
            }
            Self::TopicEnded { repeatable, .. } => Err(missing(repeatable)),
            Self::IdIsTaken { by, event } => {
                // What is not among them after a batch that had no room was surely not written.
                let by = by.iter().filter_map(|number| shown.with_ids.get(number).cloned());
                let by: EventsWithId = by.collect();
                if by.is_empty() {
                    return Err(missing(event.is_repeatable()));
                }
                Appended::IdIsTaken { by, event: *event }.into_result()
            }
        }
    }
}

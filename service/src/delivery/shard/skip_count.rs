//! Counting what a subscriber has lost that the log has dropped: backwards, over what is still there, in parts
//! that a budget allows.

use super::super::audience::Audience;
use super::super::backpressure::Lag;
use super::super::budget::{self, Budget};
use super::super::keys::PageKey;
use super::super::mailbox::LoadedPart;
use super::selection::{Next, Selection};
use super::{PASS, Shard};
use crate::event::Sequence;
use crate::log::{EventFilter, LogReader, ReadOutcome, ReadRange};

/// How many events a subscriber lost that the log has dropped: all that were for it, less those
/// that are still there.
#[derive(Debug)]
pub(super) struct Count {
    /// All that were for it when the counting began and that it had not been served.
    pub(super) lag: Lag,
    /// What of that is still there, as far as it has been counted.
    pub(super) retained: Lag,
    /// Where to go on, backwards.
    pub(super) through: Sequence,
    pub(super) selection: Selection,
}

/// How far the events that are still there have been counted.
pub(super) enum CountProgress {
    All,
    /// The budget is spent.
    Cut,
    Loading,
    OtherEpoch,
}

impl Shard {
    /// Counts backwards, to where the log begins. What cannot be read is lost as well.
    pub(super) fn count_on(
        &self,
        count: &mut Count,
        audience: &Audience,
        page: PageKey,
        budget: &mut Budget,
    ) -> CountProgress {
        let (_, cursor) = page;
        let waker = || self.mailbox.loaded_waker(LoadedPart::Page(page));
        let reader = LogReader { epoch: self.epoch, waker: &waker };
        loop {
            match count.selection.next(audience, budget) {
                Next::Event(event) => {
                    count.retained = count.retained.plus(event.frame().len() as u64);
                }
                Next::Cut => return CountProgress::Cut,
                Next::End if count.through <= cursor => return CountProgress::All,
                Next::End => {
                    let range = ReadRange { after: cursor, through: count.through };
                    let filter = EventFilter::Candidates(&audience.selectors);
                    budget.spend(budget::READ);
                    match self.log.read_back(&reader, range, filter, PASS) {
                        ReadOutcome::Ready(tail) => {
                            count.through = tail.after;
                            count.selection = Selection::of(tail.events);
                        }
                        ReadOutcome::Failed { beyond } => count.through = beyond,
                        ReadOutcome::Loading => return CountProgress::Loading,
                        ReadOutcome::OtherEpoch => return CountProgress::OtherEpoch,
                    }
                }
            }
        }
    }
}

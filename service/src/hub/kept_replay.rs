//! What a stream begins with of the events that rules keep beyond the bounds of the log.

use std::sync::Arc;

use super::SubscribeRequest;
use super::log_search::LogSearch;
use super::partial_replay::{GatheredSequences, PartialReplay};
use crate::event::Sequence;
use crate::log::{Bounds, Log};
use crate::memory::{MemoryBudget, NoRoom};

/// From where on events that are kept are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptFrom {
    pub(super) after: Sequence,
    /// Those that were accepted at this time or later, in milliseconds since 1970 (UTC).
    pub(super) since_ms: u64,
}

impl KeptFrom {
    /// All of them.
    pub(super) const BEGINNING: Self = Self { after: Sequence(0), since_ms: 0 };

    /// Those behind a sequence.
    pub(super) fn behind(after: Sequence) -> Self {
        Self { after, ..Self::BEGINNING }
    }

    /// Those of a time.
    pub(super) fn since(since_ms: u64) -> Self {
        Self { since_ms, ..Self::BEGINNING }
    }
}

/// What is kept that a subscriber asks for and may see, as a list, behind which comes all that the log is
/// bound to retain; nothing if there is none of it.
///
/// # Errors
/// When the list does not fit into the budget.
pub(super) async fn find(
    log: &Arc<dyn Log>,
    (request, bounds): (&SubscribeRequest, &Bounds),
    from: KeptFrom,
    budget: &MemoryBudget,
) -> Result<Option<PartialReplay>, NoRoom> {
    if log.kept_through().is_none() {
        return Ok(None);
    }
    let selectors = &request.selectors;
    let mut search = LogSearch::new(log, bounds.epoch, &request.grants);
    let mut found = GatheredSequences::counted_in(budget);
    let last = bounds.oldest.previous();
    let mut after = from.after;
    while after < last {
        let page = search.read_kept(after, selectors).await;
        for event in &page.events {
            let is_wanted = event.accepted_ms() >= from.since_ms && event.sequence() <= last;
            if is_wanted
                && search.matches(selectors, event.topics()).await
                && search.may_see(event).await
            {
                found.add(event.sequence())?;
            }
        }
        if page.through <= after {
            break;
        }
        after = page.through;
    }
    let replay = found.into_replay()?.then_all_behind(last);
    Ok(replay.before().is_some().then_some(replay))
}

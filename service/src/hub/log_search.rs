//! Looking through a log for what one subscriber may see, in the task of its request: a page at a time, and
//! others run in between.

use std::sync::Arc;

use tokio::task::yield_now;

use crate::auth::{Grants, Visibility};
use crate::event::{Epoch, Event, Sequence};
use crate::log::{EventFilter, Log, Page, PageBack, PageLimit, ReadOutcome, ReadRange};
use crate::topic::{MatchProgress, SelectorSet, Topic};

/// One look into the log.
pub(super) const PAGE: PageLimit = PageLimit { events_max: 256, bytes_max: 1 << 20 };
/// After so many looks into the log others run.
const LOOKS: usize = 64;
/// The same in steps of matching, which are about as many bytes: about half a millisecond.
const MATCH_STEPS: usize = 1 << 19;

/// A search in one epoch of a log, for one subscriber.
pub(super) struct LogSearch<'a> {
    log: &'a Arc<dyn Log>,
    epoch: Epoch,
    grants: &'a Grants,
    looks: usize,
    /// What matching has left of its steps.
    steps: usize,
}

impl<'a> LogSearch<'a> {
    pub(super) fn new(log: &'a Arc<dyn Log>, epoch: Epoch, grants: &'a Grants) -> Self {
        Self { log, epoch, grants, looks: 0, steps: MATCH_STEPS }
    }

    pub(super) fn log(&self) -> &'a Arc<dyn Log> {
        self.log
    }

    /// One page of what rules keep.
    pub(super) async fn read_kept(&mut self, after: Sequence, selectors: &SelectorSet) -> Page {
        self.take_turns().await;
        self.log.read_kept(after, selectors, PAGE)
    }

    async fn take_turns(&mut self) {
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS) {
            yield_now().await;
        }
    }

    /// One page, from the end of the range backwards.
    pub(super) async fn read_back(
        &mut self,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        self.take_turns().await;
        self.log.read_back_when_loaded(self.epoch, range, filter, limit).await
    }

    /// Whether the subscriber may see an event.
    pub(super) async fn may_see(&mut self, event: &Event) -> bool {
        match self.grants.visibility(event) {
            Visibility::Known(may_see) => may_see,
            Visibility::IfMatched(selectors) => self.matches(selectors, event.topics()).await,
        }
    }

    /// Whether one of the selectors matches one of the topics.
    pub(super) async fn matches(&mut self, selectors: &SelectorSet, topics: &[Topic]) -> bool {
        let mut progress = MatchProgress::default();
        loop {
            if let Some(matches) = selectors.match_within(topics, &mut progress, &mut self.steps) {
                return matches;
            }
            self.steps = MATCH_STEPS;
            yield_now().await;
        }
    }
}

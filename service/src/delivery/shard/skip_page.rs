//! Sorting a page of the log into what a slow subscriber still gets and what its policy leaves out.

use std::sync::Arc;

use super::super::audience::Audience;
use super::super::backpressure::{BackpressurePolicy, Lag, LagLimit};
use super::super::budget::{self, Budget};
use super::Shard;
use super::selection::{Next, Selection};
use super::topic_ends::TopicEndSearch;
use crate::event::{Event, Sequence};
use crate::log::Page;
use crate::topic::{MatchProgress, Topic};

/// Looking up in the log whether a topic has a newer event.
const LOOK_UP: usize = 4 * budget::LOOK;

/// How many events of a topic are looked at for a newer one that an audience may see.
const NEWEST_TRIES: usize = 64;

/// A page of the log, and what of it is kept.
#[derive(Debug)]
pub(super) struct SkipPage {
    selection: Selection,
    pub(super) through: Sequence,
    /// An event that is to be seen, and how many of its topics have been found to have a newer one.
    current: Option<(Arc<Event>, usize)>,
    pub(super) kept: Vec<Arc<Event>>,
    pub(super) ends: TopicEndSearch,
    /// Positions and bytes.
    left_out: Vec<(Sequence, u64)>,
    /// All of them together.
    left_out_in_all: Lag,
}

impl SkipPage {
    pub(super) fn of(page: Page) -> Self {
        Self {
            selection: Selection::of(page.events),
            through: page.through,
            current: None,
            kept: Vec::new(),
            ends: TopicEndSearch::default(),
            left_out: Vec::new(),
            left_out_in_all: Lag::default(),
        }
    }

    fn leave_out(&mut self, event: &Event) {
        self.left_out_in_all = self.left_out_in_all.plus(event.frame().len() as u64);
        self.left_out.push((event.sequence(), event.frame().len() as u64));
    }

    /// What was left out after one sequence and up to another.
    pub(super) fn left_out_within(&self, after: Sequence, through: Sequence) -> Lag {
        let within = |&&(sequence, _): &&(Sequence, u64)| sequence > after && sequence <= through;
        self.left_out.iter().filter(within).fold(Lag::default(), |lag, &(_, bytes)| lag.plus(bytes))
    }
}

impl Shard {
    /// Finds out what of a page is kept; false when the budget is spent before that is known.
    pub(super) fn sort(
        &self,
        page: &mut SkipPage,
        audience: &Audience,
        lag: Lag,
        budget: &mut Budget,
    ) -> bool {
        let limit = self.settings.lag;
        loop {
            let (event, looked_up) = match page.current.take() {
                Some(current) => current,
                None => match page.selection.next(audience, budget) {
                    Next::Event(event) => (event, 0),
                    Next::End => return true,
                    Next::Cut => return false,
                },
            };
            let left_out = match audience.policy {
                // Nothing else would tell that its topics have ended.
                _ if event.ends_topic() => false,
                BackpressurePolicy::Conflate => {
                    match self.is_superseded(&event, looked_up, audience, budget) {
                        Ok(superseded) => superseded,
                        Err(looked_up) => {
                            page.current = Some((event, looked_up));
                            return false;
                        }
                    }
                }
                _ => page.kept.is_empty() && is_too_old(page.left_out_in_all, lag, limit),
            };
            if left_out {
                page.leave_out(&event);
            } else {
                page.kept.push(event);
            }
        }
    }

    /// Whether each topic of an event has a newer one that the audience is to see. `Err` says how
    /// many topics have been looked up when the budget was spent.
    fn is_superseded(
        &self,
        event: &Event,
        looked_up: usize,
        audience: &Audience,
        budget: &mut Budget,
    ) -> Result<bool, usize> {
        for (index, topic) in event.topics().iter().enumerate().skip(looked_up) {
            if index > looked_up && !budget.is_left() {
                return Err(index);
            }
            if !self.has_newer(topic, event, audience, budget) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a topic has an event after this one that the audience is to see. What would take too
    /// long to find out counts as no: then the event is sent, although a newer one follows.
    fn has_newer(
        &self,
        topic: &Topic,
        event: &Event,
        audience: &Audience,
        budget: &mut Budget,
    ) -> bool {
        let mut through = self.seen;
        for _ in 0..NEWEST_TRIES {
            let newest = self.log.newest(topic, through);
            budget.spend(LOOK_UP);
            let Some(newest) = newest.filter(|newest| newest.sequence() > event.sequence()) else {
                return false;
            };
            let mut progress = MatchProgress::default();
            match budget.may_see(audience.grants(), &newest, &mut progress) {
                Some(true) => return true,
                Some(false) => through = newest.sequence().previous(),
                None => return false,
            }
        }
        false
    }
}

/// Whether one more is to be dropped, after some have been. The newest never is.
fn is_too_old(dropped: Lag, lag: Lag, limit: LagLimit) -> bool {
    let left = Lag {
        events: lag.events.saturating_sub(dropped.events),
        bytes: lag.bytes.saturating_sub(dropped.bytes),
    };
    left.events > 1 && !left.is_within(limit)
}

//! How much one part of a shard's iteration may do, so that no iteration takes long, whatever was
//! subscribed or published.
//!
//! Work is counted in steps of about a nanosecond or two, and the clock is looked at every 32,768
//! of them. A part that finds its budget spent leaves its work where it can go on with it in the
//! next iteration. A unit of work is never cut, so every budget gets something done.

use std::time::{Duration, Instant};

use crate::auth::{Grants, Visibility};
use crate::event::Event;
use crate::topic::{MatchProgress, SelectorSet, Topic};

/// Steps between two looks at the clock: some tens of microseconds.
const STEPS: usize = 32 << 10;

/// A write to a subscriber, or the end of one: a system call or two.
pub(super) const WRITE: usize = STEPS / 16;
/// Looking at a subscriber, an audience or an event that is probably in no cache.
pub(super) const LOOK: usize = 64;
/// Reading a page of the log.
pub(super) const READ: usize = STEPS / 2;

/// What a budget is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Allowance {
    Time(Duration),
    /// So many steps, whatever the time: with one, everything that can be cut is cut everywhere.
    #[cfg(test)]
    Steps(usize),
}

impl Allowance {
    /// Twice the time. Counted steps stay, so that a test still cuts everywhere.
    pub(super) fn doubled(self) -> Self {
        match self {
            Self::Time(time) => Self::Time(2 * time),
            #[cfg(test)]
            Self::Steps(steps) => Self::Steps(steps),
        }
    }
}

/// What is left of an allowance.
#[derive(Debug)]
pub(super) struct Budget {
    until: Option<Instant>,
    /// Until the clock is looked at.
    steps: usize,
}

impl Budget {
    pub(super) fn new(allowance: Allowance) -> Self {
        match allowance {
            Allowance::Time(time) => Self { until: Some(Instant::now() + time), steps: STEPS },
            #[cfg(test)]
            Allowance::Steps(steps) => Self { until: None, steps },
        }
    }

    /// Whether anything is left.
    pub(super) fn is_left(&self) -> bool {
        self.steps > 0
    }

    /// Notes some work that was done; whether anything is left.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_sub(steps);
        self.is_left() || self.renew()
    }

    /// Goes on matching the topics of an event, by one try at least; `None` when the budget is
    /// spent before the result is known, and `progress` holds where to go on.
    pub(super) fn match_topics(
        &mut self,
        selectors: &SelectorSet,
        topics: &[Topic],
        progress: &mut MatchProgress,
    ) -> Option<bool> {
        self.steps = self.steps.max(1);
        loop {
            let matches = selectors.match_within(topics, progress, &mut self.steps);
            let is_left = self.is_left() || self.renew();
            if matches.is_some() || !is_left {
                return matches;
            }
        }
    }

    /// Goes on finding whether an event may be seen, in the same way.
    pub(super) fn may_see(
        &mut self,
        grants: &Grants,
        event: &Event,
        progress: &mut MatchProgress,
    ) -> Option<bool> {
        match grants.visibility(event) {
            Visibility::Known(may_see) => Some(may_see),
            Visibility::IfMatched(selectors) => {
                self.match_topics(selectors, event.topics(), progress)
            }
        }
    }

    fn renew(&mut self) -> bool {
        if self.until.is_some_and(|until| Instant::now() < until) {
            self.steps = STEPS;
        }
        self.is_left()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Buffers, DraftFields, EncodedEvent, Epoch, EventLimits, Sequence};
    use crate::topic::Selector;

    #[test]
    fn a_budget_is_spent_when_its_time_is_over_and_not_before_it_is_looked_at() {
        let mut over = Budget::new(Allowance::Time(Duration::ZERO));
        assert!(over.is_left() && over.spend(STEPS - 1));
        assert!(!over.spend(1) && !over.is_left());
        let mut ample = Budget::new(Allowance::Time(Duration::from_secs(3_600)));
        assert!((0..1_000).all(|_| ample.spend(STEPS)));
    }

    #[test]
    fn matching_goes_on_where_the_budget_was_spent() {
        let selectors = SelectorSet::new(
            ["{a}/1", "{a}/2", "x/{a}"].map(|text| Selector::parse(text).unwrap()),
        );
        let selectors = selectors.unwrap();
        let topics = ["a", "b", "x/c"].map(|text| Topic::parse(text, 100).unwrap());
        let mut progress = MatchProgress::default();
        let mut cuts = 0;
        let matches = loop {
            let mut budget = Budget::new(Allowance::Steps(1));
            match budget.match_topics(&selectors, &topics, &mut progress) {
                Some(matches) => break matches,
                None => cuts += 1,
            }
        };
        assert!(matches && cuts > 5, "{cuts}");
    }

    #[test]
    fn what_is_not_private_needs_no_steps_and_grants_take_their_own() {
        let event = |private: bool| {
            let topics = (0..9).map(|n| format!("t{n}").into()).collect();
            let fields = DraftFields { topics, private, ..DraftFields::default() };
            let draft = fields.check(&EventLimits::default()).unwrap();
            let at = (0, Instant::now());
            let epoch = Epoch::begun_at(0, 0);
            EncodedEvent::encode(draft).assign(Sequence(1), at, epoch, &Buffers::default())
        };
        let patterns = ["{a}/1", "{a}/2", "x/{a}"].map(|text| Selector::parse(text).unwrap());
        let grants = Grants::of(None, Some(SelectorSet::new(patterns).unwrap()));
        let mut progress = MatchProgress::default();
        let one = || Budget::new(Allowance::Steps(1));
        assert_eq!(one().may_see(&grants, &event(false), &mut progress), Some(true));
        assert_eq!(one().may_see(&Grants::public(), &event(true), &mut progress), Some(false));
        let private = event(true);
        let cuts = (0..).take_while(|_| one().may_see(&grants, &private, &mut progress).is_none());
        assert_eq!(cuts.count(), 9 * 4 - 1, "a try for the names and three patterns, each topic");
    }
}

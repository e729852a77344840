//! Finding the audiences of an event, in parts if it takes long.

use std::sync::Arc;

use slotmap::SlotMap;

use super::super::budget::{self, Budget};
use super::{Assignment, Audience, AudienceKey, Audiences};
use crate::event::{Event, Sequence};
use crate::topic::{MatchProgress, Topic};

/// How far an event has come on its way to its audiences.
#[derive(Debug)]
pub(super) struct Assigning {
    event: Arc<Event>,
    /// Which of its topics.
    topic: usize,
    step: Step,
    to: Assignment,
}

/// How far the audiences of one topic have been found.
#[derive(Debug)]
enum Step {
    /// Handing the event to those that ask for this very topic, from the one at `next` on.
    Exact { next: usize },
    /// Asking the patterns, from the one at `next` on.
    Match { next: usize, progress: MatchProgress, matched: Vec<AudienceKey> },
    /// Handing it to those whose patterns match.
    Matched { keys: Arc<[AudienceKey]>, next: usize },
}

const BEGIN: Step = Step::Exact { next: 0 };

impl Assigning {
    fn of(event: &Arc<Event>) -> Self {
        Self { event: Arc::clone(event), topic: 0, step: BEGIN, to: Assignment::default() }
    }

    pub(super) fn sequence(&self) -> Sequence {
        self.event.sequence()
    }

    /// The audience that stood at `at` among those that ask for a topic has left.
    pub(super) fn exact_left(&mut self, topic: &Topic, at: usize) {
        if let Step::Exact { next } = &mut self.step
            && self.event.topics().get(self.topic) == Some(topic)
            && at < *next
        {
            *next -= 1;
        }
    }

    /// The audience that stood at `at` among the patterns has left.
    pub(super) fn pattern_left(&mut self, at: usize) {
        if let Step::Match { next, progress, .. } = &mut self.step {
            if at < *next {
                *next -= 1;
            } else if at == *next {
                *progress = MatchProgress::default();
            }
        }
    }
}

impl Audiences {
    /// Adds `event` to the pending ones of every audience that is to see it; those that had none
    /// before are added to `touched`. `None` when the budget is spent before all are found: bring
    /// the same event again. What has been added until then may be taken and handed out meanwhile.
    pub(in crate::delivery) fn assign(
        &mut self,
        event: &Arc<Event>,
        touched: &mut Vec<AudienceKey>,
        budget: &mut Budget,
    ) -> Option<Assignment> {
        let cut = self.assigning.take().filter(|cut| cut.sequence() == event.sequence());
        let mut assigning = cut.unwrap_or_else(|| Assigning::of(event));
        while assigning.topic < event.topics().len() {
            if !self.assign_by_topic(&mut assigning, touched, budget) {
                self.assigning = Some(assigning);
                return None;
            }
            assigning.topic += 1;
            assigning.step = BEGIN;
        }
        Some(assigning.to)
    }

    /// Goes on with one topic; false when the budget is spent.
    fn assign_by_topic(
        &mut self,
        assigning: &mut Assigning,
        touched: &mut Vec<AudienceKey>,
        budget: &mut Budget,
    ) -> bool {
        let Assigning { event, topic, step, to } = assigning;
        let topic = &event.topics()[*topic];
        loop {
            match step {
                Step::Exact { next } => {
                    let keys = self.by_topic.get(topic).map_or(&[][..], Vec::as_slice);
                    if !assign_to(&mut self.all, keys, next, event, touched, to, budget) {
                        return false;
                    }
                    *step = match self.matched_by_patterns(topic) {
                        Some(keys) => Step::Matched { keys, next: 0 },
                        None => {
                            let (progress, matched) = <_>::default();
                            Step::Match { next: 0, progress, matched }
                        }
                    };
                }
                Step::Match { next, progress, matched } => {
                    if !self.ask_patterns(topic, next, progress, matched, budget) {
                        return false;
                    }
                    let keys = Arc::from(std::mem::take(matched));
                    self.matched.insert(topic, &keys);
                    *step = Step::Matched { keys, next: 0 };
                }
                Step::Matched { keys, next } => {
                    return assign_to(&mut self.all, keys, next, event, touched, to, budget);
                }
            }
        }
    }

    /// The patterns that match a topic, if that is known.
    fn matched_by_patterns(&self, topic: &Topic) -> Option<Arc<[AudienceKey]>> {
        if self.patterns.is_empty() {
            return Some(Arc::default());
        }
        self.matched.get(topic)
    }

    /// Asks pattern after pattern; false when the budget is spent.
    fn ask_patterns(
        &self,
        topic: &Topic,
        next: &mut usize,
        progress: &mut MatchProgress,
        matched: &mut Vec<AudienceKey>,
        budget: &mut Budget,
    ) -> bool {
        let topics = std::slice::from_ref(topic);
        while let Some(&key) = self.patterns.get(*next) {
            if let Some(audience) = self.all.get(key) {
                match budget.match_topics(&audience.selectors, topics, progress) {
                    None => return false,
                    Some(true) => matched.push(key),
                    Some(false) => {}
                }
            }
            *next += 1;
            *progress = MatchProgress::default();
            if !budget.is_left() && *next < self.patterns.len() {
                return false;
            }
        }
        true
    }
}

/// Adds an event to what is pending for some audiences, from the one at `next` on; false when the
/// budget is spent.
fn assign_to(
    all: &mut SlotMap<AudienceKey, Audience>,
    keys: &[AudienceKey],
    next: &mut usize,
    event: &Arc<Event>,
    touched: &mut Vec<AudienceKey>,
    to: &mut Assignment,
    budget: &mut Budget,
) -> bool {
    while let Some(&key) = keys.get(*next) {
        *next += 1;
        if let Some(audience) = all.get_mut(key) {
            let had_none = audience.pending.is_empty();
            if audience.add_pending(event, to) && had_none {
                touched.push(key);
            }
        }
        let of_grants = if event.is_private() { event.topics().len() } else { 0 };
        if !budget.spend(budget::LOOK * (1 + of_grants)) && *next < keys.len() {
            return false;
        }
    }
    true
}

impl Audience {
    /// Adds an event, unless it is not for this audience or another of its topics has brought it
    /// here; whether it was added.
    fn add_pending(&mut self, event: &Arc<Event>, to: &mut Assignment) -> bool {
        if self.newest() >= event.sequence() || !self.may_see(event) {
            return false;
        }
        self.pending.push(Arc::clone(event));
        self.pending_bytes += event.frame().len();
        to.audiences += 1;
        to.fullest_bytes = to.fullest_bytes.max(self.pending_bytes);
        true
    }
}

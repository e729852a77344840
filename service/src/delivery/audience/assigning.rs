//! Finding the audiences of an event, in parts if it takes long.

use std::ops::Bound;
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
    judging: Judging,
}

/// How far it has been found whether an audience may see the event.
#[derive(Debug, Default)]
struct Judging {
    audience: Option<AudienceKey>,
    progress: MatchProgress,
}

impl Judging {
    /// The progress of an audience: the one that was cut, or another, because that one has left.
    fn of(&mut self, audience: AudienceKey) -> &mut MatchProgress {
        if self.audience != Some(audience) {
            *self = Self { audience: Some(audience), progress: MatchProgress::default() };
        }
        &mut self.progress
    }
}

/// How far the audiences of one topic have been found.
#[derive(Debug)]
enum Step {
    /// Handing the event to the audiences with this very topic.
    Exact { from: Bound<AudienceKey> },
    /// Matching the audiences with patterns. All of them have been matched in the end, unless one
    /// came meanwhile.
    Match {
        from: Bound<AudienceKey>,
        progress: MatchProgress,
        matched: Vec<AudienceKey>,
        is_complete: bool,
    },
    /// Handing it to the audiences whose patterns match, in the order of their keys.
    Matched { keys: Arc<[AudienceKey]>, from: Bound<AudienceKey> },
}

const BEGIN: Step = Step::Exact { from: Bound::Unbounded };

impl Assigning {
    fn of(event: &Arc<Event>) -> Self {
        Self {
            event: Arc::clone(event),
            topic: 0,
            step: BEGIN,
            to: Assignment::default(),
            judging: Judging::default(),
        }
    }

    pub(super) fn sequence(&self) -> Sequence {
        self.event.sequence()
    }

    /// A new audience has a pattern. It has this event already, but may match its topic.
    pub(super) fn pattern_came(&mut self) {
        if let Step::Match { is_complete, .. } = &mut self.step {
            *is_complete = false;
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
        let Assigning { event, topic, step, to, judging } = assigning;
        let mut placing = Placing { event, touched, to, judging };
        let topic = &event.topics()[*topic];
        loop {
            match step {
                Step::Exact { from } => {
                    let keys = self.by_topic.get(topic).map(|keys| keys.from(*from));
                    let keys = keys.into_iter().flatten();
                    if let Some(next) = placing.add_to_all(&mut self.all, keys, budget) {
                        *from = next;
                        return false;
                    }
                    *step = match self.matched_by_patterns(topic) {
                        Some(keys) => Step::Matched { keys, from: Bound::Unbounded },
                        None => Step::Match {
                            from: Bound::Unbounded,
                            progress: MatchProgress::default(),
                            matched: Vec::new(),
                            is_complete: true,
                        },
                    };
                }
                Step::Match { from, progress, matched, is_complete } => {
                    if !self.ask_patterns(topic, from, progress, matched, budget) {
                        return false;
                    }
                    let keys = Arc::from(std::mem::take(matched));
                    if *is_complete {
                        self.matched.insert(topic, &keys);
                    }
                    *step = Step::Matched { keys, from: Bound::Unbounded };
                }
                Step::Matched { keys, from } => {
                    let begin = match *from {
                        Bound::Excluded(last) => keys.partition_point(|key| *key <= last),
                        Bound::Included(next) => keys.partition_point(|key| *key < next),
                        Bound::Unbounded => 0,
                    };
                    let keys = keys[begin..].iter().copied();
                    let next = placing.add_to_all(&mut self.all, keys, budget);
                    *from = next.unwrap_or(Bound::Unbounded);
                    return next.is_none();
                }
            }
        }
    }

    /// The audiences whose patterns match a topic, if that is known.
    fn matched_by_patterns(&self, topic: &Topic) -> Option<Arc<[AudienceKey]>> {
        if self.patterns.is_empty() {
            return Some(Arc::default());
        }
        self.matched.get(topic)
    }

    /// Matches one audience with patterns after the other; false when the budget is spent.
    fn ask_patterns(
        &self,
        topic: &Topic,
        from: &mut Bound<AudienceKey>,
        progress: &mut MatchProgress,
        matched: &mut Vec<AudienceKey>,
        budget: &mut Budget,
    ) -> bool {
        let topics = std::slice::from_ref(topic);
        for &key in self.patterns.range((*from, Bound::Unbounded)) {
            if *from != Bound::Included(key) {
                // The audience that was being matched has left.
                *progress = MatchProgress::default();
                *from = Bound::Included(key);
            }
            if let Some(audience) = self.all.get(key) {
                match budget.match_topics(&audience.selectors, topics, progress) {
                    None => return false,
                    Some(true) => matched.push(key),
                    Some(false) => {}
                }
            }
            *from = Bound::Excluded(key);
            if !budget.is_left() {
                return false;
            }
        }
        true
    }
}

/// An event, and where it is noted that audiences have it.
struct Placing<'a> {
    event: &'a Arc<Event>,
    touched: &'a mut Vec<AudienceKey>,
    to: &'a mut Assignment,
    judging: &'a mut Judging,
}

impl Placing<'_> {
    /// Adds the event to what is pending for some audiences; if the budget is spent before all have
    /// it, where to go on.
    fn add_to_all(
        &mut self,
        all: &mut SlotMap<AudienceKey, Audience>,
        keys: impl Iterator<Item = AudienceKey>,
        budget: &mut Budget,
    ) -> Option<Bound<AudienceKey>> {
        let mut keys = keys.peekable();
        while let Some(key) = keys.next() {
            if let Some(audience) = all.get_mut(key)
                && !self.add_to_one(key, audience, budget)
            {
                return Some(Bound::Included(key));
            }
            if !budget.spend(budget::LOOK) && keys.peek().is_some() {
                return Some(Bound::Excluded(key));
            }
        }
        None
    }

    /// Adds the event, unless it is not for this audience or another of its topics has brought it
    /// here; false when the budget is spent before that is known.
    fn add_to_one(
        &mut self,
        key: AudienceKey,
        audience: &mut Audience,
        budget: &mut Budget,
    ) -> bool {
        if audience.newest() >= self.event.sequence() {
            return true;
        }
        let progress = self.judging.of(key);
        let Some(may_see) = budget.may_see(audience.grants(), self.event, progress) else {
            return false;
        };
        *self.judging = Judging::default();
        if may_see {
            if audience.pending.is_empty() {
                self.touched.push(key);
            }
            audience.add_pending(self.event, self.to);
        }
        true
    }
}

impl Audience {
    fn add_pending(&mut self, event: &Arc<Event>, to: &mut Assignment) {
        self.pending.push(Arc::clone(event));
        self.pending_bytes += event.frame().len();
        to.audiences += 1;
        to.fullest_bytes = to.fullest_bytes.max(self.pending_bytes);
    }
}

//! Telling an audience what has ended.
//!
//! Behind an event that ends topics an audience is sent the block `fanfare-end`, with those of the
//! topics that it asks for and may know of: made once for the audience, and sent with the event as one.
//! An event may have a thousand topics, and an audience as many patterns, so the topics are found in
//! parts.

use std::sync::Arc;

use super::super::audience::Audience;
use super::super::budget::{self, Budget};
use super::super::keys::AudienceKey;
use super::Shard;
use crate::auth::Visibility;
use crate::event::{Block, Event, Sequence};
use crate::topic::{MatchProgress, Topic};

/// The search for what an audience is to be told behind some events.
#[derive(Debug, Default)]
pub(super) struct TopicEndSearch {
    /// Which of the events, and which of its topics.
    event: usize,
    topic: usize,
    /// That topic is asked for, and it is to be found out whether the audience may know of it.
    is_asked: bool,
    progress: MatchProgress,
    found: FoundTopicEnds,
}

/// What an audience is told behind some events.
#[derive(Debug, Default)]
pub(super) struct FoundTopicEnds {
    /// Behind the event with this number.
    pub(super) blocks: Vec<(usize, Block)>,
    topics: Vec<(Topic, Sequence)>,
}

impl TopicEndSearch {
    /// Goes on; false when the budget is spent before all is found.
    pub(super) fn go_on(
        &mut self,
        events: &[Arc<Event>],
        audience: &Audience,
        budget: &mut Budget,
    ) -> bool {
        let mut advanced = false;
        while let Some(event) = events.get(self.event) {
            while let Some(topic) = event.topics().get(self.topic).filter(|_| event.ends_topic()) {
                // Something is done each time, however little budget is left.
                if std::mem::replace(&mut advanced, true) && !budget.is_left() {
                    return false;
                }
                let Some(is_told) = self.is_told(event, topic, audience, budget) else {
                    return false;
                };
                if is_told {
                    self.found.topics.push((topic.clone(), event.sequence()));
                }
                budget.spend(budget::LOOK);
                self.topic += 1;
                (self.is_asked, self.progress) = (false, MatchProgress::default());
            }
            if event.ends_topic() {
                self.found.add_block(self.event, event.sequence());
            }
            self.event += 1;
            self.topic = 0;
        }
        true
    }

    /// What was found, when all is.
    pub(super) fn found(&self) -> &FoundTopicEnds {
        &self.found
    }

    fn is_told(
        &mut self,
        event: &Event,
        topic: &Topic,
        audience: &Audience,
        budget: &mut Budget,
    ) -> Option<bool> {
        let topics = std::slice::from_ref(topic);
        if !self.is_asked {
            if !budget.match_topics(&audience.selectors, topics, &mut self.progress)? {
                return Some(false);
            }
            (self.is_asked, self.progress) = (true, MatchProgress::default());
        }
        match audience.grants.visibility_of_end(event, topic) {
            Visibility::Known(may_see) => Some(may_see),
            Visibility::IfMatched(granted) => {
                budget.match_topics(granted, topics, &mut self.progress)
            }
        }
    }
}

impl FoundTopicEnds {
    fn add_block(&mut self, number: usize, by: Sequence) {
        let first = self.topics.partition_point(|(_, earlier)| *earlier < by);
        let topics = &self.topics[first..];
        if !topics.is_empty() {
            let block = Block::end(topics.iter().map(|(topic, _)| topic));
            self.blocks.push((number, block));
        }
    }
}

impl Shard {
    /// Notes what has ended for an audience, and says whether those of its members that have had
    /// everything up to a sequence can get nothing more.
    pub(super) fn note_topic_ends(
        &mut self,
        key: AudienceKey,
        found: &FoundTopicEnds,
        through: Sequence,
    ) -> bool {
        let Some(audience) = self.audiences.get_mut(key) else { return false };
        for (topic, by) in &found.topics {
            audience.note_end(topic, *by);
        }
        self.has_no_more_behind(key, through)
    }

    /// Whether nothing more can come behind a sequence for an audience, because its topics have ended.
    pub(super) fn has_no_more_behind(&self, key: AudienceKey, through: Sequence) -> bool {
        let audience = self.audiences.get(key).filter(|audience| audience.has_ends());
        let oldest = self.log.bounds().oldest;
        let is_retained = |sequence| sequence >= oldest || self.log.is_kept(sequence);
        let by = audience.and_then(|audience| audience.ends_by(is_retained));
        by.is_some_and(|by| by <= through)
    }
}

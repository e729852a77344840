//! Which topics have ended.
//!
//! Nothing follows on a topic behind the event that ended it, so a topic has ended exactly while the
//! newest of its events that is there ends it. When that goes, the topic is open again.

use std::sync::Arc;

use super::super::TopicEnd;
use super::Window;
use crate::event::{Event, Sequence};
use crate::topic::Topic;

impl Window {
    /// Whether any topic has ended with an event that is here.
    pub(in crate::log) fn has_ends(&self) -> bool {
        self.ends > 0
    }

    /// The event with which a topic has ended, if it has.
    pub(in crate::log) fn ended_by(&self, topic: &Topic) -> Option<&Arc<Event>> {
        if self.ends == 0 {
            return None;
        }
        let newest = self.by_topic.newest_first(topic, Sequence::MAX).next()?;
        self.get(newest).filter(|event| event.ends_topic())
    }

    /// Those of some topics that have ended.
    pub(in crate::log) fn ends_of(&self, topics: &[Topic]) -> Vec<TopicEnd> {
        let end_of = |topic: &Topic| {
            let by = Arc::clone(self.ended_by(topic)?);
            Some(TopicEnd { topic: topic.clone(), by })
        };
        topics.iter().filter_map(end_of).collect()
    }

    /// The first of some topics that has ended.
    pub(in crate::log) fn first_ended<'a>(&self, topics: &'a [Topic]) -> Option<&'a Topic> {
        topics.iter().find(|topic| self.ended_by(topic).is_some())
    }
}

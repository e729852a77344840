//! Which topics of an audience have ended, as far as its shard has come across that.
//!
//! A shard learns it from those who join, and from the events that end topics, each time that it reads
//! one for an audience, live or for somebody who is behind. A subscriber has passed all of these events
//! when its cursor is at the last of them.

use std::collections::BTreeMap;

use super::Audience;
use crate::event::Sequence;
use crate::topic::Topic;

/// Each topic with the event that ended it.
#[derive(Debug, Default)]
pub(super) struct TopicEnds(BTreeMap<Topic, Sequence>);

impl Audience {
    /// An event has ended a topic. Only audiences that ask for nothing but exact topics can have no more
    /// to come.
    pub(in crate::delivery) fn note_end(&mut self, topic: &Topic, by: Sequence) {
        if self.selectors.exact_topics().is_none() {
            return;
        }
        let ends = self.ends.get_or_insert_default();
        // It may have been open again meanwhile.
        let known = ends.0.entry(topic.clone()).or_insert(by);
        *known = by.max(*known);
    }

    /// Whether any topic of it has been known to end.
    pub(in crate::delivery) fn has_ends(&self) -> bool {
        self.ends.is_some()
    }

    /// The event behind which nothing more can come, if all of its topics have ended. One is open again
    /// when the event that ended it is no longer retained.
    pub(in crate::delivery) fn ends_by(
        &self,
        is_retained: impl Fn(Sequence) -> bool,
    ) -> Option<Sequence> {
        let ends = self.ends.as_ref()?;
        let mut all_by = None;
        for topic in self.selectors.exact_topics()? {
            let by = *ends.0.get(topic).filter(|by| is_retained(**by))?;
            all_by = all_by.max(Some(by));
        }
        all_by
    }
}

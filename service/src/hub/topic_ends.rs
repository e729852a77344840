//! What has ended of what a client asks for by name.

use std::time::Duration;

use super::{Hub, LOCATE_STEPS, SubscribeRequest};
use crate::auth::{Grants, Visibility};
use crate::event::{Epoch, Sequence};
use crate::log::TopicEnd;
use crate::topic::{MatchProgress, Selector, SelectorSet, Topic};
use crate::within::within;

/// How long a request waits until the log has found out what has ended.
const ENDED_WAIT_MAX: Duration = Duration::from_secs(30);

/// The topics of a request that have ended, as far as its client may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedTopics {
    /// Each with the event that ended it.
    topics: Vec<(Topic, Sequence)>,
    /// Everything that is asked for has ended.
    is_all: bool,
}

impl EndedTopics {
    /// Those that have ended, each with the event that ended it.
    #[must_use]
    pub fn topics(&self) -> &[(Topic, Sequence)] {
        &self.topics
    }

    /// Those that had ended at a position.
    pub fn through(&self, through: Sequence) -> impl Iterator<Item = &Topic> {
        let ended = self.topics.iter().filter(move |(_, by)| *by <= through);
        ended.map(|(topic, _)| topic)
    }

    /// The event behind which nothing that is asked for can follow, if there is one.
    #[must_use]
    pub fn all_by(&self) -> Option<Sequence> {
        self.topics.iter().map(|(_, by)| *by).max().filter(|_| self.is_all)
    }
}

impl Hub {
    /// Finds out what has ended of the topics that are asked for by name. It may take the log a while.
    pub async fn ended(&self, selectors: &SelectorSet, grants: &Grants) -> EndedTopics {
        let asked: Vec<Topic> =
            selectors.iter().filter_map(Selector::exact_topic).cloned().collect();
        // A log that cannot say so in time counts as one in which nothing has ended: the stream begins, and
        // may not be told.
        let ends = within(ENDED_WAIT_MAX, self.log.ended(&asked)).await;
        let mut ends = ends.unwrap_or_default();
        // So nearly always.
        if ends.is_empty() {
            return EndedTopics::default();
        }
        ends.retain(|end| may_see(grants, end));
        EndedTopics {
            is_all: selectors.exact_topics().is_some() && ends.len() == asked.len(),
            topics: ends.into_iter().map(|end| (end.topic, end.by.sequence())).collect(),
        }
    }

    /// The same for a stream that begins in an epoch. What was found in another says nothing.
    pub(super) async fn ended_in(&self, epoch: Epoch, request: &SubscribeRequest) -> EndedTopics {
        let ended = self.ended(&request.selectors, &request.grants).await;
        let is_of_it = ended.topics.is_empty() || self.log.bounds().epoch == epoch;
        if is_of_it { ended } else { EndedTopics::default() }
    }
}

/// What would take longer than a moment to find out counts as no: then it is told when the event comes
/// that ended the topic, or not at all.
fn may_see(grants: &Grants, end: &TopicEnd) -> bool {
    match grants.visibility_of_end(&end.by, &end.topic) {
        Visibility::Known(may_see) => may_see,
        Visibility::IfMatched(selectors) => {
            let (mut progress, mut steps) = (MatchProgress::default(), LOCATE_STEPS);
            let topic = std::slice::from_ref(&end.topic);
            selectors.match_within(topic, &mut progress, &mut steps) == Some(true)
        }
    }
}

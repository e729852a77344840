//! What there is of one topic, for one subscriber.

use super::Hub;
use super::log_search::{LogSearch, PAGE};
use crate::auth::Grants;
use crate::event::Sequence;
use crate::log::{EventFilter, PageLimit, ReadOutcome, ReadRange};
use crate::topic::{Selector, SelectorSet, Topic};

/// What is retained of one topic and may be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSummary {
    /// How many events.
    pub count: usize,
    /// The id of the newest.
    pub newest_id: Option<String>,
    /// It has ended: nothing more can come.
    pub ended: bool,
}

impl Hub {
    /// What there is of a topic for whoever has these grants.
    ///
    /// It takes a look at each event where some are private, or on disk alone.
    pub async fn summary_of(&self, topic: &Topic, grants: &Grants) -> TopicSummary {
        let bounds = self.log.bounds();
        let known = self.log.count_of(topic);
        let known = known.filter(|known| known.private == 0);
        let selectors = SelectorSet::one(Selector::exact(topic.clone()));
        let filter = EventFilter::Candidates(&selectors);
        let mut search = LogSearch::new(&self.log, bounds.epoch, grants);
        let mut range = ReadRange { after: Sequence(0), through: bounds.head };
        let ended = self.ended(&selectors, grants).await.all_by().is_some();
        let mut summary = TopicSummary { ended, ..TopicSummary::default() };
        let limit = if known.is_some() { PageLimit { events_max: 1, ..PAGE } } else { PAGE };
        while range.after < range.through {
            let page = match search.read_back(range, filter, limit).await {
                ReadOutcome::Ready(page) => page,
                ReadOutcome::Failed { beyond } => {
                    range.through = beyond;
                    continue;
                }
                ReadOutcome::Loading | ReadOutcome::OtherEpoch => break,
            };
            for event in &page.events {
                if search.may_see(event).await {
                    summary.newest_id.get_or_insert_with(|| event.id().to_owned());
                    summary.count += 1;
                }
            }
            if let Some(known) = known.filter(|_| summary.newest_id.is_some()) {
                summary.count = known.events;
                break;
            }
            range.through = page.after;
        }
        summary
    }
}

//! The hub: publish once, subscribe at a cursor.
//!
//! Publishing encodes outside the log's lock and appends; the log numbers and keeps the event, and
//! rings everybody who follows. Whoever publishes faster than all can be served waits. Subscribing
//! turns "after this id" into a cursor. Replay and live delivery meet without a gap or a duplicate
//! because they are the same thing: everything after the cursor, read in the log's order.

mod interest;
mod pace;

pub use interest::{Interest, Presence};
pub use pace::Follower;

use std::sync::Arc;

use crate::auth::Grants;
use crate::event::{Draft, GapNotice, Sequence, Unnumbered};
use crate::log::{AppendError, Extent, Located, Log, PageLimit, ReadRange, Receipt, Wanted};
use crate::logging::rarely;
use crate::metrics::{Metrics, PublishSource, Resumed};
use crate::topic::{SelectorSet, Topic};
use interest::Interests;
use pace::Pace;

/// A handle to the hub; cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    log: Arc<dyn Log>,
    interests: Arc<Interests>,
    pace: Arc<Pace>,
    metrics: Metrics,
}

/// What a subscriber asks for.
#[derive(Clone, Debug)]
pub struct SubscribeRequest {
    /// The topics it wants.
    pub selectors: SelectorSet,
    /// The private events it may see.
    pub grants: Grants,
    /// Where it was before.
    pub resume: Option<Resume>,
}

/// From where a subscriber wants to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// From the oldest event retained.
    Earliest,
    /// After the event with this id.
    After(String),
}

impl Resume {
    /// Reads the value of `Last-Event-ID`; an empty one asks for nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => None,
            "earliest" => Some(Self::Earliest),
            id => Some(Self::After(id.to_owned())),
        }
    }
}

/// A place in the log for one subscriber.
#[derive(Debug)]
pub struct Subscription {
    /// The topics it wants.
    pub selectors: SelectorSet,
    /// The private events it may see.
    pub grants: Grants,
    /// Everything after this is still to be sent.
    pub cursor: Sequence,
    /// What it missed for good, if it resumed too late.
    pub gap: Option<GapNotice>,
    /// What became of its wish to go on from where it was, if it had one.
    pub resumed: Option<Resumed>,
    /// The id before the first event that it will be sent, or `earliest`, if it asked to resume.
    pub resumed_after: Option<String>,
    /// Counts as interest in its topics for as long as it lives.
    pub presence: Presence,
}

impl Hub {
    /// A hub over a log.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, metrics: Metrics) -> Self {
        Self { log, interests: Arc::default(), pace: Pace::new(u64::MAX), metrics }
    }

    /// The same hub, whose publishers are answered only when all who follow are within so many
    /// events. It must be far less than the log holds.
    #[must_use]
    pub fn paced(self, ahead_max: u64) -> Self {
        Self { pace: Pace::new(ahead_max), ..self }
    }

    /// Joins those whom publishers wait for.
    #[must_use]
    pub fn follow(&self, seen: Sequence) -> Follower {
        self.pace.follow(seen)
    }

    /// The log under the hub, for those who follow and read it.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// Publishes one event of this process.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn publish(&self, draft: Draft) -> Result<Receipt, AppendError> {
        self.publish_from(PublishSource::Internal, draft).await
    }

    /// Publishes one event.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn publish_from(
        &self,
        source: PublishSource,
        draft: Draft,
    ) -> Result<Receipt, AppendError> {
        let mut results = self.publish_all(source, vec![draft]).await;
        results.pop().unwrap_or(Err(AppendError::Unavailable))
    }

    /// Publishes several events in order: one result each, and a bad one does not stop the others.
    pub async fn publish_all(
        &self,
        source: PublishSource,
        drafts: Vec<Draft>,
    ) -> Vec<Result<Receipt, AppendError>> {
        let events = drafts.into_iter().map(Unnumbered::encode).collect();
        let results = self.log.append(events).await;
        for result in &results {
            match result {
                Ok(receipt) => self.metrics.published(source, receipt.frame_bytes),
                Err(error) => {
                    self.metrics.append_failed(error);
                    if *error == AppendError::Unavailable {
                        rarely!(
                            WARN,
                            "events are refused because the log cannot take them; see to what keeps it"
                        );
                    }
                }
            }
        }
        let last = results.iter().rev().find_map(|result| result.as_ref().ok());
        if let Some(receipt) = last {
            self.pace.wait(receipt.sequence).await;
        }
        results
    }

    /// How many publishers wait until all who follow are near enough.
    #[must_use]
    pub fn publishers_waiting(&self) -> usize {
        self.pace.waiting()
    }

    /// Finds a subscriber's place. From this moment on nothing that it asked for is lost to it
    /// while it is retained.
    #[must_use]
    pub fn subscribe(&self, request: SubscribeRequest) -> Subscription {
        // Interest first: a source that starts because of it publishes behind the cursor.
        let presence = self.interests.enter(&request.selectors);
        let extent = self.log.extent();
        let place = match &request.resume {
            None => Place::live(&extent),
            Some(resume) => self.place(resume, &extent, &request),
        };
        let resumed_after = request.resume.as_ref().map(|resume| match (resume, &place.gap) {
            // It is exactly where it was, even if that very event is not retained any more.
            (Resume::After(id), None) => id.clone(),
            _ => self.id_at(place.cursor, &extent),
        });
        Subscription {
            selectors: request.selectors,
            grants: request.grants,
            cursor: place.cursor,
            gap: place.gap,
            resumed: place.resumed,
            resumed_after,
            presence,
        }
    }

    /// Watches whether anybody is subscribed to a topic.
    #[must_use]
    pub fn interest(&self, topic: &Topic) -> Interest {
        self.interests.watch(topic)
    }

    fn place(&self, resume: &Resume, extent: &Extent, request: &SubscribeRequest) -> Place {
        let beginning = extent.oldest.previous();
        let Resume::After(id) = resume else {
            return Place { cursor: beginning, gap: None, resumed: Some(Resumed::Earliest) };
        };
        let (cursor, missed, resumed) = match self.log.locate(id) {
            Located::After(sequence) if sequence >= beginning => {
                return Place { cursor: sequence, gap: None, resumed: Some(Resumed::Complete) };
            }
            // Only who gets every event can be told how many there were.
            Located::After(sequence) => {
                let all = request.selectors.is_any() && request.grants.sees_everything();
                (beginning, all.then(|| beginning.0 - sequence.0), Resumed::Expired)
            }
            Located::Later(sequence) => (sequence, None, Resumed::Expired),
            Located::Unknown => (beginning, None, Resumed::Unknown),
        };
        let before = self.first_id_after(cursor);
        let gap = GapNotice { missed, after: Some(id.clone()), before };
        Place { cursor, gap: Some(gap), resumed: Some(resumed) }
    }

    fn id_at(&self, sequence: Sequence, extent: &Extent) -> String {
        let retained = sequence >= extent.oldest;
        let id = retained.then(|| self.first_id_after(sequence.previous())).flatten();
        id.unwrap_or_else(|| "earliest".to_owned())
    }

    fn first_id_after(&self, after: Sequence) -> Option<String> {
        let range = ReadRange { after, through: Sequence(u64::MAX) };
        let limit = PageLimit { events_max: 1, bytes_max: usize::MAX };
        let page = self.log.read(range, Wanted::Everything, limit);
        page.events.first().map(|event| event.id().to_owned())
    }
}

struct Place {
    cursor: Sequence,
    gap: Option<GapNotice>,
    resumed: Option<Resumed>,
}

impl Place {
    fn live(extent: &Extent) -> Self {
        Self { cursor: extent.head, gap: None, resumed: None }
    }
}

#[cfg(test)]
mod tests;

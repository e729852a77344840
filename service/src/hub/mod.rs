//! The hub: publish once, subscribe at a cursor.
//!
//! Publishing encodes outside the log's lock and appends; the log gives the event its sequence,
//! keeps it, and wakes all its readers. Backpressure makes publishers wait that are faster than
//! delivery. Subscribing turns "after this id" into a cursor. Replay and live delivery meet without
//! a gap or a duplicate because they are the same thing: everything after the cursor, read in the
//! log's order.

pub mod active_subscriptions;
mod backpressure;
mod beginning;
mod interest;
mod kept_replay;
mod log_search;
mod newest;
mod partial_replay;
mod start;
mod topic_ends;
mod topic_summary;

pub use backpressure::Follower;
pub use beginning::{Beginning, InitialReplay, SubscribeError};
pub use interest::{Interest, InterestGuard};
pub use partial_replay::{PartialReplay, ReplayRun};
pub use topic_ends::EndedTopics;
pub use topic_summary::TopicSummary;

use std::sync::Arc;
use std::time::Instant;

use crate::auth::Grants;
use crate::event::{Draft, EncodedEvent, GapNotice, HubId, Sequence};
use crate::log::{AppendError, FollowerProgress, Log, Receipt};
use crate::logging::log_limited;
use crate::memory::MemoryBudget;
use crate::metrics::{Metrics, PublishSource, Resumed};
use crate::topic::{SelectorSet, Topic};
use active_subscriptions::SubscriptionsGuard;
use backpressure::PublishWindow;
use interest::Interests;
use newest::Searches;

/// What the lists of partial replays may take where nothing else is said, in bytes.
const PARTIAL_REPLAY_BYTES: usize = 8 << 20;

/// Steps of matching for one event whose id is looked for: about a millisecond.
const LOCATE_STEPS: usize = 1 << 20;

/// A handle to the hub; cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    log: Arc<dyn Log>,
    interests: Arc<Interests>,
    publish_window: Arc<PublishWindow>,
    searches: Arc<Searches>,
    metrics: Metrics,
}

/// What a client requests when it subscribes.
#[derive(Clone, Debug)]
pub struct SubscribeRequest {
    /// The topics it wants.
    pub selectors: SelectorSet,
    /// The private events it may see.
    pub grants: Grants,
    /// Where it was before.
    pub resume: Option<Resume>,
}

/// Where a subscriber resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// From the oldest event retained.
    Earliest,
    /// With what comes from now on, as without resuming; but the response says where that is.
    Now,
    /// After the event with this id.
    After(String),
}

impl Resume {
    /// Reads the value of `Last-Event-ID`; an empty one means none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => None,
            "earliest" => Some(Self::Earliest),
            "now" => Some(Self::Now),
            id => Some(Self::After(id.to_owned())),
        }
    }
}

/// A subscriber's position in the log, and what its client is sent about it.
#[derive(Debug)]
pub struct Subscription {
    /// The topics it wants.
    pub selectors: SelectorSet,
    /// The private events it may see.
    pub grants: Grants,
    /// When its token expires, and it ends.
    pub expires: Option<Instant>,
    /// Everything after this is still to be sent.
    pub cursor: Sequence,
    /// The head of the log as its place was found; in the epoch in which the cursor counts.
    pub head: HubId,
    /// What it missed for good, if it resumed too late.
    pub gap: Option<GapNotice>,
    /// What came of resuming, if it resumed from an earlier place.
    pub resumed: Option<Resumed>,
    /// The place of the cursor: a client that comes back with this id goes on there. Its stream begins
    /// with it, unless it has an initial replay, which ends with a place.
    pub place: String,
    /// What comes first, if it is not simply served from its cursor on.
    pub initial_replay: Option<Box<InitialReplay>>,
    /// The last id that its client holds after that.
    pub last_id: LastId,
    /// What had ended of the topics that it asks for by name, and it may know.
    pub ended: EndedTopics,
    /// The value of the `Last-Event-ID` header of the response, if it resumed.
    pub resumed_after: Option<String>,
    /// Counts as interest in its topics for as long as it lives.
    pub interest: InterestGuard,
    /// Announces its beginning and its end, where active subscriptions are told of.
    pub announced: Option<Box<SubscriptionsGuard>>,
}

impl Subscription {
    /// Its stream ends behind what is retained now, and with the place that it has reached.
    pub fn end_behind_replay(&mut self) {
        if let Some(initial) = &mut self.initial_replay {
            initial.ends = true;
            return;
        }
        let (head, list) = (self.head, None);
        self.initial_replay = Some(Box::new(InitialReplay { head, list, ends: true }));
    }
}

/// The last event id that a stream's client holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastId {
    /// Its position in the log.
    pub sequence: Sequence,
    /// A publisher made it. Servers that are fed in parallel share only such ids, so that it is
    /// better than any id of ours for as long as it is known.
    pub by_publisher: bool,
}

impl Hub {
    /// A hub over a log.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, metrics: Metrics) -> Self {
        Self {
            log,
            interests: Arc::default(),
            publish_window: PublishWindow::new(u64::MAX),
            searches: Arc::new(Searches::within(MemoryBudget::new(PARTIAL_REPLAY_BYTES))),
            metrics,
        }
    }

    /// The same hub, whose streams that begin with the newest events of each topic may hold so much
    /// in the lists of these.
    #[must_use]
    pub fn with_partial_replays(self, budget: MemoryBudget) -> Self {
        Self { searches: Arc::new(Searches::within(budget)), ..self }
    }

    /// The same hub, whose publishers get their responses only when all followers are within so
    /// many events, and whose log reads no further ahead of them, if others append to it as well. It
    /// must be far less than the log holds.
    #[must_use]
    pub fn with_publish_window(self, window_max: u64) -> Self {
        let publish_window = PublishWindow::new(window_max);
        self.log.set_follower_progress(Arc::clone(&publish_window) as Arc<dyn FollowerProgress>);
        Self { publish_window, ..self }
    }

    /// Adds a follower, for which publishers wait.
    #[must_use]
    pub fn follow(&self, seen: Sequence) -> Follower {
        self.publish_window.follow(seen)
    }

    /// The log under the hub, for its followers and readers.
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
        // A log that says nothing may have taken it.
        results.pop().unwrap_or(Err(AppendError::Unknown { repeatable: false }))
    }

    /// Publishes several events in order: one result each, and a bad one does not stop the others.
    pub async fn publish_all(
        &self,
        source: PublishSource,
        drafts: Vec<Draft>,
    ) -> Vec<Result<Receipt, AppendError>> {
        let events = drafts.into_iter().map(EncodedEvent::encode).collect();
        let results = self.log.append(events).await;
        for result in &results {
            match result {
                Ok(receipt) if receipt.is_repeat => self.metrics.publish_repeated(),
                Ok(receipt) => self.metrics.published(source, receipt.frame_bytes),
                Err(error) => {
                    self.metrics.append_failed(error);
                    if error.is_temporary() {
                        log_limited!(
                            WARN,
                            "events are not confirmed because the log cannot take them; see to what keeps it"
                        );
                    }
                }
            }
        }
        // The last one may be the repeat of an event that all have long had.
        let newest = results.iter().flatten().map(|receipt| receipt.sequence).max();
        if let Some(newest) = newest {
            self.publish_window.wait(newest).await;
        }
        results
    }

    /// What the lists of partial replays take in memory.
    #[must_use]
    pub fn partial_replay_bytes(&self) -> usize {
        self.searches.budget.held()
    }

    /// How many publishers wait until all followers are near enough.
    #[must_use]
    pub fn publishers_waiting(&self) -> usize {
        self.publish_window.waiting()
    }

    /// Finds a subscriber's position. From this moment on nothing that its selectors match is lost
    /// to it while it is retained.
    ///
    /// Finding the place of an id may take the log a while.
    ///
    /// # Errors
    /// When there is no room for the list of what it begins with.
    pub async fn subscribe(
        &self,
        request: SubscribeRequest,
        beginning: Beginning,
    ) -> Result<Subscription, SubscribeError> {
        // Interest first: a source that starts because of it publishes behind the cursor.
        let interest = self.interests.enter(&request.selectors);
        let (head, start) = self.start_of(&request, beginning).await?;
        let resumed_after = request.resume.is_some().then(|| start.resumed_after());
        let ended = self.ended_in(head.epoch, &request).await;
        Ok(Subscription {
            selectors: request.selectors,
            grants: request.grants,
            expires: None,
            cursor: start.cursor,
            head,
            gap: start.gap,
            resumed: start.resumed,
            place: start.place,
            initial_replay: start.initial_replay,
            last_id: start.last_id,
            ended,
            resumed_after,
            interest,
            announced: None,
        })
    }

    /// Watches how many subscribers a topic has.
    #[must_use]
    pub fn interest(&self, topic: &Topic) -> Interest {
        self.interests.watch(topic)
    }
}

#[cfg(test)]
mod tests;

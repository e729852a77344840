//! The hub: publish once, subscribe at a cursor.
//!
//! Publishing encodes outside the log's lock and appends; the log gives the event its sequence,
//! keeps it, and wakes all its readers. Backpressure makes publishers wait that are faster than
//! delivery. Subscribing turns "after this id" into a cursor. Replay and live delivery meet without
//! a gap or a duplicate because they are the same thing: everything after the cursor, read in the
//! log's order.

pub mod active_subscriptions;
mod backpressure;
mod interest;
mod topic_ends;

pub use backpressure::Follower;
pub use interest::{Interest, InterestGuard};
pub use topic_ends::EndedTopics;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::time::timeout;

use crate::auth::{Grants, Visibility};
use crate::event::{Draft, EncodedEvent, Epoch, GapNotice, HubId, Sequence};
use crate::log::{
    AppendError, Bounds, EventFilter, FollowerProgress, Log, PageLimit, Position, ReadRange,
    Receipt,
};
use crate::logging::log_limited;
use crate::metrics::{Metrics, PublishSource, Resumed};
use crate::topic::{MatchProgress, SelectorSet, Topic};
use active_subscriptions::SubscriptionsGuard;
use backpressure::PublishWindow;
use interest::Interests;

/// How long a log may take to find a client's place.
const LOCATE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Steps of matching for one event whose id is looked for: about a millisecond.
const LOCATE_STEPS: usize = 1 << 20;

/// A handle to the hub; cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    log: Arc<dyn Log>,
    interests: Arc<Interests>,
    publish_window: Arc<PublishWindow>,
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
    /// The epoch in which that counts.
    pub epoch: Epoch,
    /// What it missed for good, if it resumed too late.
    pub gap: Option<GapNotice>,
    /// What came of resuming, if it resumed from an earlier place.
    pub resumed: Option<Resumed>,
    /// The id that its stream begins with: a client that comes back with it goes on at the cursor.
    pub place: String,
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
            metrics,
        }
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

    /// How many publishers wait until all followers are near enough.
    #[must_use]
    pub fn publishers_waiting(&self) -> usize {
        self.publish_window.waiting()
    }

    /// Finds a subscriber's position. From this moment on nothing that its selectors match is lost
    /// to it while it is retained.
    ///
    /// Finding the place of an id may take the log a while.
    pub async fn subscribe(&self, request: SubscribeRequest) -> Subscription {
        // Interest first: a source that starts because of it publishes behind the cursor.
        let interest = self.interests.enter(&request.selectors);
        let (epoch, start) = self.start_of(&request).await;
        let resumed_after = request.resume.is_some().then(|| start.resumed_after());
        let ended = self.ended_in(epoch, &request).await;
        Subscription {
            selectors: request.selectors,
            grants: request.grants,
            expires: None,
            cursor: start.last_id.sequence,
            epoch,
            gap: start.gap,
            resumed: start.resumed,
            place: start.place,
            last_id: start.last_id,
            ended,
            resumed_after,
            interest,
            announced: None,
        }
    }

    /// Watches how many subscribers a topic has.
    #[must_use]
    pub fn interest(&self, topic: &Topic) -> Interest {
        self.interests.watch(topic)
    }

    async fn start_of(&self, request: &SubscribeRequest) -> (Epoch, Start) {
        loop {
            let bounds = self.log.bounds();
            let start = match &request.resume {
                None => return (bounds.epoch, Start::at(bounds.head_id())),
                Some(resume) => self.resume(resume, &bounds, request).await,
            };
            // What was found while a new epoch began would count in neither.
            if self.log.bounds().epoch == bounds.epoch {
                return (bounds.epoch, start);
            }
        }
    }

    async fn resume(&self, resume: &Resume, bounds: &Bounds, request: &SubscribeRequest) -> Start {
        let id = match resume {
            Resume::Now => return Start::at(bounds.head_id()),
            Resume::Earliest => return Start::at(bounds.start_id()).with(Resumed::Earliest),
            Resume::After(id) => id,
        };
        let beginning = bounds.start_id();
        let (at, missed, resumed) = match self.locate(id, bounds.epoch, &request.grants).await {
            Position::After(sequence) if sequence >= beginning.sequence => {
                return Start::after(id, sequence);
            }
            // Only a client that would have had every one of them can be sent how many there were.
            Position::After(sequence) => {
                let all = request.selectors.is_any()
                    && request.grants.sees_everything()
                    && bounds.last_uncounted <= sequence;
                let missed = all.then(|| beginning.sequence.0 - sequence.0);
                (beginning, missed, Resumed::Expired)
            }
            Position::Later(sequence) => {
                // What was retained a moment ago may be gone; then the oldest comes first.
                let at = self.log.id_at(sequence).unwrap_or(beginning);
                (at, None, Resumed::Expired)
            }
            Position::Unknown => (beginning, None, Resumed::Unknown),
        };
        let start = Start::at(at).with(resumed);
        // The id is the client's own, the place one of ours: neither reveals an event that the
        // client may not see.
        let before = Some(start.place.clone());
        Start { gap: Some(GapNotice { missed, after: Some(id.clone()), before }), ..start }
    }

    /// Where a client goes on that has this id. A log that does not find it in time counts as one
    /// that does not know it: then everything that is retained is sent, and a gap is told.
    async fn locate(&self, id: &str, epoch: Epoch, grants: &Grants) -> Position {
        let mut locating = pin!(self.locate_visible(id, epoch, grants));
        if let Some(position) = locating.as_mut().now_or_never() {
            return position;
        }
        timeout(LOCATE_WAIT_MAX, locating).await.unwrap_or_else(|_| {
            log_limited!(
                WARN,
                "the log took too long to find a client's place, which is sent all that is retained"
            );
            Position::Unknown
        })
    }

    /// No client learns by asking that an id exists which only others may see.
    async fn locate_visible(&self, id: &str, epoch: Epoch, grants: &Grants) -> Position {
        let located = self.log.locate(id).await;
        if let Position::After(sequence) = located
            && HubId::parse(id).is_none()
            && !self.may_see(sequence, epoch, grants).await
        {
            return Position::Unknown;
        }
        located
    }

    /// What would take longer than a moment to find out counts as no: then a gap is told that may be
    /// none.
    async fn may_see(&self, sequence: Sequence, epoch: Epoch, grants: &Grants) -> bool {
        let range = ReadRange { after: sequence.previous(), through: sequence };
        let limit = PageLimit { events_max: 1, bytes_max: usize::MAX };
        let outcome = self.log.read_when_loaded(epoch, range, EventFilter::Everything, limit).await;
        let Some(page) = outcome.ready() else { return false };
        page.events.first().is_none_or(|event| match grants.visibility(event) {
            Visibility::Known(may_see) => may_see,
            Visibility::IfMatched(selectors) => {
                let (mut progress, mut steps) = (MatchProgress::default(), LOCATE_STEPS);
                selectors.match_within(event.topics(), &mut progress, &mut steps) == Some(true)
            }
        })
    }
}

/// Where a stream begins.
struct Start {
    last_id: LastId,
    place: String,
    gap: Option<GapNotice>,
    resumed: Option<Resumed>,
}

impl Start {
    fn at(id: HubId) -> Self {
        let last_id = LastId { sequence: id.sequence, by_publisher: false };
        Self { last_id, place: id.to_string(), gap: None, resumed: None }
    }

    /// Exactly after an id that the client gave, which stays what it was, to the byte.
    fn after(id: &str, sequence: Sequence) -> Self {
        let last_id = LastId { sequence, by_publisher: HubId::parse(id).is_none() };
        Self { last_id, place: id.to_owned(), gap: None, resumed: Some(Resumed::Complete) }
    }

    fn with(self, resumed: Resumed) -> Self {
        Self { resumed: Some(resumed), ..self }
    }

    fn resumed_after(&self) -> String {
        let before_all =
            self.last_id == LastId::default() && self.resumed != Some(Resumed::Complete);
        if before_all { "earliest".to_owned() } else { self.place.clone() }
    }
}

#[cfg(test)]
mod tests;

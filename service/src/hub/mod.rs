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
mod topic_ends;
mod topic_summary;

pub use backpressure::Follower;
pub use beginning::{Beginning, InitialReplay, SubscribeError};
pub use interest::{Interest, InterestGuard};
pub use partial_replay::{PartialReplay, ReplayRun};
pub use topic_ends::EndedTopics;
pub use topic_summary::TopicSummary;

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
use crate::memory::MemoryBudget;
use crate::metrics::{Metrics, PublishSource, Resumed};
use crate::topic::{MatchProgress, SelectorSet, Topic};
use active_subscriptions::SubscriptionsGuard;
use backpressure::PublishWindow;
use interest::Interests;
use kept_replay::KeptFrom;
use newest::{Newest, Searches, Wanted};

/// How long a log may take to find a client's place.
const LOCATE_WAIT_MAX: Duration = Duration::from_secs(5);

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

    async fn start_of(
        &self,
        request: &SubscribeRequest,
        beginning: Beginning,
    ) -> Result<(HubId, Start), SubscribeError> {
        loop {
            let bounds = self.log.bounds();
            let start = match &request.resume {
                None => self.begin(beginning, &bounds, request).await?,
                Some(resume) => self.resume(resume, beginning, &bounds, request).await?,
            };
            // What was found while a new epoch began would count in neither.
            if self.log.bounds().epoch == bounds.epoch {
                return Ok((bounds.head_id(), start));
            }
        }
    }

    async fn begin(
        &self,
        beginning: Beginning,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        let (since_ms, count) = match beginning {
            Beginning::Next => return Ok(Start::at(bounds.head_id())),
            Beginning::Everything => {
                let start = self.begin_with_all(KeptFrom::BEGINNING, bounds, request).await?;
                return Ok(start.with(Resumed::Earliest));
            }
            Beginning::Since(ms) => (Some(ms), None),
            Beginning::Newest { count, since_ms } => (since_ms, Some(count)),
        };
        let start = bounds.start_id().sequence;
        let after = match since_ms {
            Some(ms) => self.accepted_before(ms, bounds).await,
            None => start,
        };
        let kept_through = self.log.kept_through().filter(|_| after == start);
        let since_ms = since_ms.unwrap_or(0);
        let Some(count) = count else {
            let kept = match kept_through {
                Some(_) => self.kept(KeptFrom::since(since_ms), bounds, request).await?,
                None => None,
            };
            let cursor = kept.as_ref().and_then(PartialReplay::before).unwrap_or(after);
            let start = self.begin_with_replay((cursor, kept), bounds);
            return Ok(start.with(Resumed::Since));
        };
        let after = if kept_through.is_some() { Sequence(0) } else { after };
        let range = ReadRange { after, through: bounds.head };
        let wanted = Wanted { count, range, epoch: bounds.epoch, kept_through, since_ms };
        let Newest { cursor, replay } =
            newest::find(&self.log, request, wanted, &self.searches).await?;
        Ok(self.begin_with_replay((cursor, replay), bounds).with(Resumed::Newest))
    }

    /// With all that is retained, and what rules keep from some place on.
    async fn begin_with_all(
        &self,
        from: KeptFrom,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        Ok(match self.kept(from, bounds, request).await? {
            Some(kept) => {
                let cursor = kept.before().unwrap_or_default();
                self.begin_with_replay((cursor, Some(kept)), bounds)
            }
            None => Start::at(bounds.start_id()),
        })
    }

    /// With what is behind a sequence and in a list, if there is one.
    fn begin_with_replay(
        &self,
        (cursor, list): (Sequence, Option<PartialReplay>),
        bounds: &Bounds,
    ) -> Start {
        // Where the time of the place is not known, an earlier one is as good: more is sent then.
        let place = self.log.id_at(cursor).filter(|id| id.epoch == bounds.epoch);
        let start = Start::at(place.unwrap_or_else(|| bounds.start_id()));
        let initial = InitialReplay { head: bounds.head_id(), list, ends: false };
        // Its client is told no place yet.
        let last_id = LastId::default();
        Start { cursor, last_id, initial_replay: Some(Box::new(initial)), ..start }
    }

    async fn kept(
        &self,
        from: KeptFrom,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Option<PartialReplay>, SubscribeError> {
        let budget = &self.searches.budget;
        Ok(kept_replay::find(&self.log, (request, bounds), from, budget).await?)
    }

    /// The last event that was accepted before a time, or the one before the oldest. A log that cannot
    /// say so in time has all that is retained sent.
    async fn accepted_before(&self, ms: u64, bounds: &Bounds) -> Sequence {
        let beginning = bounds.start_id().sequence;
        let Some(before) = ms.checked_sub(1) else { return beginning };
        let mut seeking = self.log.last_accepted_by(before);
        let last = match seeking.as_mut().now_or_never() {
            Some(last) => last,
            None => timeout(LOCATE_WAIT_MAX, seeking).await.ok().flatten(),
        };
        let last = last.unwrap_or(beginning);
        last.clamp(beginning, bounds.head)
    }

    async fn resume(
        &self,
        resume: &Resume,
        beginning: Beginning,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        let id = match resume {
            Resume::Now => return Ok(Start::at(bounds.head_id())),
            Resume::Earliest => {
                return self.begin(Beginning::Everything, bounds, request).await;
            }
            Resume::After(id) => id,
        };
        let oldest = bounds.start_id();
        let mut kept_from = KeptFrom::BEGINNING;
        let (at, missed, resumed) = match self.locate(id, bounds.epoch, &request.grants).await {
            Position::After(sequence) if sequence >= oldest.sequence => {
                return Ok(Start::after(id, sequence));
            }
            Position::After(sequence)
                if self.log.is_complete_after(&request.selectors, sequence) =>
            {
                return self.go_on_with_kept((id, sequence), bounds, request).await;
            }
            // Only a client that would have had every one of them can be sent how many there were.
            Position::After(sequence) => {
                kept_from = KeptFrom::behind(sequence);
                let all = request.selectors.is_any()
                    && request.grants.sees_everything()
                    && bounds.last_uncounted <= sequence;
                let missed = all.then(|| oldest.sequence.0 - sequence.0);
                (None, missed, Resumed::Expired)
            }
            // What was retained a moment ago may be gone; then the oldest comes first.
            Position::Later(sequence) => {
                let at = self.log.id_at(sequence).filter(|at| at.sequence > oldest.sequence);
                (at, None, Resumed::Expired)
            }
            Position::Unknown => (None, None, Resumed::Unknown),
        };
        let start = match (at, beginning) {
            (Some(at), _) => Start::at(at),
            (None, Beginning::Next | Beginning::Everything) => {
                self.begin_with_all(kept_from, bounds, request).await?
            }
            (None, _) => self.begin(beginning, bounds, request).await?,
        };
        let start = start.with(resumed);
        // The id is the client's own, the place one of ours: neither reveals an event that the
        // client may not see.
        let before = Some(start.place.clone());
        let missed = missed.filter(|_| start.initial_replay.is_none());
        Ok(Start { gap: Some(GapNotice { missed, after: Some(id.clone()), before }), ..start })
    }

    /// Behind an id that the client gave: the log has gone beyond it, and rules have kept all that the
    /// client asks for.
    async fn go_on_with_kept(
        &self,
        (id, sequence): (&str, Sequence),
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        let start = Start::after(id, sequence);
        let kept = self.kept(KeptFrom::behind(sequence), bounds, request).await?;
        let Some(kept) = kept else {
            // Nothing of it is between the client's place and what is retained.
            return Ok(Start { cursor: bounds.start_id().sequence, ..start });
        };
        let initial = InitialReplay { head: bounds.head_id(), list: Some(kept), ends: false };
        Ok(Start { initial_replay: Some(Box::new(initial)), ..start })
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
    cursor: Sequence,
    last_id: LastId,
    place: String,
    gap: Option<GapNotice>,
    resumed: Option<Resumed>,
    initial_replay: Option<Box<InitialReplay>>,
}

impl Start {
    fn at(id: HubId) -> Self {
        let last_id = LastId { sequence: id.sequence, by_publisher: false };
        let cursor = id.sequence;
        Self {
            cursor,
            last_id,
            place: id.to_string(),
            gap: None,
            resumed: None,
            initial_replay: None,
        }
    }

    /// Exactly after an id that the client gave, which stays what it was, to the byte.
    fn after(id: &str, sequence: Sequence) -> Self {
        let last_id = LastId { sequence, by_publisher: HubId::parse(id).is_none() };
        let resumed = Some(Resumed::Complete);
        let place = id.to_owned();
        Self { cursor: sequence, last_id, place, gap: None, resumed, initial_replay: None }
    }

    fn with(self, resumed: Resumed) -> Self {
        Self { resumed: Some(resumed), ..self }
    }

    fn resumed_after(&self) -> String {
        let before_all = self.cursor == Sequence(0) && self.resumed != Some(Resumed::Complete);
        if before_all { "earliest".to_owned() } else { self.place.clone() }
    }
}

#[cfg(test)]
mod tests;

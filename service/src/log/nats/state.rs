//! What the parts of the shared log have in common: the replica behind its lock, who waits for an
//! event of their own to be read back, and who follows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::poll_immediate;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::super::followers::Followers;
use super::super::{
    AppendError, ClusterStatus, FollowerProgress, LogChange, LogHealth, OnChange, Receipt,
};
use super::counters::ClusterCounters;
use super::entry::{Attempt, StreamEntry};
use super::identity::{KnownMessage, KnownStream};
use super::recent::RecentMessages;
use super::replica::{Outcome, Replica};
use super::stream_config::StreamEpoch;
use crate::clock::Clock;
use crate::event::Sequence;

/// How many events are evicted before other threads get the lock.
const EVICTED_MAX: usize = 512;
/// How many messages of the stream a node may lack before it serves and takes nothing any more: half of
/// what is retained, and never less than this.
const LAG_MIN: u64 = 1_000;
/// How long brokers may be away before nobody should be sent here: longer than an election takes.
const AWAY_MAX: Duration = Duration::from_secs(15);

/// What a publisher gets, once its event has been read back.
pub(super) type AppendResult = Result<Receipt, AppendError>;

pub(super) struct State {
    shared: Mutex<SharedReplica>,
    /// The attempts of this node whose events have yet to be read.
    waiting: Mutex<HashMap<Attempt, oneshot::Sender<AppendResult>>>,
    head: watch::Sender<Sequence>,
    followers: Followers,
    contact: Mutex<Contact>,
    /// What is published now might be of no epoch.
    is_paused: AtomicBool,
    /// How often something made it necessary to look whether the stream is still the same.
    looks: AtomicU64,
    /// The last message of the stream that this node has heard of.
    last: AtomicU64,
    lag_max: u64,
    progress: Mutex<Option<Arc<dyn FollowerProgress>>>,
    counters: ClusterCounters,
    clock: Clock,
    age_max: Duration,
}

pub(super) struct SharedReplica {
    pub(super) replica: Replica,
    pub(super) recorded: StreamEpoch,
    /// When the last message was stored; none if none was read.
    head_ms: Option<u64>,
    /// How many messages were missing before others.
    missed: u64,
    recent: RecentMessages,
    has_diverged: bool,
}

impl SharedReplica {
    pub(super) fn new(replica: Replica, recorded: StreamEpoch) -> Self {
        Self {
            replica,
            recorded,
            head_ms: None,
            missed: 0,
            recent: RecentMessages::default(),
            has_diverged: false,
        }
    }

    /// Takes the next message.
    pub(super) fn apply(&mut self, entry: StreamEntry, accepted_at: Option<Instant>) -> Outcome {
        let (sequence, stored_ms) = (entry.sequence, entry.stored_ms);
        let message = KnownMessage { stored_ms, attempt: entry.attempt };
        let expected = self.replica.head().next();
        let outcome = self.replica.apply(entry, accepted_at.map(Instant::into_std));
        if outcome == Outcome::Known {
            self.has_diverged |= self.recent.contradict(sequence, message);
        } else {
            self.recent.push(sequence, message);
            // What came before an epoch is of another one.
            let is_epoch = outcome == Outcome::Epoch;
            self.missed += if is_epoch { 0 } else { sequence.0 - expected.0 };
            self.head_ms = Some(stored_ms);
        }
        outcome
    }

    /// Where to go on reading: a little before the head, to see whether that is still there.
    pub(super) fn next_to_read(&self) -> Sequence {
        self.recent.oldest().unwrap_or_else(|| self.replica.head().next())
    }

    /// What it takes in memory.
    pub(super) fn bytes_held(&self) -> usize {
        self.replica.bytes() + self.recent.bytes_held()
    }

    pub(super) fn known(&self) -> KnownStream {
        let bounds = self.replica.window().bounds();
        let attempt = self.replica.head_attempt();
        let message = |stored_ms| KnownMessage { stored_ms, attempt };
        KnownStream {
            recorded: self.recorded,
            epoch: bounds.epoch,
            head: bounds.head,
            head_message: self.head_ms.map(message),
            oldest: (bounds.events > 0).then_some(bounds.oldest),
            has_diverged: self.has_diverged,
        }
    }
}

/// Whether the brokers answer.
struct Contact {
    last: Instant,
    last_ms: u64,
    /// What is wrong since.
    trouble: Option<Arc<str>>,
}

impl State {
    pub(super) fn new(
        shared: SharedReplica,
        clock: Clock,
        (events_max, age_max): (usize, Duration),
    ) -> Self {
        let head = shared.replica.head();
        let last_ms = clock.unix_ms();
        let counters = ClusterCounters::default();
        counters.misses(shared.missed);
        Self {
            shared: Mutex::new(shared),
            waiting: Mutex::default(),
            head: watch::Sender::new(head),
            followers: Followers::default(),
            contact: Mutex::new(Contact { last: Instant::now(), last_ms, trouble: None }),
            is_paused: AtomicBool::new(false),
            looks: AtomicU64::new(0),
            last: AtomicU64::new(head.0),
            lag_max: (events_max as u64 / 2).max(LAG_MIN),
            progress: Mutex::default(),
            counters,
            clock,
            age_max,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SharedReplica> {
        // Nothing inside can panic half-way through a change; going on is better than ending all.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn follow(&self, on_change: OnChange) {
        self.followers.add(on_change);
    }

    pub(super) fn set_follower_progress(&self, progress: Arc<dyn FollowerProgress>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// Waits until our own delivery has come so near that the next messages may be read. Nothing
    /// that is retained is pushed out before our subscribers have had it, however fast others publish.
    pub(super) async fn until_near(&self) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(progress) = progress else { return };
        let head = *self.head.borrow();
        let mut nearing = progress.until_near(head);
        if poll_immediate(&mut nearing).await.is_none() {
            self.counters.pauses_reading();
            nearing.await;
        }
    }

    /// Another broker leads the stream: what was read last has to be looked at again.
    pub(super) fn note_election(&self) {
        self.look_again();
        self.counters.has_other_leader();
    }

    /// The stream may not be what it was.
    pub(super) fn look_again(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    pub(super) fn counters(&self) -> &ClusterCounters {
        &self.counters
    }

    /// The stream has come as far as this.
    pub(super) fn note_last(&self, last: Sequence) {
        self.last.store(last.0, Ordering::Relaxed);
    }

    /// How many messages this node has yet to read, as far as it knows.
    pub(super) fn lag(&self) -> u64 {
        self.last.load(Ordering::Relaxed).saturating_sub(self.head.borrow().0)
    }

    /// It lacks so much that it should serve and take nothing.
    pub(super) fn is_behind(&self) -> bool {
        self.lag() > self.lag_max
    }

    /// What is known here of how the node is.
    pub(super) fn status(&self) -> ClusterStatus {
        ClusterStatus {
            lag_events: self.lag(),
            heard_ms: self.contact().last_ms,
            ..self.counters.status()
        }
    }

    /// The head, for those who wait until it has come somewhere.
    pub(super) fn watch_head(&self) -> watch::Receiver<Sequence> {
        self.head.subscribe()
    }

    /// The event of this attempt is waited for.
    pub(super) fn await_event(&self, attempt: Attempt) -> oneshot::Receiver<AppendResult> {
        let (answer, answered) = oneshot::channel();
        self.waiting().insert(attempt, answer);
        answered
    }

    /// It is not any more.
    pub(super) fn forget(&self, attempt: Attempt) {
        self.waiting().remove(&attempt);
    }

    /// Takes messages that were read, in their order.
    pub(super) fn take(&self, entries: Vec<StreamEntry>) {
        let now = Some(Instant::now());
        let mut change = None;
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries {
            let attempt = entry.attempt;
            let outcome = self.apply(entry, now);
            match outcome {
                Outcome::Epoch => change = Some(LogChange::Epoch),
                Outcome::Known => {}
                _ => change = change.or(Some(LogChange::Head)),
            }
            outcomes.extend(attempt.map(|attempt| (attempt, outcome)));
        }
        // Before the answers: who has one finds no event any more that it has pushed out, and is not refused
        // for what has been read.
        self.evict(0);
        self.note_head();
        for (attempt, outcome) in outcomes {
            self.answer(attempt, outcome);
        }
        change.into_iter().for_each(|change| self.followers.notify(change));
    }

    fn apply(&self, entry: StreamEntry, now: Option<Instant>) -> Outcome {
        let mut shared = self.lock();
        let outcome = shared.apply(entry, now);
        let missed = std::mem::take(&mut shared.missed);
        drop(shared);
        self.counters.applied(&outcome);
        self.counters.misses(missed);
        outcome
    }

    /// Exchanges everything for what was read anew.
    pub(super) fn exchange(&self, mut new: SharedReplica, outcomes: Vec<(Attempt, Outcome)>) {
        let (epoch, head) = (new.replica.window().bounds().epoch, new.replica.head());
        self.counters.misses(std::mem::take(&mut new.missed));
        let old = std::mem::replace(&mut *self.lock(), new);
        let is_same = old.replica.window().bounds().epoch == epoch;
        drop(old);
        if !is_same {
            self.counters.begins_epoch();
        }
        // What was heard of another stream says nothing of this one.
        self.note_last(head);
        self.note_head();
        for (attempt, outcome) in outcomes {
            self.answer(attempt, outcome);
        }
        self.followers.notify(if is_same { LogChange::Head } else { LogChange::Epoch });
    }

    /// Whether the event of this attempt is waited for.
    pub(super) fn is_awaited(&self, attempt: Attempt) -> bool {
        self.waiting().contains_key(&attempt)
    }

    /// Drops what is not retained any more. The clock of this machine only has a say in what is shown,
    /// never in what an id stands for.
    pub(super) fn expire(&self) {
        let age_ms = u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX);
        self.evict(self.clock.unix_ms().saturating_sub(age_ms));
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    pub(super) fn set_paused(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    /// Whether nothing is to be published at the moment.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// The brokers have answered.
    pub(super) fn note_contact(&self) {
        let (last, last_ms) = (Instant::now(), self.clock.unix_ms());
        *self.contact() = Contact { last, last_ms, trouble: None };
    }

    /// Something keeps this node from the stream.
    pub(super) fn note_trouble(&self, why: &str) {
        self.contact().trouble = Some(why.into());
    }

    pub(super) fn health(&self) -> LogHealth {
        let contact = self.contact();
        match &contact.trouble {
            Some(why) if contact.last.elapsed() > AWAY_MAX => {
                LogHealth::Away { why: Arc::clone(why) }
            }
            _ if self.is_behind() => LogHealth::Behind { events: self.lag() },
            _ => LogHealth::Healthy,
        }
    }

    fn answer(&self, attempt: Attempt, outcome: Outcome) {
        let result = match outcome {
            Outcome::Shown(receipt) | Outcome::Repeat(receipt) => Ok(receipt),
            Outcome::Conflict => Err(AppendError::DuplicateId),
            Outcome::TopicEnded(topic) => Err(AppendError::TopicEnded { topic }),
            // What this node wrote and cannot read was published all the same.
            Outcome::PassedOver | Outcome::Foreign | Outcome::Unreadable => {
                Err(AppendError::Unknown { repeatable: false })
            }
            Outcome::Epoch | Outcome::Known => return,
        };
        let waiting = self.waiting().remove(&attempt);
        if let Some(answer) = waiting {
            // Whoever published may have stopped waiting.
            let _ = answer.send(result);
        }
    }

    fn evict(&self, oldest_ms: u64) {
        loop {
            let evicted = self.lock().replica.evict(oldest_ms, EVICTED_MAX);
            if evicted.is_less_than(EVICTED_MAX) {
                return;
            }
        }
    }

    fn note_head(&self) {
        let head = self.lock().replica.head();
        self.head.send_replace(head);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Attempt, oneshot::Sender<AppendResult>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contact(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Wake, Waker};

    use super::super::super::record::put_content;
    use super::super::entry::RawMessage;
    use super::super::retention::RetainedLimits;
    use super::*;
    use crate::event::{Buffers, DraftFields, EncodedEvent, Epoch, EventLimits};

    const EPOCH: Epoch = Epoch::begun_at(1_000_000, 1);

    /// Notes what is retained in the very moment in which a publisher is answered.
    struct AtTheAnswer {
        state: Arc<State>,
        oldest: Mutex<Option<Sequence>>,
    }

    impl Wake for AtTheAnswer {
        fn wake(self: Arc<Self>) {
            let oldest = self.state.lock().replica.window().bounds().oldest;
            *self.oldest.lock().unwrap() = Some(oldest);
        }
    }

    fn entry(sequence: u64) -> StreamEntry {
        let fields = DraftFields { topics: vec!["t".into()], ..DraftFields::default() };
        let event = EncodedEvent::encode(fields.check(&EventLimits::default()).unwrap());
        let mut body = Vec::new();
        put_content(&mut body, &event.content()).unwrap();
        StreamEntry::read(RawMessage {
            sequence: Sequence(sequence),
            stored_ms: 2_000_000,
            attempt: Some(Attempt(sequence.into())),
            epoch: None,
            headers_bytes: 0,
            body: &body,
        })
    }

    #[test]
    fn a_publisher_that_has_its_answer_finds_nothing_that_its_event_has_pushed_out() {
        let limits = RetainedLimits { messages_max: 5, bytes_max: 1 << 20, age_max_ms: u64::MAX };
        let begin = (Sequence(0), 1_000_000);
        let replica = Replica::beginning_after(begin, EPOCH, limits, Buffers::default());
        let recorded = StreamEpoch { epoch: EPOCH, from: Sequence(0) };
        let shared = SharedReplica::new(replica, recorded);
        let state = Arc::new(State::new(shared, Clock::from_fn(|| 2_000_000), (5, Duration::MAX)));
        let seen = Arc::new(AtTheAnswer { state: Arc::clone(&state), oldest: Mutex::default() });
        let mut answered = pin!(state.await_event(Attempt(8)));
        let waker = Waker::from(Arc::clone(&seen));
        assert!(answered.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        state.take((1..=8).map(entry).collect());
        assert_eq!(*seen.oldest.lock().unwrap(), Some(Sequence(4)));
    }
}

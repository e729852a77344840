//! What is known of open subscriptions.
//!
//! The tables have one lock, which reading a page holds for milliseconds, and the queue another, for
//! delivery threads: there streams end, and putting that into the queue neither waits for readers nor
//! allocates.
//!
//! What has been announced by events stands in tables; what has yet to be announced waits in a queue.
//! The tables change only after the event about it is in the log, and a reader is given the place
//! before the events that are on their way. So whoever reads the tables and then everything after
//! that place has every change once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::document::ActiveSubscription;
use crate::event::HubId;
use crate::log::Log;
use crate::memory::allocated;
use crate::topic::Topic;

/// The subscriptions of one stream.
#[derive(Debug)]
pub(super) struct StreamSubscriptions {
    /// At least one, without repeats.
    subscriptions: Box<[Arc<ActiveSubscription>]>,
    /// What they hold in memory.
    bytes: usize,
}

/// A stream that has begun or ended.
#[derive(Clone, Debug)]
pub(super) struct SubscriptionChange {
    pub(super) stream: Arc<StreamSubscriptions>,
    pub(super) is_active: bool,
}

/// What there is room for in a response, so that the lock is held for a moment only: an answer that
/// needs more has a next page.
#[derive(Clone, Copy, Debug)]
pub(super) struct SubscriptionPageLimit {
    pub(super) subscriptions_max: usize,
    pub(super) bytes_max: usize,
}

/// What has been announced, at one moment.
#[derive(Debug)]
pub struct SubscriptionPage {
    /// The events after this place have every change that is not in here, and no other.
    pub place: HubId,
    /// In the order of their topics.
    pub subscriptions: Vec<Arc<ActiveSubscription>>,
    /// The topic after which the next page begins, if there is one.
    pub next_after: Option<Topic>,
}

/// How many subscriptions there are, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// Those of open streams, and those whose end has yet to be announced.
    pub subscriptions: usize,
    /// What they hold in memory.
    pub bytes: usize,
    /// Streams whose beginning or end has yet to be announced.
    pub changes_waiting: usize,
}

type AnnouncedTable = BTreeMap<Topic, Arc<ActiveSubscription>>;

#[derive(Debug)]
pub(super) struct SubscriptionRegistry {
    bytes_max: usize,
    state: Mutex<RegistryState>,
    /// At most two for each stream that is counted, and so bounded with them. Locked after `state`
    /// where both are.
    changes: Mutex<VecDeque<SubscriptionChange>>,
}

#[derive(Debug, Default)]
struct RegistryState {
    /// Announced, in the form of draft-07.
    legacy: AnnouncedTable,
    /// Announced, in the form of 1.0.
    current: AnnouncedTable,
    /// The head before the events that are being published.
    published_after: Option<HubId>,
    streams: usize,
    count: usize,
    bytes: usize,
}

impl StreamSubscriptions {
    pub(super) fn new(subscriptions: Box<[Arc<ActiveSubscription>]>) -> Self {
        let of_each = subscriptions.iter().map(|subscription| subscription.bytes()).sum::<usize>();
        let mut payloads: Vec<_> = subscriptions.iter().filter_map(|it| it.payload()).collect();
        payloads.sort_by_key(|payload| Arc::as_ptr(payload).cast::<u8>());
        payloads.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let payloads = payloads.iter().map(|json| allocated(json.len() + 16)).sum::<usize>();
        // Its own counts, the list, the guard, and its two places in the queue.
        const GUARD: usize = allocated(3 * size_of::<usize>());
        let list = allocated(size_of_val(&*subscriptions));
        let own = allocated(size_of::<Self>() + 16) + list + GUARD;
        let queued = 2 * size_of::<SubscriptionChange>();
        Self { bytes: of_each + payloads + own + queued, subscriptions }
    }

    pub(super) fn subscriptions(&self) -> &[Arc<ActiveSubscription>] {
        &self.subscriptions
    }

    /// The data of the events about its beginning, roughly.
    pub(super) fn document_bytes(&self) -> usize {
        self.subscriptions.iter().map(|subscription| subscription.document_bytes()).sum()
    }
}

impl SubscriptionRegistry {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default(), changes: Mutex::default() }
    }

    /// Counts a stream that is about to begin; false when there is no room for it.
    pub(super) fn reserve(&self, stream: &StreamSubscriptions) -> bool {
        let mut state = self.lock();
        if state.bytes + stream.bytes > self.bytes_max {
            return false;
        }
        state.bytes += stream.bytes;
        state.count += stream.subscriptions.len();
        state.streams += 1;
        // Whoever queues a change then finds room.
        let mut changes = self.lock_changes();
        let room = 2 * state.streams - changes.len().min(2 * state.streams);
        changes.reserve(room);
        true
    }

    /// Forgets a stream that has not begun, or whose end has been announced.
    pub(super) fn release(&self, stream: &StreamSubscriptions) {
        self.lock().release(stream);
    }

    /// Queues a change.
    pub(super) fn push(&self, change: SubscriptionChange) {
        self.lock_changes().push_back(change);
    }

    /// Begins to publish the next change. Until it is [applied](Self::apply) readers are given the
    /// place before its events.
    pub(super) fn begin_next(&self, log: &dyn Log) -> Option<SubscriptionChange> {
        let mut state = self.lock();
        let change = self.lock_changes().pop_front()?;
        state.published_after = Some(log.bounds().head_id());
        Some(change)
    }

    /// The events about a change are in the log.
    pub(super) fn apply(&self, change: &SubscriptionChange) {
        // Dropped when the lock is free again.
        let mut removed = Vec::new();
        let mut state = self.lock();
        for subscription in &change.stream.subscriptions {
            let table = state.table(subscription.is_legacy());
            if change.is_active {
                table.insert(subscription.topic().clone(), Arc::clone(subscription));
            } else {
                removed.extend(table.remove_entry(subscription.topic()));
            }
        }
        state.published_after = None;
        if !change.is_active {
            state.release(&change.stream);
        }
    }

    /// Those whose topics begin with `prefix`, behind the topic `after`.
    pub(super) fn read(
        &self,
        is_legacy: bool,
        prefix: &str,
        after: Option<&str>,
        page: SubscriptionPageLimit,
        log: &dyn Log,
    ) -> SubscriptionPage {
        let mut state = self.lock();
        let place = state.place(log);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let found = state.table(is_legacy).range::<str, _>((from, Bound::Unbounded));
        let found = found.take_while(|(topic, _)| topic.as_str().starts_with(prefix));
        let mut subscriptions: Vec<Arc<ActiveSubscription>> = Vec::new();
        let (mut bytes, mut next_after) = (0, None);
        for (_, subscription) in found {
            bytes += subscription.document_bytes();
            // One there is always room for, or nothing would ever come after it.
            let is_full = subscriptions.len() >= page.subscriptions_max || bytes > page.bytes_max;
            if is_full && let Some(last) = subscriptions.last() {
                next_after = Some(last.topic().clone());
                break;
            }
            subscriptions.push(Arc::clone(subscription));
        }
        SubscriptionPage { place, subscriptions, next_after }
    }

    /// The one with this topic.
    pub(super) fn find(&self, is_legacy: bool, topic: &str, log: &dyn Log) -> SubscriptionPage {
        let mut state = self.lock();
        let place = state.place(log);
        let found = state.table(is_legacy).get(topic).map(Arc::clone);
        SubscriptionPage { place, subscriptions: found.into_iter().collect(), next_after: None }
    }

    pub(super) fn counts(&self) -> SubscriptionCounts {
        let state = self.lock();
        SubscriptionCounts {
            subscriptions: state.count,
            bytes: state.bytes,
            changes_waiting: self.lock_changes().len()
                + usize::from(state.published_after.is_some()),
        }
    }

    fn lock_changes(&self) -> MutexGuard<'_, VecDeque<SubscriptionChange>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegistryState {
    fn table(&mut self, is_legacy: bool) -> &mut AnnouncedTable {
        if is_legacy { &mut self.legacy } else { &mut self.current }
    }

    /// While nothing is being published, the head: it is read under the lock, without which nothing
    /// is begun.
    fn place(&self, log: &dyn Log) -> HubId {
        self.published_after.unwrap_or_else(|| log.bounds().head_id())
    }

    fn release(&mut self, stream: &StreamSubscriptions) {
        self.bytes -= stream.bytes;
        self.count -= stream.subscriptions.len();
        self.streams -= 1;
    }
}

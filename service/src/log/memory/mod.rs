//! The log in memory, bounded by count, by bytes and by age, whichever comes first.
//!
//! One lock guards everything. Inside it an append numbers the event, writes 36 bytes of id into
//! its frame and pushes it; a read copies references. There is no I/O, no await, no matching of
//! patterns and no wake-up inside it. The bells are rung after it is released.

use std::collections::{HashMap, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::index::TopicIndex;
use super::{
    AppendError, Appending, Bell, Extent, Located, Log, Page, PageLimit, ReadRange, Receipt, Tail,
    Wanted,
};
use crate::clock::Clock;
use crate::event::{CustomId, Event, HubId, Life, Sequence, Unnumbered};
use crate::topic::SelectorSet;

/// The bounds of the log in memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLogSettings {
    /// The most events retained.
    pub events_max: usize,
    /// The most bytes held by them (see [`Event::bytes_held`]). The newest event is kept even if
    /// it alone is larger.
    pub bytes_max: usize,
    /// How long an event is retained.
    pub age_max: Duration,
}

impl Default for MemoryLogSettings {
    fn default() -> Self {
        Self {
            events_max: 100_000,
            bytes_max: 256 << 20,
            age_max: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// A log that lives as long as its process.
pub struct MemoryLog {
    settings: MemoryLogSettings,
    clock: Clock,
    opened_ms: u64,
    life: Life,
    // A plain mutex: it is held for well under a microsecond an event and never across an await.
    state: Mutex<State>,
    bells: RwLock<Vec<Bell>>,
}

impl std::fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    /// In order, without gaps; the last one is the head.
    events: VecDeque<Arc<Event>>,
    head: Sequence,
    bytes: usize,
    by_topic: TopicIndex,
    /// Ids that publishers brought; those made here tell their position themselves.
    by_custom_id: HashMap<Arc<str>, Sequence>,
    /// The accept time of the head: times never go back, so that ids sort by time.
    head_ms: u64,
}

impl MemoryLog {
    /// An empty log, in a new life.
    #[must_use]
    pub fn new(settings: MemoryLogSettings, clock: Clock) -> Self {
        Self {
            settings,
            opened_ms: clock.unix_ms(),
            clock,
            life: Life::new(rand::random()),
            state: Mutex::default(),
            bells: RwLock::default(),
        }
    }

    /// Drops what is older than the limit. Appending does the same; this is for a log that nobody
    /// writes to.
    pub fn expire(&self) {
        let now_ms = self.clock.unix_ms();
        self.lock().evict(&self.settings, now_ms);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can panic half-way through a change; going on is better than ending all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time has to fit as well: 12 bits alone would take an id of another life for one of this
    /// life now and then.
    fn is_of_this_life(&self, id: HubId, state: &State) -> bool {
        let fits = match state.get(id.sequence) {
            Some(event) => event.accepted_ms() == id.accepted_ms,
            None => id.sequence <= state.head && id.accepted_ms >= self.opened_ms,
        };
        id.life == self.life && fits
    }

    fn append_now(&self, events: Vec<Unnumbered>) -> Vec<Result<Receipt, AppendError>> {
        let (now_ms, now) = (self.clock.unix_ms(), Instant::now());
        let mut state = self.lock();
        let results =
            events.into_iter().map(|event| state.append(event, (now_ms, now), self.life)).collect();
        state.evict(&self.settings, now_ms);
        results
    }

    fn ring(&self) {
        for bell in self.bells.read().unwrap_or_else(PoisonError::into_inner).iter() {
            bell();
        }
    }
}

impl Log for MemoryLog {
    fn append(&self, events: Vec<Unnumbered>) -> Appending<'_> {
        let results = self.append_now(events);
        self.ring();
        Box::pin(ready(results))
    }

    fn follow(&self, bell: Bell) {
        self.bells.write().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    fn read(&self, range: ReadRange, wanted: Wanted<'_>, limit: PageLimit) -> Page {
        let exact = match wanted {
            Wanted::Everything => None,
            Wanted::Matching(selectors) => selectors.exact_topics(),
        };
        match (exact, wanted) {
            (Some(topics), _) => self.lock().read_topics(topics, range, limit),
            (None, Wanted::Everything) => self.lock().read_everything(range, limit),
            (None, Wanted::Matching(selectors)) => {
                let limit = for_patterns(limit, selectors);
                let page = self.lock().read_everything(range, limit);
                keep_matching(page, selectors)
            }
        }
    }

    fn read_back(&self, range: ReadRange, wanted: Wanted<'_>, limit: PageLimit) -> Tail {
        if let Wanted::Matching(selectors) = wanted {
            if let Some(topics) = selectors.exact_topics() {
                return self.lock().read_topics_back(topics, range, limit);
            }
            let limit = for_patterns(limit, selectors);
            let mut tail = self.lock().read_everything_back(range, limit);
            tail.events.retain(|event| matches(event, selectors));
            return tail;
        }
        self.lock().read_everything_back(range, limit)
    }

    fn locate(&self, id: &str) -> Located {
        let state = self.lock();
        if let Some(&sequence) = state.by_custom_id.get(id) {
            return Located::After(sequence);
        }
        match HubId::parse(id) {
            Some(id) if self.is_of_this_life(id, &state) => Located::After(id.sequence),
            Some(id) => Located::Later(state.last_accepted_by(id.accepted_ms)),
            None => Located::Unknown,
        }
    }

    fn extent(&self) -> Extent {
        let state = self.lock();
        Extent {
            head: state.head,
            oldest: state.oldest(),
            events: state.events.len(),
            bytes: state.bytes,
            oldest_ms: state.events.front().map(|event| event.accepted_ms()),
        }
    }
}

impl State {
    /// The oldest sequence retained; one behind the head when there is none.
    fn oldest(&self) -> Sequence {
        Sequence(self.head.0 + 1 - self.events.len() as u64)
    }

    fn append(
        &mut self,
        event: Unnumbered,
        (now_ms, now): (u64, Instant),
        life: Life,
    ) -> Result<Receipt, AppendError> {
        let custom_id = event.custom_id().map(CustomId::shared);
        if custom_id.as_ref().is_some_and(|id| self.is_taken(id, life)) {
            return Err(AppendError::DuplicateId);
        }
        self.head = self.head.next();
        self.head_ms = self.head_ms.max(now_ms);
        let event = event.number(self.head, (self.head_ms, now), life);
        let receipt = Receipt {
            sequence: self.head,
            id: event.id().to_owned(),
            frame_bytes: event.frame().len(),
        };
        if let Some(id) = custom_id {
            self.by_custom_id.insert(id, self.head);
        }
        self.bytes += event.bytes_held();
        self.by_topic.add(&event);
        self.events.push_back(Arc::new(event));
        Ok(receipt)
    }

    /// Ids of this life's own making are all taken, those too that are yet to be made.
    fn is_taken(&self, id: &str, life: Life) -> bool {
        self.by_custom_id.contains_key(id) || HubId::parse(id).is_some_and(|id| id.life == life)
    }

    fn evict(&mut self, settings: &MemoryLogSettings, now_ms: u64) {
        let age_ms = u64::try_from(settings.age_max.as_millis()).unwrap_or(u64::MAX);
        let oldest_allowed_ms = now_ms.saturating_sub(age_ms);
        while let Some(oldest) = self.events.front() {
            let too_many = self.events.len() > settings.events_max.max(1);
            let too_large = self.bytes > settings.bytes_max && self.events.len() > 1;
            let too_old = oldest.accepted_ms() < oldest_allowed_ms;
            if !(too_many || too_large || too_old) {
                return;
            }
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        let Some(event) = self.events.pop_front() else { return };
        self.bytes -= event.bytes_held();
        self.by_topic.remove_oldest(&event);
        if event.has_custom_id() {
            self.by_custom_id.remove(event.id());
        }
    }

    fn get(&self, sequence: Sequence) -> Option<&Arc<Event>> {
        let offset = sequence.0.checked_sub(self.oldest().0)?;
        self.events.get(usize::try_from(offset).ok()?)
    }

    /// The last sequence that was accepted at or before a time; one before the oldest when all are
    /// later.
    fn last_accepted_by(&self, ms: u64) -> Sequence {
        let earlier = self.events.partition_point(|event| event.accepted_ms() <= ms);
        Sequence(self.oldest().0 - 1 + earlier as u64)
    }

    fn read_everything(&self, range: ReadRange, limit: PageLimit) -> Page {
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        let sequences = (first.0..=through.0).map(Sequence);
        self.page(sequences, range, limit)
    }

    fn read_topics<'a>(
        &self,
        topics: impl Iterator<Item = &'a crate::topic::Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        // One more than fits tells a full page from the end of the range.
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range(topics, range.after, range.through, count_max);
        self.page(sequences.into_iter(), range, limit)
    }

    fn read_everything_back(&self, range: ReadRange, limit: PageLimit) -> Tail {
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        self.tail((first.0..=through.0).rev().map(Sequence), range, limit)
    }

    fn read_topics_back<'a>(
        &self,
        topics: impl Iterator<Item = &'a crate::topic::Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Tail {
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range_back(topics, range.after, range.through, count_max);
        self.tail(sequences.into_iter(), range, limit)
    }

    fn tail(
        &self,
        newest_first: impl Iterator<Item = Sequence>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Tail {
        let mut tail = Tail { events: Vec::new(), after: range.through };
        let mut bytes = 0;
        for event in newest_first.filter_map(|sequence| self.get(sequence)) {
            bytes += event.frame().len();
            let full = tail.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !tail.events.is_empty() {
                return tail;
            }
            tail.after = event.sequence().previous();
            tail.events.push(Arc::clone(event));
        }
        tail.after = range.after;
        tail
    }

    fn page(
        &self,
        sequences: impl Iterator<Item = Sequence>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        let passed = range.after.next() < self.oldest() && range.after < range.through;
        let mut page = Page { events: Vec::new(), through: range.after, passed };
        let mut bytes = 0;
        for event in sequences.filter_map(|sequence| self.get(sequence)) {
            bytes += event.frame().len();
            let full = page.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !page.events.is_empty() {
                return page;
            }
            page.through = event.sequence();
            page.events.push(Arc::clone(event));
        }
        page.through = range.after.max(range.through.min(self.head));
        page
    }
}

/// Patterns are matched outside the lock, and the more there are to try, the fewer events are
/// looked at in one go.
fn for_patterns(limit: PageLimit, selectors: &SelectorSet) -> PageLimit {
    let events_max = (limit.events_max / selectors.iter().len().max(1)).max(16);
    PageLimit { events_max: events_max.min(limit.events_max), ..limit }
}

fn keep_matching(mut page: Page, selectors: &SelectorSet) -> Page {
    page.events.retain(|event| matches(event, selectors));
    page
}

fn matches(event: &Event, selectors: &SelectorSet) -> bool {
    selectors.matches_any(event.topics().iter().map(crate::topic::Topic::as_str))
}

#[cfg(test)]
mod tests;

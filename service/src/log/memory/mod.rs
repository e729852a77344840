//! The log in memory, bounded by count, by bytes and by age, whichever comes first.
//!
//! One lock guards everything. Inside it an append numbers the event, writes 23 bytes of id into
//! its frame and pushes it; a read copies references. There is no I/O, no await, no matching of
//! selectors and no wake-up inside it, and nothing that grows with what is retained: tables grow in
//! parts, and what is evicted is taken out in portions and dropped outside. Rules of retention, of
//! which there are 64 at most, are compared with a topic when it gets its first event. The callbacks
//! of `follow` are called after it is released.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::followers::Followers;
use super::window::{Appended, Window, WindowLimits};
use super::{
    AppendError, Appending, Bounds, EventFilter, FindingEnds, KeptSettings, Locating, Log,
    LogChange, LogReader, OnChange, Page, PageBack, PageLimit, ReadOutcome, ReadRange, Receipt,
    Seeking, TopicCount, TopicInMemory,
};
use crate::clock::Clock;
use crate::event::{Buffers, EncodedEvent, Epoch, Event, HubId, Sequence};
use crate::topic::{SelectorSet, Topic};

/// The bounds of the log in memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLogSettings {
    /// The most events retained.
    pub events_max: usize,
    /// The most bytes held by them, with everything that the log keeps for them. The newest event
    /// is kept even if it alone is larger.
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

impl MemoryLogSettings {
    fn at(&self, now_ms: u64) -> WindowLimits {
        let age_ms = u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_ms);
        let limits = WindowLimits::of_memory(self.events_max, self.bytes_max, oldest_ms);
        WindowLimits { now_ms, ..limits }
    }
}

/// How many events are evicted before other threads get the lock.
const EVICTED_MAX: usize = 512;

/// A log that lives as long as its process.
pub struct MemoryLog {
    settings: MemoryLogSettings,
    clock: Clock,
    buffers: Buffers,
    // A plain mutex: it is held for well under a microsecond an event and never across an await.
    window: Mutex<Window>,
    followers: Followers,
}

impl std::fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl MemoryLog {
    /// An empty log, in a new epoch.
    #[must_use]
    pub fn new(settings: MemoryLogSettings, clock: Clock) -> Self {
        let opened_ms = clock.unix_ms();
        let epoch = Epoch::begun_at(opened_ms, rand::random());
        let buffers = Buffers::default();
        Self {
            settings,
            clock,
            buffers: buffers.clone(),
            window: Mutex::new(Window::opened_at(opened_ms, epoch, buffers)),
            followers: Followers::default(),
        }
    }

    /// The same log, of which rules keep some events beyond its bounds.
    #[must_use]
    pub fn with_rules(self, settings: KeptSettings) -> Self {
        let window = self.window.into_inner().unwrap_or_else(PoisonError::into_inner);
        Self { window: Mutex::new(window.with_rules(settings)), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        // Nothing inside can panic half-way through a change; going on is better than ending all.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(&self, events: Vec<EncodedEvent>) -> Vec<Result<Receipt, AppendError>> {
        let (now_ms, now) = (self.clock.unix_ms(), Instant::now());
        let mut window = self.lock();
        let appended: Vec<_> =
            events.into_iter().map(|event| window.append(event, (now_ms, now))).collect();
        drop(window);
        self.evict(now_ms);
        appended.into_iter().map(Appended::into_result).collect()
    }

    /// Drops what is beyond the limits, some at a time, so that no thread waits long for the lock.
    fn evict(&self, now_ms: u64) {
        let limits = self.settings.at(now_ms);
        loop {
            let evicted = self.lock().evict(&limits, EVICTED_MAX);
            if evicted.is_less_than(EVICTED_MAX) {
                return;
            }
        }
    }
}

impl Log for MemoryLog {
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_> {
        let results = self.append_now(events);
        self.followers.notify(LogChange::Head);
        Box::pin(ready(results))
    }

    fn follow(&self, on_change: OnChange) {
        self.followers.add(on_change);
    }

    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        self.lock().read(reader.epoch, range, filter, limit)
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        self.lock().read_back(reader.epoch, range, filter, limit)
    }

    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.lock().newest(topic, through)
    }

    fn ended<'a>(&'a self, topics: &'a [Topic]) -> FindingEnds<'a> {
        Box::pin(ready(self.lock().ends_of(topics)))
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        let now_ms = self.clock.unix_ms();
        Box::pin(ready(self.lock().locate(id, now_ms)))
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        Box::pin(ready(Some(self.lock().last_accepted_by(ms))))
    }

    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.lock().topics_in_part(part)
    }

    fn topic_in_memory(&self, topic: &Topic) -> Option<TopicInMemory> {
        self.lock().topic_in_memory(topic)
    }

    fn kept_through(&self) -> Option<Sequence> {
        let window = self.lock();
        window.kept_through(window.oldest().previous())
    }

    fn is_kept(&self, sequence: Sequence) -> bool {
        self.lock().is_kept(sequence)
    }

    fn read_kept(&self, after: Sequence, selectors: &SelectorSet, limit: PageLimit) -> Page {
        let window = self.lock();
        let through = window.oldest().previous();
        window.read_kept(ReadRange { after, through }, selectors, limit)
    }

    fn is_complete_after(&self, selectors: &SelectorSet, after: Sequence) -> bool {
        let Some(topics) = selectors.exact_topics() else { return false };
        self.lock().is_complete_after(topics, after)
    }

    fn count_of(&self, topic: &Topic) -> Option<TopicCount> {
        Some(self.lock().count_of(topic))
    }

    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.lock().id_at(sequence)
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        self.lock().bounds()
    }

    fn expire(&self) {
        self.evict(self.clock.unix_ms());
    }
}

#[cfg(test)]
mod tests;

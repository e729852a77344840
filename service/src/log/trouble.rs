//! A log made of trouble, for tests: what is asked for has to be loaded first, or cannot be read;
//! the outcome of an append is not known; others append as well; sequences are left out, and epochs
//! end. All of it is drawn from a seed, and what is really in the log can be looked at.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::window::{Appended, Window, WindowLimits};
use super::{
    AppendError, Appending, Bounds, EventFilter, Locating, Log, LogChange, LogReader, OnChange,
    Page, PageBack, PageLimit, ReadOutcome, ReadRange, Seeking, TopicCount, TopicInMemory,
};
use crate::event::{Buffers, EncodedEvent, Epoch, Event, EventData, HubId, Sequence};
use crate::topic::Topic;

/// How often each trouble comes, of a hundred times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chances {
    pub(crate) loading: u32,
    pub(crate) failed: u32,
    pub(crate) unknown: u32,
    /// Finding a place has to wait.
    pub(crate) slow: u32,
}

/// What a log has had, whoever appended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HistoryEntry {
    Event { topics: Vec<String>, private: bool, data: String },
    Hole,
    Epoch,
}

pub(crate) struct TroubleLog {
    state: Mutex<TroubleState>,
    buffers: Buffers,
    on_change: Mutex<Vec<OnChange>>,
}

struct TroubleState {
    window: Window,
    events_max: usize,
    chances: Chances,
    random: StdRng,
    history: Vec<HistoryEntry>,
    waiting: Vec<Waker>,
    epochs: u64,
}

impl TroubleState {
    fn happens(&mut self, chance: u32) -> bool {
        self.random.random_range(0..100) < chance
    }

    fn append(&mut self, event: EncodedEvent) -> Appended {
        let content = event.content();
        let mut data = Vec::new();
        EventData::put(content.data, &mut data);
        let entry = HistoryEntry::Event {
            topics: content.topics.iter().map(|&topic| topic.to_owned()).collect(),
            private: content.private,
            data: String::from_utf8(data).unwrap(),
        };
        drop(content);
        let now = (1_000 + self.history.len() as u64, Instant::now());
        let appended = self.window.append(event, now);
        if matches!(appended, Appended::Now(_)) {
            self.history.push(entry);
        }
        let limits = WindowLimits::of_memory(self.events_max, usize::MAX, 0);
        self.window.evict(&limits, usize::MAX);
        appended
    }

    /// Trouble with a read, if there is any.
    fn trouble(&mut self, reader: &LogReader<'_>, range: ReadRange) -> Option<ReadTrouble> {
        let through = range.through.min(self.window.bounds().head);
        if reader.epoch != self.window.bounds().epoch || range.after >= through {
            return None;
        }
        if self.happens(self.chances.loading) {
            self.waiting.push((reader.waker)());
            return Some(ReadTrouble::Loading);
        }
        self.happens(self.chances.failed).then(|| {
            ReadTrouble::Failed(Sequence(self.random.random_range(range.after.0..through.0)))
        })
    }
}

enum ReadTrouble {
    Loading,
    /// At a place before the end of the range.
    Failed(Sequence),
}

impl TroubleLog {
    pub(crate) fn new(seed: u64, events_max: usize, chances: Chances) -> Self {
        let buffers = Buffers::default();
        Self {
            state: Mutex::new(TroubleState {
                window: Window::opened_at(1_000, Epoch::begun_at(1_000, 0), buffers.clone()),
                events_max,
                chances,
                random: StdRng::seed_from_u64(seed),
                history: Vec::new(),
                waiting: Vec::new(),
                epochs: 1,
            }),
            buffers,
            on_change: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, TroubleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, change: LogChange) {
        for notify in self.on_change.lock().unwrap().iter() {
            notify(change);
        }
    }

    /// Another process appends.
    pub(crate) fn append_foreign(&self, event: EncodedEvent) {
        self.lock().append(event);
        self.notify(LogChange::Head);
    }

    /// So many sequences are left out.
    pub(crate) fn leave_out(&self, count: u64) {
        let mut state = self.lock();
        let through = Sequence(state.window.bounds().head.0 + count);
        state.window.hole_through(through);
        state.history.push(HistoryEntry::Hole);
        drop(state);
        self.notify(LogChange::Head);
    }

    /// Everything is gone, and sequences count anew.
    pub(crate) fn begin_epoch(&self) {
        let mut state = self.lock();
        let all = WindowLimits::of_memory(0, 0, u64::MAX);
        state.window.evict(&all, usize::MAX);
        state.epochs += 1;
        let opened_ms = state.window.bounds().head_ms;
        let epoch = Epoch::begun_at(1_000 * state.epochs, 0);
        state.window = Window::opened_at(opened_ms, epoch, self.buffers.clone());
        state.history.push(HistoryEntry::Epoch);
        drop(state);
        self.notify(LogChange::Epoch);
    }

    /// Wakes all that wait for something to be loaded.
    pub(crate) fn wake_all(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// From now on there is this trouble.
    pub(crate) fn make(&self, chances: Chances) {
        self.lock().chances = chances;
    }

    /// How many wait for something to be loaded.
    pub(crate) fn loads(&self) -> usize {
        self.lock().waiting.len()
    }

    /// From now on there is no trouble.
    pub(crate) fn calm_down(&self) {
        self.lock().chances = Chances::default();
        self.wake_all();
    }

    /// Everything that it has ever had, in order.
    pub(crate) fn history(&self) -> Vec<HistoryEntry> {
        self.lock().history.clone()
    }
}

impl Log for TroubleLog {
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_> {
        let mut results = Vec::new();
        for event in events {
            let mut state = self.lock();
            let repeatable = event.is_repeatable();
            let chance = state.chances.unknown;
            let is_unknown = state.happens(chance);
            if is_unknown && state.happens(50) {
                results.push(Err(AppendError::Unknown { repeatable }));
                continue;
            }
            let appended = state.append(event);
            drop(state);
            let result = appended.into_result();
            results.push(if is_unknown {
                Err(AppendError::Unknown { repeatable })
            } else {
                result
            });
        }
        self.notify(LogChange::Head);
        Box::pin(std::future::ready(results))
    }

    fn follow(&self, on_change: OnChange) {
        self.on_change.lock().unwrap().push(on_change);
    }

    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        let mut state = self.lock();
        match state.trouble(reader, range) {
            None => state.window.read(reader.epoch, range, filter, limit),
            Some(ReadTrouble::Loading) => ReadOutcome::Loading,
            Some(ReadTrouble::Failed(place)) => ReadOutcome::Failed { beyond: place.next() },
        }
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        let mut state = self.lock();
        match state.trouble(reader, range) {
            None => state.window.read_back(reader.epoch, range, filter, limit),
            Some(ReadTrouble::Loading) => ReadOutcome::Loading,
            Some(ReadTrouble::Failed(place)) => ReadOutcome::Failed { beyond: place },
        }
    }

    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.lock().window.newest(topic, through)
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        let mut state = self.lock();
        let chance = state.chances.slow;
        let mut is_slow = state.happens(chance);
        drop(state);
        Box::pin(poll_fn(move |context| {
            if std::mem::take(&mut is_slow) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(self.lock().window.locate(id, u64::MAX))
        }))
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        Box::pin(std::future::ready(Some(self.lock().window.last_accepted_by(ms))))
    }

    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.lock().window.topics_in_part(part)
    }

    fn topic_in_memory(&self, topic: &Topic) -> Option<TopicInMemory> {
        self.lock().window.topic_in_memory(topic)
    }

    fn count_of(&self, topic: &Topic) -> Option<TopicCount> {
        Some(self.lock().window.count_of(topic))
    }

    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.lock().window.id_at(sequence)
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        self.lock().window.bounds()
    }
}

//! The log on disk: a folder of segments that are appended to, with the newest events in memory too.
//!
//! One thread writes ([`writer`]), one keeps the folder in order ([`upkeep`]), and some read what is not
//! in memory ([`cold_pages`]). Nobody else waits for the disk.

mod batch;
mod chain;
mod cold_page;
mod cold_pages;
mod counters;
mod disk;
mod examination;
pub(crate) mod fuzzing;
mod identity;
mod index;
mod indexed_segment;
mod inspect;
mod kept_records;
mod lock;
mod open;
mod open_error;
mod retained;
mod segment;
mod segment_reader;
mod segment_records;
mod settings;
mod threads;
mod topic_ends;
mod upkeep;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::window::Window;
use super::{
    AppendError, Appending, Bounds, DiskStatus, EventFilter, FindingEnds, Flushing, Locating, Log,
    LogHealth, LogReader, OnChange, Page, PageBack, PageLimit, Position, ReadOutcome, ReadRange,
    Seeking, TopicCount, TopicEnd, TopicInMemory,
};
use crate::clock::Clock;
use crate::event::{Buffers, EncodedEvent, Epoch, Event, HubId, Sequence};
use crate::topic::{SelectorSet, Topic};
use cold_page::{ColdPageKey, LoadedPage, ReadDirection};
use cold_pages::ColdPages;
use disk::{Disk, Folder};
use retained::{Retained, RetainedState};
use segment_reader::SegmentReader;
use threads::{LogThreads, UpkeepSignal, WriterQueue};
use topic_ends::KnownEnds;
use writer::AppendRequest;

pub use inspect::{FolderContents, FolderFinding, FolderProblem, FolderSize, InspectError};
pub use lock::LockError;
pub use open::OpenLogError;
pub use open_error::OpenError;
pub use settings::{FileLogSettings, SyncMode};

/// What may wait to be written, in bytes of events.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// What an event counts for beside its bytes.
const WAITING_EVENT_BYTES: usize = 256;
/// How long an append waits for its turn before it is refused.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How many threads read what is not in memory.
const READERS: usize = 2;

/// A log in a folder.
pub struct FileLog {
    inner: Arc<LogParts<Folder>>,
    buffers: Buffers,
    /// In bytes: what may still wait to be written.
    waiting: Arc<Semaphore>,
    threads: LogThreads,
    /// Given back when the threads have ended.
    _lock: lock::FolderLock,
}

/// What the log shares with its threads.
struct LogParts<D> {
    epoch: Epoch,
    clock: Clock,
    retained: Arc<Retained>,
    cold: ColdPages,
    queue: WriterQueue,
    upkeep: UpkeepSignal,
    reader: SegmentReader<D>,
}

impl fmt::Debug for FileLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLog").field("bounds", &self.bounds()).finish_non_exhaustive()
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        let (ended, _) = oneshot::channel();
        self.inner.queue.close(ended);
        self.inner.upkeep.close();
        self.inner.cold.close();
        self.threads.join();
    }
}

/// Where a range can be read.
enum ReadPlace {
    /// In memory, as this part of it.
    Memory(ReadRange),
    /// On the disk, for what is before this event at least.
    Disk { memory_from: Sequence },
}

impl RetainedState {
    /// Where the beginning of a range is, in the direction of reading.
    fn place_of(&self, range: ReadRange, direction: ReadDirection) -> ReadPlace {
        let memory_from = self.window.oldest();
        let after = range.after.max(self.oldest().previous());
        let head = self.window.bounds().head;
        let through = range.through.min(head);
        let is_in_memory = match direction {
            ReadDirection::Forwards => after.next() >= memory_from,
            ReadDirection::Backwards => through >= memory_from,
        };
        if after >= through {
            return ReadPlace::Memory(range);
        }
        match (is_in_memory, direction) {
            (true, ReadDirection::Forwards) => ReadPlace::Memory(ReadRange { after, ..range }),
            (true, ReadDirection::Backwards) => {
                let after = after.max(memory_from.previous());
                ReadPlace::Memory(ReadRange { after, ..range })
            }
            (false, _) => ReadPlace::Disk { memory_from },
        }
    }
}

impl<D: Disk> LogParts<D> {
    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        let state = self.retained.lock();
        if reader.epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let before_oldest = state.oldest().previous();
        if let EventFilter::Everything = filter {
            let kept = ReadRange { through: range.through.min(before_oldest), ..range };
            if let Some(page) = state.window.read_kept_run(kept, limit) {
                return ReadOutcome::Ready(page);
            }
        }
        let after = range.after.max(before_oldest);
        let is_truncated = after > range.after && range.after < range.through;
        let truncated = |page: Page| Page { is_truncated, ..page };
        let memory_from = match state.place_of(range, ReadDirection::Forwards) {
            ReadPlace::Memory(range) => {
                return map_ready(state.window.read(reader.epoch, range, filter, limit), truncated);
            }
            ReadPlace::Disk { memory_from } => memory_from,
        };
        drop(state);
        let key = page_key(ReadDirection::Forwards, after, filter, limit);
        let Some(loaded) = self.cold.ask(&key, reader.waker) else { return ReadOutcome::Loading };
        let through = range.through;
        match loaded {
            LoadedPage::Events { mut events, to } => {
                events.truncate(events.partition_point(|event| event.sequence() <= through));
                ReadOutcome::Ready(Page { events, through: to.min(through), is_truncated })
            }
            LoadedPage::Unreadable { to } => {
                ReadOutcome::Failed { beyond: to.min(memory_from.previous()).min(through) }
            }
        }
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        let state = self.retained.lock();
        if reader.epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let before_oldest = state.oldest().previous();
        let kept = state.window.kept_through(before_oldest).filter(|last| range.after < *last);
        // Behind what is retained comes what rules keep.
        let end = if kept.is_some() { before_oldest } else { range.after };
        if kept.is_some() && range.through <= before_oldest {
            return state.window.read_back(reader.epoch, range, filter, limit);
        }
        let range = ReadRange { after: range.after.max(end), ..range };
        if let ReadPlace::Memory(range) = state.place_of(range, ReadDirection::Backwards) {
            return state.window.read_back(reader.epoch, range, filter, limit);
        }
        let floor = range.after.max(before_oldest);
        drop(state);
        let key = page_key(ReadDirection::Backwards, range.through, filter, limit);
        let Some(loaded) = self.cold.ask(&key, reader.waker) else { return ReadOutcome::Loading };
        // What is before the oldest event is not retained, and nobody looks at it.
        let reached = |to: Sequence| if to <= floor { range.after } else { to };
        match loaded {
            LoadedPage::Events { mut events, to } => {
                events.truncate(events.partition_point(|event| event.sequence() > floor));
                ReadOutcome::Ready(PageBack { events, after: reached(to) })
            }
            LoadedPage::Unreadable { to } => ReadOutcome::Failed { beyond: reached(to) },
        }
    }

    /// Where a client goes on, if that is known without a look at the disk.
    fn locate_in_memory(&self, id: &str) -> Option<Position> {
        let now_ms = self.clock.unix_ms();
        let state = self.retained.lock();
        let window = &state.window;
        let hub_id = HubId::parse(id).filter(|_| window.earliest_with_id(id).is_none());
        let Some(hub_id) = hub_id else {
            let (in_memory, segments) = (window.locate(id, now_ms), Arc::clone(state.segments()));
            // There may be many, and delivery threads wait for the lock.
            drop(state);
            let hash = index::hash(self.epoch, id);
            let may_be_on_disk = segments.iter().any(|segment| segment.may_have_id(hash));
            return (!may_be_on_disk).then_some(in_memory);
        };
        let bounds = window.bounds();
        if hub_id.epoch != self.epoch {
            let is_in_memory = hub_id.accepted_ms >= bounds.start_ms;
            let is_before_all = hub_id.accepted_ms < state.start_ms();
            let before_all = Position::Later(state.oldest().previous());
            return match (is_in_memory, is_before_all) {
                (true, _) => Some(window.locate(id, now_ms)),
                (false, true) => Some(before_all),
                (false, false) => None,
            };
        }
        if hub_id.sequence < state.oldest() {
            let is_ours = hub_id.accepted_ms <= state.start_ms();
            return Some(match is_ours {
                true => Position::After(hub_id.sequence),
                false => Position::Unknown,
            });
        }
        let is_in_memory = hub_id.sequence >= bounds.oldest.previous();
        is_in_memory.then(|| window.locate(id, now_ms))
    }

    /// The last event that was accepted at or before a time, if that is known without a look at the
    /// disk.
    fn last_accepted_in_memory(&self, ms: u64) -> Option<Sequence> {
        let state = self.retained.lock();
        if ms < state.start_ms() {
            return Some(state.oldest().previous());
        }
        let is_in_memory = ms >= state.window.bounds().start_ms;
        is_in_memory.then(|| state.window.last_accepted_by(ms).max(state.oldest().previous()))
    }

    /// The same with a look at the disk; nothing if that cannot be read.
    fn last_accepted_on_disk(&self, ms: u64) -> Option<Sequence> {
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        drop(state);
        let last = self.reader.last_accepted_by(&segments, ms).ok()?;
        let last = last.filter(|last| last.sequence >= oldest);
        if let Some(last) = last {
            self.retained.lock().remember(last);
        }
        Some(last.map_or(oldest.previous(), |last| last.sequence))
    }

    /// The same with a look at the disk.
    fn locate_on_disk(&self, id: &str) -> Position {
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        let in_memory = state.window.locate(id, self.clock.unix_ms());
        drop(state);
        let Some(hub_id) = HubId::parse(id) else {
            let found = self.reader.with_id(&segments, oldest, id).ok().flatten();
            let on_disk = found.map(|event| event.sequence());
            return match (on_disk, in_memory) {
                // What rules keep comes before what is on the disk.
                (Some(on_disk), Position::After(first)) => Position::After(on_disk.min(first)),
                (Some(on_disk), _) => Position::After(on_disk),
                (None, in_memory) => in_memory,
            };
        };
        if hub_id.epoch == self.epoch {
            let event = self.reader.event_at(&segments, hub_id.sequence);
            let is_other = event.is_some_and(|event| event.accepted_ms() != hub_id.accepted_ms);
            return if is_other { Position::Unknown } else { Position::After(hub_id.sequence) };
        }
        self.last_accepted_on_disk(hub_id.accepted_ms).map_or(Position::Unknown, Position::Later)
    }
}

fn map_ready<T>(outcome: ReadOutcome<T>, change: impl FnOnce(T) -> T) -> ReadOutcome<T> {
    match outcome {
        ReadOutcome::Ready(read) => ReadOutcome::Ready(change(read)),
        other => other,
    }
}

fn topic_ends(topics: &[Topic], ends: Vec<Option<Arc<Event>>>) -> Vec<TopicEnd> {
    let ends = topics.iter().zip(ends);
    ends.filter_map(|(topic, by)| Some(TopicEnd { topic: topic.clone(), by: by? })).collect()
}

fn page_key(
    direction: ReadDirection,
    from: Sequence,
    filter: EventFilter<'_>,
    limit: PageLimit,
) -> ColdPageKey {
    let topics = match filter {
        EventFilter::Everything => None,
        EventFilter::Candidates(selectors) => {
            selectors.exact_topics().map(|topics| topics.cloned().collect())
        }
    };
    let PageLimit { events_max, bytes_max } = limit;
    ColdPageKey { direction, from, topics, events_max, bytes_max }
}

impl FileLog {
    async fn append_in_turn(&self, events: Vec<EncodedEvent>) -> writer::AppendResults {
        let count = events.len();
        let refused = || (0..count).map(|_| Err(AppendError::Unavailable)).collect();
        let repeatable = events.iter().all(EncodedEvent::is_repeatable);
        let bytes: usize =
            events.iter().map(|event| event.frame_bytes() + WAITING_EVENT_BYTES).sum();
        let permits = u32::try_from(bytes.min(WAITING_BYTES_MAX)).unwrap_or(u32::MAX);
        let Some(permit) = self.wait_for_turn(permits).await else { return refused() };
        let (answer, results) = oneshot::channel();
        let request = AppendRequest { events, answer, permit: Some(permit) };
        if self.inner.queue.push(request).is_err() {
            return refused();
        }
        match results.await {
            Ok(results) => results,
            // The writer has ended in the middle of it.
            Err(_) => (0..count).map(|_| Err(AppendError::Unknown { repeatable })).collect(),
        }
    }

    /// A part of what may wait to be written; nothing if there is none for too long.
    async fn wait_for_turn(&self, permits: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.waiting).try_acquire_many_owned(permits) {
            return Some(permit);
        }
        let waiting = Arc::clone(&self.waiting).acquire_many_owned(permits);
        timeout(WAIT_MAX, waiting).await.ok()?.ok()
    }
}

impl Log for FileLog {
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_> {
        Box::pin(self.append_in_turn(events))
    }

    fn follow(&self, on_change: OnChange) {
        self.inner.retained.follow(on_change);
    }

    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        self.inner.read(reader, range, filter, limit)
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        self.inner.read_back(reader, range, filter, limit)
    }

    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.inner.retained.lock().window.newest_in_window(topic, through)
    }

    fn ended<'a>(&'a self, topics: &'a [Topic]) -> FindingEnds<'a> {
        let known = KnownEnds::of(&self.inner.retained, self.inner.epoch, topics);
        let Some(known) = known else { return Box::pin(std::future::ready(Vec::new())) };
        if known.is_complete() {
            let ends = known.completed_from(&self.inner.reader, topics);
            return Box::pin(std::future::ready(topic_ends(topics, ends)));
        }
        let (answer, ends) = oneshot::channel();
        let (inner, asked) = (Arc::clone(&self.inner), topics.to_vec());
        self.inner.cold.run(Box::new(move || {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(known.completed_from(&inner.reader, &asked));
        }));
        Box::pin(async { topic_ends(topics, ends.await.unwrap_or_default()) })
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        if let Some(position) = self.inner.locate_in_memory(id) {
            return Box::pin(std::future::ready(position));
        }
        let (answer, position) = oneshot::channel();
        let (inner, id) = (Arc::clone(&self.inner), id.to_owned());
        self.inner.cold.run(Box::new(move || {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(inner.locate_on_disk(&id));
        }));
        Box::pin(async { position.await.unwrap_or(Position::Unknown) })
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        if let Some(last) = self.inner.last_accepted_in_memory(ms) {
            return Box::pin(std::future::ready(Some(last)));
        }
        let (answer, last) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        self.inner.cold.run(Box::new(move || {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(inner.last_accepted_on_disk(ms));
        }));
        Box::pin(async { last.await.ok().flatten() })
    }

    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.inner.retained.lock().window.topics_in_part(part)
    }

    fn topic_in_memory(&self, topic: &Topic) -> Option<TopicInMemory> {
        self.inner.retained.lock().window.topic_in_memory(topic)
    }

    fn kept_through(&self) -> Option<Sequence> {
        let state = self.inner.retained.lock();
        state.window.kept_through(state.oldest().previous())
    }

    fn is_kept(&self, sequence: Sequence) -> bool {
        let state = self.inner.retained.lock();
        sequence < state.oldest() && state.window.kept(sequence).is_some()
    }

    fn read_kept(&self, after: Sequence, selectors: &SelectorSet, limit: PageLimit) -> Page {
        let state = self.inner.retained.lock();
        let through = state.oldest().previous();
        state.window.read_kept(ReadRange { after, through }, selectors, limit)
    }

    fn is_complete_after(&self, selectors: &SelectorSet, after: Sequence) -> bool {
        let Some(topics) = selectors.exact_topics() else { return false };
        self.inner.retained.lock().window.is_complete_after(topics, after)
    }

    fn count_of(&self, topic: &Topic) -> Option<TopicCount> {
        let state = self.inner.retained.lock();
        // What was just dropped from the disk may still be in memory.
        let is_all = state.window.oldest() == state.oldest();
        is_all.then(|| state.window.count_of(topic))
    }

    fn in_memory_from(&self) -> Sequence {
        let state = self.inner.retained.lock();
        state.window.oldest().max(state.oldest())
    }

    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.inner.retained.lock().id_at(sequence)
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        let bounds = self.inner.retained.lock().bounds();
        Bounds { bytes: bounds.bytes + self.inner.cold.bytes(), ..bounds }
    }

    fn expire(&self) {
        self.inner.retained.evict(self.inner.clock.unix_ms());
    }

    fn health(&self) -> LogHealth {
        self.inner.retained.lock().health().clone()
    }

    fn disk(&self) -> Option<DiskStatus> {
        Some(self.inner.retained.disk_status())
    }

    fn close(&self) -> Flushing<'_> {
        let (ended, has_ended) = oneshot::channel();
        self.inner.queue.close(ended);
        Box::pin(async {
            // A writer that has ended before is as good.
            let _ = has_ended.await;
        })
    }
}

#[cfg(test)]
mod tests;

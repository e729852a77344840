//! The log on disk: a folder of segments that are appended to, with the newest events in memory too.
//!
//! One thread writes ([`writer`]), one keeps the folder in order ([`upkeep`]), and some read what is not
//! in memory ([`cold_pages`]). Nobody else waits for the disk.

mod appending;
mod batch;
mod batch_records;
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
mod locating;
mod lock;
mod log_parts;
mod newest_batches;
mod open;
mod open_error;
mod page_reading;
mod refilled;
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

use tokio::sync::{Semaphore, oneshot};

use super::{
    Appending, Bounds, DiskStatus, EventFilter, FindingEnds, Flushing, Locating, Log, LogHealth,
    LogReader, OnChange, Page, PageBack, PageLimit, Position, ReadOutcome, ReadRange, Seeking,
    TopicCount, TopicEnd, TopicInMemory,
};
use crate::event::{Buffers, EncodedEvent, Event, HubId, Sequence};
use crate::topic::{SelectorSet, Topic};
use disk::Folder;
use log_parts::LogParts;
use threads::LogThreads;
use topic_ends::KnownEnds;

pub use inspect::{FolderContents, FolderFinding, FolderProblem, FolderSize, InspectError};
pub use lock::LockError;
pub use open::OpenLogError;
pub use open_error::OpenError;
pub use settings::{FileLogSettings, SyncMode};

/// How long a log that is dropped waits for its threads.
const END_WAIT_MAX: Duration = Duration::from_secs(5);
/// How many threads read what is not in memory.
const READERS: usize = 2;

/// A log in a folder.
pub struct FileLog {
    inner: Arc<LogParts<Folder>>,
    buffers: Buffers,
    /// In bytes: what may still wait to be written.
    waiting: Arc<Semaphore>,
    threads: LogThreads,
    /// Given back when the threads have ended, each of which has it too.
    _lock: Arc<lock::FolderLock>,
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
        self.threads.join(END_WAIT_MAX);
    }
}

fn topic_ends(topics: &[Topic], ends: Vec<Option<Arc<Event>>>) -> Vec<TopicEnd> {
    let ends = topics.iter().zip(ends);
    ends.filter_map(|(topic, by)| Some(TopicEnd { topic: topic.clone(), by: by? })).collect()
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
            let ends = known.completed_from(&self.inner.reader, topics).unwrap_or_default();
            return Box::pin(std::future::ready(topic_ends(topics, ends)));
        }
        let (inner, asked) = (Arc::clone(&self.inner), topics.to_vec());
        let find = move || known.completed_from(&inner.reader, &asked);
        // Where it cannot be read now a stream begins as if none had ended.
        Box::pin(async {
            let ends = self.inner.cold.run(find).await.and_then(Result::ok);
            topic_ends(topics, ends.unwrap_or_default())
        })
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        if let Some(position) = self.inner.locate_in_memory(id) {
            return Box::pin(std::future::ready(position));
        }
        let (inner, id) = (Arc::clone(&self.inner), id.to_owned());
        let locate = move || inner.locate_on_disk(&id);
        Box::pin(async { self.inner.cold.run(locate).await.unwrap_or(Position::Unknown) })
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        if let Some(last) = self.inner.last_accepted_in_memory(ms) {
            return Box::pin(std::future::ready(Some(last)));
        }
        let inner = Arc::clone(&self.inner);
        let seek = move || inner.last_accepted_on_disk(ms);
        Box::pin(async { self.inner.cold.run(seek).await.flatten() })
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
        self.health_now()
    }

    fn disk(&self) -> Option<DiskStatus> {
        Some(DiskStatus {
            waiting_bytes: self.waiting_bytes(),
            waiting_bytes_limit: self.waiting_max(),
            lookups_waiting: self.inner.cold.tasks(),
            lookups_waiting_limit: cold_pages::TASKS_MAX,
            ..self.inner.retained.disk_status()
        })
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

//! Writing: one thread takes everything that waits, writes it in order, makes it durable once for all,
//! shows it to readers, and answers.
//!
//! While it waits for the disk, the next events collect: a lone publisher has each event synced on its
//! own, and the more there are, the more share a sync. No timer is needed for that.

mod again;
mod commit;
mod same_id;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::SyncMode;
use super::batch;
use super::chain::{SegmentChain, WriteError};
use super::disk::Disk;
use super::retained::{ChainChange, Retained};
use super::segment_reader::SegmentReader;
use super::topic_ends::KnownEnds;
use crate::clock::Clock;
use crate::event::{EncodedEvent, Sequence};
use crate::log::record::{RecordKind, put_record};
use crate::log::window::{SAME_ID_COMPARED_MAX, TOPICS_AT_ONCE};
use crate::log::{AppendError, LogHealth, Receipt};
use crate::logging::log_limited;
use commit::{Commit, Shown, Staged};

/// From how many bytes of records on a batch is closed: what is read back is in pieces that are not much
/// larger.
const BATCH_BYTES: usize = 1 << 20;
/// How many events are shown to readers before other threads get the lock.
const SHOWN_MAX: usize = 256;
/// How many events may be retained too many before the upkeep is woken, which looks every second: finding
/// the time of one that is not in memory takes a look at the disk, and is not done for every commit.
const OVERDUE_MAX: u64 = 1_024;
/// The results of an append.
pub(super) type AppendResults = Vec<Result<Receipt, AppendError>>;

/// Events that wait to be written.
#[derive(Debug)]
pub(super) struct AppendRequest {
    pub(super) events: Vec<EncodedEvent>,
    pub(super) answer: oneshot::Sender<AppendResults>,
    /// Its part of what may wait.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// The thread's state.
pub(super) struct LogWriter<D: Disk> {
    pub(super) chain: SegmentChain<D>,
    pub(super) retained: Arc<Retained>,
    pub(super) reader: SegmentReader<D>,
    pub(super) clock: Clock,
    pub(super) records: Vec<u8>,
    /// When the oldest bytes were written that are not synced.
    pub(super) unsynced_since: Option<Instant>,
}

impl<D: Disk> LogWriter<D> {
    /// Appends all of these, and answers.
    pub(super) fn commit(&mut self, requests: impl ExactSizeIterator<Item = AppendRequest>) {
        let mut commit = self.begin(requests.len());
        let mut staged = Vec::with_capacity(requests.len());
        let mut answers = Vec::with_capacity(requests.len());
        for AppendRequest { events, answer, permit } in requests {
            answers.push((events.len(), answer, permit));
            staged.extend(events.into_iter().map(|event| self.stage(event, &mut commit)));
        }
        self.write_batch(&mut commit);
        self.make_durable(&mut commit);
        let outcome = commit.outcome();
        let mut shown = self.show(commit);
        let shown_count = shown.receipts.len();
        if shown_count > 0 {
            self.retained.counters().committed(shown_count);
        }
        // Before the answers: who has one finds no event any more that it has pushed out.
        self.evict();
        // Whatever the disk took long for: who has an answer is not refused for it.
        self.retained.counters().gets_on();
        let mut results = staged.into_iter().map(|event| event.result(&mut shown, &outcome));
        for (count, answer, permit) in answers {
            drop(permit);
            // Nobody may wait any more.
            let _ = answer.send(results.by_ref().take(count).collect());
        }
        if shown_count > 0 {
            self.retained.notify();
        }
        self.seal_if_full();
    }

    /// Begins a commit of at least so many events, if none is refused.
    fn begin(&self, events: usize) -> Commit {
        let state = self.retained.lock();
        let head_ms = state.window.bounds().head_ms;
        let is_failed = matches!(state.health(), LogHealth::Failed { .. });
        let may_have_ends = state.may_have_ends();
        drop(state);
        let is_full = self.is_memory_too_full();
        if is_full {
            log_limited!(
                ERROR,
                "events are refused: memory is full of events that have no index yet; see to the disk, which has no room for indexes or is too slow"
            );
        }
        Commit {
            now: (head_ms.max(self.clock.unix_ms()), Instant::now()),
            first: self.chain.next(),
            events: Vec::with_capacity(events),
            written: 0,
            by_id: HashMap::new(),
            ended: HashMap::new(),
            may_have_ends,
            // Memory is full of what cannot be indexed for want of room on the disk.
            refuses: is_failed || is_full,
            stopped: None,
        }
    }

    fn stage(&mut self, event: EncodedEvent, commit: &mut Commit) -> Staged {
        let event = match self.look_for_id(event, commit) {
            ControlFlow::Continue(event) => event,
            ControlFlow::Break(staged) => return staged,
        };
        if commit.refuses || commit.stopped.is_some() {
            return Staged::Known(Err(AppendError::Unavailable));
        }
        if let Some(ended) = self.ended_before(&event, commit) {
            return ended;
        }
        let number = commit.events.len();
        let sequence = Sequence(commit.first.0 + number as u64);
        let place = (sequence, commit.now.0);
        let put = put_record(&mut self.records, RecordKind::Next, place, &event.content());
        if let Err(error) = put {
            let (bytes, max) = (error.bytes, error.max);
            return Staged::Known(Err(AppendError::TooLarge { bytes, max }));
        }
        if let Some(id) = event.custom_id() {
            let with_id = commit.by_id.entry(id.shared()).or_default();
            if with_id.len() < SAME_ID_COMPARED_MAX {
                with_id.push(number);
            }
        }
        if event.ends_topic() {
            commit.ended.extend(event.topics().iter().map(|topic| (topic.clone(), number)));
        }
        let repeatable = event.is_repeatable();
        commit.events.push(event);
        if self.records.len() >= BATCH_BYTES {
            self.write_batch(commit);
        }
        Staged::New { repeatable }
    }

    /// What becomes of an event of which a topic has ended, if one has.
    fn ended_before(&self, event: &EncodedEvent, commit: &Commit) -> Option<Staged> {
        let topics = event.topics();
        if commit.may_have_ends
            && let Some(known) = KnownEnds::of(&self.retained, self.reader.epoch(), topics)
        {
            let ends = match known.completed_from(&self.reader, topics) {
                Ok(ends) => ends,
                Err(error) => {
                    log_limited!(
                        ERROR,
                        "an event is refused, since the disk cannot be searched for the end of its topic: {error}"
                    );
                    return Some(Staged::Known(Err(AppendError::Unavailable)));
                }
            };
            let mut ends = topics.iter().zip(ends);
            if let Some((topic, _)) = ends.find(|(_, by)| by.is_some()) {
                return Some(Staged::Known(Err(AppendError::TopicEnded { topic: topic.clone() })));
            }
        }
        if commit.ended.is_empty() {
            return None;
        }
        let (topic, by) = topics.iter().find_map(|topic| commit.ended.get_key_value(topic))?;
        let repeatable = event.is_repeatable();
        Some(Staged::TopicEnded { by: *by, topic: topic.clone(), repeatable })
    }

    /// Writes what is staged and not written.
    fn write_batch(&mut self, commit: &mut Commit) {
        let count = commit.events.len() - commit.written;
        if count > 0 && commit.stopped.is_none() {
            let appended = self.chain.append(count as u64, &self.records);
            self.retained.counters().gets_on();
            match appended {
                Ok(()) => {
                    commit.written += count;
                    self.retained.counters().wrote(batch::whole_bytes(self.records.len()));
                    self.unsynced_since.get_or_insert(commit.now.1);
                }
                Err(error) => commit.stopped = Some(error),
            }
        }
        self.records.clear();
        // A large event does not keep its memory here for ever.
        self.records.shrink_to(2 * BATCH_BYTES);
    }

    fn make_durable(&mut self, commit: &mut Commit) {
        if commit.written > 0 && self.answers_after_sync() {
            commit.stopped = self.sync().err().or(commit.stopped.take());
        }
        let health = match &commit.stopped {
            Some(WriteError::Failed(why)) => {
                let advice = ". What was confirmed is on the disk; see to the disk, and restart";
                return self.retained.fails(why, advice);
            }
            Some(WriteError::Full) => {
                log_limited!(
                    ERROR,
                    "the disk of the event log is full; events are refused until there is room"
                );
                LogHealth::Full
            }
            Some(error @ WriteError::NoFile(_)) => {
                log_limited!(
                    ERROR,
                    "events are refused: {error}; raise the limit of open files, or find what uses them up"
                );
                return;
            }
            None if commit.written == 0 => return,
            None => LogHealth::Healthy,
        };
        self.retained.lock().set_health(health);
    }

    /// Makes everything that was written durable.
    pub(super) fn sync(&mut self) -> Result<(), WriteError> {
        let Self { retained, chain, .. } = self;
        let synced = retained.counters().count_sync(|| chain.sync());
        // Where it failed too: no later one would be believed.
        self.unsynced_since = None;
        synced
    }

    /// Whether publishers wait for a sync.
    pub(super) fn answers_after_sync(&self) -> bool {
        self.retained.settings().sync == SyncMode::Always
    }

    /// When it has to sync, if it is to do that of itself.
    pub(super) fn next_sync(&self) -> Option<Instant> {
        match self.retained.settings().sync {
            SyncMode::Interval(interval) => self.unsynced_since.map(|since| since + interval),
            SyncMode::Always | SyncMode::Never => None,
        }
    }

    /// Syncs what has waited long enough.
    pub(super) fn sync_if_due(&mut self) {
        if self.next_sync().is_some_and(|at| at <= Instant::now())
            && let Err(WriteError::Failed(why)) = self.sync()
        {
            let advice =
                ". What was written last may not be on the disk; see to the disk, and restart";
            self.retained.fails(&why, advice);
        }
    }

    /// Whether something can be done that needs no writer.
    pub(super) fn has_upkeep(&self) -> bool {
        let state = self.retained.lock();
        let wanted = state.wanted_oldest(self.retained.settings());
        state.has_unindexed() || wanted.0 >= state.oldest().0 + OVERDUE_MAX
    }

    /// Whether memory holds so much that has no index that it has to get one first.
    pub(super) fn is_memory_too_full(&self) -> bool {
        let state = self.retained.lock();
        state.has_unindexed() && state.window.bytes() > 2 * self.retained.settings().memory_max
    }

    /// Makes everything durable, at the end.
    pub(super) fn close(&mut self) {
        if let Err(error) = self.sync() {
            tracing::error!("the last events may not be on the disk: {error}");
        }
    }

    /// Shows readers what is durable.
    fn show(&mut self, commit: Commit) -> Shown {
        if matches!(commit.stopped, Some(WriteError::Failed(_))) {
            return Shown::default();
        }
        let (now_ms, now) = commit.now;
        let mut receipts = Vec::with_capacity(commit.written);
        let mut with_ids = HashMap::new();
        let mut events = (commit.first.0..).map(Sequence).zip(commit.events).take(commit.written);
        loop {
            let mut state = self.retained.lock();
            let (mut count, mut topics) = (0, 0);
            while count < SHOWN_MAX && topics < TOPICS_AT_ONCE {
                let Some((sequence, event)) = events.next() else { break };
                count += 1;
                topics += event.topics().len();
                let has_id = event.custom_id().is_some();
                let receipt = state.window.push(event, sequence, (now_ms, Some(now)));
                // Only a repeat in the same commit asks for it.
                if let Some(event) = has_id.then(|| state.window.get(sequence).cloned()).flatten() {
                    with_ids.insert(receipts.len(), event);
                }
                receipts.push(receipt);
            }
            drop(state);
            if count < SHOWN_MAX && topics < TOPICS_AT_ONCE {
                let count = receipts.len();
                return Shown { receipts: receipts.into_iter(), count, with_ids };
            }
        }
    }

    /// Says what the segments are now, and drops what need not be retained, or need not be in memory.
    fn evict(&mut self) {
        let change = ChainChange {
            sealed: self.chain.take_sealed(),
            active_first: self.chain.active_first(),
            active_bytes: self.chain.active_bytes(),
        };
        self.retained.lock().chain_changed(change);
        self.retained.evict(self.clock.unix_ms());
    }

    /// Seals the newest segment where memory is full of what is in it: then it can be indexed, and need not
    /// be in memory.
    fn seal_if_full(&mut self) {
        let state = self.retained.lock();
        let is_full = state.is_memory_full(self.retained.settings()) && !state.has_unindexed();
        let is_to_write_again = state.has_to_write_again();
        drop(state);
        if is_to_write_again {
            self.write_again();
        }
        if !is_full || self.chain.active_written() == 0 {
            return;
        }
        if let Err(WriteError::Failed(why)) = self.chain.seal() {
            self.retained.fails(&why, "; see to the disk, and restart");
        }
        self.evict();
    }
}

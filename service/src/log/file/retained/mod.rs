//! What is retained of the log on disk, and where it is: in memory, in segments that have an index, or
//! in both.
//!
//! The window in memory always reaches from the head back to the first event that has no index yet, so
//! each event can be found in one of the two ways.

mod retention;
mod to_write_again;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FileLogSettings;
use super::chain::SealedSegment;
use super::counters::DiskCounters;
use super::indexed_segment::IndexedSegment;
use super::kept_records::KeptRecords;
use super::segment_reader::TimedSequence;
use crate::event::{HubId, Sequence};
use crate::log::followers::Followers;
use crate::log::window::Window;
use crate::log::{Bounds, DiskStatus, LogChange, LogHealth, OnChange};

/// How many events are evicted before other threads get the lock.
const EVICTED_MAX: usize = 512;
/// For how many places the time is kept that was read from the disk.
const TIMES_MAX: usize = 256;

/// What all threads of the log share.
#[derive(Debug)]
pub(super) struct Retained {
    settings: FileLogSettings,
    counters: Arc<DiskCounters>,
    state: Mutex<RetainedState>,
    followers: Followers,
}

/// What is retained.
#[derive(Debug)]
pub(super) struct RetainedState {
    pub(super) window: Window,
    /// Those that have an index, the oldest first.
    segments: Arc<Vec<Arc<IndexedSegment>>>,
    indexed: IndexedTotals,
    /// Those that have none yet, behind the others.
    unindexed: VecDeque<SealedSegment>,
    /// The first event that is in no sealed segment.
    active_first: Sequence,
    /// What the newest segment takes on the disk.
    active_bytes: u64,
    active_is_gone: bool,
    /// The oldest event that is retained; one behind the head when there is none.
    oldest: Sequence,
    /// The time of the event before it, or an earlier one, in milliseconds since 1970.
    start_ms: u64,
    oldest_ms: Option<u64>,
    health: LogHealth,
    times: VecDeque<TimedSequence>,
    /// What rules keep of the events before this one is in the window.
    examined: Sequence,
    kept_records: KeptRecords,
    /// Through here no event is any more where it was written first.
    written_again_through: Sequence,
    /// Events that were found written again at the start: newer ones on the disk may have superseded them.
    restored: VecDeque<Sequence>,
}

/// What all segments with an index take, summed up where they change: it is asked for all the time.
#[derive(Clone, Copy, Debug, Default)]
struct IndexedTotals {
    disk_bytes: u64,
    memory_bytes: usize,
    /// How often events in them end topics.
    ends: u64,
    /// How many events are missing in them.
    missing: u64,
}

impl IndexedTotals {
    fn of(segments: &[Arc<IndexedSegment>]) -> Self {
        Self {
            disk_bytes: segments.iter().map(|segment| segment.disk_bytes()).sum(),
            memory_bytes: segments.iter().map(|segment| segment.memory_bytes()).sum(),
            ends: segments.iter().map(|segment| u64::from(segment.head.ends)).sum(),
            missing: segments.iter().map(|segment| segment.head.missing()).sum(),
        }
    }
}

/// What a log begins with.
#[derive(Debug)]
pub(super) struct RetainedStart {
    pub(super) window: Window,
    pub(super) segments: Vec<Arc<IndexedSegment>>,
    pub(super) active_first: Sequence,
    pub(super) active_bytes: u64,
    pub(super) oldest: Sequence,
    pub(super) start_ms: u64,
    pub(super) oldest_ms: Option<u64>,
    /// What is kept of before, and the segments to which it was written again.
    pub(super) restored: Vec<(Sequence, Sequence)>,
}

/// The segments as they are after an append.
#[derive(Debug)]
pub(super) struct ChainChange {
    pub(super) sealed: Vec<SealedSegment>,
    pub(super) active_first: Sequence,
    pub(super) active_bytes: u64,
}

impl Retained {
    pub(super) fn new(
        settings: FileLogSettings,
        counters: Arc<DiskCounters>,
        start: RetainedStart,
    ) -> Self {
        let mut kept_records = KeptRecords::default();
        for (event, segment) in &start.restored {
            kept_records.wrote_again(*event, *segment);
        }
        Self {
            settings,
            counters,
            state: Mutex::new(RetainedState {
                window: start.window,
                indexed: IndexedTotals::of(&start.segments),
                segments: Arc::new(start.segments),
                unindexed: VecDeque::new(),
                active_first: start.active_first,
                active_bytes: start.active_bytes,
                active_is_gone: false,
                oldest: start.oldest,
                start_ms: start.start_ms,
                oldest_ms: start.oldest_ms,
                health: LogHealth::Healthy,
                times: VecDeque::new(),
                examined: start.oldest,
                kept_records,
                written_again_through: Sequence(0),
                restored: start.restored.into_iter().map(|(event, _)| event).collect(),
            }),
            followers: Followers::default(),
        }
    }

    pub(super) fn settings(&self) -> &FileLogSettings {
        &self.settings
    }

    pub(super) fn counters(&self) -> &DiskCounters {
        &self.counters
    }

    pub(super) fn disk_status(&self) -> DiskStatus {
        let counted = self.counters.status();
        let state = self.lock();
        DiskStatus {
            bytes: state.disk_bytes(),
            bytes_limit: self.settings.bytes_max,
            segments: state.segment_count(),
            memory_events: state.window.bounds().events,
            missing_events: state.missing_events(),
            ..counted
        }
    }

    /// Nothing inside takes long: no I/O, and nothing that grows with what is retained.
    pub(super) fn lock(&self) -> MutexGuard<'_, RetainedState> {
        // Nothing inside can panic half-way through a change; going on is better than ending all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn follow(&self, on_change: OnChange) {
        self.followers.add(on_change);
    }

    pub(super) fn notify(&self) {
        self.followers.notify(LogChange::Head);
    }

    /// Drops what is beyond the limits of memory, and what is not retained any more, some at a time, so
    /// that no thread waits long for the lock.
    pub(super) fn evict(&self, now_ms: u64) {
        loop {
            let evicted = self.lock().evict(&self.settings, now_ms);
            if evicted.is_less_than(EVICTED_MAX) {
                return;
            }
        }
    }

    /// The log takes no more events. Whoever reads the line finds that it is so.
    pub(super) fn fails(&self, why: &str, advice: &str) {
        self.lock().set_health(LogHealth::Failed { why: why.into() });
        tracing::error!("the event log takes no more events: {why}{advice}");
    }
}

impl RetainedState {
    pub(super) fn bounds(&self) -> Bounds {
        let window = self.window.bounds();
        let oldest = self.oldest.max(Sequence(1)).min(window.head.next());
        Bounds {
            oldest,
            start_ms: self.start_ms,
            events: usize::try_from(self.events_from(oldest)).unwrap_or(usize::MAX),
            bytes: window.bytes + self.indexed.memory_bytes,
            oldest_ms: self.oldest_ms.filter(|_| oldest <= window.head),
            ..window
        }
    }

    pub(super) fn health(&self) -> &LogHealth {
        &self.health
    }

    /// A log that has failed stays so until it is opened again.
    pub(super) fn set_health(&mut self, health: LogHealth) {
        match (&self.health, &health) {
            (LogHealth::Failed { .. }, _) => return,
            (LogHealth::Full, LogHealth::Healthy) => {
                tracing::info!("the disk of the event log has room again; events are accepted");
            }
            _ => {}
        }
        self.health = health;
    }

    /// The oldest event that is retained.
    pub(super) fn oldest(&self) -> Sequence {
        self.oldest
    }

    pub(super) fn start_ms(&self) -> u64 {
        self.start_ms
    }

    /// The time of the oldest event that is retained and can be read, where it is known.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.oldest_ms
    }

    /// The segments that have an index, the oldest first.
    pub(super) fn segments(&self) -> &Arc<Vec<Arc<IndexedSegment>>> {
        &self.segments
    }

    /// Whether any topic may have ended.
    pub(super) fn may_have_ends(&self) -> bool {
        self.indexed.ends > 0 || self.window.has_ends()
    }

    /// The segment that is to get an index next.
    pub(super) fn next_unindexed(&self) -> Option<SealedSegment> {
        self.unindexed.front().copied()
    }

    pub(super) fn has_unindexed(&self) -> bool {
        !self.unindexed.is_empty()
    }

    /// Memory is full of events that cannot be read anywhere else.
    pub(super) fn is_memory_full(&self, settings: &FileLogSettings) -> bool {
        self.window.bytes() > settings.memory_max && self.window.oldest() >= self.needed_from()
    }

    /// What segments and their indexes take on the disk, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        let unindexed: u64 = self.unindexed.iter().map(|segment| segment.bytes).sum();
        self.indexed.disk_bytes + unindexed + self.active_bytes
    }

    /// How many events are missing between those in the folder.
    fn missing_events(&self) -> u64 {
        self.indexed.missing + self.window.missing_from(self.needed_from())
    }

    /// How many events there are from one on, those that are missing left out. Where only a part of a segment
    /// is retained, nobody looks where in it they are missing: that is taken to be in this part as long as they
    /// fit in. So the sum may be too small by what is missing in that segment, and is right for all others.
    fn events_from(&self, oldest: Sequence) -> u64 {
        let mut missing =
            self.indexed.missing + self.window.missing_from(self.needed_from().max(oldest));
        if missing > 0 {
            for segment in self.segments.iter().take_while(|segment| segment.head.first < oldest) {
                let part = segment.head.next.0.saturating_sub(oldest.0);
                if part <= segment.head.missing() {
                    missing -= segment.head.missing();
                    missing += part.saturating_sub(segment.head.events.into());
                }
            }
        }
        (self.window.bounds().head.next().0 - oldest.0).saturating_sub(missing)
    }

    /// Somebody has removed the newest file. It takes no events any more, and nothing that is on the disk
    /// goes for what was written to it.
    pub(super) fn lost_active(&mut self, why: &str) {
        self.active_is_gone = true;
        self.set_health(LogHealth::Failed { why: why.into() });
    }

    /// The newest file, if there is one that is written to.
    pub(super) fn active(&self) -> Option<Sequence> {
        (self.active_bytes > 0).then_some(self.active_first)
    }

    /// How many segments there are.
    pub(super) fn segment_count(&self) -> usize {
        self.segments.len() + self.unindexed.len() + usize::from(self.active_bytes > 0)
    }

    fn needed_from(&self) -> Sequence {
        self.unindexed.front().map_or(self.active_first, |segment| segment.first)
    }

    pub(super) fn chain_changed(&mut self, change: ChainChange) {
        self.unindexed.extend(change.sealed);
        (self.active_first, self.active_bytes) = (change.active_first, change.active_bytes);
    }

    /// The segment that was to get an index next has it.
    pub(super) fn indexed(&mut self, segment: IndexedSegment) {
        self.unindexed.pop_front();
        self.indexed.disk_bytes += segment.disk_bytes();
        self.indexed.memory_bytes += segment.memory_bytes();
        self.indexed.ends += u64::from(segment.head.ends);
        self.indexed.missing += segment.head.missing();
        Arc::make_mut(&mut self.segments).push(Arc::new(segment));
    }

    /// The index of a segment has a file now, and is in memory no longer.
    pub(super) fn has_index_file(&mut self, written: IndexedSegment) {
        let first = written.head.first;
        let segments = Arc::make_mut(&mut self.segments);
        if let Some(segment) = segments.iter_mut().find(|segment| segment.head.first == first) {
            *segment = Arc::new(written);
            self.indexed = IndexedTotals::of(segments);
        }
    }

    /// The first event of the oldest segment, if nothing in that is retained.
    pub(super) fn next_dropped(&self) -> Option<Sequence> {
        let first = self.first_without_retained()?;
        self.kept_in(first).next().is_none().then_some(first.head.first)
    }

    /// What rules keep of the events before this one is in the window.
    pub(super) fn examined(&self) -> Sequence {
        self.examined.max(self.oldest)
    }

    /// Everything before this event has been looked at for what rules keep.
    pub(super) fn examined_before(&mut self, next: Sequence) {
        self.examined = self.examined.max(next);
    }

    /// An event that was found written again, and has to be compared with what is on the disk.
    pub(super) fn next_restored(&self) -> Option<Sequence> {
        self.restored.back().copied()
    }

    /// The next of them has been compared.
    pub(super) fn compared_restored(&mut self) {
        self.restored.pop_back();
    }

    /// The next of them cannot be compared now. It comes after all others.
    pub(super) fn could_not_compare(&mut self) {
        if let Some(event) = self.restored.pop_back() {
            self.restored.push_front(event);
        }
    }

    /// Whether some of what rules keep may have been superseded on the disk alone, and would push out what has
    /// not. That is waited for, but not with more than as much again as may be kept.
    fn waits_for_comparison(&self) -> bool {
        let is_within = self.window.kept_bytes() / 2 <= self.window.kept_bytes_max();
        !self.restored.is_empty() && is_within
    }

    /// The oldest segment is no longer on the disk.
    pub(super) fn dropped(&mut self) {
        let first = Arc::make_mut(&mut self.segments).remove(0);
        self.indexed.disk_bytes -= first.disk_bytes();
        self.indexed.memory_bytes -= first.memory_bytes();
        self.indexed.ends -= u64::from(first.head.ends);
        self.indexed.missing -= first.head.missing();
        self.kept_records.removed(first.head.first);
    }

    /// The time of a place was read from the disk.
    pub(super) fn remember(&mut self, place: TimedSequence) {
        if self.times.len() >= TIMES_MAX {
            self.times.pop_front();
        }
        self.times.push_back(place);
    }

    pub(super) fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        let bounds = self.window.bounds();
        let epoch = bounds.epoch;
        if sequence == self.oldest.previous() {
            return Some(HubId { epoch, sequence, accepted_ms: self.start_ms });
        }
        let of_disk = self.times.iter().find(|place| place.sequence == sequence);
        let of_disk =
            of_disk.map(|place| HubId { epoch, sequence, accepted_ms: place.accepted_ms });
        self.window.id_at(sequence).or(of_disk)
    }
}

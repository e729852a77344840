//! What is done behind the writer's back: segments get their index, and those that hold nothing that is
//! retained are removed.

use std::io;
use std::sync::Arc;

use super::disk::Disk;
use super::examination::{Examination, Examined};
use super::retained::Retained;
use super::segment_reader::SegmentReader;
use super::{index, segment};
use crate::event::Sequence;
use crate::log::LogHealth;
use crate::logging::log_limited;

/// How many events are kept before other threads get the lock.
const KEPT_AT_ONCE: usize = 256;
/// How many events that were found written again are compared before other work is done.
const COMPARED_AT_ONCE: usize = 256;

/// The thread's state.
#[derive(Debug)]
pub(super) struct Upkeep<D> {
    pub(super) disk: D,
    pub(super) retained: Arc<Retained>,
    pub(super) reader: SegmentReader<D>,
}

impl<D: Disk> Upkeep<D> {
    /// Does what there is to do at a time, in milliseconds since 1970; whether to call it again at once.
    pub(super) fn work(&self, now_ms: u64) -> bool {
        // First, because nothing is removed then.
        self.look_for_active();
        self.index_segments(now_ms);
        self.write_indexes();
        // Where one of the two fails the other is done all the same.
        let (compared, retained) = (self.compare_restored(now_ms), self.retain(now_ms));
        // What fails is tried again after a moment.
        let has_more = matches!(compared, Ok(true));
        if let Err(error) = compared.map(drop).and(retained) {
            log_limited!(ERROR, "cannot drop old events from the disk, and tries again: {error}");
        }
        self.look_for_room();
        has_more
    }

    /// Looks whether the file is there that events are written to. Without its name they would be gone at
    /// the next start, and all the same be confirmed.
    fn look_for_active(&self) {
        let Some(first) = self.retained.lock().active() else { return };
        let name = segment::name_of(first);
        let is_gone = match self.disk.open_to_read(&name) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(_) => false,
        };
        if is_gone && !matches!(self.retained.lock().health(), LogHealth::Failed { .. }) {
            let why = format!("somebody has removed the file {name} of the data folder");
            self.retained.lock().lost_active(&why);
            tracing::error!("the event log takes no more events: {why}; restart the server");
        }
    }

    /// Whether a segment can be removed when the writer has written again what rules keep of it.
    pub(super) fn waits_for_writer(&self) -> bool {
        self.retained.lock().has_to_write_again()
    }

    /// Looks how much room the file system has. If it cannot be asked, what was known stays.
    pub(super) fn look_for_room(&self) {
        if let Ok(bytes) = self.disk.free_bytes() {
            self.retained.counters().has_free(bytes);
        }
    }

    fn index_segments(&self, now_ms: u64) {
        loop {
            let state = self.retained.lock();
            // Of a damaged one none can be made until the log has been repaired.
            let is_failed = matches!(state.health(), LogHealth::Failed { .. });
            let Some(segment) = state.next_unindexed().filter(|_| !is_failed) else { return };
            drop(state);
            match self.reader.make_index(segment.first) {
                Ok(Some(index)) => self.retained.lock().indexed(index),
                Ok(None) => {
                    let why = format!("segment {} is damaged already", segment.first);
                    self.retained.fails(&why, "; see to the disk");
                    return;
                }
                Err(error) => {
                    log_limited!(ERROR, "cannot write an index file, and tries again: {error}");
                    return;
                }
            }
            self.retained.evict(now_ms);
        }
    }

    /// Writes the indexes for which there was no room at the start.
    fn write_indexes(&self) {
        let segments = Arc::clone(self.retained.lock().segments());
        for segment in segments.iter().filter(|segment| segment.in_memory.is_some()) {
            match self.reader.write_index_of(segment) {
                Ok(written) => self.retained.lock().has_index_file(written),
                Err(error) => {
                    log_limited!(ERROR, "cannot write an index file, and tries again: {error}");
                    return;
                }
            }
        }
    }

    /// Finds what is not retained any more, and removes the segments that hold nothing else.
    fn retain(&self, now_ms: u64) -> io::Result<()> {
        // Where one of the two fails the other frees the disk all the same.
        let (by_age, by_size) = (self.drop_too_old(now_ms), self.drop_too_many(now_ms));
        self.retained.evict(now_ms);
        self.remove_segments()?;
        by_age.and(by_size)
    }

    fn drop_too_old(&self, now_ms: u64) -> io::Result<()> {
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        let oldest_ms = state.oldest_ms();
        drop(state);
        let too_old = self.retained.settings().oldest_ms(now_ms);
        if too_old == 0 || oldest_ms.is_some_and(|ms| ms >= too_old) {
            return Ok(());
        }
        let last = self.reader.last_accepted_by(&segments, too_old - 1)?;
        if let Some(last) = last.filter(|last| last.sequence >= oldest) {
            self.examine_before(last.sequence.next(), now_ms)?;
            self.drop_before(last.sequence.next(), last.accepted_ms);
        }
        Ok(())
    }

    fn drop_too_many(&self, now_ms: u64) -> io::Result<()> {
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        let wanted = state.wanted_oldest(self.retained.settings());
        let start_ms = state.start_ms();
        drop(state);
        let in_segments = segments.last().is_some_and(|last| wanted <= last.head.next);
        if wanted <= oldest || !in_segments {
            return Ok(());
        }
        self.examine_before(wanted, now_ms)?;
        let last = self.reader.event_at(&segments, wanted.previous());
        // What is before it is a hole, or damaged.
        let start_ms = last.map_or(start_ms, |last| last.accepted_ms());
        self.drop_before(wanted, start_ms);
        Ok(())
    }

    /// Looks for what rules keep of the events before one, some of those behind it included: a segment at a
    /// time, as far as it is not in memory.
    ///
    /// # Errors
    /// When something of them cannot be read now.
    fn examine_before(&self, to: Sequence, now_ms: u64) -> io::Result<()> {
        loop {
            let state = self.retained.lock();
            let (from, memory_from) = (state.examined(), state.window.oldest());
            let is_done = state.window.rules().is_empty() || from >= to.min(memory_from);
            let next = state.segments().iter().map(|segment| segment.head.next);
            let next = next.filter(|next| *next > from).min();
            drop(state);
            let Some(next) = next.filter(|_| !is_done) else { return Ok(()) };
            let next = next.min(memory_from);
            let examination = Examination::new(&self.reader, &self.retained, now_ms);
            let examined = examination.of(from..next, || self.index_segments(now_ms))?;
            self.retained.lock().window.note_unknown_through(examined.unknown_through);
            self.keep(examined, now_ms);
            self.retained.lock().examined_before(next);
        }
    }

    fn keep(&self, mut examined: Examined, now_ms: u64) {
        self.retained.lock().window.kept_no_room_for(examined.without_room);
        // The newest first, since they may supersede others; and others wait for the lock.
        let adopt = |some| self.retained.lock().window.adopt(some, now_ms);
        while examined.held.hand_over(KEPT_AT_ONCE, adopt).is_some() {
            self.retained.evict(now_ms);
        }
        for some in examined.gone.chunks(KEPT_AT_ONCE) {
            let gone = some.iter().map(|(topic, sequence)| (topic, *sequence));
            self.retained.lock().window.note_gone(gone);
        }
    }

    /// Compares some of what was found written again at the start with what is newer on the disk: there may
    /// be very much of it, and other work waits. Whether there is more.
    ///
    /// # Errors
    /// When what is newer cannot be read now.
    fn compare_restored(&self, now_ms: u64) -> io::Result<bool> {
        let examination = Examination::new(&self.reader, &self.retained, now_ms);
        for _ in 0..COMPARED_AT_ONCE {
            self.index_segments(now_ms);
            let state = self.retained.lock();
            let Some(sequence) = state.next_restored() else { return Ok(false) };
            let event = state.window.kept(sequence).cloned();
            drop(state);
            let rules = event.map(|event| examination.rules_for(&event)).transpose();
            let rules = rules.inspect_err(|_| self.retained.lock().could_not_compare())?;
            let mut state = self.retained.lock();
            if let Some(rules) = rules {
                state.window.keep_only_by(sequence, rules);
            }
            state.compared_restored();
        }
        Ok(self.retained.lock().next_restored().is_some())
    }

    fn drop_before(&self, oldest: Sequence, start_ms: u64) {
        // What is in memory is looked at as it goes from there.
        if self.retained.lock().droppable_before(oldest) < oldest {
            return;
        }
        let segments = Arc::clone(self.retained.lock().segments());
        let event = self.reader.first_from(&segments, oldest);
        let oldest_ms = event.map(|event| event.accepted_ms());
        self.retained.lock().drop_before(oldest, start_ms, oldest_ms);
    }

    /// One after the other, the oldest first, and none before the one before it is gone: a log in which a
    /// segment is missing between two is corrupt.
    fn remove_segments(&self) -> io::Result<()> {
        loop {
            let Some(first) = self.retained.lock().next_dropped() else { return Ok(()) };
            self.remove(&segment::name_of(first))?;
            // Without its segment an index is of no use.
            self.remove(&index::name_of(first))?;
            self.disk.sync_names()?;
            self.retained.lock().dropped();
        }
    }

    /// One that is gone already was removed before something else failed.
    fn remove(&self, name: &str) -> io::Result<()> {
        match self.disk.remove(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

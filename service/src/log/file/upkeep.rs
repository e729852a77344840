//! What is done behind the writer's back: segments get their index, and those that hold nothing that is
//! retained are removed.

use std::io;
use std::sync::Arc;

use super::disk::Disk;
use super::retained::Retained;
use super::segment_reader::SegmentReader;
use super::{index, segment};
use crate::event::Sequence;
use crate::log::LogHealth;
use crate::logging::log_limited;

/// The thread's state.
#[derive(Debug)]
pub(super) struct Upkeep<D> {
    pub(super) disk: D,
    pub(super) retained: Arc<Retained>,
    pub(super) reader: SegmentReader<D>,
}

impl<D: Disk> Upkeep<D> {
    /// Does what there is to do at a time, in milliseconds since 1970.
    pub(super) fn work(&self, now_ms: u64) {
        self.index_segments(now_ms);
        if let Err(error) = self.retain(now_ms) {
            log_limited!(ERROR, "cannot drop old events from the disk, and tries again: {error}");
        }
        self.look_for_room();
    }

    /// Looks how much room the file system has. If it cannot be asked, what was known stays.
    pub(super) fn look_for_room(&self) {
        if let Ok(bytes) = self.disk.free_bytes() {
            self.retained.counters().has_free(bytes);
        }
    }

    fn index_segments(&self, now_ms: u64) {
        loop {
            let Some(segment) = self.retained.lock().next_unindexed() else { return };
            match self.reader.make_index(segment.first) {
                Ok(Some(index)) => self.retained.lock().indexed(index),
                Ok(None) => {
                    let why = format!("segment {} is damaged already", segment.first);
                    tracing::error!("the event log takes no more events: {why}; see to the disk");
                    self.retained.lock().set_health(LogHealth::Failed { why: why.into() });
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

    /// Finds what is not retained any more, and removes the segments that hold nothing else.
    fn retain(&self, now_ms: u64) -> io::Result<()> {
        let settings = *self.retained.settings();
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        let wanted = state.wanted_oldest(&settings);
        drop(state);
        let too_old = settings.oldest_ms(now_ms);
        let is_old = |sequence| {
            self.reader.event_at(&segments, sequence).is_some_and(|at| at.accepted_ms() < too_old)
        };
        if too_old > 0
            && is_old(oldest)
            && let Some(last) = self.reader.last_accepted_by(&segments, too_old - 1)?
        {
            self.drop_before(last.sequence.next(), last.accepted_ms);
        }
        if wanted > oldest
            && let Some(last) = self.reader.event_at(&segments, wanted.previous())
        {
            self.drop_before(wanted, last.accepted_ms());
        } else if wanted > oldest && segments.iter().any(|segment| segment.head.next == wanted) {
            // What is before it is a hole.
            let start_ms = self.retained.lock().start_ms();
            self.drop_before(wanted, start_ms);
        }
        self.retained.evict(now_ms);
        self.remove_segments()
    }

    fn drop_before(&self, oldest: Sequence, start_ms: u64) {
        let segments = Arc::clone(self.retained.lock().segments());
        let event = self.reader.event_at(&segments, oldest);
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

//! Writing again: what rules keep of the oldest segment goes to the newest one before the former is removed.

use std::sync::Arc;

use super::super::batch;
use super::super::chain::WriteError;
use super::super::disk::Disk;
use super::super::kept_records::KeptRecords;
use super::{BATCH_BYTES, LogWriter};
use crate::event::Event;
use crate::log::LogHealth;
use crate::log::record::{RecordKind, put_record};
use crate::logging::log_limited;

/// How many older events are written again at once.
const AGAIN_MAX: usize = 1_024;

impl<D: Disk> LogWriter<D> {
    /// Writes what rules keep of the oldest segment to the newest one, so that the former can be removed;
    /// whether anything has come of it.
    pub(in crate::log::file) fn write_again(&mut self) -> bool {
        let mut has_changed = false;
        // What is written behind a failure may not be there at the next start.
        while !matches!(self.retained.lock().health(), LogHealth::Failed { .. }) {
            let events = self.retained.lock().to_write_again(AGAIN_MAX, BATCH_BYTES);
            let Some(first) = events.first().map(|event| event.sequence()) else { break };
            let mut count = events.len();
            let segment = match self.write_again_durably(&events) {
                Ok(written) => {
                    count = written;
                    self.chain.active_first()
                }
                Err(WriteError::Full) if !self.retained.lock().is_nowhere(first) => {
                    // Without the room that the oldest segment takes there may never be any.
                    log_limited!(
                        ERROR,
                        "the disk is full, and events that rules keep are in memory alone until there is room"
                    );
                    KeptRecords::NOWHERE
                }
                Err(WriteError::Full) => break,
                Err(error @ WriteError::NoFile(_)) => {
                    log_limited!(ERROR, "what rules keep is written again later: {error}");
                    break;
                }
                Err(WriteError::Failed(why)) => {
                    self.retained.fails(&why, "; see to the disk, and restart");
                    break;
                }
            };
            self.retained.lock().wrote_again(&events[..count], segment);
            has_changed = true;
        }
        if has_changed {
            self.evict();
        }
        has_changed
    }

    /// Writes as many of some events as one batch has room for, at least one; how many.
    fn write_again_durably(&mut self, events: &[Arc<Event>]) -> Result<usize, WriteError> {
        self.records.clear();
        let mut count = 0;
        // A record has topics too, which may be far larger than a frame.
        for event in events {
            if self.records.len() >= BATCH_BYTES {
                break;
            }
            count += 1;
            let place = (event.sequence(), event.accepted_ms());
            // It was written once, so that it is not too large.
            let _ = put_record(&mut self.records, RecordKind::Again, place, &event.content());
        }
        let written = self.chain.append_again(&self.records);
        self.retained.counters().wrote(batch::whole_bytes(self.records.len()));
        self.records.clear();
        self.records.shrink_to(2 * BATCH_BYTES);
        written?;
        // In any mode: what was there before is removed.
        self.sync().map(|()| count)
    }
}

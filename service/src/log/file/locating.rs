//! Where a client goes on, behind an id or a moment.

use std::sync::Arc;

use super::disk::Disk;
use super::index;
use super::log_parts::LogParts;
use crate::event::{HubId, Sequence};
use crate::log::Position;

impl<D: Disk> LogParts<D> {
    /// Where a client goes on, if that is known without a look at the disk.
    pub(super) fn locate_in_memory(&self, id: &str) -> Option<Position> {
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
            let is_ours = hub_id.accepted_ms <= state.start_ms() && window.kept_allows(hub_id);
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
    pub(super) fn last_accepted_in_memory(&self, ms: u64) -> Option<Sequence> {
        let state = self.retained.lock();
        if ms < state.start_ms() {
            return Some(state.oldest().previous());
        }
        let is_in_memory = ms >= state.window.bounds().start_ms;
        is_in_memory.then(|| state.window.last_accepted_by(ms).max(state.oldest().previous()))
    }

    /// The same with a look at the disk; nothing if that cannot be read.
    pub(super) fn last_accepted_on_disk(&self, ms: u64) -> Option<Sequence> {
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
    pub(super) fn locate_on_disk(&self, id: &str) -> Position {
        let state = self.retained.lock();
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        let in_memory = state.window.locate(id, self.clock.unix_ms());
        drop(state);
        let Some(hub_id) = HubId::parse(id) else {
            let on_disk = self.reader.earliest_with_id(&segments, oldest, id).ok().flatten();
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

//! What is to be retained by count, bytes and age, and what goes from memory.

use std::sync::Arc;

use super::super::FileLogSettings;
use super::{EVICTED_MAX, RetainedState};
use crate::event::{Event, Sequence};
use crate::log::window::{Evicted, WindowLimits};

impl RetainedState {
    /// What may be retained no longer at once, if that is wanted: nothing that rules may keep.
    pub(in crate::log::file) fn droppable_before(&self, wanted: Sequence) -> Sequence {
        if self.window.rules().is_empty() {
            return wanted;
        }
        let memory_from = self.window.oldest();
        match self.examined() >= memory_from {
            // What goes from memory is looked at as it goes, and that is so much at once.
            true => wanted.min(self.window.end_of_turn(EVICTED_MAX)),
            false => wanted.min(self.examined()),
        }
    }

    /// The first event that is to be retained by count and by bytes.
    pub(in crate::log::file) fn wanted_oldest(&self, settings: &FileLogSettings) -> Sequence {
        let by_count = self.wanted_by_count(settings.events_max as u64);
        let mut bytes = self.disk_bytes();
        let mut by_bytes = self.oldest;
        for segment in self.segments.iter() {
            if bytes <= settings.bytes_max {
                break;
            }
            bytes -= segment.disk_bytes();
            by_bytes = by_bytes.max(segment.head.next);
        }
        by_count.max(by_bytes)
    }

    /// The same by count alone. What is missing counts for nothing: a repair may leave a large hole, and no
    /// event is to go for that.
    fn wanted_by_count(&self, events_max: u64) -> Sequence {
        let next = self.window.bounds().head.next();
        if self.missing_events() == 0 {
            return Sequence(next.0.saturating_sub(events_max));
        }
        let from = self.needed_from();
        let missing = self.window.missing_from(from);
        let in_memory = next.0.saturating_sub(from.0).saturating_sub(missing);
        if in_memory >= events_max {
            return Sequence(next.0.saturating_sub(events_max + missing)).max(from);
        }
        let mut left = events_max - in_memory;
        for segment in self.segments.iter().rev() {
            let events = u64::from(segment.head.events);
            if events >= left {
                let wanted = segment.head.next.0.saturating_sub(left + segment.head.missing());
                return Sequence(wanted).max(segment.head.first);
            }
            left -= events;
        }
        Sequence(0)
    }

    /// Nothing before an event is retained any more; the time of the event before it is known.
    pub(in crate::log::file) fn drop_before(
        &mut self,
        oldest: Sequence,
        start_ms: u64,
        oldest_ms: Option<u64>,
    ) {
        if oldest > self.oldest {
            self.oldest = oldest;
            self.start_ms = self.start_ms.max(start_ms);
            self.oldest_ms = oldest_ms;
        }
    }

    pub(super) fn evict(&mut self, settings: &FileLogSettings, now_ms: u64) -> Evicted {
        let wanted = self.droppable_before(self.wanted_oldest(settings));
        // What is not in memory needs a look at the disk: the indexing thread does that.
        if wanted > self.oldest
            && let Some(start_ms) = self.window.time_at(wanted.previous())
        {
            let oldest_ms =
                self.window.time_at(wanted).filter(|_| wanted <= self.window.bounds().head);
            self.drop_before(wanted, start_ms, oldest_ms);
        }
        // What is too old in memory makes all before it go, which has to be looked at first.
        let may_age = self.window.rules().is_empty() || self.examined() >= self.window.oldest();
        let limits = WindowLimits {
            events_max: usize::MAX,
            bytes_max: settings.memory_max,
            oldest_ms: if may_age { settings.oldest_ms(now_ms) } else { 0 },
            oldest: self.oldest,
            needed_from: self.needed_from(),
            now_ms,
            is_all: false,
            counts_kept: !self.waits_for_comparison(),
        };
        let is_examined = self.examined() >= self.window.oldest();
        let evicted = self.window.evict(&limits, EVICTED_MAX);
        for event in evicted.kept_no_longer() {
            self.kept_records.gone(event.sequence());
        }
        let is_gone = |event: &&Arc<Event>| {
            event.accepted_ms() < limits.oldest_ms || event.sequence() < limits.oldest
        };
        if evicted.passed.last().as_ref().is_some_and(is_gone) && is_examined {
            self.examined_before(self.window.oldest());
        }
        if let Some(last) =
            evicted.passed.last().filter(|last| last.accepted_ms() < limits.oldest_ms)
        {
            let bounds = self.window.bounds();
            self.drop_before(bounds.oldest, last.accepted_ms(), bounds.oldest_ms);
        }
        if self.oldest_ms.is_none() && self.oldest >= self.window.oldest() {
            self.oldest_ms = self.window.bounds().oldest_ms;
        }
        evicted
    }
}

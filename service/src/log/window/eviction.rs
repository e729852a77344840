//! What leaves the window: what is beyond its limits, in portions.

use std::sync::Arc;

use super::Window;
use crate::event::{Event, Sequence};

/// What a window holds at most.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) struct WindowLimits {
    pub(in crate::log) events_max: usize,
    /// Held by the events, with everything that is kept for them. The newest event is kept even if
    /// it alone is larger.
    pub(in crate::log) bytes_max: usize,
    /// An event that was accepted before this is too old.
    pub(in crate::log) oldest_ms: u64,
    /// An event before this one is not retained any more.
    pub(in crate::log) oldest: Sequence,
    /// From this event on they stay, however many there are and however much they take: they cannot be
    /// read anywhere else.
    pub(in crate::log) needed_from: Sequence,
    /// The time by which rules keep events, in milliseconds since 1970.
    pub(in crate::log) now_ms: u64,
    /// What goes for want of room is nowhere else, so that it is retained no longer.
    pub(in crate::log) is_all: bool,
    /// What rules keep is bounded by its number and its bytes too, and not by its age alone.
    pub(in crate::log) counts_kept: bool,
}

impl WindowLimits {
    /// Of a log that is nowhere but in memory.
    pub(in crate::log) fn of_memory(events_max: usize, bytes_max: usize, oldest_ms: u64) -> Self {
        let (oldest, needed_from) = (Sequence(0), Sequence::MAX);
        Self {
            events_max,
            bytes_max,
            oldest_ms,
            oldest,
            needed_from,
            now_ms: 0,
            is_all: true,
            counts_kept: true,
        }
    }
}

/// What takes long under the lock of a log is what there is to do for each topic of an event, of which it may
/// have a thousand. After that many others get the lock, however few events they are of.
pub(in crate::log) const TOPICS_AT_ONCE: usize = 4_096;

/// What went from a window. It is to be dropped where nobody waits for it.
#[derive(Debug, Default)]
pub(in crate::log) struct Evicted {
    /// From its front, in order.
    pub(in crate::log) passed: Vec<Arc<Event>>,
    /// What rules had kept and keep no longer.
    kept: Vec<Arc<Event>>,
    /// There may be more of these.
    is_cut: bool,
}

impl Evicted {
    /// Whether there is no more to be taken out than this, where so many are at once.
    pub(in crate::log) fn is_less_than(&self, count_max: usize) -> bool {
        self.passed.len() < count_max && !self.is_cut
    }

    /// What rules had kept, and is kept no longer.
    pub(in crate::log) fn kept_no_longer(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.kept.iter()
    }
}

impl Window {
    /// The first event that stays when at most so many are taken out.
    pub(in crate::log) fn end_of_turn(&self, count_max: usize) -> Sequence {
        let mut topics = 0;
        let first = self.events.iter().take(count_max).find(|event| {
            let is_over = topics >= TOPICS_AT_ONCE;
            topics += event.topics().len();
            is_over
        });
        let first = first.or_else(|| self.events.get(count_max));
        first.map_or(self.head.next(), |event| event.sequence())
    }

    /// Takes out what is beyond the limits, at most `count_max` events.
    pub(in crate::log) fn evict(&mut self, limits: &WindowLimits, count_max: usize) -> Evicted {
        let mut evicted = Vec::new();
        let mut topics = 0;
        while evicted.len() < count_max && topics < TOPICS_AT_ONCE {
            let Some(oldest) = self.events.front() else { break };
            let is_needed = oldest.sequence() >= limits.needed_from;
            let too_many = !is_needed && self.events.len() > limits.events_max.max(1);
            let too_large = !is_needed && self.events.len() > 1 && self.bytes() > limits.bytes_max;
            let too_old =
                oldest.accepted_ms() < limits.oldest_ms || oldest.sequence() < limits.oldest;
            if !(too_many || too_large || too_old) {
                break;
            }
            topics += oldest.topics().len();
            evicted.extend(self.evict_oldest(limits.now_ms, limits.is_all || too_old));
        }
        let is_cut = self.drop_past_bounds(limits, count_max);
        let is_cut = is_cut || topics >= TOPICS_AT_ONCE;
        if self.events.capacity() > 1_024 && self.events.len() < self.events.capacity() / 4 {
            self.events.shrink_to(self.events.len() * 2);
        }
        Evicted { passed: evicted, kept: self.kept.take_gone(), is_cut }
    }

    /// The oldest event goes from here; `is_gone` if it goes for good.
    fn evict_oldest(&mut self, now_ms: u64, is_gone: bool) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.start_ms = event.accepted_ms();
        self.start_is_exact = true;
        self.events_held -= event.bytes_held();
        if !(is_gone && self.keep(&event, now_ms)) {
            self.by_topic.remove(&event, is_gone);
            self.forget(&event);
        }
        if let Some(through) = self.holes.forget_before(self.oldest()) {
            self.note_unknown_through(through);
        }
        self.clock_steps.forget_before(self.oldest());
        if let Some(last_ms) = self.passed_over.forget_before(self.oldest()) {
            self.start_ms = last_ms;
        }
        Some(event)
    }

    /// An event has gone for good that is in no index by topic any more.
    pub(super) fn forget(&mut self, event: &Event) {
        self.buffers.release(event.buffer_held());
        self.ends -= usize::from(event.ends_topic());
        if event.has_custom_id() {
            self.by_custom_id.remove(event.id(), event.sequence());
        }
    }
}

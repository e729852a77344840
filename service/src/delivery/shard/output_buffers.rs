//! The bound on what slow streams hold beyond the log.
//!
//! A reader that stops in the middle of an event holds that event even when the log has dropped it,
//! and one on HTTP/2 holds a segment joined of several. All of that is counted, wherever it is held
//! ([`Buffers`](crate::event::Buffers)); when it is more than may be, the streams that are furthest
//! behind are ended, and their clients are replayed or get a gap notice when they come back.
//!
//! Streams whose bytes hyper sends may hold much without ever having refused any, so all streams
//! are looked at. And those bytes are released some time after the stream was ended: until then
//! they count as gone, or all other streams would be ended meanwhile. But they count so only up to
//! half of what may be held: several streams may hold one buffer, which is released with the last
//! of them. Where more than half as much again is held, all slow streams are ended, and connections
//! that do not even take the end of their streams are cut.

use bytes::Bytes;

use super::super::audience::Walk;
use super::super::budget::{self, Budget};
use super::super::deadlines::Tick;
use super::super::keys::SubscriberKey;
use super::{Closing, EndReason, Shard};
use crate::event::Sequence;

/// The most streams that are remembered as furthest behind, and that may have their release
/// pending.
const HOLDERS_MAX: usize = if cfg!(test) { 8 } else { 4_096 };

/// A stream that has not taken what it was handed so long ago is slow. A stream that is read well
/// holds something too, for a moment; and it may be streams of other shards that hold too much.
const SLOW: Tick = 10;

/// A search for streams to be ended.
#[derive(Debug)]
pub(super) struct Search {
    /// Over all streams of the shard.
    walk: Walk,
    /// Streams that hold something, and the last sequence that each has been sent.
    holders: Vec<(Sequence, SubscriberKey)>,
}

impl Search {
    /// Remembers a stream, and forgets those that are least behind where there are too many.
    fn found(&mut self, holder: (Sequence, SubscriberKey)) {
        self.holders.push(holder);
        if self.holders.len() >= 2 * HOLDERS_MAX {
            self.holders.select_nth_unstable(HOLDERS_MAX);
            self.holders.truncate(HOLDERS_MAX);
        }
    }
}

/// When it is worth while to look again, after a search: what is released at once is gone by then.
#[derive(Debug, Default)]
pub(super) struct NextSearch {
    due: Tick,
    /// Or as soon as more than this is held.
    above: usize,
    /// When to count next what is pending release.
    forget: Tick,
}

impl Shard {
    /// Ends the streams that are furthest behind if too much is held; true if there was more to do
    /// than there was time for.
    pub(super) fn enforce_output_buffer_limit(&mut self) -> bool {
        let now = self.deadlines.now();
        let beyond = self.log.buffers().beyond_the_log();
        if now >= self.next_search.forget && self.pending_release.len() > 0 {
            self.pending_release.recount();
            self.next_search.forget = now.saturating_add(1);
        }
        self.next_search.above = self.next_search.above.min(self.with_an_eighth(beyond));
        if !self.holds_too_much() {
            self.search = None;
            return false;
        }
        if now < self.next_search.due && beyond <= self.next_search.above {
            return false;
        }
        let mut budget = self.budget();
        self.pending_release.recount();
        let mut search = self.search.take().unwrap_or_else(|| self.new_search());
        let is_over = self.end_closing_early(&mut budget)
            && self.disconnect_largest_holders(&mut budget)
            && self.continue_search(&mut search, &mut budget)
            && self.end_holders(&mut search, &mut budget);
        if is_over {
            let beyond = self.log.buffers().beyond_the_log();
            self.next_search.due = now.saturating_add(1);
            self.next_search.above = self.with_an_eighth(beyond);
        } else {
            self.search = Some(search);
        }
        !is_over
    }

    /// When to look again, if too much is held or some of it is pending release.
    pub(super) fn next_search(&self) -> Option<Tick> {
        let search = self.holds_too_much().then_some(self.next_search.due);
        let forget = (self.pending_release.len() > 0).then_some(self.next_search.forget);
        search.into_iter().chain(forget).min()
    }

    fn holds_too_much(&self) -> bool {
        self.log.buffers().beyond_the_log() > self.settings.output_buffers_max
    }

    /// Whether so much is held that no stream can be given time to release its bytes.
    fn holds_far_too_much(&self) -> bool {
        let max = self.settings.output_buffers_max;
        self.log.buffers().beyond_the_log() > max.saturating_add(max / 2)
    }

    /// Whether it would still be too much when the streams that have been ended have released their
    /// bytes.
    fn will_hold_too_much(&self) -> bool {
        let buffers = self.log.buffers();
        let max = self.settings.output_buffers_max;
        let pending_release = buffers.pending_release().min(max / 2);
        buffers.beyond_the_log().saturating_sub(pending_release) > max
    }

    /// So much, and an eighth of the limit.
    fn with_an_eighth(&self, bytes: usize) -> usize {
        bytes.saturating_add(self.settings.output_buffers_max / 8)
    }

    /// Cuts the connections of ended streams that still hold bytes, if far too much is held; false
    /// when the budget is spent.
    fn disconnect_largest_holders(&mut self, budget: &mut Budget) -> bool {
        !self.holds_far_too_much() || self.pending_release.disconnect(budget)
    }

    fn new_search(&self) -> Search {
        Search { walk: self.audiences.walk(), holders: Vec::new() }
    }

    /// Aborts closing streams that have not taken their last bytes; false when the budget is spent.
    fn end_closing_early(&mut self, budget: &mut Budget) -> bool {
        while self.pending_release.len() < HOLDERS_MAX {
            let key = self.closing.keys().next().copied();
            let closing = key.and_then(|key| self.closing.remove(&key));
            let Some(mut sink) = closing.map(Closing::into_sink) else { break };
            if sink.held() > 0 {
                sink.abort(&Bytes::new());
            }
            self.pending_release.add(sink);
            if !budget.spend(budget::WRITE) {
                return false;
            }
        }
        true
    }

    /// Finds the streams that hold something and are slow, or whose last event the log no longer
    /// has; false when the budget is spent.
    fn continue_search(&self, search: &mut Search, budget: &mut Budget) -> bool {
        let oldest = self.log.bounds().oldest;
        let now = self.deadlines.now();
        let is_slow = |last_sent| now.saturating_sub(last_sent) >= SLOW;
        while let Some(key) = self.audiences.next_member(&mut search.walk) {
            if let Some(subscriber) = self.subscribers.get(key)
                && subscriber.held() > 0
                && (subscriber.last_id().sequence < oldest || is_slow(subscriber.last_sent()))
            {
                search.found((subscriber.last_id().sequence, key));
            }
            if !budget.spend(budget::LOOK) {
                return false;
            }
        }
        // The furthest behind are taken from the end.
        search.holders.sort_unstable_by(|one, other| other.cmp(one));
        true
    }

    /// Ends one stream after the other, until it is enough; false when the budget is spent before.
    fn end_holders(&mut self, search: &mut Search, budget: &mut Budget) -> bool {
        while self.will_hold_too_much()
            && self.pending_release.len() < HOLDERS_MAX
            && let Some((_, key)) = search.holders.pop()
        {
            self.remove(key, EndReason::OutputBuffers);
            if !budget.spend(2 * budget::WRITE) {
                return false;
            }
        }
        true
    }
}

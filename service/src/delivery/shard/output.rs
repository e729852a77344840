//! The bound on what slow streams hold beyond the log.
//!
//! A reader that stops in the middle of an event holds that event even when the log has dropped it,
//! and one on HTTP/2 holds a piece joined of several. All of that is counted, whoever holds it
//! ([`Buffers`](crate::event::Buffers)); when it is more than may be, those that are furthest behind
//! are ended, and are replayed or told of a gap when they come back.

use super::super::subscriber::SubscriberKey;
use super::{EndReason, Shard};
use crate::event::Sequence;

/// How many streams are looked at in one iteration, and how many are ended.
const LOOKED_AT_MAX: usize = 4_096;
const ENDED_MAX: usize = 64;

impl Shard {
    pub(super) fn end_those_who_hold_too_much(&mut self) {
        if !self.holds_too_much() {
            return;
        }
        let mut slow: Vec<(Sequence, SubscriberKey)> = self
            .blocked
            .iter()
            .take(LOOKED_AT_MAX)
            .filter_map(|&key| Some((self.subscribers.get(key)?.sent, key)))
            .collect();
        slow.sort_unstable();
        for (_, key) in slow.into_iter().take(ENDED_MAX) {
            self.remove(key, EndReason::OutputBuffers);
            if !self.holds_too_much() {
                return;
            }
        }
    }

    fn holds_too_much(&self) -> bool {
        self.log.buffers().beyond_the_log() > self.settings.output_buffers_max
    }
}

//! The messages that were read last, to be compared with what the stream has at their places later: brokers
//! that have lost what they confirmed may fill the places again before anybody looks.

use std::collections::VecDeque;

use super::identity::KnownMessage;
use crate::event::Sequence;

/// How many are remembered: more than are confirmed between an election and the look that follows.
const REMEMBERED_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct RecentMessages(VecDeque<(Sequence, KnownMessage)>);

impl RecentMessages {
    pub(super) fn push(&mut self, sequence: Sequence, message: KnownMessage) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((sequence, message));
    }

    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.0.front().map(|(sequence, _)| *sequence)
    }

    /// Whether another message is known to be there.
    pub(super) fn contradict(&self, sequence: Sequence, message: KnownMessage) -> bool {
        let found = self.0.binary_search_by_key(&sequence, |(sequence, _)| *sequence);
        found.is_ok_and(|at| self.0[at].1 != message)
    }

    pub(super) fn bytes_held(&self) -> usize {
        self.0.capacity() * size_of::<(Sequence, KnownMessage)>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Attempt;
    use super::*;

    #[test]
    fn what_was_read_is_known_again_and_what_is_long_gone_contradicts_nothing() {
        let message = |number| KnownMessage { stored_ms: number, attempt: Some(Attempt(7)) };
        let mut recent = RecentMessages::default();
        let last = REMEMBERED_MAX as u64 + 10;
        for number in 1..=last {
            recent.push(Sequence(2 * number), message(number));
        }
        assert_eq!(recent.oldest(), Some(Sequence(22)));
        let cases = [(2 * last, last, false), (2 * last, 1, true), (23, 1, false), (2, 9, false)];
        for (sequence, stored_ms, expected) in cases {
            let found = recent.contradict(Sequence(sequence), message(stored_ms));
            assert_eq!(found, expected, "{sequence} {stored_ms}");
        }
    }
}

//! Saying how many subscribers topics have, to somebody who looks.
//!
//! Only audiences that name a topic are looked at, and they are found in a map; whether a pattern matches
//! is not asked, which would take as long as there are patterns.

use std::ops::Bound;

use super::super::budget;
use super::super::listing::CountRequest;
use super::Shard;

impl Shard {
    /// Begins an answer. One that is still being made was given up by whoever asked for it: only one
    /// is asked for at a time.
    pub(super) fn begin_counting(&mut self, request: CountRequest) {
        self.counting = Some(Box::new(request));
    }

    /// Goes on with an answer; true when there is more to do.
    pub(super) fn continue_counting(&mut self) -> bool {
        let Some(mut request) = self.counting.take() else { return false };
        if request.recipient.is_closed() {
            return false;
        }
        let mut budget = self.budget();
        while let (at, from) = request.place
            && let Some(topic) = request.counted.topics.get(at)
        {
            let (members, next) = self.audiences.members_of(topic, from, &mut budget);
            request.counted.counts[at] += members;
            if let Some(from) = next {
                request.place = (at, from);
                self.counting = Some(request);
                return true;
            }
            request.place = (at + 1, Bound::Unbounded);
            if !budget.spend(budget::LOOK) {
                self.counting = Some(request);
                return true;
            }
        }
        let CountRequest { counted, recipient, .. } = *request;
        // Whoever asked may have gone just now.
        let _ = recipient.send(counted);
        false
    }
}

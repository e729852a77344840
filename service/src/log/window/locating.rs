//! Positions by id and by time: where a client goes on.

use super::Window;
use crate::event::{Event, HubId, Sequence};
use crate::log::Position;

impl Window {
    /// The time at a position, where it is known.
    pub(in crate::log) fn time_at(&self, sequence: Sequence) -> Option<u64> {
        if sequence == self.head {
            return Some(self.head_ms);
        }
        if sequence == self.oldest().previous() {
            return Some(self.start_ms);
        }
        let of_event = self.get(sequence).map(|event| event.accepted_ms());
        let of_event = of_event.or_else(|| self.passed_over.time_at(sequence));
        of_event.or_else(|| self.holes.time_at(sequence))
    }

    /// The id that the hub makes for a position, where the time of that is known. The one before an event
    /// that is kept was accepted no later than that.
    pub(in crate::log) fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        let kept = || self.kept.get(sequence.next()).map(|event| event.accepted_ms());
        let accepted_ms = self.time_at(sequence).or_else(kept)?;
        Some(HubId { epoch: self.epoch, sequence, accepted_ms })
    }

    /// Where a client goes on that has seen the event with this id.
    pub(in crate::log) fn locate(&self, id: &str, now_ms: u64) -> Position {
        if let Some(sequence) = self.earliest_with_id(id) {
            return Position::After(sequence);
        }
        let Some(id) = HubId::parse(id) else { return Position::Unknown };
        if id.epoch == self.epoch && self.has_made(id) {
            return Position::After(id.sequence);
        }
        // Nothing can be known of what has not happened yet.
        if id.epoch == self.epoch || id.accepted_ms > self.head_ms.max(now_ms) {
            return Position::Unknown;
        }
        Position::Later(self.last_accepted_by(id.accepted_ms))
    }

    /// The time has to fit as well: two logs that began in the same second may have drawn the same
    /// epoch.
    fn has_made(&self, id: HubId) -> bool {
        if !self.kept_allows(id) {
            return false;
        }
        let is_before_all = id.sequence < self.oldest();
        let is_known = self.start_is_exact || id.sequence != self.oldest().previous();
        match self.time_at(id.sequence).filter(|_| is_known) {
            Some(accepted_ms) => accepted_ms == id.accepted_ms,
            None => is_before_all && id.accepted_ms <= self.start_ms,
        }
    }

    /// Whether an id goes with the times of what is kept around it: a log that was restored from a copy has
    /// given its sequence again, later.
    pub(in crate::log) fn kept_allows(&self, id: HubId) -> bool {
        let before = self.kept.range(Sequence(0), id.sequence).next_back();
        let behind = self.kept.range(id.sequence, Sequence::MAX.previous()).next();
        before.is_none_or(|event| event.accepted_ms() <= id.accepted_ms)
            && behind.is_none_or(|event| event.accepted_ms() >= id.accepted_ms)
    }

    /// The last sequence that was accepted at or before a time; one before the oldest when all are
    /// later, whatever is kept.
    pub(in crate::log) fn last_accepted_by(&self, ms: u64) -> Sequence {
        let latest_through =
            |event: &Event| self.clock_steps.latest_through(event.sequence(), event.accepted_ms());
        let earlier = self.events.partition_point(|event| latest_through(event) <= ms);
        self.events.get(earlier).map_or(self.head, |event| event.sequence().previous())
    }
}

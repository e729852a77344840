//! When to look at a subscriber again: heartbeats, ages and drains, for very many at once.
//!
//! One ring of coarse ticks for a whole shard, and one entry a subscriber, so that 100,000 streams
//! do not own 100,000 timers. Sending an event does not move the entry; a subscriber that is looked
//! at too early is simply put back for later. Entries further away than the ring reaches are put at
//! its end and looked at there.

use std::time::Duration;

/// The length of a tick. Heartbeats and drains need no more precision than this.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Ticks since the shard began; 32 bits last for 13 years.
pub(super) type Tick = u32;

/// The ring spans 102 seconds.
const SLOTS: u32 = 1024;

/// A ring of entries by the tick at which they are due.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    slots: Vec<Vec<K>>,
    now: Tick,
    entries: usize,
}

impl<K> Deadlines<K> {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), now: 0, entries: 0 }
    }

    pub(super) fn now(&self) -> Tick {
        self.now
    }

    /// Puts an entry at `due`, or at the next tick if that is past.
    pub(super) fn insert(&mut self, key: K, due: Tick) {
        let ahead = due.saturating_sub(self.now).clamp(1, SLOTS - 1);
        self.slots[((self.now + ahead) % SLOTS) as usize].push(key);
        self.entries += 1;
    }

    /// Moves one tick on towards `now` and moves what is due there into `due`. False when the ring
    /// has reached `now`.
    pub(super) fn advance(&mut self, now: Tick, due: &mut Vec<K>) -> bool {
        if self.now >= now {
            return false;
        }
        if self.entries == 0 {
            self.now = now;
            return false;
        }
        self.now += 1;
        let slot = &mut self.slots[(self.now % SLOTS) as usize];
        self.entries -= slot.len();
        due.append(slot);
        if slot.capacity() > 64 {
            // A drain fills slots once with thousands; they do not keep that space.
            *slot = Vec::new();
        }
        true
    }

    /// How many ticks from now the next entry is due; `None` when there is none.
    pub(super) fn next_in(&self) -> Option<Tick> {
        if self.entries == 0 {
            return None;
        }
        (1..SLOTS).find(|ahead| !self.slots[((self.now + ahead) % SLOTS) as usize].is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_by(deadlines: &mut Deadlines<&'static str>, now: Tick) -> Vec<&'static str> {
        let mut due = Vec::new();
        while deadlines.advance(now, &mut due) {}
        due
    }

    #[test]
    fn an_entry_is_due_at_its_tick_and_not_before() {
        let mut deadlines = Deadlines::new();
        deadlines.insert("a", 3);
        assert_eq!(deadlines.next_in(), Some(3));
        assert_eq!(due_by(&mut deadlines, 2), Vec::<&str>::new());
        assert_eq!(due_by(&mut deadlines, 3), ["a"]);
        assert_eq!(deadlines.next_in(), None);
    }

    #[test]
    fn an_entry_that_is_past_is_due_at_the_next_tick() {
        let mut deadlines = Deadlines::new();
        due_by(&mut deadlines, 100);
        deadlines.insert("late", 7);
        assert_eq!(due_by(&mut deadlines, 101), ["late"]);
    }

    #[test]
    fn an_entry_beyond_the_ring_is_looked_at_where_the_ring_ends() {
        let mut deadlines = Deadlines::new();
        deadlines.insert("far", 5_000);
        assert_eq!(due_by(&mut deadlines, SLOTS - 2), Vec::<&str>::new());
        assert_eq!(due_by(&mut deadlines, SLOTS - 1), ["far"]);
    }

    #[test]
    fn an_empty_ring_jumps_to_now() {
        let mut deadlines: Deadlines<&str> = Deadlines::new();
        assert_eq!(due_by(&mut deadlines, 4_000_000), Vec::<&str>::new());
        assert_eq!(deadlines.now(), 4_000_000);
    }
}

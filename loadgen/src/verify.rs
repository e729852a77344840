//! What one subscriber has seen of the events that it should see, by sequence: in order, after a
//! hole, late, or again. No I/O and no clock; a subscriber to whom nothing bad happened holds one
//! number for each sequence and nothing else. Sequences are those of the publishers, called lanes.
//!
//! A hole is only a suspicion until the end of the run: what fills it later was out of order, not
//! lost. What stays empty is sorted by whether the subscriber could know: it was told so, it was away
//! without an id to resume from, or nobody said a word.

/// How a run of missing events is to be judged if it stays missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nobody said anything.
    Silent,
    /// The server said that something is missing here.
    Announced,
    /// The subscriber was away and had no id to resume from.
    Unresumable,
}

/// How an event arrived, seen from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one that was due, or the first of a publisher that nothing is known about.
    Next,
    /// So many before it have not arrived yet.
    AfterHole(u64),
    /// One that was missing.
    Late,
    /// One that had arrived before.
    Again,
}

/// What never arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) silent: u64,
    pub(crate) announced: u64,
    pub(crate) unresumable: u64,
}

impl Losses {
    pub(crate) fn total(self) -> u64 {
        self.silent + self.announced + self.unresumable
    }

    fn add(&mut self, cause: Cause, count: u64) {
        match cause {
            Cause::Silent => self.silent += count,
            Cause::Announced => self.announced += count,
            Cause::Unresumable => self.unresumable += count,
        }
    }
}

/// The next sequence of a lane of which no event has been seen and no beginning is known.
const UNKNOWN: u64 = u64::MAX;

/// Holes of one subscriber that are remembered one by one; older ones are only counted.
const HOLES: usize = 1024;

/// What one subscriber has seen.
#[derive(Debug)]
pub(crate) struct Progress {
    first: u64,
    others: Box<[u64]>,
    doubt: Option<Box<Doubt>>,
    /// Different events that have arrived.
    pub(crate) unique: u64,
}

#[derive(Debug, Default)]
struct Doubt {
    holes: Vec<Hole>,
    /// Holes that are no longer remembered one by one.
    settled: Losses,
    /// Losses that were announced with a number, wherever they are.
    credit: u64,
    /// Events that arrived damaged, so that nobody knows which they were.
    damaged: u64,
    /// How the next hole of each lane is to be judged.
    pending: Vec<Option<Cause>>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    lane: u16,
    from: u64,
    to: u64,
    cause: Cause,
}

impl Progress {
    /// Of a subscriber who is there before the first event of every lane.
    pub(crate) fn from_the_start(lanes: usize) -> Self {
        Self::new(lanes, 0)
    }

    /// Of a subscriber who comes in the middle: what it sees first is the beginning.
    pub(crate) fn from_what_comes(lanes: usize) -> Self {
        Self::new(lanes, UNKNOWN)
    }

    fn new(lanes: usize, next: u64) -> Self {
        let others = vec![next; lanes.saturating_sub(1)].into();
        Self { first: next, others, doubt: None, unique: 0 }
    }

    /// An event of a lane has arrived.
    pub(crate) fn arrive(&mut self, lane: u16, sequence: u64) -> Arrival {
        let next = self.next(lane);
        let arrival = if sequence == next || next == UNKNOWN {
            if self.doubt.is_some() {
                self.take_pending(lane);
            }
            Arrival::Next
        } else if sequence > next {
            self.open_hole(lane, next, sequence);
            Arrival::AfterHole(sequence - next)
        } else if self.fill(lane, sequence) {
            self.unique += 1;
            return Arrival::Late;
        } else {
            return Arrival::Again;
        };
        self.unique += 1;
        self.set_next(lane, sequence + 1);
        arrival
    }

    /// The server says that events are missing: so many, or an unknown number, at this place.
    pub(crate) fn announced(&mut self, count: Option<u64>) {
        match count {
            Some(count) => {
                let doubt = self.doubt();
                doubt.credit = doubt.credit.saturating_add(count);
            }
            None => self.expect_hole(Cause::Announced),
        }
    }

    /// An event arrived damaged: it is not missing, though nobody can say which it was.
    pub(crate) fn damaged(&mut self) {
        self.doubt().damaged += 1;
    }

    /// The first hole that is left, for words: its lane, its first sequence and the one after its last.
    pub(crate) fn first_hole(&self) -> Option<(u16, u64, u64)> {
        let holes = &self.doubt.as_deref()?.holes;
        holes.iter().find(|hole| hole.cause == Cause::Silent).map(|h| (h.lane, h.from, h.to))
    }

    /// The subscriber comes back without an id: it cannot get what it missed.
    pub(crate) fn back_without_id(&mut self) {
        self.expect_hole(Cause::Unresumable);
    }

    /// Events of a lane that have been published and not seen yet, holes apart.
    pub(crate) fn behind(&self, lane: u16, published: u64) -> u64 {
        match self.next(lane) {
            UNKNOWN => 0,
            next => published.saturating_sub(next),
        }
    }

    /// The end: what is missing now is lost. `published` holds how many events each lane published
    /// on the subscriber's topic, when that is known; `excused` holds those of them that the server
    /// never accepted.
    pub(crate) fn settle(&mut self, published: Option<&[u64]>, excused: &[(u8, u64)]) -> Losses {
        for (lane, &published) in (0..=u16::MAX).zip(published.unwrap_or_default()) {
            let next = self.next(lane);
            if next < published {
                self.open_hole(lane, next, published);
                self.set_next(lane, published);
            }
        }
        let Some(doubt) = self.doubt.as_deref() else { return Losses::default() };
        let mut losses = doubt.settled;
        for hole in &doubt.holes {
            let excuses = |(lane, sequence): &&(u8, u64)| {
                u16::from(*lane) == hole.lane && (hole.from..hole.to).contains(sequence)
            };
            let forgiven = excused.iter().filter(excuses).count() as u64;
            losses.add(hole.cause, (hole.to - hole.from).saturating_sub(forgiven));
        }
        let told = losses.silent.min(doubt.credit);
        losses.silent -= told;
        losses.announced += told;
        losses.silent = losses.silent.saturating_sub(doubt.damaged);
        losses
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn heap(&self) -> usize {
        let doubt = self.doubt.as_deref().map_or(0, |doubt| {
            size_of::<Doubt>()
                + doubt.holes.capacity() * size_of::<Hole>()
                + doubt.pending.capacity() * size_of::<Option<Cause>>()
        });
        size_of_val(&*self.others) + doubt
    }

    fn next(&self, lane: u16) -> u64 {
        match lane {
            0 => self.first,
            lane => self.others.get(usize::from(lane) - 1).copied().unwrap_or(UNKNOWN),
        }
    }

    fn set_next(&mut self, lane: u16, next: u64) {
        if lane == 0 {
            self.first = next;
            return;
        }
        let place = usize::from(lane) - 1;
        if place >= self.others.len() {
            // A sequence that was not known of at the beginning.
            let mut longer = self.others.to_vec();
            longer.resize(place + 1, UNKNOWN);
            self.others = longer.into();
        }
        self.others[place] = next;
    }

    fn doubt(&mut self) -> &mut Doubt {
        self.doubt.get_or_insert_default()
    }

    fn expect_hole(&mut self, cause: Cause) {
        let lanes = 1 + self.others.len();
        self.doubt().pending = vec![Some(cause); lanes];
    }

    fn take_pending(&mut self, lane: u16) -> Option<Cause> {
        self.doubt.as_deref_mut()?.pending.get_mut(usize::from(lane))?.take()
    }

    fn open_hole(&mut self, lane: u16, from: u64, to: u64) {
        let cause = self.take_pending(lane).unwrap_or(Cause::Silent);
        let doubt = self.doubt();
        if doubt.holes.len() == HOLES {
            let oldest = doubt.holes.remove(0);
            doubt.settled.add(oldest.cause, oldest.to - oldest.from);
        }
        doubt.holes.push(Hole { lane, from, to, cause });
    }

    /// Takes one event out of the hole that it is missing from.
    fn fill(&mut self, lane: u16, sequence: u64) -> bool {
        let Some(doubt) = self.doubt.as_deref_mut() else { return false };
        let holds = |hole: &Hole| hole.lane == lane && (hole.from..hole.to).contains(&sequence);
        let Some(place) = doubt.holes.iter().position(holds) else { return false };
        let hole = doubt.holes[place];
        let parts = [Hole { to: sequence, ..hole }, Hole { from: sequence + 1, ..hole }];
        let parts = parts.into_iter().filter(|part| part.from < part.to);
        doubt.holes.splice(place..=place, parts);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrivals of lane 0 in this order, of so many published.
    fn after(sequences: &[u64], published: u64) -> (Vec<Arrival>, Losses) {
        let mut progress = Progress::from_the_start(1);
        let arrivals = sequences.iter().map(|sequence| progress.arrive(0, *sequence)).collect();
        (arrivals, progress.settle(Some(&[published]), &[]))
    }

    fn silent(silent: u64) -> Losses {
        Losses { silent, ..Losses::default() }
    }

    #[test]
    fn what_happened_to_each_event_is_told_apart() {
        use Arrival::{AfterHole, Again, Late, Next};
        let cases: &[(&[u64], u64, &[Arrival], u64)] = &[
            (&[0, 1, 2], 3, &[Next, Next, Next], 0),
            (&[0, 2], 3, &[Next, AfterHole(1)], 1),
            (&[0, 2, 1], 3, &[Next, AfterHole(1), Late], 0),
            (&[0, 0, 1], 2, &[Next, Again, Next], 0),
            (&[0, 2, 1, 1], 3, &[Next, AfterHole(1), Late, Again], 0),
            (&[3, 1, 0], 4, &[AfterHole(3), Late, Late], 1),
            (&[0, 1], 5, &[Next, Next], 3),
            (&[], 5, &[], 5),
        ];
        for (sequences, published, arrivals, lost) in cases {
            let found = after(sequences, *published);
            assert_eq!(found, (arrivals.to_vec(), silent(*lost)), "{sequences:?} of {published}");
        }
    }

    #[test]
    fn lanes_are_independent() {
        let mut progress = Progress::from_the_start(3);
        for (lane, sequence) in [(2, 0), (0, 0), (1, 0), (2, 1), (0, 1)] {
            assert_eq!(progress.arrive(lane, sequence), Arrival::Next);
        }
        assert_eq!(progress.behind(1, 4), 3);
        assert_eq!(progress.settle(Some(&[2, 1, 3]), &[]), silent(1));
        assert_eq!(progress.unique, 5);
    }

    #[test]
    fn a_loss_that_was_announced_with_its_number_is_not_silent() {
        let mut progress = Progress::from_the_start(1);
        progress.arrive(0, 0);
        progress.announced(Some(3));
        assert_eq!(progress.arrive(0, 4), Arrival::AfterHole(3));
        assert_eq!(progress.arrive(0, 6), Arrival::AfterHole(1));
        let losses = progress.settle(Some(&[7]), &[]);
        assert_eq!(losses, Losses { silent: 1, announced: 3, unresumable: 0 });
    }

    #[test]
    fn a_loss_that_was_announced_without_a_number_covers_the_hole_at_that_place_only() {
        let mut progress = Progress::from_the_start(1);
        progress.arrive(0, 0);
        progress.announced(None);
        progress.arrive(0, 4);
        progress.arrive(0, 6);
        let losses = progress.settle(Some(&[7]), &[]);
        assert_eq!(losses, Losses { silent: 1, announced: 3, unresumable: 0 });
    }

    #[test]
    fn an_announcement_with_nothing_missing_forgives_nothing_later() {
        let mut progress = Progress::from_the_start(1);
        progress.announced(None);
        assert_eq!(progress.arrive(0, 0), Arrival::Next);
        progress.arrive(0, 2);
        assert_eq!(progress.settle(Some(&[3]), &[]), silent(1));
    }

    #[test]
    fn what_was_missed_without_an_id_is_its_own_kind() {
        let mut progress = Progress::from_the_start(1);
        progress.arrive(0, 0);
        progress.back_without_id();
        progress.arrive(0, 5);
        let losses = progress.settle(Some(&[6]), &[]);
        assert_eq!(losses, Losses { silent: 0, announced: 0, unresumable: 4 });
    }

    #[test]
    fn events_that_were_never_accepted_are_not_missing() {
        let mut progress = Progress::from_the_start(1);
        progress.arrive(0, 0);
        progress.arrive(0, 3);
        assert_eq!(progress.settle(Some(&[6]), &[(0, 1), (0, 5), (1, 2)]), silent(2));
    }

    #[test]
    fn who_comes_in_the_middle_misses_only_what_comes_after() {
        let mut progress = Progress::from_what_comes(2);
        assert_eq!(progress.arrive(0, 100), Arrival::Next);
        assert_eq!(progress.arrive(0, 102), Arrival::AfterHole(1));
        assert_eq!(progress.behind(1, 50), 0);
        assert_eq!(progress.settle(Some(&[103, 50]), &[]), silent(1));
    }

    #[test]
    fn the_memory_of_holes_is_bounded_and_none_is_forgotten() {
        let mut progress = Progress::from_the_start(1);
        for sequence in (1..10_000).step_by(2) {
            progress.arrive(0, sequence);
        }
        assert!(progress.heap() < 64 << 10, "{}", progress.heap());
        assert_eq!(progress.settle(Some(&[10_000]), &[]), silent(5000));
    }
}

//! Tracks the sequences of one subscriber: which events arrived in order, after a gap, out of
//! order, or as duplicates. No I/O and no clock; a subscriber that missed nothing holds one number
//! for each publisher and nothing else.
//!
//! A gap is final only at the end of the run: an event that fills it later was out of order, not
//! lost. What is still missing then is sorted by its cause: the server announced the loss, the
//! subscriber was away without an id to resume from, or neither, which is a silent gap.

use std::collections::VecDeque;

/// How a run of missing events is to be judged if it stays missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing was announced.
    Silent,
    /// The server said that something is missing here.
    Announced,
    /// The subscriber was away and had no id to resume from.
    Unresumable,
}

/// How an event arrived, seen from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one that comes next, or the first of a publisher that is not known yet.
    Next,
    /// So many before it have not arrived yet.
    AfterGap(u64),
    /// One that was missing.
    OutOfOrder,
    /// One that had arrived before.
    Duplicate,
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

/// The next sequence of a publisher of which no event has been seen and no beginning is known.
const UNKNOWN: u64 = u64::MAX;

/// Gaps of one subscriber that are remembered one by one at least; older ones are only counted, and count as
/// lost although some of what is missing may not have been accepted.
const MIN_GAPS: u32 = 1_024;
/// Where there are few subscribers each remembers more: so many all together.
const ALL_GAPS: usize = 1 << 20;
/// No subscriber remembers more.
const MAX_GAPS: u32 = 1 << 16;

/// Which events of each publisher one subscriber has got.
#[derive(Debug)]
pub(crate) struct SequenceTracker {
    first: u64,
    others: Box<[u64]>,
    gaps: Option<Box<Gaps>>,
    /// How many gaps are remembered one by one.
    gaps_max: u32,
    /// Different events that have arrived.
    pub(crate) unique: u64,
}

#[derive(Debug, Default)]
struct Gaps {
    open: VecDeque<Gap>,
    /// Gaps that are no longer remembered one by one.
    forgotten: Losses,
    /// Losses that were announced with a number, in whichever gap they are.
    announced: u64,
    /// Events that arrived damaged, so that it is not known which they were.
    damaged: u64,
    /// Events that came after later ones: their publishers and sequences.
    late: Vec<(u16, u64)>,
    /// How the next gap of each publisher is to be judged.
    pending: Vec<Option<Cause>>,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    publisher: u16,
    from: u64,
    to: u64,
    cause: Cause,
}

impl SequenceTracker {
    /// Of a subscriber that is connected before the first event of every publisher.
    pub(crate) fn from_the_first_event(publishers: usize) -> Self {
        Self::new(publishers, 0)
    }

    /// Of a subscriber that joins in the middle: its first event of each publisher is the
    /// beginning.
    pub(crate) fn from_any_event(publishers: usize) -> Self {
        Self::new(publishers, UNKNOWN)
    }

    fn new(publishers: usize, next: u64) -> Self {
        let others = vec![next; publishers.saturating_sub(1)].into();
        Self { first: next, others, gaps: None, gaps_max: MIN_GAPS, unique: 0 }
    }

    /// The same for one of so many subscribers.
    pub(crate) fn among(self, subscribers: usize) -> Self {
        let share = u32::try_from(ALL_GAPS / subscribers.max(1)).unwrap_or(MAX_GAPS);
        Self { gaps_max: share.clamp(MIN_GAPS, MAX_GAPS), ..self }
    }

    /// One that has seen nothing, and joins in the middle.
    pub(crate) fn begun_late(&self, publishers: usize) -> Self {
        Self { gaps_max: self.gaps_max, ..Self::from_any_event(publishers) }
    }

    /// An event of a publisher has arrived.
    pub(crate) fn arrive(&mut self, publisher: u16, sequence: u64) -> Arrival {
        let next = self.next(publisher);
        let arrival = if sequence == next || next == UNKNOWN {
            if self.gaps.is_some() {
                self.take_pending(publisher);
            }
            Arrival::Next
        } else if sequence > next {
            self.open_gap(publisher, next, sequence);
            Arrival::AfterGap(sequence - next)
        } else if self.fill(publisher, sequence) {
            self.unique += 1;
            return Arrival::OutOfOrder;
        } else {
            return Arrival::Duplicate;
        };
        self.unique += 1;
        self.set_next(publisher, sequence + 1);
        arrival
    }

    /// The server says that events are missing: so many, or an unknown number, at this place.
    pub(crate) fn announced(&mut self, count: Option<u64>) {
        match count {
            Some(count) => {
                let gaps = self.gaps();
                gaps.announced = gaps.announced.saturating_add(count);
            }
            None => self.expect_gap(Cause::Announced),
        }
    }

    /// An event arrived damaged: it is not missing, though it is not known which it was.
    pub(crate) fn damaged(&mut self) {
        self.gaps().damaged += 1;
    }

    /// The first gap that is left, for words: its publisher, its first sequence and the one after
    /// its last.
    pub(crate) fn first_gap(&self) -> Option<(u16, u64, u64)> {
        let gaps = &self.gaps.as_deref()?.open;
        gaps.iter().find(|gap| gap.cause == Cause::Silent).map(|h| (h.publisher, h.from, h.to))
    }

    /// Which events came after later ones, as far as they are remembered one by one.
    pub(crate) fn late(&self) -> &[(u16, u64)] {
        self.gaps.as_deref().map_or(&[], |gaps| &gaps.late)
    }

    /// The subscriber reconnected without an id: it cannot get what it missed.
    pub(crate) fn reconnected_without_id(&mut self) {
        self.expect_gap(Cause::Unresumable);
    }

    /// Events of a publisher that have been published and have not arrived yet, without those in
    /// gaps.
    pub(crate) fn behind(&self, publisher: u16, published: u64) -> u64 {
        match self.next(publisher) {
            UNKNOWN => 0,
            next => published.saturating_sub(next),
        }
    }

    /// The end: what is missing now is lost. `published` holds how many events each publisher
    /// published on the subscriber's topic, when that is known; `unaccepted` holds those of them
    /// that the server never accepted, in order.
    pub(crate) fn finish(&mut self, published: Option<&[u64]>, unaccepted: &[(u8, u64)]) -> Losses {
        for (publisher, &published) in (0..=u16::MAX).zip(published.unwrap_or_default()) {
            let next = self.next(publisher);
            if next < published {
                self.open_gap(publisher, next, published);
                self.set_next(publisher, published);
            }
        }
        let Some(gaps) = self.gaps.as_deref() else { return Losses::default() };
        let mut losses = gaps.forgotten;
        for gap in &gaps.open {
            let before = |end: u64| {
                let place = (gap.publisher, end);
                unaccepted.partition_point(|&(publisher, at)| (u16::from(publisher), at) < place)
            };
            let not_accepted = (before(gap.to) - before(gap.from)) as u64;
            losses.add(gap.cause, (gap.to - gap.from).saturating_sub(not_accepted));
        }
        let announced = losses.silent.min(gaps.announced);
        losses.silent -= announced;
        losses.announced += announced;
        losses.silent = losses.silent.saturating_sub(gaps.damaged);
        losses
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn heap(&self) -> usize {
        let gaps = self.gaps.as_deref().map_or(0, |gaps| {
            size_of::<Gaps>()
                + gaps.open.capacity() * size_of::<Gap>()
                + gaps.pending.capacity() * size_of::<Option<Cause>>()
                + gaps.late.capacity() * size_of::<(u16, u64)>()
        });
        size_of_val(&*self.others) + gaps
    }

    fn next(&self, publisher: u16) -> u64 {
        match publisher {
            0 => self.first,
            publisher => self.others.get(usize::from(publisher) - 1).copied().unwrap_or(UNKNOWN),
        }
    }

    fn set_next(&mut self, publisher: u16, next: u64) {
        if publisher == 0 {
            self.first = next;
            return;
        }
        let place = usize::from(publisher) - 1;
        if place >= self.others.len() {
            // A sequence that was not known of at the beginning.
            let mut longer = self.others.to_vec();
            longer.resize(place + 1, UNKNOWN);
            self.others = longer.into();
        }
        self.others[place] = next;
    }

    fn gaps(&mut self) -> &mut Gaps {
        self.gaps.get_or_insert_default()
    }

    fn expect_gap(&mut self, cause: Cause) {
        let publishers = 1 + self.others.len();
        self.gaps().pending = vec![Some(cause); publishers];
    }

    fn take_pending(&mut self, publisher: u16) -> Option<Cause> {
        self.gaps.as_deref_mut()?.pending.get_mut(usize::from(publisher))?.take()
    }

    fn open_gap(&mut self, publisher: u16, from: u64, to: u64) {
        let cause = self.take_pending(publisher).unwrap_or(Cause::Silent);
        let gaps_max = self.gaps_max as usize;
        let gaps = self.gaps();
        if gaps.open.len() >= gaps_max
            && let Some(oldest) = gaps.open.pop_front()
        {
            gaps.forgotten.add(oldest.cause, oldest.to - oldest.from);
        }
        gaps.open.push_back(Gap { publisher, from, to, cause });
    }

    /// Takes one event out of the gap that it is missing from.
    fn fill(&mut self, publisher: u16, sequence: u64) -> bool {
        let Some(gaps) = self.gaps.as_deref_mut() else { return false };
        let holds =
            |gap: &Gap| gap.publisher == publisher && (gap.from..gap.to).contains(&sequence);
        // What comes late is nearly always of the last ones.
        let Some(place) = gaps.open.iter().rposition(holds) else { return false };
        let gap = gaps.open[place];
        let (before, behind) = (Gap { to: sequence, ..gap }, Gap { from: sequence + 1, ..gap });
        match (before.from < before.to, behind.from < behind.to) {
            (true, true) => {
                gaps.open[place] = behind;
                gaps.open.insert(place, before);
            }
            (true, false) => gaps.open[place] = before,
            (false, true) => gaps.open[place] = behind,
            (false, false) => drop(gaps.open.remove(place)),
        }
        if gaps.late.len() < MIN_GAPS as usize {
            gaps.late.push((publisher, sequence));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrivals of publisher 0 in this order, of so many published.
    fn after(sequences: &[u64], published: u64) -> (Vec<Arrival>, Losses) {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        let arrivals = sequences.iter().map(|sequence| tracker.arrive(0, *sequence)).collect();
        (arrivals, tracker.finish(Some(&[published]), &[]))
    }

    fn silent(silent: u64) -> Losses {
        Losses { silent, ..Losses::default() }
    }

    #[test]
    fn what_happened_to_each_event_is_told_apart() {
        use Arrival::{AfterGap, Duplicate, Next, OutOfOrder};
        let cases: &[(&[u64], u64, &[Arrival], u64)] = &[
            (&[0, 1, 2], 3, &[Next, Next, Next], 0),
            (&[0, 2], 3, &[Next, AfterGap(1)], 1),
            (&[0, 2, 1], 3, &[Next, AfterGap(1), OutOfOrder], 0),
            (&[0, 0, 1], 2, &[Next, Duplicate, Next], 0),
            (&[0, 2, 1, 1], 3, &[Next, AfterGap(1), OutOfOrder, Duplicate], 0),
            (&[3, 1, 0], 4, &[AfterGap(3), OutOfOrder, OutOfOrder], 1),
            (&[0, 1], 5, &[Next, Next], 3),
            (&[], 5, &[], 5),
        ];
        for (sequences, published, arrivals, lost) in cases {
            let found = after(sequences, *published);
            assert_eq!(found, (arrivals.to_vec(), silent(*lost)), "{sequences:?} of {published}");
        }
    }

    #[test]
    fn publishers_are_independent() {
        let mut tracker = SequenceTracker::from_the_first_event(3);
        for (publisher, sequence) in [(2, 0), (0, 0), (1, 0), (2, 1), (0, 1)] {
            assert_eq!(tracker.arrive(publisher, sequence), Arrival::Next);
        }
        assert_eq!(tracker.behind(1, 4), 3);
        assert_eq!(tracker.finish(Some(&[2, 1, 3]), &[]), silent(1));
        assert_eq!(tracker.unique, 5);
    }

    #[test]
    fn a_loss_that_was_announced_with_its_number_is_not_silent() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        tracker.arrive(0, 0);
        tracker.announced(Some(3));
        assert_eq!(tracker.arrive(0, 4), Arrival::AfterGap(3));
        assert_eq!(tracker.arrive(0, 6), Arrival::AfterGap(1));
        let losses = tracker.finish(Some(&[7]), &[]);
        assert_eq!(losses, Losses { silent: 1, announced: 3, unresumable: 0 });
    }

    #[test]
    fn a_loss_that_was_announced_without_a_number_covers_the_gap_at_that_place_only() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        tracker.arrive(0, 0);
        tracker.announced(None);
        tracker.arrive(0, 4);
        tracker.arrive(0, 6);
        let losses = tracker.finish(Some(&[7]), &[]);
        assert_eq!(losses, Losses { silent: 1, announced: 3, unresumable: 0 });
    }

    #[test]
    fn an_announcement_with_nothing_missing_excuses_no_later_gap() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        tracker.announced(None);
        assert_eq!(tracker.arrive(0, 0), Arrival::Next);
        tracker.arrive(0, 2);
        assert_eq!(tracker.finish(Some(&[3]), &[]), silent(1));
    }

    #[test]
    fn what_was_missed_without_an_id_is_its_own_kind() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        tracker.arrive(0, 0);
        tracker.reconnected_without_id();
        tracker.arrive(0, 5);
        let losses = tracker.finish(Some(&[6]), &[]);
        assert_eq!(losses, Losses { silent: 0, announced: 0, unresumable: 4 });
    }

    #[test]
    fn events_that_were_never_accepted_are_not_missing() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        tracker.arrive(0, 0);
        tracker.arrive(0, 3);
        assert_eq!(tracker.finish(Some(&[6]), &[(0, 1), (0, 5), (1, 2)]), silent(2));
    }

    #[test]
    fn where_few_subscribe_nothing_that_was_not_accepted_counts_as_lost_however_often_it_happens() {
        let unaccepted: Vec<(u8, u64)> = (0..10_000).map(|half| (0, 2 * half)).collect();
        for (subscribers, lost) in [(16, 0), (100_000, 10_000 - u64::from(MIN_GAPS))] {
            let mut tracker = SequenceTracker::from_the_first_event(1).among(subscribers);
            for sequence in (1..20_000).step_by(2) {
                tracker.arrive(0, sequence);
            }
            let losses = tracker.finish(Some(&[20_000]), &unaccepted);
            assert_eq!(losses, silent(lost), "{subscribers}");
        }
    }

    #[test]
    fn a_subscriber_that_joins_in_the_middle_misses_only_later_events() {
        let mut tracker = SequenceTracker::from_any_event(2);
        assert_eq!(tracker.arrive(0, 100), Arrival::Next);
        assert_eq!(tracker.arrive(0, 102), Arrival::AfterGap(1));
        assert_eq!(tracker.behind(1, 50), 0);
        assert_eq!(tracker.finish(Some(&[103, 50]), &[]), silent(1));
    }

    #[test]
    fn the_memory_of_gaps_is_bounded_and_none_is_forgotten() {
        let mut tracker = SequenceTracker::from_the_first_event(1);
        for sequence in (1..10_000).step_by(2) {
            tracker.arrive(0, sequence);
        }
        assert!(tracker.heap() < 64 << 10, "{}", tracker.heap());
        assert_eq!(tracker.finish(Some(&[10_000]), &[]), silent(5000));
        // Those that are remembered can still come.
        for sequence in (0..5_000_u64).rev().map(|half| 2 * half) {
            tracker.arrive(0, sequence);
        }
        assert_eq!(tracker.late().len(), MIN_GAPS as usize);
        assert!(tracker.heap() < 64 << 10, "{}", tracker.heap());
    }
}

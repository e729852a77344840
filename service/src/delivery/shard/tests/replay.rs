//! From replay to live.

use super::*;

/// When a script makes a pass: one bit for each chance, the first one lowest.
#[derive(Clone, Copy, Debug)]
struct Passes(u32);

impl Passes {
    const ALL: u32 = 1 << 5;

    fn chance(&mut self, stage: &mut Stage) {
        if self.0 & 1 == 1 {
            stage.shard.iterate();
        }
        self.0 >>= 1;
    }
}

/// Events before a subscription, between it and the join, and after; and from where it resumes.
#[derive(Clone, Copy, Debug)]
struct Seam {
    before: u64,
    cursor: u64,
    between: u64,
    after: u64,
    selector: &'static str,
}

impl Seam {
    /// Odd events are for the subscriber; even ones only if it wants everything.
    fn publish(stage: &Stage, count: u64) {
        for _ in 0..count {
            let next = stage.hub.log().bounds().head.next();
            stage.publish(if next.0 % 2 == 1 { "a" } else { "b" });
        }
    }

    fn play(self, mut passes: Passes, neighbour: bool) {
        let case = (self, passes, neighbour);
        let mut stage = stage();
        let _neighbour = neighbour.then(|| stage.join(&[self.selector]));
        Self::publish(&stage, self.before);
        passes.chance(&mut stage);
        let cursor = Sequence(self.cursor);
        let subscription = Subscription { cursor, ..stage.subscribe(&[self.selector], None) };
        Self::publish(&stage, self.between);
        passes.chance(&mut stage);
        let reader = Reader::with_room(usize::MAX);
        stage.post(subscription, &reader);
        passes.chance(&mut stage);
        for _ in 0..self.after {
            Self::publish(&stage, 1);
            passes.chance(&mut stage);
        }
        stage.settle();
        let all = self.cursor + 1..=self.before + self.between + self.after;
        let expected: Vec<_> =
            all.filter(|sequence| self.selector == "*" || sequence % 2 == 1).collect();
        assert_eq!(reader.sequences(), expected, "{case:?}");
        assert!(!stage.shard.subscribers[reader.key()].is_replaying(), "{case:?}");
    }
}

#[test]
fn replay_and_live_meet_without_a_gap_or_a_duplicate_whenever_passes_are_made() {
    for before in 0..=3 {
        for (cursor, between) in (0..=before).flat_map(|cursor| (0..=2).map(move |n| (cursor, n))) {
            for after in 0..=2 {
                for passes in 0..Passes::ALL {
                    for selector in ["a", "*"] {
                        let seam = Seam { before, cursor, between, after, selector };
                        seam.play(Passes(passes), passes % 3 == 0);
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_missed_comes_as_one_piece() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], usize::MAX);
    stage.publish_times("a", 2);
    stage.settle();
    assert_eq!(reader.segments(), ["1 2 3 4 5"]);
}

#[test]
fn whoever_stands_at_the_same_place_is_handed_the_same_bytes() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let readers = [(); 3].map(|()| stage.join_from_earliest(&["a"], usize::MAX));
    let other = stage.join_from_earliest(&["*"], usize::MAX);
    stage.settle();
    for reader in &readers {
        assert_eq!(reader.segments(), ["1 2 3"]);
        assert_eq!(reader.bytes()[0].as_ptr(), readers[0].bytes()[0].as_ptr());
    }
    assert_ne!(other.bytes()[0].as_ptr(), readers[0].bytes()[0].as_ptr());
}

#[test]
fn a_page_is_joined_anew_when_there_is_more_to_put_into_it() {
    let mut stage = stage();
    stage.publish_times("a", 3);
    stage.settle();
    let first = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    stage.publish_times("a", 2);
    let second = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    assert_eq!(first.segments(), ["1 2 3", "4 5"]);
    assert_eq!(second.segments(), ["1 2 3 4 5"]);
}

#[test]
fn many_who_resume_are_all_served_over_as_many_passes_as_it_takes() {
    const MANY: usize = 2_000;
    let mut stage = stage();
    stage.publish("a");
    stage.settle();
    let readers: Vec<_> = (0..MANY).map(|_| stage.join_from_earliest(&["a"], usize::MAX)).collect();
    stage.settle();
    assert_eq!(readers.iter().filter(|one| one.segments() == ["1"]).count(), MANY);
}

#[test]
fn a_long_replay_comes_in_several_pieces_and_lets_live_events_in_between() {
    let mut stage = stage();
    let live = stage.join(&["a"]);
    stage.publish_times("a", 2_500);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], usize::MAX);
    assert!(stage.shard.iterate());
    stage.publish("a");
    assert!(stage.shard.iterate());
    assert_eq!(live.segments().last().unwrap(), "2501");
    stage.settle();
    assert_eq!(reader.bytes().len(), 3);
    assert_eq!(reader.sequences(), (1..=2_501).collect::<Vec<_>>());
}

#[test]
fn whoever_joins_in_the_middle_of_what_a_pass_reads_gets_the_second_half() {
    for cursor in [1, 1_023, 1_024, 1_025, 1_500, 2_000] {
        let mut stage = stage();
        stage.publish_times("a", 2_000);
        let subscription = stage.subscribe(&["a"], None);
        let reader = Reader::with_room(usize::MAX);
        stage.post(Subscription { cursor: Sequence(cursor), ..subscription }, &reader);
        // The shard has not read any of it.
        stage.shard.seen = Sequence(0);
        stage.settle();
        stage.publish("a");
        stage.settle();
        assert_eq!(reader.sequences(), (cursor + 1..=2_001).collect::<Vec<_>>());
    }
}

//! Full sinks, the lag limit, and what the log has passed.

use super::*;

#[test]
fn a_full_sink_stays_where_it_is_and_is_then_served_in_one_piece() {
    let mut stage = stage();
    let (slow, fast) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.publish("a");
    stage.settle();
    slow.fill();
    for topic in ["a", "b", "a", "a"] {
        stage.publish(topic);
        stage.settle();
    }
    assert_eq!(slow.segments(), ["1"]);
    assert_eq!(fast.segments(), ["1", "2", "4", "5"]);
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments(), ["1", "2 4 5"]);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.segments(), ["1", "2 4 5", "6"]);
}

#[test]
fn what_comes_in_the_very_pass_that_finds_room_is_not_overtaken() {
    let mut stage = stage();
    let slow = stage.join(&["a"]);
    stage.settle();
    slow.fill();
    stage.publish("a");
    stage.settle();
    stage.publish("a");
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments(), ["1 2"]);
}

#[test]
fn a_sink_with_room_for_one_piece_gets_everything_piece_by_piece() {
    let mut stage = stage();
    let slow = stage.join_from_earliest(&["a"], 1);
    stage.publish_times("a", 3);
    stage.settle();
    for _ in 0..3 {
        stage.publish("a");
        stage.settle();
    }
    assert_eq!(slow.segments(), ["1 2 3"]);
    stage.make_room(&slow, 1);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.segments(), ["1 2 3", "4 5 6 7"]);
}

#[test]
fn a_live_subscriber_that_lags_by_more_events_than_the_limit_is_cut() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let (slow, fast) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.publish_times("a", 2);
    stage.settle();
    slow.fill();
    for topic in ["a", "a", "a", "b", "b"] {
        stage.publish(topic);
        stage.settle();
    }
    // Events that are not for it are no lag.
    assert_eq!(slow.end(), None);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.end(), Some(End::Aborted));
    assert_eq!(slow.segments(), ["1 2"]);
    assert_eq!((stage.ended("slow"), stage.subscribers()), (1, 1));
    assert_eq!(fast.sequences(), [1, 2, 3, 4, 5, 8]);
}

#[test]
fn a_live_subscriber_that_lags_by_more_bytes_than_the_limit_is_cut() {
    let frame_bytes = draft_frame_bytes();
    let mut stage = stage_with_lag_limit(u64::MAX, 3 * frame_bytes);
    let slow = stage.join(&["a"]);
    stage.settle();
    slow.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!(slow.end(), None);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.end(), Some(End::Aborted));
}

#[test]
fn more_than_the_limit_in_one_pass_is_no_lag_for_a_sink_that_takes_it() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let (fast, full) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.settle();
    full.fill();
    stage.publish_times("a", 4);
    stage.settle();
    assert_eq!(fast.segments(), ["1 2 3 4"]);
    assert_eq!((fast.end(), full.end()), (None, Some(End::Aborted)));
}

#[test]
fn lag_is_forgotten_when_a_subscriber_has_caught_up_again() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let reader = stage.join(&["a"]);
    stage.settle();
    for _ in 0..5 {
        reader.fill();
        for _ in 0..3 {
            stage.publish("a");
            stage.settle();
        }
        stage.make_room(&reader, usize::MAX);
        stage.settle();
    }
    assert_eq!(reader.end(), None);
    assert_eq!(reader.segments(), ["1 2 3", "4 5 6", "7 8 9", "10 11 12", "13 14 15"]);
}

#[test]
fn lag_is_counted_from_where_a_subscriber_joined() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let early = stage.join(&["a"]);
    for _ in 0..10 {
        stage.publish("a");
        stage.settle();
    }
    let late = stage.join(&["a"]);
    stage.settle();
    late.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!((early.end(), late.end()), (None, None));
}

#[test]
fn what_was_published_before_a_subscriber_came_is_no_lag_even_if_the_shard_reads_it_later() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    stage.publish_times("a", 5);
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.publish_times("a", 3);
    stage.settle();
    assert_eq!((reader.end(), reader.bytes().len()), (None, 0));
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.end(), Some(End::Aborted));
}

#[test]
fn a_replay_has_no_lag_limit_until_it_has_caught_up() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    stage.publish_times("a", 5);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    for _ in 0..10 {
        stage.publish("a");
        stage.settle();
    }
    assert_eq!((reader.end(), reader.bytes().len()), (None, 0));
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.sequences(), (1..=15).collect::<Vec<_>>());
    // Now it is live.
    stage.publish_times("a", 4);
    stage.settle();
    assert_eq!(reader.end(), Some(End::Aborted));
}

#[test]
fn a_live_subscriber_that_the_log_has_passed_ends_and_is_told_when_to_come_back() {
    let mut stage = stage_with_log_of(2);
    let slow = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    slow.fill();
    for _ in 0..2 {
        stage.publish("a");
        stage.settle();
    }
    let just_reached = stage.join(&["a"]);
    stage.settle();
    just_reached.fill();
    for _ in 0..2 {
        stage.publish("a");
        stage.settle();
    }
    // Of 2 to 5 the log has 4 and 5: the one has lost some, the other has not.
    stage.make_room(&slow, usize::MAX);
    stage.make_room(&just_reached, usize::MAX);
    stage.settle();
    assert_eq!((slow.segments(), slow.end()), (vec!["1".to_owned()], retry_hint()));
    assert_eq!((just_reached.segments(), just_reached.end()), (vec!["4 5".to_owned()], None));
    assert_eq!((stage.ended("overrun"), stage.subscribers()), (1, 1));
    assert_eq!(stage.figure("fanfare_gap_notices_total"), 0);
}

#[test]
fn what_the_log_lost_of_other_topics_is_no_loss() {
    let mut stage = stage_with_log_of(3);
    let reader = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    for _ in 0..5 {
        stage.publish("b");
        stage.settle();
    }
    reader.fill();
    stage.publish("a");
    stage.settle();
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!((reader.segments(), reader.end()), (vec!["1".to_owned(), "7".to_owned()], None));
}

#[test]
fn a_replay_that_the_log_has_passed_is_told_of_the_gap_and_goes_on() {
    let mut stage = stage_with_log_of(3);
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    for _ in 0..4 {
        stage.publish("a");
        stage.settle();
    }
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 4)", "5 6 7"]);
    assert_eq!(stage.figure("fanfare_gap_notices_total"), 1);
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 4)", "5 6 7", "8"]);
    assert_eq!(reader.end(), None);
}

#[test]
fn a_gap_is_told_even_if_it_takes_all_the_room_there_is() {
    let mut stage = stage_with_log_of(3);
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.publish("a");
    stage.settle();
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 1)"]);
    stage.make_room(&reader, 1);
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 1)", "2 3 4"]);
}

#[test]
fn a_gap_is_told_again_if_the_sink_did_not_take_it_after_all() {
    let mut stage = stage_with_log_of(3);
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.publish("a");
    stage.settle();
    reader.be_fickle();
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    assert_eq!(reader.bytes().len(), 0);
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 1)", "2 3 4"]);
    assert_eq!(stage.figure("fanfare_gap_notices_total"), 1);
}

#[test]
fn where_nothing_is_left_a_replay_is_told_so_and_goes_live() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(1);
    let mut stage = stage_with(delivery, MemoryLogSettings { age_max, ..log });
    stage.publish_times("a", 3);
    stage.settle();
    let reader = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.now_ms.store(10_000, Ordering::Relaxed);
    stage.log.expire();
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.segments(), ["(missed null after ? before 3)", "4"]);
}

#[test]
fn when_the_log_has_passed_the_shard_itself_nobody_misses_anything_unknowingly() {
    let mut stage = stage_with_log_of(3);
    let (live, quiet) = (stage.join(&["a"]), stage.join(&["b"]));
    stage.publish("a");
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], 0);
    stage.settle();
    stage.publish_times("a", 5);
    let newcomer = stage.join(&["a"]);
    stage.publish("a");
    stage.make_room(&replay, usize::MAX);
    stage.settle();
    assert_eq!((live.segments(), live.end()), (vec!["1".to_owned()], retry_hint()));
    // It cannot be known whether something was for this one.
    assert_eq!((quiet.segments(), quiet.end()), (vec![], retry_hint()));
    assert_eq!(replay.segments(), ["(missed null after ? before 4)", "5 6 7"]);
    assert_eq!(newcomer.segments(), ["7"]);
    assert_eq!((stage.ended("overrun"), stage.subscribers()), (2, 2));
    stage.publish("a");
    stage.settle();
    assert_eq!(newcomer.segments(), ["7", "8"]);
}

#[test]
fn who_joins_in_the_middle_of_a_pass_is_not_measured_by_what_came_before() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let first = stage.join(&["a"]);
    stage.settle();
    stage.publish_times("a", 5);
    let reader = stage.join(&["a"]); // cursor 5
    stage.publish("a");
    stage.settle();
    assert_eq!(first.end(), None);
    assert_eq!((reader.end(), reader.sequences()), (None, vec![6]));
}

#[test]
fn who_joins_in_the_middle_of_a_pass_and_takes_nothing_is_measured_like_everybody_else() {
    let mut stage = stage_with_lag_limit(3, u64::MAX);
    let first = stage.join(&["a"]);
    stage.settle();
    stage.publish_times("a", 5);
    let reader = Reader::with_room(0);
    stage.post(stage.subscribe(&["a"], None), &reader); // cursor 5
    stage.publish_times("a", 2);
    stage.settle();
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.end(), None, "it is behind by 6, 7 and 8");
    stage.publish("a");
    stage.settle();
    assert_eq!((first.end(), reader.end()), (None, Some(End::Aborted)));
}

#[test]
fn lag_is_what_is_still_to_be_served_and_not_what_was() {
    let mut stage = stage_with_lag_limit(3_000, u64::MAX);
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.publish_times("a", 1_500);
    stage.settle();
    for round in 0..5 {
        stage.publish_times("a", 1_024);
        stage.settle();
        assert_eq!(reader.end(), None, "round {round}, served {}", reader.sequences().len());
        stage.make_room(&reader, 1);
        stage.settle();
    }
}

#[test]
fn a_log_that_expires_to_nothing_while_a_shard_is_behind_ends_the_streams_that_lost() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(1);
    let mut stage = stage_with(delivery, MemoryLogSettings { age_max, ..log });
    stage.publish_times("a", 10);
    stage.settle();
    stage.publish_times("a", 2);
    let reader = stage.join(&["a"]); // cursor 12
    stage.publish_times("a", 3); // 13..15 are for it
    stage.now_ms.store(10_000, Ordering::Relaxed);
    stage.log.expire();
    // Nothing else has to happen for that.
    stage.settle();
    assert_eq!((reader.segments(), reader.end()), (vec![], retry_hint()));
}

#[test]
fn when_the_log_has_passed_the_shard_itself_policies_that_leave_out_tell_of_a_gap_of_unknown_size()
{
    for policy in ["drop-oldest", "conflate"] {
        let (delivery, log) = no_limits();
        let policies = Policies::new([policy.parse().unwrap()]);
        let log = MemoryLogSettings { events_max: 1, ..log };
        let mut stage = stage_with(DeliverySettings { policies, ..delivery }, log);
        stage.publish("a");
        let reader = stage.join(&["a"]); // cursor 1
        stage.publish_times("a", 3);
        stage.settle();
        assert_eq!(reader.segments(), ["(missed null after ? before 3)", "4"], "{policy}");
    }
}

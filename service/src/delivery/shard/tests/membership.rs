//! Coming and going.

use super::*;

/// Removing subscribers whose sockets were closed may take all the time that there is before the
/// log is looked at.
#[test]
fn an_event_is_read_although_those_who_left_took_all_the_time() {
    for leaving in 1..4 {
        let mut stage = stage();
        let stays = stage.join(&["a"]);
        let gone: Vec<_> = (0..leaving).map(|_| stage.join(&["a"])).collect();
        stage.settle();
        stage.shard.allowance = Allowance::Steps(1);
        stage.publish("a");
        let gone = gone.iter().map(|reader| (reader.key(), EndReason::Client));
        stage.shard.leaving.extend(gone);
        stage.settle();
        assert_eq!(stays.segments(), ["1"], "{leaving} left");
        assert_eq!(stage.ended("client"), leaving);
    }
}

#[test]
fn a_reader_that_has_gone_is_forgotten_however_that_is_found_out() {
    let mut stage = stage();
    let readers = [(); 4].map(|()| stage.join(&["a"]));
    stage.settle();
    let [announced, offered, resumed, stays] = &readers;
    resumed.fill();
    stage.publish("a");
    stage.settle();
    stage.leave(announced);
    offered.change(|reading| reading.gone = true);
    resumed.change(|reading| reading.gone = true);
    stage.mailbox.post(Notice::Ready(resumed.key()));
    stage.publish("a");
    stage.settle();
    for reader in [announced, offered, resumed] {
        assert_eq!(reader.end(), None, "there is nobody to say good-bye to");
        assert!(!stage.shard.subscribers.contains_key(reader.key()));
    }
    assert_eq!(stays.segments(), ["1", "2"]);
    assert_eq!((stage.ended("client"), stage.subscribers()), (3, 1));
}

#[test]
fn a_reader_that_left_before_it_joined_is_found_out_at_once() {
    let mut stage = stage();
    stage.publish("a");
    stage.settle();
    let live = stage.join(&["a"]);
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    for reader in [&live, &replay] {
        reader.change(|reading| reading.gone = true);
    }
    stage.settle();
    assert_eq!((stage.ended("client"), stage.subscribers()), (2, 0));
    assert_eq!(stage.audiences(), 0);
}

#[test]
fn a_notice_about_one_who_has_left_finds_nothing() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.settle();
    stage.leave(&reader);
    stage.settle();
    let next = stage.join(&["a"]);
    stage.mailbox.post(Notice::Ready(reader.key()));
    stage.mailbox.post(Notice::Gone(reader.key()));
    stage.publish("a");
    stage.settle();
    assert_eq!(reader.bytes().len(), 0);
    assert_eq!(next.segments(), ["1"]);
    assert_eq!((stage.ended("client"), stage.subscribers()), (1, 1));
}

#[test]
fn a_ready_notice_for_one_who_misses_nothing_changes_nothing() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.publish("a");
    stage.settle();
    for _ in 0..3 {
        stage.mailbox.post(Notice::Ready(reader.key()));
    }
    stage.settle();
    assert_eq!(reader.segments(), ["1"]);
}

#[test]
fn whoever_leaves_takes_interest_and_load_along() {
    let mut stage = stage();
    let interest = stage.hub.interest(&topic("a"));
    let reader = stage.join(&["a"]);
    assert_eq!(stage.mailbox.load(), 1); // On its way.
    stage.settle();
    assert!(interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (1, 1));
    stage.leave(&reader);
    stage.settle();
    assert!(!interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (0, 0));
}

#[test]
fn a_shard_stops_when_it_is_told_to() {
    let mut stage = stage();
    stage.settle();
    assert!(!stage.shard.stopped);
    stage.mailbox.post(Notice::Stop);
    stage.settle();
    assert!(stage.shard.stopped);
}

#[test]
fn the_counts_add_up() {
    let mut stage = stage_with_lag_limit(1, u64::MAX);
    let frame_bytes = draft_frame_bytes();
    stage.publish_times("a", 2);
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    let (live, slow) = (stage.join(&["*"]), stage.join(&["a"]));
    stage.settle();
    assert_eq!(stage.subscribers(), 3);
    slow.fill();
    stage.publish_times("a", 2);
    stage.settle();
    stage.leave(&live);
    stage.settle();
    assert_eq!(replay.sequences().len() + live.sequences().len(), 6);
    assert_eq!(stage.metrics.delivered_total(), 6);
    assert_eq!(stage.figure("fanfare_delivered_bytes_total"), 6 * frame_bytes);
    assert_eq!(stage.figure("fanfare_streams_opened_total"), 3);
    assert_eq!((stage.ended("slow"), stage.ended("client")), (1, 1));
    assert_eq!(stage.subscribers(), 1);
    assert_eq!(stage.figure("fanfare_subscribers"), 1);
}

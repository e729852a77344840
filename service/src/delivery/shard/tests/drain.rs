//! Draining.

use super::*;

#[test]
fn a_drain_closes_all_streams_evenly_spread_over_its_window() {
    let mut stage = stage();
    let readers: Vec<_> = (0..10).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(500);
    stage.mailbox.post(Notice::Drain { window: TICK * 100 });
    stage.settle();
    let mut left = Vec::new();
    for tick in (501..).step_by(5).take(21) {
        stage.at(tick);
        left.push(stage.subscribers());
    }
    // One every ten ticks, and the first at once.
    let expected = [9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0];
    assert_eq!(left, expected);
    assert!(readers.iter().all(|reader| reader.end() == retry_hint()));
    assert_eq!(stage.ended("drain"), 10);
}

#[test]
fn a_drain_that_is_cut_everywhere_gives_every_stream_its_moment_whoever_leaves_meanwhile() {
    let mut stage = stage();
    let topics = ["a", "b", "{x}", "*"];
    let readers: Vec<_> = (0..40).map(|number| stage.join(&[topics[number % 4]])).collect();
    stage.settle();
    stage.shard.allowance = Allowance::Steps(1);
    stage.mailbox.post(Notice::Drain { window: TICK * 40 });
    for (number, reader) in readers.iter().enumerate() {
        if number % 3 == 0 {
            stage.leave(reader);
        }
        stage.shard.iterate();
    }
    stage.settle();
    let left = stage.subscribers();
    assert!(left < 40);
    stage.at(41);
    assert_eq!((stage.subscribers(), stage.ended("drain")), (0, left));
    let stayed = readers.iter().enumerate().filter(|(number, _)| number % 3 != 0);
    assert!(stayed.map(|(_, reader)| reader.end()).all(|end| end == retry_hint()));
}

#[test]
fn a_drain_without_a_window_closes_all_at_the_next_tick() {
    let mut stage = stage();
    let readers = [(); 3].map(|()| stage.join(&["a"]));
    stage.settle();
    stage.mailbox.post(Notice::Drain { window: Duration::ZERO });
    stage.settle();
    assert_eq!(stage.subscribers(), 3);
    stage.at(1);
    assert!(readers.iter().all(|reader| reader.end() == retry_hint()));
}

#[test]
fn a_stream_is_served_until_its_moment_in_the_drain_comes() {
    let mut stage = stage_with_heartbeat();
    let readers = [(); 2].map(|()| stage.join(&["a"]));
    stage.settle();
    stage.mailbox.post(Notice::Drain { window: TICK * 400 });
    stage.settle();
    stage.at(50);
    stage.publish("a");
    stage.settle();
    stage.at(199);
    let open: Vec<_> = readers.iter().filter(|reader| reader.end().is_none()).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].segments(), ["1", "heartbeat"]);
    stage.at(200);
    assert_eq!(open[0].end(), retry_hint());
}

#[test]
fn whoever_joins_while_the_shard_drains_is_closed_at_once() {
    let mut stage = stage();
    stage.publish("a");
    stage.mailbox.post(Notice::Drain { window: TICK * 100 });
    stage.settle();
    let interest = stage.hub.interest(&topic("a"));
    for reader in [stage.join(&["a"]), stage.join_from_earliest(&["a"], usize::MAX)] {
        stage.settle();
        assert_eq!((reader.bytes().len(), reader.end()), (0, retry_hint()));
    }
    assert!(!interest.is_some());
    assert_eq!((stage.mailbox.load(), stage.audiences()), (0, 0));
    assert_eq!((stage.figure("fanfare_streams_opened_total"), stage.ended("drain")), (2, 2));
}

/// Its last bytes are on their way; a heartbeat that was due meanwhile does not end it early.
#[test]
fn a_stream_whose_sink_is_full_at_its_end_is_held_for_two_seconds_more() {
    let (delivery, log) = no_limits();
    let mut stage = stage_with(DeliverySettings { heartbeat: TICK * 10, ..delivery }, log);
    let (full, other) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.settle();
    full.fill();
    stage.mailbox.post(Notice::Drain { window: Duration::ZERO });
    stage.settle();
    stage.at(1);
    assert_eq!((full.end(), other.end()), (retry_hint(), retry_hint()));
    stage.at(1 + CLOSE_TIMEOUT - 1);
    assert!(full.is_held() && !other.is_held());
    stage.at(1 + CLOSE_TIMEOUT);
    assert!(!full.is_held());
}

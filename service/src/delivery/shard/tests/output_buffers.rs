//! What streams hold beyond the log, and which of them are ended for it.

use super::*;

const LIMIT: usize = 4_000;

fn stage_with_output_buffers() -> Stage {
    let (delivery, log) = no_limits();
    stage_with(DeliverySettings { output_buffers_max: LIMIT, ..delivery }, log)
}

/// Readers of one topic each, so many bytes of which have yet to leave; each is behind the next.
fn holding<const COUNT: usize>(stage: &mut Stage, held: [usize; COUNT]) -> [Reader; COUNT] {
    let topics = ["a", "b", "c", "d", "e"];
    let mut index = 0;
    held.map(|held| {
        let reader = stage.join(&[topics[index]]);
        stage.publish(topics[index]);
        stage.settle();
        reader.change(|reading| reading.held = held);
        index += 1;
        reader
    })
}

/// A stream that still holds something after so long is slow.
const LATER: Tick = 10;

fn are_cut<const COUNT: usize>(readers: &[Reader; COUNT]) -> [bool; COUNT] {
    readers.each_ref().map(|reader| reader.end().is_some())
}

#[test]
fn those_that_are_furthest_behind_are_ended_until_it_is_enough() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [500, 0, 500, 500, 500]);
    let pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.settle();
    assert_eq!(are_cut(&readers), [false; 5], "they may take it in a moment");
    stage.at(LATER);
    stage.settle();
    // A stream that holds nothing is left open. What was pending release is expected to be gone
    // soon.
    let expected = [true, false, true, false, false];
    assert_eq!(are_cut(&readers), expected);
    stage.settle();
    assert_eq!(are_cut(&readers), expected, "nobody more before that could be");
    stage.at(LATER + 1);
    stage.settle();
    assert_eq!(are_cut(&readers), expected, "nor as long as it lasts");
    drop(pinned);
    stage.at(LATER + 2);
    stage.settle();
    assert_eq!((are_cut(&readers), stage.ended("output_buffers")), (expected, 2));
}

#[test]
fn a_search_that_is_cut_everywhere_ends_the_same_ones() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [500, 0, 500, 500, 500]);
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.at(LATER);
    stage.shard.allowance = Allowance::Steps(1);
    let mut iterations = 1;
    while stage.shard.iterate() {
        iterations += 1;
    }
    assert_eq!(are_cut(&readers), [true, false, true, false, false]);
    assert!(iterations > readers.len(), "one look at each, at least: {iterations}");
}

#[test]
fn when_all_that_was_let_go_of_is_not_enough_more_are_ended() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [5_000, 5_000, 5_000]);
    // Of some larger buffers, others hold a part.
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    for (tick, cut) in
        [(0, [true, false, false]), (1, [true, true, false]), (2, [true, true, true])]
    {
        stage.at(LATER + tick);
        stage.settle();
        assert_eq!(are_cut(&readers), cut, "{tick}");
        readers[tick as usize].change(|reading| reading.held = 0);
    }
}

#[test]
fn an_eighth_more_is_looked_into_at_once() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [1_100, 1_100, 1_100, 1_100]);
    let buffers = stage.log.buffers().clone();
    let _pinned = buffers.count(vec![0; LIMIT + 600]);
    stage.at(LATER);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, false, false, false]);
    let _more = buffers.count(vec![0; 300]);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, false, false, false], "it is looked into in a moment");
    let _much_more = buffers.count(vec![0; LIMIT / 8]);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, true, false, false]);
}

#[test]
fn where_half_as_much_again_is_held_nobody_is_given_time_to_let_go() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [1_000, 1_000, 1_000, 1_000]);
    let buffers = stage.log.buffers().clone();
    // They hold one and the same buffer, so that ending some of them frees nothing.
    let _pinned = buffers.count(vec![0; LIMIT + LIMIT / 2]);
    stage.at(LATER);
    stage.settle();
    assert_eq!(are_cut(&readers), [true; 4]);
    assert!(readers.iter().all(|reader| reader.end() == Some(End::Aborted)));
    readers[0].change(|reading| reading.held = 0);
    stage.at(LATER + 1);
    stage.shard.allowance = Allowance::Steps(1);
    stage.settle();
    let (aborted, disconnected) = (Some(End::Aborted), Some(End::Disconnected));
    let expected = [aborted, disconnected.clone(), disconnected.clone(), disconnected];
    assert_eq!(readers.each_ref().map(Reader::end), expected, "but for one, they hold something");
}

#[test]
fn those_who_read_well_are_let_be_however_much_others_hold() {
    let mut stage = stage_with_output_buffers();
    let well: Vec<Reader> = (0..50).map(|_| stage.join(&["news"])).collect();
    stage.settle();
    let [guilty] = holding(&mut stage, [1_000]);
    stage.at(LATER);
    stage.publish("news");
    stage.settle();
    well.iter().for_each(|reader| reader.change(|reading| reading.held = 1_000));
    let _pinned = stage.log.buffers().count(vec![0; 2 * LIMIT]);
    stage.settle();
    assert_eq!(guilty.end(), Some(End::Aborted), "though it is the last that is looked at");
    assert!(well.iter().all(|reader| reader.end().is_none()));
}

#[test]
fn a_stream_that_ended_in_order_and_whose_bytes_do_not_leave_is_cut_for_what_it_holds() {
    let (delivery, log) = no_limits();
    let age_max = TICK * 100;
    let settings = DeliverySettings { output_buffers_max: LIMIT, age_max, ..delivery };
    let mut stage = stage_with(settings, log);
    let old = stage.join(&["a"]);
    stage.settle();
    old.change(|reading| (reading.polled, reading.held) = (true, 1_000));
    for tick in (25..=400).step_by(25) {
        stage.at(tick);
        stage.settle();
    }
    assert!(matches!(old.end(), Some(End::Finished(_))), "{:?}", old.end());
    assert!(old.is_held(), "nobody bounds how long it takes");
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.at(401);
    stage.settle();
    assert_eq!(old.end(), Some(End::Aborted));
    old.change(|reading| reading.held = 0);
    stage.at(402);
    stage.settle();
    assert!(!old.is_held());
}

#[test]
fn of_many_the_furthest_behind_are_found() {
    let mut stage = stage_with_output_buffers();
    let readers: Vec<Reader> = (0..50).map(|_| stage.join(&["news", "late"])).collect();
    let behind = stage.join(&["news"]);
    stage.publish("news");
    stage.publish("late");
    stage.settle();
    for reader in readers.iter().chain([&behind]) {
        reader.change(|reading| reading.held = 1_500);
    }
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.at(LATER);
    stage.settle();
    assert_eq!(behind.end(), Some(End::Aborted));
    assert!(readers.iter().all(|reader| reader.end().is_none()));
}

#[test]
fn what_one_shard_has_ended_is_taken_off_for_the_others_until_it_ends() {
    let buffers = stage().log.buffers().clone();
    let mut others = PendingRelease::new(buffers.clone());
    let reader = Reader::with_room(0);
    reader.change(|reading| reading.held = 700);
    others.add(Box::new(reader.clone()));
    let mut ours = PendingRelease::new(buffers.clone());
    ours.recount();
    assert_eq!((ours.len(), others.len(), buffers.pending_release()), (0, 1, 700));
    reader.change(|reading| reading.held = 300);
    others.recount();
    assert_eq!((others.len(), buffers.pending_release()), (1, 300));
    drop(others);
    assert_eq!(buffers.pending_release(), 0);
}

#[test]
fn a_search_that_is_cut_goes_on() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [400, 400, 400, 400]);
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.at(LATER);
    stage.shard.allowance = Allowance::Steps(1);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, true, false, false]);
}

#[test]
fn whoever_holds_what_the_log_has_dropped_is_ended_at_once() {
    let (delivery, log) = no_limits();
    let settings = DeliverySettings { output_buffers_max: LIMIT, ..delivery };
    let mut stage = stage_with(settings, MemoryLogSettings { events_max: 2, ..log });
    let readers = holding(&mut stage, [400, 400, 400, 400]);
    let _pinned = stage.log.buffers().count(vec![0; LIMIT + 1_000]);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, true, false, false]);
}

#[test]
fn a_stream_that_was_ended_is_forgotten_when_it_has_let_go() {
    let mut stage = stage_with_output_buffers();
    let readers = holding(&mut stage, [5_000, 0]);
    let pinned = stage.log.buffers().count(vec![0; LIMIT + 600]);
    stage.at(LATER);
    stage.settle();
    assert_eq!(are_cut(&readers), [true, false]);
    assert_eq!(stage.shard.pending_release.len(), 1);
    readers[0].change(|reading| reading.held = 0);
    drop(pinned);
    stage.at(LATER + 1);
    stage.settle();
    assert_eq!(stage.shard.pending_release.len(), 0, "though nothing is too much any longer");
}

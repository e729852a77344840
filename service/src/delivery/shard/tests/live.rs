//! Live delivery.

use super::*;

#[test]
fn a_subscriber_gets_what_is_published_after_it_came_and_matches() {
    let mut stage = stage();
    stage.publish("a");
    let (a, b, all) = (stage.join(&["a"]), stage.join(&["b"]), stage.join(&["*"]));
    for topic in ["a", "b", "c", "a"] {
        stage.publish(topic);
        stage.settle();
    }
    assert_eq!(a.segments(), ["2", "5"]);
    assert_eq!(b.segments(), ["3"]);
    assert_eq!(all.segments(), ["2", "3", "4", "5"]);
}

#[test]
fn everybody_is_handed_the_very_bytes_that_the_log_holds() {
    let mut stage = stage();
    let readers = [stage.join(&["a"]), stage.join(&["a"]), stage.join(&["*"])];
    stage.publish("a");
    stage.settle();
    let range = ReadRange { after: Sequence(0), through: Sequence(1) };
    let page = stage.log.read_now(range, EventFilter::Everything, PASS);
    let frame = page.events[0].frame();
    for reader in readers {
        assert_eq!(reader.bytes(), [frame]);
        assert_eq!(reader.bytes()[0].as_ptr(), frame.as_ptr());
    }
}

#[test]
fn events_of_one_pass_are_one_piece_joined_once_for_an_audience() {
    let mut stage = stage();
    let (first, second, all) = (stage.join(&["a"]), stage.join(&["a"]), stage.join(&["*"]));
    for topic in ["a", "b", "a", "a"] {
        stage.publish(topic);
    }
    stage.settle();
    assert_eq!(first.segments(), ["1 3 4"]);
    assert_eq!(second.segments(), ["1 3 4"]);
    assert_eq!(all.segments(), ["1 2 3 4"]);
    assert_eq!(first.bytes()[0].as_ptr(), second.bytes()[0].as_ptr());
}

#[test]
fn an_event_with_several_topics_comes_once() {
    let mut stage = stage();
    let reader = stage.join(&["a", "{x}", "b"]);
    stage.publish_draft(draft(&["a", "b", "c"], false));
    stage.settle();
    assert_eq!(reader.segments(), ["1"]);
}

#[test]
fn a_pass_gathers_so_many_events_and_says_that_there_are_more() {
    let mut stage = stage();
    stage.publish_times("nobody", GATHERED_MAX + 1);
    assert!(stage.shard.iterate());
    assert_eq!(stage.mailbox.seen(), Sequence(GATHERED_MAX as u64));
    assert!(!stage.shard.iterate());
    assert_eq!(stage.mailbox.seen(), Sequence(GATHERED_MAX as u64 + 1));
}

#[test]
fn a_piece_holds_as_many_events_as_fit_and_the_next_pass_begins_with_what_did_not() {
    let frame_bytes = draft_frame_bytes() as usize;
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    let fit = PASS.bytes_max / frame_bytes;
    stage.publish_times("a", 2 * fit + 1);
    stage.settle();
    let segments: Vec<_> =
        reader.bytes().iter().map(|segment| segment.len() / frame_bytes).collect();
    assert_eq!(segments, [fit, fit, 1]);
}

#[test]
fn a_pass_reads_so_many_bytes_and_says_that_there_is_more() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    for _ in 0..5 {
        stage.publish_draft(Draft::new(topic("a"), "x".repeat(PASS.bytes_max * 2 / 5)));
    }
    assert!(stage.shard.iterate());
    stage.settle();
    assert_eq!(reader.segments(), ["1 2", "3 4", "5"]);
}

#[test]
fn a_private_event_goes_to_those_with_a_grant_live_and_from_the_log() {
    let mut stage = stage();
    let join = |stage: &Stage, grants: Grants| {
        let reader = Reader::with_room(usize::MAX);
        let resume = Some(Resume::Earliest);
        let request = SubscribeRequest { selectors: set(&["*"]), grants, resume };
        stage.post(
            stage.hub.subscribe(request, Beginning::Next).now_or_never().unwrap().unwrap(),
            &reader,
        );
        reader
    };
    let publish = |stage: &mut Stage| {
        for (topics, private) in [(&["a"][..], true), (&["b"], true), (&["b", "a"], true)] {
            stage.publish_draft(draft(topics, private));
        }
        stage.publish_draft(draft(&["c"], false));
    };
    let live = [join(&stage, Grants::all()), join(&stage, Grants::subscribe_to(topic("a")))];
    stage.settle();
    publish(&mut stage);
    stage.settle();
    let late = [join(&stage, Grants::all()), join(&stage, Grants::subscribe_to(topic("a")))];
    stage.settle();
    for readers in [live, late] {
        assert_eq!(readers[0].segments(), ["1 2 3 4"]);
        assert_eq!(readers[1].segments(), ["1 3 4"]);
    }
}

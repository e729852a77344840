//! Leaving events out for subscribers that are too far behind.

use super::*;

/// A reader that has had one event, takes nothing for as long as `topics` are published, and then
/// so many segments.
fn after_a_stall(
    stage: &mut Stage,
    selectors: &[&str],
    topics: &[&str],
    segments: usize,
) -> Reader {
    let slow = stage.join(selectors);
    stage.publish(topics[0]);
    stage.settle();
    slow.fill();
    for topic in topics {
        stage.publish(topic);
        stage.settle();
    }
    stage.make_room(&slow, segments);
    stage.settle();
    slow
}

#[test]
fn drop_oldest_tells_how_many_are_missing_and_goes_on_with_the_newest_within_the_limit() {
    let mut stage = stage_with_policy("drop-oldest", 3);
    let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], usize::MAX);
    assert_eq!(slow.segments(), ["1", "(missed 7 after 1 before 9)", "9 10 11"]);
    assert_eq!(stage.figure("fanfare_backpressure_actions_total{policy=\"drop-oldest\"}"), 1);
    assert_eq!(stage.figure("fanfare_events_dropped_total{policy=\"drop-oldest\"}"), 7);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.segments().last().unwrap(), "12");
    assert_eq!(slow.end(), None);
}

/// The notice may be all that the reader takes for now.
#[test]
fn what_was_told_as_missing_does_not_come_after_all() {
    let mut stage = stage_with_policy("drop-oldest", 3);
    let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], 1);
    assert_eq!(slow.segments(), ["1", "(missed 7 after 1 before 9)"]);
    stage.make_room(&slow, 1);
    stage.settle();
    assert_eq!(slow.segments()[2..], ["9 10 11"]);
}

#[test]
fn a_gap_comes_after_the_last_event_that_was_sent_whatever_else_has_happened() {
    for rule in ["drop-oldest", "conflate"] {
        let mut stage = stage_with_policy(rule, 1);
        let slow = stage.join(&["a"]);
        for topic in ["a", "b", "b"] {
            stage.publish(topic);
            stage.settle();
        }
        slow.fill();
        for topic in ["b", "a", "b", "a"] {
            stage.publish(topic);
            stage.settle();
        }
        stage.make_room(&slow, usize::MAX);
        stage.settle();
        assert_eq!(slow.segments(), ["1", "(missed 1 after 1 before 7)", "7"], "{rule}");
    }
}

#[test]
fn drop_oldest_counts_bytes_as_well_and_keeps_at_least_the_newest() {
    let frame = draft_frame_bytes();
    for (bytes_max, kept) in [(2 * frame, "10 11"), (2 * frame - 1, "11"), (1, "11")] {
        let (delivery, log) = no_limits();
        let lag = LagLimit { events_max: u64::MAX, bytes_max };
        let policies = Policies::new(["drop-oldest".parse().unwrap()]);
        let mut stage = stage_with(DeliverySettings { lag, policies, ..delivery }, log);
        let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], usize::MAX);
        assert_eq!(slow.segments().last().unwrap(), kept, "{bytes_max}");
    }
}

#[test]
fn nothing_is_left_out_while_the_lag_is_within_the_limit() {
    for rule in ["drop-oldest", "conflate"] {
        let mut stage = stage_with_policy(rule, 10);
        let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], usize::MAX);
        assert_eq!(slow.segments(), ["1", "2 3 4 5 6 7 8 9 10 11"], "{rule}");
    }
}

#[test]
fn conflate_keeps_the_newest_of_each_topic() {
    let mut stage = stage_with_policy("conflate", 3);
    let topics = ["a", "b", "a", "c", "b", "other", "a"];
    let slow = after_a_stall(&mut stage, &["a", "b", "c"], &topics, usize::MAX);
    // 1 is before the stall; 2 3 4 5 6 and 8 are for it.
    assert_eq!(slow.segments(), ["1", "(missed 3 after 1 before 5)", "5 6 8"]);
    assert_eq!(stage.figure("fanfare_events_dropped_total{policy=\"conflate\"}"), 3);
    stage.publish("a");
    stage.settle();
    assert_eq!(slow.segments().last().unwrap(), "9");
}

#[test]
fn conflate_takes_an_event_of_several_topics_for_the_newest_of_each() {
    let mut stage = stage_with_policy("conflate", 1);
    let slow = stage.join(&["*"]);
    stage.settle();
    slow.fill();
    for topics in [&["a"][..], &["b"], &["a", "b"], &["c"]] {
        stage.publish_draft(draft(topics, false));
        stage.settle();
    }
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments(), ["(missed 2 after 0 before 3)", "3 4"]);
}

/// A conflated subscriber wants state: what became old while the rest was on its way is left out
/// too, and announced.
#[test]
fn a_conflated_reader_stays_so_until_it_has_caught_up() {
    let mut stage = stage_with_policy("conflate", 3);
    // Room for the notice alone.
    let slow = after_a_stall(&mut stage, &["a", "b"], &["a", "a", "b", "a"], 1);
    assert_eq!(slow.segments(), ["1", "(missed 2 after 1 before 4)"]);
    stage.publish("b");
    stage.settle();
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments()[2..], ["(missed 1 after 1 before 5)", "5 6"]);
    slow.fill();
    stage.publish_times("a", 2);
    stage.settle();
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments()[4..], ["7 8"], "level in between, and within the limit");
}

#[test]
fn what_is_kept_comes_in_pieces_if_it_is_much() {
    const TOPICS: usize = 2_000;
    let mut stage = stage_with_policy("conflate", 10);
    let slow = stage.join(&["*"]);
    stage.settle();
    slow.fill();
    for round in 0..2 {
        for topic in 0..TOPICS {
            stage.publish(&format!("{topic}"));
        }
        assert!(round < 2);
    }
    stage.settle();
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    let segments = slow.segments();
    assert_eq!(segments[0], format!("(missed {TOPICS} after 0 before {})", TOPICS + 1));
    assert!(segments.len() > 2, "one segment");
    let rest = segments[1..].join(" ");
    let expected: Vec<_> = (TOPICS + 1..=2 * TOPICS).map(|number| number.to_string()).collect();
    assert_eq!(rest, expected.join(" "));
}

/// A subscriber may fall behind by the server's own doing: when members change places in the middle
/// of a pass, or one joins there.
#[test]
fn nothing_is_left_out_for_those_whose_sinks_were_never_full() {
    const MEMBERS: usize = 300;
    let mut stage = stage_with_policy("drop-oldest", 3);
    let readers: Vec<_> = (0..MEMBERS).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.publish_times("a", 5);
    assert!(stage.shard.iterate(), "it takes more than a slice");
    let (served, others): (Vec<_>, Vec<_>) =
        readers.iter().partition(|reader| !reader.bytes().is_empty());
    for reader in served {
        stage.leave(reader);
    }
    stage.settle();
    assert!(!others.is_empty());
    for reader in others {
        assert_eq!(reader.segments().join(" "), "1 2 3 4 5");
    }
    stage.publish_times("a", 2);
    let late = stage.join(&["a"]); // cursor 7
    stage.publish_times("a", 5);
    stage.settle();
    assert_eq!(late.segments().join(" "), "8 9 10 11 12");
}

#[test]
fn catch_up_has_no_limit_but_the_log() {
    let mut stage = stage_with_policy("catch-up", 3);
    let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], usize::MAX);
    assert_eq!(slow.segments(), ["1", "2 3 4 5 6 7 8 9 10 11"]);
}

#[test]
fn when_the_log_has_passed_a_reader_its_policy_decides_what_becomes_of_it() {
    let cases = [
        ("drop-oldest", Some("(missed 5 after ? before 7)"), None),
        ("conflate", Some("(missed 9 after ? before 11)"), None),
        ("catch-up", None, retry_hint()),
    ];
    for (rule, announced, end) in cases {
        let (delivery, log) = no_limits();
        let policies = Policies::new([rule.parse().unwrap()]);
        let log = MemoryLogSettings { events_max: 5, ..log };
        let mut stage = stage_with(DeliverySettings { policies, ..delivery }, log);
        let slow = after_a_stall(&mut stage, &["a"], &["a"; 10], usize::MAX);
        assert_eq!(slow.segments().get(1).map(String::as_str), announced, "{rule}");
        assert_eq!(slow.end(), end, "{rule}");
    }
}

#[test]
fn an_event_that_a_reader_may_not_see_is_not_named_and_not_kept() {
    let mut stage = stage_with_policy("conflate", 1);
    let grants = Grants::subscribe_to(topic("mine"));
    let request = SubscribeRequest { selectors: set(&["*"]), grants, resume: None };
    let slow = Reader::with_room(usize::MAX);
    stage.post(
        stage.hub.subscribe(request, Beginning::Next).now_or_never().unwrap().unwrap(),
        &slow,
    );
    stage.publish_draft(draft(&["secret"], true));
    stage.settle();
    slow.fill();
    for topic in ["a", "a", "a"] {
        stage.publish_draft(draft(&["secret"], true));
        stage.publish(topic);
        stage.settle();
    }
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    assert_eq!(slow.segments(), ["(missed 2 after 0 before 7)", "7"]);
}

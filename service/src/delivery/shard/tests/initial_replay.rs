//! What a stream begins with: a part of what is retained, told by a place behind it, and then everything;
//! or nothing more, when that was all that was asked for.

use std::num::NonZeroUsize;

use super::every_order::orders;
use super::*;
use crate::log::{KeptLimits, KeptSettings, RetentionRules};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Publish,
    Subscribe,
    Join,
    BatchDelivery,
    /// The reader takes nothing from now on.
    Stop,
    /// The reader takes one segment more.
    Read,
}

use Step::{BatchDelivery, Join, Publish, Read, Stop, Subscribe};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    beginning: Beginning,
    poll: bool,
}

const ASKED: [Asked; 6] = [
    Asked { beginning: newest(1), poll: false },
    Asked { beginning: newest(2), poll: false },
    Asked { beginning: Beginning::Since(0), poll: false },
    Asked { beginning: newest(1), poll: true },
    Asked { beginning: Beginning::Everything, poll: true },
    Asked { beginning: Beginning::Since(u64::MAX), poll: true },
];

const fn newest(count: usize) -> Beginning {
    Beginning::Newest { count: NonZeroUsize::new(count).unwrap(), since_ms: None }
}

impl Asked {
    fn subscribe(self, stage: &Stage, selectors: &[&str]) -> Subscription {
        let (selectors, grants) = (set(selectors), Grants::all());
        let request = SubscribeRequest { selectors, grants, resume: None };
        // A search lets others run, but here is nobody else.
        let mut subscribing = std::pin::pin!(stage.hub.subscribe(request, self.beginning));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut subscription = loop {
            if let std::task::Poll::Ready(subscribed) = subscribing.as_mut().poll(&mut context) {
                break subscribed.unwrap();
            }
        };
        if self.poll {
            subscription.end_behind_replay();
        }
        subscription
    }

    /// What the reader is to get of topics that take turns, when so many events had been published as it
    /// subscribed.
    fn expected(self, topics: u64, before: u64, all: u64) -> Vec<String> {
        let first = match self.beginning {
            Beginning::Newest { count, .. } => {
                before.saturating_sub(topics * count.get() as u64) + 1
            }
            Beginning::Since(u64::MAX) => before + 1,
            _ => 1,
        };
        let words = |range: std::ops::RangeInclusive<u64>| range.map(|word| word.to_string());
        let mut expected: Vec<String> = words(first..=before).collect();
        // The id of the newest event is that of the place.
        if self.poll || expected.is_empty() {
            expected.push(format!("at-{before}"));
        }
        if !self.poll {
            expected.extend(words(before + 1..=all));
        }
        expected
    }
}

fn words_of(reader: &Reader) -> Vec<String> {
    let text = reader.segments().join(" ");
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

fn run(order: &[Step], asked: Asked, selectors: &[&str]) {
    let topics = ["t", "u"];
    let mut stage = stage();
    let (mut published, mut expected) = (0, Vec::new());
    let reader = Reader::with_room(usize::MAX);
    let mut subscription = None;
    for step in order {
        match step {
            Publish => published = stage.publish(topics[published as usize % 2]),
            Subscribe => {
                let all = order.iter().filter(|&&step| step == Publish).count() as u64;
                expected = asked.expected(2, published, all);
                subscription = Some(asked.subscribe(&stage, selectors));
            }
            Join => stage.post(subscription.take().unwrap(), &reader),
            BatchDelivery => {
                stage.shard.iterate();
            }
            Stop => reader.fill(),
            Read => stage.make_room(&reader, 1),
        }
    }
    stage.settle();
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    assert_eq!(words_of(&reader), expected, "{asked:?} {selectors:?} {order:?}");
    let end = asked.poll.then(|| End::Finished(Bytes::new()));
    assert_eq!(reader.end(), end, "{asked:?} {order:?}");
    assert!(stage.shard.initial_replays.is_empty());
}

fn run_all(asked: &[Asked], selectors: &[&[&str]], threads: &[&[Step]]) {
    for &asked in asked {
        for selectors in selectors {
            for order in &orders(threads) {
                run(order, asked, selectors);
            }
        }
    }
}

#[test]
fn whoever_comes_first_what_was_asked_for_comes_before_the_place_and_the_rest_behind_it() {
    let selectors: [&[&str]; 3] = [&["t", "u"], &["*"], &["{x}", "t"]];
    run_all(
        &ASKED,
        &selectors,
        &[
            &[Publish, Publish, Publish, Publish],
            &[Subscribe, Join],
            &[BatchDelivery, BatchDelivery],
        ],
    );
}

#[test]
fn so_it_does_when_the_reader_stops_and_goes_on_at_any_moment() {
    run_all(
        &ASKED[1..4],
        &[&["t", "u"]],
        &[&[Publish, Publish], &[Subscribe, Join], &[BatchDelivery, BatchDelivery], &[Stop, Read]],
    );
}

/// Events far apart are read one by one, and nobody waits for that: everything is cut that can be.
#[test]
fn a_present_value_of_many_topics_is_sent_in_slices() {
    let mut stage = stage();
    for number in 0..3_000_u64 {
        stage.publish(&format!("rare/{number}"));
        stage.publish("busy");
    }
    stage.shard.allowance = Allowance::Steps(1);
    let reader = Reader::with_room(usize::MAX);
    let asked = Asked { beginning: newest(1), poll: true };
    stage.post(asked.subscribe(&stage, &["*"]), &reader);
    let mut iterations = 0;
    while stage.shard.iterate() {
        iterations += 1;
    }
    let expected = (1..=6_000).filter(|sequence| sequence % 2 == 1).chain([6_000]);
    let mut expected: Vec<String> = expected.map(|sequence| sequence.to_string()).collect();
    expected.push("at-6000".to_owned());
    assert_eq!(words_of(&reader), expected);
    assert!(iterations > 3, "{iterations} iterations");
}

#[test]
fn what_the_log_has_dropped_meanwhile_is_told_by_a_gap() {
    let (delivery, log) = no_limits();
    let mut stage = stage_with(delivery, MemoryLogSettings { events_max: 4, ..log });
    for topic in ["t", "u", "t", "u"] {
        stage.publish(topic);
    }
    let reader = Reader::with_room(usize::MAX);
    let subscription = Asked { beginning: newest(1), poll: false }.subscribe(&stage, &["*"]);
    for _ in 0..3 {
        stage.publish("u");
    }
    stage.post(subscription, &reader);
    stage.settle();
    assert_eq!(reader.segments().join(" "), "(missed null after ? before 3) 4 5 6 7");
}

#[test]
fn an_id_by_a_publisher_is_not_replaced_by_a_place_but_at_the_end_of_a_poll() {
    for (poll, expected) in [(false, "mine 3"), (true, "mine at-2")] {
        let mut stage = stage();
        let fields = DraftFields {
            topics: vec!["t".into()],
            id: Some("mine".into()),
            ..DraftFields::default()
        };
        stage.publish_draft(fields.check(&EventLimits::default()).unwrap());
        stage.publish("u");
        let reader = Reader::with_room(usize::MAX);
        stage.post(Asked { beginning: newest(1), poll }.subscribe(&stage, &["t"]), &reader);
        stage.publish("t");
        stage.settle();
        assert_eq!(reader.segments().join(" "), expected);
    }
}

fn stage_with_rules(events_max: usize, rules: &[&str]) -> Stage {
    let (delivery, log) = no_limits();
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let rules = RetentionRules::new(rules).unwrap();
    let limits = KeptLimits { topics_max: usize::MAX, bytes_max: usize::MAX };
    let log = MemoryLog::new(MemoryLogSettings { events_max, ..log }, Clock::system());
    stage_over(log.with_rules(KeptSettings { rules, limits }), delivery)
}

#[test]
fn what_rules_keep_comes_first_in_slices_and_without_a_gap() {
    let mut stage = stage_with_rules(3, &["rare/*=last:1"]);
    for number in 0..2_000_u64 {
        stage.publish(&format!("rare/{number}"));
        stage.publish("busy");
    }
    stage.shard.allowance = Allowance::Steps(1);
    let kept: Vec<u64> = (1..=4_000).filter(|sequence| sequence % 2 == 1).collect();
    let with = |busy: &[u64]| {
        let all = kept.iter().chain(busy).collect::<std::collections::BTreeSet<_>>();
        all.into_iter().map(u64::to_string).collect::<Vec<_>>()
    };
    for (beginning, busy) in [(newest(1), &[4_000][..]), (Beginning::Since(0), &[3_998, 4_000])] {
        let reader = Reader::with_room(usize::MAX);
        stage.post(Asked { beginning, poll: false }.subscribe(&stage, &["*"]), &reader);
        let mut iterations = 0;
        while stage.shard.iterate() {
            iterations += 1;
        }
        assert_eq!(words_of(&reader), with(busy), "{beginning:?}");
        assert!(iterations > 3, "{iterations} iterations");
    }
}

#[test]
fn a_value_that_is_superseded_before_it_is_sent_is_left_out_and_the_new_one_comes() {
    let mut stage = stage_with_rules(2, &["*=last:1"]);
    for topic in ["a", "b", "c", "x", "x"] {
        stage.publish(topic);
    }
    let reader = Reader::with_room(usize::MAX);
    let subscription = Asked { beginning: newest(1), poll: false }.subscribe(&stage, &["*"]);
    stage.publish("b");
    stage.post(subscription, &reader);
    stage.settle();
    assert_eq!(reader.segments().join(" "), "1 3 5 6");
}

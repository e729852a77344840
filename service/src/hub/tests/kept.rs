//! What streams begin with of the events that rules keep beyond the bounds of the log.

use super::beginnings::{begin, newest};
use super::*;
use crate::log::{KeptLimits, KeptSettings, RetentionRules};

const LIMITS: KeptLimits = KeptLimits { topics_max: 1_000, bytes_max: 1 << 20 };

/// Three events are retained, and what the rules keep.
fn ruled(rules: &[&str]) -> Stage {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let rules = RetentionRules::new(rules).unwrap();
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    let settings = MemoryLogSettings { events_max: 3, ..MemoryLogSettings::default() };
    let kept = KeptSettings { rules, limits: LIMITS };
    let log = Arc::new(MemoryLog::new(settings, clock).with_rules(kept));
    let metrics = Metrics::new(1);
    Stage { hub: Hub::new(log.clone(), metrics.clone()), metrics, now_ms, log }
}

impl Stage {
    /// Publishes one event a topic, one after the other, and says what their ids are.
    fn publish_to(&self, topics: &[&str]) -> Vec<String> {
        let publish = |topic: &&str| {
            let receipt = publish_all(&self.hub, vec![draft(topic, None)]).remove(0);
            receipt.unwrap().id.to_string()
        };
        topics.iter().map(publish).collect()
    }

    fn first(&self, selectors: &[&str], resume: Option<Resume>, beginning: Beginning) -> Vec<u64> {
        let request = SubscribeRequest { selectors: set(selectors), grants: Grants::all(), resume };
        self.first_of(begin(&self.hub, request, beginning).unwrap())
    }
}

#[test]
fn the_newest_of_each_topic_are_found_wherever_they_are() {
    let stage = ruled(&["prices/*=last:2"]);
    let topics = ["prices/a", "prices/b", "prices/a", "prices/a", "busy", "busy", "prices/b"];
    stage.publish_to(&topics);
    let cases: [(&[&str], usize, &[u64]); 6] = [
        (&["prices/a"], 1, &[4]),
        (&["prices/a"], 5, &[3, 4]),
        (&["prices/b"], 2, &[2, 7]),
        (&["prices/a", "prices/b"], 1, &[4, 7]),
        (&["prices/{name}"], 2, &[2, 3, 4, 7]),
        (&["*"], 1, &[4, 6, 7]),
    ];
    for (selectors, count, expected) in cases {
        assert_eq!(stage.first(selectors, None, newest(count, None)), expected, "{selectors:?}");
    }
}

#[test]
fn all_of_a_time_and_all_that_is_retained_begin_with_what_is_kept() {
    let stage = ruled(&["runs/*=age:1h"]);
    for (ms, topic) in
        (1_000..).step_by(10).zip(["runs/1", "x", "runs/2", "runs/1", "x", "x", "runs/1"])
    {
        stage.set_clock(ms);
        stage.publish_to(&[topic]);
    }
    let earliest = |selectors| stage.first(selectors, Some(Resume::Earliest), Beginning::Next);
    assert_eq!(earliest(&["runs/1"]), [1, 4, 7]);
    assert_eq!(earliest(&["runs/{run}"]), [1, 3, 4, 7]);
    assert_eq!(earliest(&["*"]), [1, 3, 4, 5, 6, 7]);
    let since = |ms| stage.first(&["runs/{run}"], None, Beginning::Since(ms));
    assert_eq!(
        [since(0), since(1_001), since(1_030), since(1_031)],
        [vec![1, 3, 4, 7], vec![3, 4, 7], vec![4, 7], vec![7]]
    );
    let present = |ms| stage.first(&["runs/{run}"], None, newest(1, Some(ms)));
    assert_eq!([present(1_020), present(1_021)], [vec![3, 7], vec![7]]);
    // Of others the log itself has all that there is.
    assert!(
        begin(&stage.hub, request("x", Some(Resume::Earliest)), Beginning::Next)
            .unwrap()
            .initial_replay
            .is_none()
    );
}

#[test]
fn a_client_whose_topics_a_rule_has_kept_goes_on_without_a_gap() {
    let stage = ruled(&["runs/*=age:1h"]);
    let ids = stage.publish_to(&["runs/1", "runs/2", "runs/1", "x", "runs/2", "x", "x", "x"]);
    let resume = |selector: &str, id: usize| {
        let request = request(selector, Some(Resume::After(ids[id - 1].clone())));
        begin(&stage.hub, request, Beginning::Next).unwrap()
    };
    let subscription = resume("runs/1", 1);
    assert_eq!((&subscription.gap, subscription.resumed), (&None, Some(Resumed::Complete)));
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[0]));
    assert_eq!(stage.first_of(subscription), [3]);
    let subscription = resume("runs/1", 3);
    assert_eq!((subscription.gap.is_none(), subscription.cursor), (true, Sequence(5)));
    // Of other selectors nobody knows what has gone; they get what there is, and are told.
    let subscription = resume("runs/{run}", 1);
    let gap = subscription.gap.clone().unwrap();
    assert_eq!((gap.missed, gap.after), (None, Some(ids[0].clone())));
    assert_eq!(stage.first_of(subscription), [2, 3, 5]);
    // The place that the gap leads to can be resumed from.
    let request = request("runs/{run}", Some(Resume::After(gap.before.unwrap())));
    let subscription = begin(&stage.hub, request, Beginning::Next).unwrap();
    assert_eq!(stage.first_of(subscription), [2, 3, 5]);
    let stranger = resume("x", 1);
    assert!(stranger.gap.is_some() && stranger.initial_replay.is_none());
}

#[test]
fn what_only_others_may_see_is_in_no_list() {
    let stage = ruled(&["*=last:2"]);
    stage.publish_in(&["a"], true);
    stage.publish_in(&["a"], false);
    stage.publish_to(&["x", "x", "x"]);
    let selectors = set(&["a"]);
    let grants = Grants::public();
    let request = SubscribeRequest { selectors, grants, resume: Some(Resume::Earliest) };
    let subscription = begin(&stage.hub, request, Beginning::Next).unwrap();
    assert_eq!(stage.first_of(subscription), [2]);
}

#[test]
fn what_goes_before_it_is_sent_is_left_out_of_what_is_kept() {
    let stage = ruled(&["*=last:1"]);
    stage.publish_to(&["a", "b", "c", "x", "x", "x"]);
    let request = request("*", Some(Resume::Earliest));
    let subscription = begin(&stage.hub, request, Beginning::Next).unwrap();
    stage.publish_to(&["b"]);
    let list = subscription.initial_replay.unwrap().list.unwrap();
    let runs: Vec<_> =
        std::iter::successors(list.next_run(Sequence(0)), |run| list.next_run(run.range().through))
            .take(2)
            .collect();
    assert!(matches!(runs[..], [ReplayRun::Kept(_), ReplayRun::All(_)]), "{runs:?}");
}

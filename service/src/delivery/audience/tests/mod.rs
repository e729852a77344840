use std::collections::BTreeMap;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::super::budget::{Allowance, Budget};
use super::*;
use crate::event::{Buffers, Draft, DraftFields, EncodedEvent, Epoch, EventLimits};
use crate::topic::Selector;

/// Grants for private events.
mod grants;
/// The cache of patterns.
mod match_cache;
/// Walks over all members.
mod walk;

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

fn draft(topics: &[&str], private: bool) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields = DraftFields { topics, private, ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

fn number(draft: Draft, sequence: u64) -> Arc<Event> {
    Arc::new(EncodedEvent::encode(draft).assign(
        Sequence(sequence),
        (0, std::time::Instant::now()),
        Epoch::begun_at(0, 0),
        &Buffers::default(),
    ))
}

fn event(sequence: u64, topics: &[&str]) -> Arc<Event> {
    number(draft(topics, false), sequence)
}

fn enter(audiences: &mut Audiences, selectors: &[&str]) -> AudienceKey {
    audiences.enter(set(selectors), Grants::all(), Sequence(0))
}

/// Brings an event as often as it takes, with so many steps at a time.
fn assign_one(
    audiences: &mut Audiences,
    event: &Arc<Event>,
    touched: &mut Vec<AudienceKey>,
    steps: usize,
) -> usize {
    let mut times = 1;
    while audiences.assign(event, touched, &mut Budget::new(Allowance::Steps(steps))).is_none() {
        times += 1;
    }
    times
}

/// Assigns events, and says which audiences were touched.
fn assign(audiences: &mut Audiences, events: &[Arc<Event>]) -> Vec<AudienceKey> {
    let mut touched = Vec::new();
    for event in events {
        assign_one(audiences, event, &mut touched, usize::MAX);
    }
    touched
}

/// What an audience would be handed, which is taken away as a pass does.
fn take_pending(audiences: &mut Audiences, key: AudienceKey) -> Vec<u64> {
    let pending = std::mem::take(&mut audiences.get_mut(key).unwrap().pending);
    pending.iter().map(|event| event.sequence().0).collect()
}

// Coming and going.

#[test]
fn the_same_terms_share_an_audience() {
    let mut audiences = Audiences::new(Policies::default());
    let news = topic("news");
    let key = enter(&mut audiences, &["news", "{x}"]);
    assert_eq!(enter(&mut audiences, &["{x}", "news", "news"]), key);
    let others = [
        enter(&mut audiences, &["news"]),
        enter(&mut audiences, &["news", "{y}"]),
        audiences.enter(set(&["news", "{x}"]), Grants::subscribe_to(news), Sequence(0)),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, key);
        assert!(!others[..index].contains(other));
    }
}

#[test]
fn a_new_audience_has_what_the_shard_has_seen_and_an_old_one_stays_as_it_is() {
    let mut audiences = Audiences::new(Policies::default());
    let enter = |audiences: &mut Audiences, seen| {
        audiences.enter(set(&["news"]), Grants::all(), Sequence(seen))
    };
    let key = enter(&mut audiences, 5);
    assert_eq!(audiences.get(key).unwrap().last, Sequence(5));
    assert_eq!(audiences.get(key).unwrap().total, Lag::default());
    assert_eq!(enter(&mut audiences, 9), key);
    assert_eq!(audiences.get(key).unwrap().last, Sequence(5));
    audiences.leave(key);
    let again = enter(&mut audiences, 9);
    assert_ne!(again, key);
    assert_eq!(audiences.get(again).unwrap().last, Sequence(9));
}

#[test]
fn an_audience_that_has_left_leaves_nothing_behind() {
    let mut audiences = Audiences::new(Policies::default());
    let stays = enter(&mut audiences, &["a"]);
    let keys = [&["a", "b"][..], &["a"], &["{x}"], &["b", "*"]]
        .map(|selectors| audiences.enter(set(selectors), Grants::all(), Sequence(0)));
    assert_eq!(keys[1], stays);
    for key in [keys[0], keys[2], keys[3]] {
        audiences.leave(key);
        audiences.leave(key); // Once more changes nothing.
        assert!(audiences.get(key).is_none());
    }
    assert_eq!(assign(&mut audiences, &[event(1, &["a", "b"])]), [stays]);
    audiences.leave(stays);
    assert_eq!(assign(&mut audiences, &[event(2, &["a", "b"])]), []);
    assert!(audiences.all.is_empty() && audiences.order.is_empty());
    assert!(audiences.by_terms.is_empty());
    assert!(audiences.by_topic.is_empty() && audiences.patterns.is_empty());
}

// Assigning.

#[test]
fn an_event_goes_to_every_audience_with_a_selector_for_one_of_its_topics() {
    let mut audiences = Audiences::new(Policies::default());
    let all: [&[&str]; 6] = [&["a"], &["a", "b"], &["c"], &["{x}"], &["x/{y}", "a"], &["*"]];
    let keys = all.map(|selectors| enter(&mut audiences, selectors));
    let mut check = |topics: &[&str], expected: [bool; 6]| {
        let touched = assign(&mut audiences, &[event(1, topics)]);
        for (index, key) in keys.iter().enumerate() {
            let pending = take_pending(&mut audiences, *key);
            assert_eq!(pending == [1], expected[index], "{topics:?} and {:?}", all[index]);
            assert_eq!(touched.contains(key), expected[index]);
        }
        assert_eq!(touched.len(), expected.iter().filter(|&&expected| expected).count());
    };
    check(&["a"], [true, true, false, true, true, true]);
    check(&["b"], [false, true, false, true, false, true]);
    check(&["x/1"], [false, false, false, false, true, true]);
    check(&["n/o/n/e"], [false, false, false, false, false, true]);
    check(&["x/1", "c"], [false, false, true, true, true, true]);
}

#[test]
fn an_event_with_several_topics_is_assigned_once() {
    let mut audiences = Audiences::new(Policies::default());
    for selectors in [&["a", "b"][..], &["{x}"], &["a", "{x}"], &["*"], &["*", "a", "b"]] {
        let key = enter(&mut audiences, selectors);
        assert_eq!(assign(&mut audiences, &[event(1, &["a", "b", "c"])]), [key], "{selectors:?}");
        assert_eq!(take_pending(&mut audiences, key), [1], "{selectors:?}");
        audiences.leave(key);
    }
}

#[test]
fn events_of_one_pass_stay_in_order_and_touch_an_audience_once() {
    let mut audiences = Audiences::new(Policies::default());
    let (both, a) = (enter(&mut audiences, &["a", "b"]), enter(&mut audiences, &["a"]));
    let events = [event(1, &["b"]), event(2, &["b", "a"]), event(3, &["c"]), event(4, &["a"])];
    assert_eq!(assign(&mut audiences, &events), [both, a]);
    assert_eq!(take_pending(&mut audiences, both), [1, 2, 4]);
    assert_eq!(take_pending(&mut audiences, a), [2, 4]);
}

#[test]
fn a_private_event_needs_a_grant_for_one_of_its_topics() {
    let mut audiences = Audiences::new(Policies::default());
    let grants =
        [Grants::all(), Grants::subscribe_to(topic("a")), Grants::subscribe_to(topic("b"))];
    let keys: Vec<_> = [&["a"][..], &["*"]]
        .iter()
        .flat_map(|selectors| grants.clone().map(|grants| (set(selectors), grants)))
        .map(|(selectors, grants)| audiences.enter(selectors, grants, Sequence(0)))
        .collect();
    let mut check = |topics: &[&str], private, expected: [bool; 6]| {
        assign(&mut audiences, &[number(draft(topics, private), 1)]);
        let seen: Vec<_> =
            keys.iter().map(|&key| take_pending(&mut audiences, key) == [1]).collect();
        assert_eq!(seen, expected, "{topics:?}, private: {private}");
    };
    check(&["a"], false, [true; 6]);
    check(&["a"], true, [true, true, false, true, true, false]);
    check(&["c"], true, [false, false, false, true, false, false]);
    // The grant is for the event, not for the topic by which it was found.
    check(&["a", "b"], true, [true; 6]);
    check(&["c", "b"], true, [false, false, false, true, false, true]);
}

#[test]
fn nothing_more_comes_when_all_exact_topics_have_ended_and_none_is_open_again() {
    type Case = (&'static [&'static str], &'static [(&'static str, u64)], u64, Option<u64>);
    let cases: [Case; 9] = [
        (&["a"], &[], 1, None),
        (&["a"], &[("a", 3)], 1, Some(3)),
        (&["a"], &[("a", 3)], 3, Some(3)),
        (&["a"], &[("a", 3)], 4, None),
        (&["a"], &[("a", 3), ("a", 7)], 4, Some(7)),
        (&["a", "b"], &[("a", 3)], 1, None),
        (&["a", "b"], &[("b", 5), ("a", 3)], 1, Some(5)),
        (&["a", "{x}"], &[("a", 3)], 1, None),
        (&["*"], &[("a", 3)], 1, None),
    ];
    for (selectors, ends, oldest, expected) in cases {
        let mut audiences = Audiences::new(Policies::default());
        let key = enter(&mut audiences, selectors);
        let audience = audiences.get_mut(key).unwrap();
        for (topic, by) in ends {
            audience.note_end(&Topic::parse(topic, 100).unwrap(), Sequence(*by));
        }
        assert_eq!(
            audience.ends_by(|by| by >= Sequence(oldest)),
            expected.map(Sequence),
            "{selectors:?}"
        );
    }
}

const SELECTORS: [&[&str]; 7] =
    [&["a"], &["b"], &["a", "b"], &["{x}"], &["x/{y}"], &["a", "x/{y}"], &["*"]];
const TOPICS: [&str; 4] = ["a", "b", "x/1", "x/2"];

#[derive(Clone, Debug)]
enum Step {
    Enter(usize),
    Leave(usize),
    Publish(Vec<&'static str>, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = btree_set(0..TOPICS.len(), 1..=3)
        .prop_map(|indices| indices.into_iter().map(|index| TOPICS[index]).collect());
    prop_oneof![
        2 => (0..SELECTORS.len()).prop_map(Step::Enter),
        1 => (0..SELECTORS.len()).prop_map(Step::Leave),
        3 => (topics, any::<bool>()).prop_map(|(topics, private)| Step::Publish(topics, private)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// An audience that was there before and is there afterwards gets the event once; one that came
    /// meanwhile is taken to have it, for its members read it from the log.
    #[test]
    fn audiences_may_come_and_go_while_those_of_an_event_are_found(
        before in btree_set(0..SELECTORS.len(), 0..SELECTORS.len()),
        topics in btree_set(0..TOPICS.len(), 1..=4),
        steps in vec((any::<bool>(), 0..SELECTORS.len()), 0..30),
        taken in any::<bool>(),
    ) {
        let mut audiences = Audiences::new(Policies::default());
        let mut keys = BTreeMap::new();
        for index in before {
            keys.insert(index, (enter(&mut audiences, SELECTORS[index]), false));
        }
        let topics: Vec<_> = topics.into_iter().map(|index| TOPICS[index]).collect();
        let event = event(7, &topics);
        let (mut touched, mut had) = (Vec::new(), Vec::new());
        let mut steps = steps.into_iter();
        while audiences.assign(&event, &mut touched, &mut Budget::new(Allowance::Steps(1))).is_none() {
            if taken {
                for key in touched.drain(..) {
                    let Some(audience) = audiences.get_mut(key) else { continue };
                    audience.last = audience.newest();
                    had.extend(std::mem::take(&mut audience.pending).iter().map(|_| key));
                }
            }
            match steps.next() {
                Some((true, index)) => {
                    let key = enter(&mut audiences, SELECTORS[index]);
                    keys.entry(index).or_insert((key, true));
                }
                Some((false, index)) => {
                    if let Some((key, _)) = keys.remove(&index) {
                        audiences.leave(key);
                    }
                }
                None => {}
            }
        }
        for (&index, &(key, is_new)) in &keys {
            let pending = take_pending(&mut audiences, key);
            let times = pending.len() + had.iter().filter(|&&other| other == key).count();
            let expected_match = set(SELECTORS[index]).matches_any(topics.iter().copied());
            prop_assert_eq!(times, usize::from(expected_match && !is_new), "{:?}", SELECTORS[index]);
            if is_new {
                prop_assert!(audiences.get(key).unwrap().last >= Sequence(7));
            }
        }
        // The next event goes to all of them, also to those that came meanwhile.
        assign(&mut audiences, &[number(draft(&topics, false), 8)]);
        for (index, (key, _)) in keys {
            let expected_match = set(SELECTORS[index]).matches_any(topics.iter().copied());
            let expected: &[u64] = if expected_match { &[8] } else { &[] };
            prop_assert_eq!(take_pending(&mut audiences, key), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whoever_comes_and_goes_an_event_is_assigned_as_its_selectors_say(
        steps in vec(any_step(), 1..40),
    ) {
        let mut audiences = Audiences::new(Policies::default());
        let mut keys = BTreeMap::new();
        for (step, sequence) in steps.into_iter().zip(1..) {
            match step {
                Step::Enter(index) => {
                    let grants = Grants::subscribe_to(topic("a"));
                    let key = audiences.enter(set(SELECTORS[index]), grants, Sequence(0));
                    prop_assert_eq!(*keys.entry(index).or_insert(key), key);
                }
                Step::Leave(index) => {
                    keys.remove(&index).into_iter().for_each(|key| audiences.leave(key));
                }
                Step::Publish(topics, private) => {
                    let event = number(draft(&topics, private), sequence);
                    let touched = assign(&mut audiences, &[event]);
                    let expected: Vec<_> = keys
                        .iter()
                        .filter(|(index, _)| {
                            set(SELECTORS[**index]).matches_any(topics.iter().copied())
                                && (!private || topics.contains(&"a"))
                        })
                        .map(|(_, &key)| key)
                        .collect();
                    prop_assert_eq!(touched.len(), expected.len());
                    for &key in &expected {
                        prop_assert!(touched.contains(&key));
                        prop_assert_eq!(take_pending(&mut audiences, key), [sequence]);
                    }
                }
            }
        }
    }
}

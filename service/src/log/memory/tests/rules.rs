//! What rules keep beyond the bounds of the log.

use super::*;
use crate::log::{KeptLimits, KeptTotals, RetentionRules};

const PLENTY: KeptLimits = KeptLimits { topics_max: usize::MAX, bytes_max: usize::MAX };

fn rules(texts: &[&str]) -> RetentionRules {
    RetentionRules::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
}

fn ruled(settings: MemoryLogSettings, texts: &[&str], limits: KeptLimits) -> Stage {
    let Stage { log, now_ms } = stage(settings);
    Stage { log: log.with_rules(KeptSettings { rules: rules(texts), limits }), now_ms }
}

impl Stage {
    /// The sequences of all that is kept.
    fn kept(&self) -> Vec<u64> {
        let (mut kept, mut after) = (Vec::new(), Sequence(0));
        let limit = PageLimit { events_max: 3, bytes_max: usize::MAX };
        loop {
            let page = self.log.read_kept(after, &set(&["*"]), limit);
            kept.extend(sequences(&page));
            if page.events.is_empty() {
                return kept;
            }
            after = page.through;
        }
    }

    fn kept_of(&self, topic: &str) -> Vec<u64> {
        sequences(&self.log.read_kept(Sequence(0), &set(&[topic]), ALL))
    }

    fn count_of(&self, topic: &str) -> usize {
        self.log.count_of(&Topic::parse(topic, 100).unwrap()).unwrap().events
    }
}

#[test]
fn a_busy_topic_does_not_push_out_what_a_rule_keeps_of_a_quiet_one() {
    let settings = MemoryLogSettings { events_max: 3, ..UNBOUNDED };
    let stage = ruled(settings, &["prices/*=last:1"], PLENTY);
    stage.append(&["prices/a", "prices/b", "prices/a", "busy", "busy", "busy", "busy"]);
    assert_eq!(stage.retained(), [5, 6, 7]);
    assert_eq!((stage.kept(), stage.kept_of("prices/a")), (vec![2, 3], vec![3]));
    let newest = |topic| stage.log.newest(&Topic::parse(topic, 100).unwrap(), Sequence::MAX);
    assert_eq!(newest("prices/a").unwrap().sequence(), Sequence(3));
    assert_eq!([stage.count_of("prices/a"), stage.count_of("busy")], [1, 3]);
    let totals = stage.log.bounds().kept;
    assert_eq!((totals.events, totals.topics, totals.dropped), (2, 2, 0));
    // A new value takes the place of the one before at once, wherever that is.
    stage.append(&["prices/b"]);
    assert_eq!(stage.kept(), [3]);
}

#[test]
fn a_rule_of_time_keeps_what_is_younger_and_never_makes_anything_go_earlier() {
    let settings = MemoryLogSettings { events_max: 2, ..UNBOUNDED };
    let stage = ruled(settings, &["runs/*=age:100ms"], PLENTY);
    for ms in [1_000, 1_050, 1_090] {
        stage.set_clock(ms);
        stage.append(&["runs/1"]);
    }
    stage.append(&["busy", "busy"]);
    let at = |ms| {
        stage.set_clock(ms);
        stage.log.expire();
        stage.kept()
    };
    assert_eq!(
        [at(1_100), at(1_101), at(1_151), at(1_191)],
        [vec![1, 2, 3], vec![2, 3], vec![3], vec![]]
    );
    stage.append(&["runs/1", "runs/2"]);
    assert_eq!(at(9_000), [0; 0]);
    assert_eq!(stage.retained(), [6, 7], "the log itself retains them");
    assert_eq!(stage.log.bounds().kept, KeptTotals::default());
}

#[test]
fn a_rule_of_number_keeps_so_many_events_whatever_their_topics() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let stage = ruled(settings, &["audit/*=events:3"], PLENTY);
    stage.append(&["audit/a", "x", "audit/b", "audit/a", "audit/c", "x", "x"]);
    assert_eq!((stage.kept(), stage.retained()), (vec![3, 4, 5], vec![7]));
}

#[test]
fn of_several_rules_the_one_that_keeps_longest_holds() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let texts = ["a*=last:1", "*b=age:100ms", "ab=events:1"];
    let stage = ruled(settings, &texts, PLENTY);
    stage.append(&["ab", "ab", "b", "a", "x"]);
    assert_eq!(stage.kept(), [1, 2, 3, 4]);
    stage.set_clock(1_101);
    stage.log.expire();
    assert_eq!(stage.kept(), [2, 4], "the newest of each that begins with a");
    // An event is kept for any of its topics.
    append(&stage.log, vec![draft(&["a", "z"], None, "d"), draft(&["x"], None, "d")]);
    assert_eq!((stage.kept_of("a"), stage.kept_of("z")), (vec![6], vec![6]));
    append(&stage.log, vec![draft(&["a"], None, "d"), draft(&["x"], None, "d")]);
    assert_eq!((stage.kept_of("z"), stage.kept()), (vec![], vec![2, 8]));
}

#[test]
fn all_that_a_rule_says_has_to_hold() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let stage = ruled(settings, &["*=last:2,events:3,age:100ms"], PLENTY);
    stage.append(&["a", "a", "a", "b", "c", "x", "x", "x", "x"]);
    assert_eq!(
        stage.kept(),
        [4, 5, 8],
        "3 is the oldest of too many, and 7 the third of its topic"
    );
    stage.set_clock(2_000);
    stage.log.expire();
    assert_eq!(stage.kept(), [0; 0]);
}

#[test]
fn where_topics_or_memory_run_out_the_oldest_go_and_are_counted() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let limits = KeptLimits { topics_max: 2, ..PLENTY };
    let stage = ruled(settings, &["*=last:1"], limits);
    stage.append(&["a", "b", "c", "d", "e"]);
    assert_eq!(stage.kept(), [3, 4]);
    let totals = stage.log.bounds().kept;
    assert_eq!((totals.events, totals.topics, totals.dropped), (2, 2, 2));
    let limits = KeptLimits { bytes_max: 2 * totals.bytes, ..PLENTY };
    let stage = ruled(settings, &["*=last:1"], limits);
    for topic in 0..100 {
        stage.append(&[&format!("{topic}")]);
    }
    let totals = stage.log.bounds().kept;
    assert!((3..=4).contains(&totals.events) && totals.bytes <= limits.bytes_max, "{totals:?}");
    assert_eq!(totals.dropped, 99 - totals.events as u64);
}

#[test]
fn ids_and_ends_of_what_is_kept_are_known_as_long_as_it_is() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let stage = ruled(settings, &["runs/*=age:100ms"], PLENTY);
    let end = draft(&["runs/1"], Some("the end"), "").ending_topic().idempotent();
    let first = append(&stage.log, vec![end.clone()]).remove(0).unwrap();
    stage.append(&["busy", "busy"]);
    assert_eq!(stage.locate("the end"), Position::After(Sequence(1)));
    let repeated = append(&stage.log, vec![end.clone()]).remove(0).unwrap();
    assert_eq!((repeated.is_repeat, repeated.sequence), (true, first.sequence));
    let late = append(&stage.log, vec![draft(&["runs/1"], None, "d")]).remove(0);
    assert!(matches!(late, Err(AppendError::TopicEnded { .. })), "{late:?}");
    stage.set_clock(1_101);
    stage.log.expire();
    assert_eq!(stage.locate("the end"), Position::Unknown);
    assert_eq!(stage.append(&["runs/1"]), [4]);
}

#[test]
fn what_is_for_one_stream_alone_is_not_kept() {
    let stage = ruled(MemoryLogSettings { events_max: 1, ..UNBOUNDED }, &["*=last:1"], PLENTY);
    append(&stage.log, vec![draft(&["run"], None, "d").for_one_stream()]);
    stage.append(&["a", "x"]);
    assert_eq!(stage.kept(), [2]);
}

#[test]
fn a_topic_is_complete_behind_the_last_of_its_events_that_has_gone() {
    let settings = MemoryLogSettings { events_max: 2, ..UNBOUNDED };
    let stage = ruled(settings, &["a=events:2", "b=age:1h"], PLENTY);
    stage.append(&["a", "b", "a", "a", "x", "x"]);
    let complete =
        |topics: &[&str], after| stage.log.is_complete_after(&set(topics), Sequence(after));
    assert_eq!(
        [complete(&["b"], 0), complete(&["a"], 0), complete(&["a"], 1)],
        [true, false, true]
    );
    assert_eq!([complete(&["a", "b"], 0), complete(&["a", "b"], 1)], [false, true]);
    // What no rule is for, and what is none of the log's topics, is never known to be complete.
    assert_eq!([complete(&["x"], 4), complete(&["z"], 6), complete(&["*"], 6)], [false; 3]);
    // Of a topic that comes back nobody knows what it had.
    let stage = ruled(MemoryLogSettings { events_max: 1, ..UNBOUNDED }, &["a=events:1"], PLENTY);
    stage.append(&["x", "x", "x"]);
    stage.append(&["a"]);
    assert!(!stage.log.is_complete_after(&set(&["a"]), Sequence(0)));
    assert!(stage.log.is_complete_after(&set(&["a"]), Sequence(2)));
}

#[test]
fn a_run_of_sequences_is_read_as_far_as_all_of_it_is_kept() {
    let settings = MemoryLogSettings { events_max: 1, ..UNBOUNDED };
    let stage = ruled(settings, &["a=age:1h"], PLENTY);
    stage.append(&["a", "a", "a", "x", "a", "x"]);
    let read = |after, through, events_max| {
        let limit = PageLimit { events_max, ..ALL };
        let page = stage.log.read_now(range(after, through), EventFilter::Everything, limit);
        (sequences(&page), page.through.0, page.is_truncated)
    };
    assert_eq!(read(0, 3, 9), (vec![1, 2, 3], 3, false));
    assert_eq!(read(0, 9, 2), (vec![1, 2], 2, false));
    assert_eq!(read(0, 9, 9), (vec![1, 2, 3], 3, false));
    assert_eq!(read(3, 9, 9), (vec![6], 6, true), "4 has gone");
    assert_eq!(read(4, 9, 9), (vec![5], 5, false));
}

const TOPICS: [&str; 4] = ["a/1", "a/2", "b/1", "b/2"];
const RULES: [&str; 7] = [
    "a/*=last:1",
    "b/*=last:2,age:150ms",
    "*=events:4",
    "*/1=age:80ms",
    "*/2=events:2,last:1",
    "a/1=age:200ms,events:3",
    "b/2=last:3",
];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<&'static str>),
    SetClock(u64),
    Expire,
}

/// The plainest words for what rules keep: each rule has a list.
#[derive(Debug, Default)]
struct Model {
    all: Vec<(u64, Vec<&'static str>, u64)>,
    /// The rules as numbers of `RULES`, and what each holds.
    rules: Vec<(usize, Vec<u64>)>,
    kept: Vec<u64>,
    oldest: u64,
}

impl Model {
    fn is_among_newest(&self, (sequence, topics): (u64, &[&str]), rule: usize) -> bool {
        let newest = [Some(1), Some(2), None, None, Some(1), None, Some(3)][rule];
        let matches = |topic: &str| match rule {
            0 => topic.starts_with('a'),
            1 => topic.starts_with('b'),
            2 => true,
            3 => topic.ends_with('1'),
            4 => topic.ends_with('2'),
            5 => topic == "a/1",
            _ => topic == "b/2",
        };
        topics.iter().filter(|topic| matches(topic)).any(|topic| {
            let newer = self.all.iter().filter(|(at, of, _)| *at > sequence && of.contains(topic));
            newest.is_none_or(|newest| newer.count() < newest)
        })
    }

    fn evict(&mut self, oldest: u64, now_ms: u64, topics_max: usize) {
        let age = [None, Some(150), None, Some(80), None, Some(200), None];
        let max = [None, None, Some(4), None, Some(2), Some(3), None];
        let is_young = |ms: u64, rule: usize| age[rule].is_none_or(|age| ms + age >= now_ms);
        let passed: Vec<_> = self
            .all
            .iter()
            .filter(|(at, ..)| (self.oldest..oldest).contains(at))
            .cloned()
            .collect();
        let mut rules = self.rules.clone();
        for (rule, held) in &mut rules {
            for (at, topics, ms) in &passed {
                if self.is_among_newest((*at, topics), *rule) && is_young(*ms, *rule) {
                    held.push(*at);
                    self.kept.push(*at);
                }
            }
            held.retain(|at| {
                let (at, topics, ms) = &self.all[*at as usize - 1];
                self.is_among_newest((*at, topics), *rule) && is_young(*ms, *rule)
            });
            let beyond = max[*rule].map_or(0, |max| held.len().saturating_sub(max));
            held.drain(..beyond);
        }
        self.kept.sort_unstable();
        self.kept.dedup();
        self.kept.retain(|at| rules.iter().any(|(_, held)| held.contains(at)));
        while self.topics_kept() > topics_max {
            let first = self.kept.remove(0);
            rules.iter_mut().for_each(|(_, held)| held.retain(|at| *at != first));
        }
        (self.rules, self.oldest) = (rules, oldest);
    }

    fn topics_kept(&self) -> usize {
        let has = |topic: &&&str| {
            self.kept.iter().any(|at| self.all[*at as usize - 1].1.contains(*topic))
        };
        TOPICS.iter().filter(has).count()
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = btree_set(0..TOPICS.len(), 1..3)
        .prop_map(|indices| indices.into_iter().map(|index| TOPICS[index]).collect());
    prop_oneof![
        6 => topics.prop_map(Step::Append),
        2 => (1_000..1_600_u64).prop_map(Step::SetClock),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rules_keep_what_plain_lists_would(
        steps in vec(any_step(), 1..60),
        chosen in btree_set(0..RULES.len(), 0..4),
        events_max in 1..6_usize,
        topics_max in prop_oneof![Just(9_usize), 0..4_usize],
    ) {
        let texts: Vec<&str> = chosen.iter().map(|rule| RULES[*rule]).collect();
        let settings = MemoryLogSettings { events_max, ..UNBOUNDED };
        let stage = ruled(settings, &texts, KeptLimits { topics_max, ..PLENTY });
        let rules = chosen.iter().map(|rule| (*rule, Vec::new())).collect();
        let mut model = Model { rules, oldest: 1, ..Model::default() };
        let (mut now_ms, mut head_ms) = (1_000, 1_000);
        for step in steps {
            match step {
                Step::Append(topics) => {
                    append(&stage.log, vec![draft(&topics, None, "d")]);
                    head_ms = head_ms.max(now_ms);
                    model.all.push((model.all.len() as u64 + 1, topics, head_ms));
                }
                Step::SetClock(ms) => {
                    stage.set_clock(ms);
                    now_ms = ms;
                    continue;
                }
                Step::Expire => stage.log.expire(),
            }
            model.evict(stage.log.bounds().oldest.0, now_ms, topics_max);
            prop_assert_eq!(stage.kept(), model.kept.clone());
            let totals = stage.log.bounds().kept;
            prop_assert_eq!((totals.events, totals.topics), (model.kept.len(), model.topics_kept()));
            for topic in TOPICS {
                let of_topic = model.all.iter().filter(|(_, topics, _)| topics.contains(&topic));
                let is_there = |at: &u64| *at >= model.oldest || model.kept.contains(at);
                let all: Vec<u64> = of_topic.map(|(at, ..)| *at).collect();
                let there: Vec<u64> = all.iter().copied().filter(is_there).collect();
                prop_assert_eq!(stage.count_of(topic), there.len());
                for after in 0..=model.all.len() as u64 {
                    if stage.log.is_complete_after(&set(&[topic]), Sequence(after)) {
                        let missing = all.iter().find(|at| **at > after && !is_there(at));
                        prop_assert_eq!(missing, None, "{} after {}", topic, after);
                    }
                }
            }
        }
        // When the last has gone nothing is left of it.
        stage.set_clock(9_000_000);
        for _ in 0..20 {
            append(&stage.log, vec![draft(&["x"], None, "d")]);
        }
        if chosen.iter().all(|rule| [1, 3, 5].contains(rule)) {
            prop_assert_eq!(stage.log.bounds().kept.bytes, 0);
            prop_assert_eq!(stage.topics_indexed(), 1);
        }
    }
}

//! What rules keep beyond the bounds of the log, on a disk.

use std::collections::BTreeSet;

use super::*;
use crate::log::{KeptLimits, RetentionRules};

const PLENTY: KeptLimits = KeptLimits { topics_max: usize::MAX, bytes_max: usize::MAX };

fn kept_by(rules: &[&str], limits: KeptLimits) -> KeptSettings {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    KeptSettings { rules: RetentionRules::new(rules).unwrap(), limits }
}

fn ruled(settings: FileLogSettings, rules: &[&str]) -> Steps {
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    let disk = ModelDisk::new(Plan::default());
    open_steps_with_rules(disk, (settings, kept_by(rules, PLENTY)), now_ms).unwrap()
}

impl Steps {
    /// The upkeep, and what the writer has to do for it.
    fn upkeep_and_write(&mut self) {
        self.upkeep();
        if self.opened.upkeep.waits_for_writer() {
            self.opened.writer.write_again();
            self.upkeep();
        }
    }

    /// Fills the disk so often that everything of before is gone from it.
    fn fill(&mut self) {
        for _ in 0..400 {
            self.append_sized("busy", 3_000);
            self.upkeep_and_write();
        }
    }

    /// What rules keep beyond the bounds, read forwards and backwards.
    fn kept(&self) -> Vec<u64> {
        let oldest = self.bounds().oldest;
        let inner = &self.opened.inner;
        let page = inner.retained.lock().window.read_kept(
            range(0, oldest.0 - 1),
            &set(&["*"]),
            PageLimit { events_max: usize::MAX, bytes_max: usize::MAX },
        );
        let kept: Vec<u64> = page.events.iter().map(|event| event.sequence().0).collect();
        let back = self.read_back(range(0, u64::MAX), EventFilter::Everything);
        let mut back: Vec<u64> = back.iter().map(|event| event.sequence().0).collect();
        back.reverse();
        assert_eq!(back[..kept.len()], kept, "backwards, behind what is retained");
        let (retained, _) = self.read(range(oldest.0 - 1, u64::MAX), EventFilter::Everything);
        let retained: Vec<u64> = retained.iter().map(|event| event.sequence().0).collect();
        assert_eq!(back[kept.len()..], retained);
        kept
    }
}

#[test]
fn a_value_outlives_its_segment_and_every_restart_with_its_id() {
    let mut log = ruled(SMALL, &["prices/*=last:1", "runs/*=age:1h"]);
    for topic in ["prices/a", "prices/b", "prices/a", "runs/1", "other", "runs/1"] {
        log.append_sized(topic, 10);
    }
    let before: Vec<_> = log.everything().iter().map(|event| event.frame().clone()).collect();
    for round in 0..3 {
        log.fill();
        assert!(log.bounds().oldest.0 > 6);
        assert_eq!(log.kept(), [2, 3, 4, 6], "round {round}");
        let read = log.read(range(1, 4), EventFilter::Everything).0;
        let frames: Vec<_> = read.iter().map(|event| event.frame().clone()).collect();
        assert_eq!(frames, before[1..4]);
        log = log.restart();
        assert_eq!(log.kept(), [2, 3, 4, 6], "after restart {round}");
    }
    // A new value is written once, and the old one is kept no longer, there and after a restart.
    log.append_sized("prices/a", 10);
    log.upkeep_and_write();
    assert_eq!(log.kept(), [2, 4, 6]);
    let mut log = log.restart();
    log.upkeep_and_write();
    assert_eq!(log.kept(), [2, 4, 6]);
    log.set_clock(log.now() + 3_600_001);
    log.fill();
    assert_eq!(log.kept()[..1], [2], "the runs are too old");
    assert_eq!(log.kept().len(), 2, "and the new value is kept in their place");
}

#[test]
fn what_is_on_the_disk_alone_is_looked_at_before_it_goes() {
    let mut log = ruled(SMALL, &["*=last:2"]);
    // Of each topic three, in segments apart, and the memory is small.
    for _ in 0..3 {
        for number in 0..20 {
            log.append_sized(&format!("t/{number}"), 3_000);
            log.upkeep_and_write();
        }
    }
    log = log.restart();
    log.fill();
    let kept = log.kept();
    assert_eq!(kept, (21..=60).collect::<Vec<_>>(), "the newest two of each");
}

#[test]
fn the_disk_holds_what_is_kept_once_and_not_ever_more() {
    let mut log = ruled(SMALL, &["t/*=last:1"]);
    for number in 0..30 {
        log.append_sized(&format!("t/{number}"), 1_000);
    }
    log.fill();
    let once = log.disk.bytes();
    for _ in 0..5 {
        log.fill();
    }
    assert!(log.disk.bytes() < once + SMALL.bytes_max / 4, "{} and {once}", log.disk.bytes());
    assert_eq!(log.kept().len(), 30);
}

#[test]
fn a_log_that_is_all_in_memory_keeps_what_goes_from_it() {
    let mut log = ruled(FileLogSettings { events_max: 3, ..SMALL }, &["a=last:1", "b=events:2"]);
    for topic in ["a", "b", "b", "b", "a", "x", "x", "x", "x"] {
        log.append_sized(topic, 10);
    }
    assert_eq!((log.sequences(), log.kept()), (vec![7, 8, 9], vec![3, 4, 5]));
    let mut log = log.restart();
    assert_eq!((log.sequences(), log.kept()), (vec![7, 8, 9], vec![3, 4, 5]));
    log.append_sized("a", 10);
    assert_eq!(log.kept(), [3, 4]);
}

#[test]
fn an_ended_topic_stays_ended_as_long_as_its_end_is_kept() {
    let mut log = ruled(SMALL, &["runs/*=age:1h"]);
    let end = draft(&["runs/1"], Some("end"), "all").ending_topic().idempotent();
    log.append(vec![end.clone()])[0].as_ref().unwrap();
    log.fill();
    let mut log = log.restart();
    for place in ["at once", "after the upkeep"] {
        assert_eq!(log.ended(&["runs/1", "runs/2"]), [Some(1), None], "{place}");
        let late = log.append(vec![draft(&["runs/1"], None, "late")]);
        assert!(matches!(late[0], Err(AppendError::TopicEnded { .. })), "{late:?}");
        assert_eq!(log.locate("end"), Position::After(Sequence(1)));
        assert!(log.append(vec![end.clone()])[0].as_ref().unwrap().is_repeat);
        log.upkeep_and_write();
    }
    log.set_clock(log.now() + 3_600_001);
    log.append_sized("busy", 10);
    assert_eq!(log.ended(&["runs/1"]), [None]);
    log.append(vec![draft(&["runs/1"], None, "open again")])[0].as_ref().unwrap();
}

#[test]
fn rules_that_are_taken_away_keep_nothing_at_the_next_start() {
    let mut log = ruled(SMALL, &["*=last:1"]);
    log.append_sized("a", 10);
    log.fill();
    assert_eq!(log.kept(), [1]);
    let disk = log.disk.after_kill(Plan::default());
    let log = open_steps(disk, SMALL, log.now_ms).unwrap();
    assert_eq!(log.kept(), [0; 0]);
}

#[test]
fn other_rules_at_a_restart_keep_what_they_say() {
    let mut log = ruled(SMALL, &["a=last:10"]);
    for _ in 0..10 {
        log.append_sized("a", 10);
    }
    log.fill();
    assert_eq!(log.kept(), (1..=10).collect::<Vec<_>>());
    for (rule, expected) in
        [("a=last:3", vec![8, 9, 10]), ("a=last:1", vec![10]), ("b=last:1", vec![])]
    {
        log.kept = kept_by(&[rule], PLENTY);
        log = log.restart();
        log.upkeep_and_write();
        assert_eq!(log.kept(), expected, "{rule}");
    }
}

#[test]
fn an_id_that_came_again_is_found_where_it_is_kept_first() {
    let mut log = ruled(SMALL, &["a=age:1h"]);
    log.append(vec![draft(&["a"], Some("again"), "one")])[0].as_ref().unwrap();
    log.append_sized("a", 10);
    log.fill();
    log.append(vec![draft(&["b"], Some("again"), "two")])[0].as_ref().unwrap();
    for _ in 0..60 {
        log.append_sized("busy", 3_000);
        log.upkeep_and_write();
    }
    assert_eq!(log.locate("again"), Position::After(Sequence(1)));
}

#[test]
fn a_full_disk_is_freed_all_the_same_and_what_is_kept_is_written_when_there_is_room() {
    let settings = FileLogSettings { age_max: Duration::from_secs(60), ..SMALL };
    let mut log = ruled(settings, &["a=last:1"]);
    log.append_sized("a", 30_000);
    for _ in 0..60 {
        log.append_sized("busy", 3_000);
        log.upkeep_and_write();
    }
    log.disk.set_capacity(Some(log.disk.bytes()));
    while log.append(vec![draft(&["busy"], None, &"x".repeat(3_000))])[0].is_ok() {}
    let (before, first) = (log.disk.bytes(), segment::name_of(Sequence(1)));
    log.set_clock(log.now() + 61_000);
    log.upkeep_and_write();
    assert!(!log.disk.names().unwrap().contains(&first) && log.disk.bytes() < before);
    assert_eq!(log.kept(), [1]);
    log.disk.set_capacity(None);
    log.append_sized("busy", 10);
    log.upkeep_and_write();
    assert_eq!(log.restart().kept(), [1], "it is on the disk again");
}

#[test]
fn what_cannot_be_looked_at_now_is_not_given_up() {
    let mut log = ruled(FileLogSettings { events_max: 50, ..SMALL }, &["a=last:1"]);
    log.append_sized("a", 10);
    for _ in 0..40 {
        log.append_sized("busy", 3_000);
        log.upkeep_and_write();
    }
    assert!(log.in_memory_from() > 1);
    log.disk.fail_opens(true);
    for _ in 0..30 {
        log.append_sized("busy", 3_000);
        log.upkeep_and_write();
    }
    log.disk.fail_opens(false);
    log.append_sized("busy", 3_000);
    log.upkeep_and_write();
    assert_eq!(log.kept(), [1]);
}

#[test]
fn an_attempt_that_fails_gives_up_nothing_however_soon_files_can_be_opened_again() {
    for failing in 1..8 {
        let mut log = ruled(FileLogSettings { events_max: 50, ..SMALL }, &["a=last:1"]);
        log.append_sized("a", 10);
        for _ in 0..100 {
            log.append_sized("busy", 3_000);
            log.disk.fail_next_opens(failing);
            log.upkeep_and_write();
            log.disk.fail_next_opens(0);
        }
        log.upkeep_and_write();
        assert!(log.bounds().oldest.0 > 1, "{failing}");
        assert_eq!(log.kept(), [1], "{failing}");
    }
}

/// Rules and a log that is many times as large as what is read of it at a start.
fn large_and_ruled(rules: &[&str], limits: KeptLimits) -> Steps {
    let settings = FileLogSettings { bytes_max: 64 << 20, memory_max: 1 << 20, ..SMALL };
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    let disk = ModelDisk::new(Plan::default());
    open_steps_with_rules(disk, (settings, kept_by(rules, limits)), now_ms).unwrap()
}

#[test]
fn what_has_been_superseded_on_the_disk_alone_pushes_out_nothing_at_a_start() {
    let limits = KeptLimits { topics_max: 2, ..PLENTY };
    let mut log = large_and_ruled(&["v/*=last:1"], limits);
    let append = |log: &mut Steps, topic: &str| {
        let sequence = log.append_sized(topic, 1_000_000);
        log.upkeep_and_write();
        sequence
    };
    let quiet = append(&mut log, "v/quiet");
    let superseded = append(&mut log, "v/changed");
    for _ in 0..10 {
        append(&mut log, "busy");
    }
    let later = append(&mut log, "v/later");
    while log.bounds().oldest.0 <= superseded {
        append(&mut log, "busy");
    }
    append(&mut log, "v/changed");
    while log.bounds().oldest.0 <= later + 10 {
        append(&mut log, "busy");
    }
    assert_eq!(log.kept(), [quiet, later]);
    let mut log = log.restart();
    log.upkeep_and_write();
    assert_eq!(log.kept(), [quiet, later]);
    assert_eq!(log.bounds().kept.dropped, 0);
}

/// So many values of topics of their own, all beyond the bounds of the log.
fn with_values(count: usize) -> Steps {
    let mut log = ruled(SMALL, &["t/*=last:1"]);
    for number in 0..count {
        log.append_sized(&format!("t/{number}"), 10);
    }
    log.fill();
    log
}

#[test]
fn what_was_written_again_is_there_after_a_start_whose_first_look_at_it_failed() {
    let log = with_values(30);
    let kept = log.kept();
    assert_eq!(kept.len(), 30);
    let (disk, settings, rules) = (log.disk, log.settings, log.kept);
    // In turn each of the files that a start opens.
    let mut refused = 0;
    for failing in 0..60 {
        let disk = disk.after_kill(Plan::default());
        disk.fail_open_after(failing);
        match open_steps_with_rules(disk, (settings, rules.clone()), Arc::clone(&log.now_ms)) {
            Ok(log) => assert_eq!(log.kept(), kept, "{failing}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused < 60, "{refused}");
}

#[test]
fn very_many_values_are_compared_in_several_rounds_after_a_start() {
    let log = with_values(300);
    let log = log.restart();
    // What fails is no reason to go on at once.
    log.disk.fail_opens(true);
    assert!(!log.opened.upkeep.work(log.now()));
    log.disk.fail_opens(false);
    for more in [true, false] {
        assert_eq!(log.opened.upkeep.work(log.now()), more);
    }
    assert_eq!(log.kept().len(), 300);
}

#[test]
fn an_id_of_a_time_that_a_restored_copy_has_given_again_is_unknown() {
    let mut log = ruled(FileLogSettings { events_max: 50, ..SMALL }, &["t=last:30"]);
    let append = |log: &mut Steps, topic: &str| {
        log.set_clock(log.now() + 1_000);
        let results = log.append(vec![draft(&[topic], None, &"x".repeat(3_000))]);
        log.upkeep_and_write();
        results[0].as_ref().unwrap().id.to_string()
    };
    let early: Vec<String> = (0..10).map(|_| append(&mut log, "busy")).collect();
    let copy = log.disk.after_kill(Plan::default());
    let lost: Vec<String> = (0..10).map(|_| append(&mut log, "busy")).collect();
    let (settings, kept) = (log.settings, log.kept.clone());
    let mut log = open_steps_with_rules(copy, (settings, kept), log.now_ms).unwrap();
    let again: Vec<String> = (0..5).map(|_| append(&mut log, "t")).collect();
    (0..70).for_each(|_| drop(append(&mut log, "busy")));
    assert_eq!(log.kept(), [11, 12, 13, 14, 15]);
    for (sequence, id) in (1..).zip(early).chain((11..).zip(again)) {
        assert_eq!(log.locate(&id), Position::After(Sequence(sequence)), "{sequence}");
    }
    for (sequence, id) in (11..).zip(lost) {
        assert_eq!(log.locate(&id), Position::Unknown, "{sequence}");
    }
}

/// All events ever, and which are the newest of their topics.
struct Play {
    random: StdRng,
    log: Steps,
    all: Vec<Vec<&'static str>>,
    newest: usize,
}

impl Play {
    fn append(&mut self) {
        let count = self.random.random_range(1..4);
        let mut drafts = Vec::new();
        for _ in 0..count {
            let all = ["a", "b", "c", "d", "e"];
            let rare = |random: &mut StdRng, topic: &str| {
                random.random_bool(if topic == "a" { 0.01 } else { 0.1 })
            };
            let mut topics: Vec<&str> =
                all.into_iter().filter(|topic| rare(&mut self.random, topic)).collect();
            if topics.is_empty() {
                topics.push("busy");
            }
            drafts.push(draft(&topics, None, &"x".repeat(self.random.random_range(0..6_000))));
            self.all.push(topics);
        }
        assert!(self.log.append(drafts).iter().all(Result::is_ok));
    }

    /// Those that are among the newest of a topic that a rule is for.
    fn wanted(&self, oldest: u64) -> BTreeSet<u64> {
        let mut wanted = BTreeSet::new();
        for topic in ["a", "b", "c", "d", "e"] {
            let of_topic = (1..).zip(&self.all).filter(|(_, topics)| topics.contains(&topic));
            let newest = of_topic.map(|(sequence, _)| sequence).collect::<Vec<u64>>();
            let beyond = newest.len().saturating_sub(self.newest);
            wanted.extend(newest[beyond..].iter().filter(|sequence| **sequence < oldest));
        }
        wanted
    }

    fn check(&self, seed: u64) {
        let kept: BTreeSet<u64> = self.log.kept().into_iter().collect();
        let wanted = self.wanted(self.log.bounds().oldest.0);
        assert!(kept.is_superset(&wanted), "seed {seed}: {wanted:?} of {kept:?}");
        // Of what is on the disk alone it is found out late that it has superseded others.
        let superseded = kept.difference(&wanted).count();
        assert!(self.newest > 1 || superseded == 0, "seed {seed}: {kept:?} and not {wanted:?}");
        for event in self.log.read_back(range(0, u64::MAX), EventFilter::Everything) {
            let topics: Vec<&str> = event.topics().iter().map(Topic::as_str).collect();
            assert_eq!(topics, self.all[event.sequence().0 as usize - 1]);
        }
    }
}

#[test]
fn whatever_happens_the_newest_of_each_topic_are_there() {
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let settings = FileLogSettings {
            events_max: random.random_range(10..200),
            memory_max: random.random_range(1..100 << 10),
            ..SMALL
        };
        let newest = random.random_range(1..4);
        let rules = ["a", "b", "c", "d", "e"].map(|topic| format!("{topic}=last:{newest}"));
        let rules = rules.each_ref().map(String::as_str);
        let log = ruled(settings, &rules);
        let mut play = Play { random, log, all: Vec::new(), newest };
        for _ in 0..200 {
            match play.random.random_range(0..20) {
                0..12 => play.append(),
                12..16 => play.log.upkeep_and_write(),
                16..19 => play.check(seed),
                _ => {
                    play.log = play.log.restart();
                    play.log.upkeep_and_write();
                }
            }
        }
        play.check(seed);
    }
}

#[test]
fn what_a_rule_keeps_is_there_after_a_crash_at_any_moment() {
    let settings = FileLogSettings { events_max: 30, memory_max: 16 << 10, ..SMALL };
    let kept = kept_by(&["t/*=last:1"], PLENTY);
    for seed in 0..300_u64 {
        let mut random = StdRng::seed_from_u64(seed);
        let plan = Plan { crash_after: Some(random.random_range(0..700)), ..Plan::default() };
        let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
        let disk = ModelDisk::new(plan);
        let mut confirmed = std::collections::BTreeMap::new();
        let mut unsure = None;
        let opened =
            open_steps_with_rules(disk.clone(), (settings, kept.clone()), Arc::clone(&now_ms));
        if let Ok(mut log) = opened {
            for number in 0..400_u64 {
                let topic = match number % 23 {
                    0 => format!("t/{}", random.random_range(0..6_u32)),
                    _ => "busy".to_owned(),
                };
                let data = "x".repeat(random.random_range(0..6_000));
                let result = log.append(vec![draft(&[&topic], None, &data)]).remove(0);
                let Ok(receipt) = result else {
                    unsure = Some(topic);
                    break;
                };
                confirmed.insert(topic, receipt.id.to_string());
                log.upkeep_and_write();
            }
        }
        confirmed.remove("busy");
        let disk = disk.after_crash(seed, Plan::default());
        let mut log = open_steps_with_rules(disk, (settings, kept.clone()), now_ms).unwrap();
        for _ in 0..2 {
            let events = log.read_back(range(0, u64::MAX), EventFilter::Everything);
            for (topic, id) in &confirmed {
                let newest = events.iter().find(|event| event.topics()[0].as_str() == topic);
                let is_there = newest.is_some_and(|newest| newest.id() == id);
                // One that was not confirmed may have superseded it.
                assert!(is_there || unsure.as_ref() == Some(topic), "seed {seed}: {topic}");
            }
            log.upkeep_and_write();
            log = log.restart();
        }
    }
}

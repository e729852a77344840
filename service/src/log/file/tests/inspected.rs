//! Looking at a whole folder: everything that is good is shown, everything that is not is named with its
//! place, and nothing is changed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::super::batch_records::readable_records;
use super::super::chain::repair;
use super::super::identity::LogIdentity;
use super::super::inspect::{FolderFinding, FolderProblem, inspect};
use super::super::{batch, index, segment};
use super::*;
use crate::log::{KeptLimits, RetentionRules};

/// What was found on a disk.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    events: Vec<u64>,
    again: Vec<u64>,
    holes: Vec<u64>,
    problems: Vec<FolderProblem>,
    torn: Option<(String, u64)>,
}

impl Found {
    fn on(disk: &ModelDisk) -> Self {
        let content = || -> Vec<(String, Vec<u8>)> {
            let names = disk.names().unwrap().into_iter();
            names.map(|name| (name.clone(), disk.content(&name))).collect()
        };
        let before = content();
        let mut found = Self::default();
        let identity = LogIdentity::read(disk);
        inspect(disk, &identity, &mut |finding| {
            match finding {
                FolderFinding::Event(event) => found.events.push(event.sequence().0),
                FolderFinding::Again(event) => found.again.push(event.sequence().0),
                FolderFinding::Hole(missing) => {
                    found.holes.extend(missing.start.0..missing.end.0);
                }
                FolderFinding::Problem(problem) => found.problems.push(problem),
                FolderFinding::TornTail { file, offset } => found.torn = Some((file, offset)),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(content() == before, "nothing is changed");
        found
    }

    fn missing(&self) -> Vec<u64> {
        let missing = self.problems.iter().map(|problem| problem.missing.clone());
        missing.flat_map(|missing| missing.start.0..missing.end.0).collect()
    }

    fn places(&self) -> Vec<(&str, u64)> {
        self.problems.iter().map(|problem| (problem.file.as_str(), problem.offset)).collect()
    }
}

const EVENTS: u64 = 400;

/// A log of several segments with their indexes, each event a batch of its own.
fn written() -> (ModelDisk, Vec<String>) {
    // With little memory the newest segment is sealed when it is full, which is not at the same event in
    // each run.
    let mut steps = steps(FileLogSettings { memory_max: 64 << 20, ..SMALL });
    for number in 0..EVENTS {
        steps.append(vec![draft(&["a"], Some(&format!("id-{number}")), &"x".repeat(1_000))]);
        steps.upkeep();
    }
    let mut names = steps.disk.names().unwrap();
    names.retain(|name| segment::first_of(name).is_some());
    names.sort();
    assert!(names.len() > 3);
    (steps.disk.after_kill(Plan::default()), names)
}

/// Where the batches of a segment begin.
fn batches(disk: &ModelDisk, name: &str) -> Vec<usize> {
    let bytes = disk.content(name);
    batch::candidates(&bytes, 1_024).collect()
}

#[test]
fn all_events_of_a_good_log_are_shown_in_order_and_nothing_is_wrong() {
    let (disk, _) = written();
    let found = Found::on(&disk);
    assert_eq!(found, Found { events: (1..=EVENTS).collect(), ..Found::default() });
}

#[test]
fn damage_is_named_with_its_byte_and_all_other_events_are_shown() {
    let (disk, names) = written();
    let (first, second, newest) = (&names[0], &names[1], &names[names.len() - 1]);
    let at = |name: &String, number: usize| (name.clone(), batches(&disk, name)[number]);
    let last = batches(&disk, second).len() - 1;
    // Two at once: the first does not hide the second.
    let cases = [
        vec![at(first, 0)],
        vec![at(second, 3), at(second, 7)],
        vec![at(second, last)],
        vec![at(first, 2), at(newest, 1)],
    ];
    for damaged in cases {
        let disk = disk.after_kill(Plan::default());
        for (name, offset) in &damaged {
            disk.flip(name, offset + 200, 1);
        }
        let found = Found::on(&disk);
        let expected: Vec<_> =
            damaged.iter().map(|(name, offset)| (name.as_str(), *offset as u64)).collect();
        assert_eq!(found.places(), expected);
        let missing = found.missing();
        assert_eq!(missing.len(), damaged.len());
        let good: Vec<u64> = (1..=EVENTS).filter(|event| !missing.contains(event)).collect();
        assert_eq!(found.events, good);
        assert!(found.holes.is_empty() && found.torn.is_none(), "{found:?}");

        // A repair makes holes of what was named, and of nothing else.
        let new = LogIdentity { epoch: Epoch::begun_at(1, 1), created_ms: 1 };
        repair(&disk, new, readable_records).unwrap();
        let repaired = Found::on(&disk);
        assert_eq!((repaired.events, repaired.holes), (good, missing));
        assert_eq!(repaired.problems, []);
    }
}

#[test]
fn a_segment_without_a_header_or_one_that_is_gone_hides_no_other() {
    let (disk, names) = written();
    let (first, second, third) = (&names[0], &names[1], &names[2]);
    let end = disk.content(first).len() as u64;
    let bounds = |name: &str| segment::first_of(name).unwrap().0;
    let lost: Vec<u64> = (bounds(second)..bounds(third)).collect();
    let good: Vec<u64> = (1..=EVENTS).filter(|event| !lost.contains(event)).collect();
    for is_gone in [false, true] {
        let disk = disk.after_kill(Plan::default());
        match is_gone {
            true => disk.remove(second).unwrap(),
            false => [20, 512 + 20].map(|at| disk.flip(second, at, 1)).into_iter().collect(),
        }
        let found = Found::on(&disk);
        let place = if is_gone { (first.as_str(), end) } else { (second.as_str(), 0) };
        assert_eq!(found.places(), [place]);
        assert_eq!((found.events.clone(), found.missing()), (good.clone(), lost.clone()));
    }
}

#[test]
fn a_damaged_index_or_meta_loses_no_event_and_a_torn_tail_is_no_problem() {
    let (disk, names) = written();
    let all: Vec<u64> = (1..=EVENTS).collect();
    let first = index::name_of(Sequence(1));
    let filter_at = disk.content(&first).len() - 1;
    for (file, at) in [(first.as_str(), 30), (&first, 200), (&first, filter_at), ("meta", 20)] {
        let disk = disk.after_kill(Plan::default());
        disk.flip(file, at, 1);
        let found = Found::on(&disk);
        assert_eq!(found.events, all);
        assert_eq!(found.problems.len(), 1, "{file} {at}");
        assert_eq!(found.problems[0].file, file);
        assert!(found.problems[0].offset <= at as u64);
        assert_eq!(found.problems[0].is_harmless, file != "meta");
        assert!(found.missing().is_empty());
    }
    let newest = names.last().unwrap();
    let last = *batches(&disk, newest).last().unwrap();
    disk.flip(newest, last + 200, 1);
    let found = Found::on(&disk);
    assert_eq!(found.torn, Some((newest.clone(), last as u64)));
    assert_eq!((found.problems, found.events), (Vec::new(), (1..EVENTS).collect()));
}

#[test]
fn an_event_that_was_written_again_is_idempotent_if_it_was_before() {
    let rules = RetentionRules::new(vec!["kept=last:2".parse().unwrap()]).unwrap();
    let limits = KeptLimits { topics_max: usize::MAX, bytes_max: usize::MAX };
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    let disk = ModelDisk::new(Plan::default());
    let kept = KeptSettings { rules, limits };
    let mut log = open_steps_with_rules(disk, (SMALL, kept), now_ms).unwrap();
    let by_form = draft(&["kept"], Some("b"), "2");
    log.append(vec![draft(&["kept"], Some("a"), "1").idempotent(), by_form]);
    // More than twice what is retained.
    for _ in 0..400 {
        log.append_sized("busy", 3_000);
        log.upkeep();
        if log.opened.upkeep.waits_for_writer() {
            log.opened.writer.write_again();
            log.upkeep();
        }
    }
    let mut again = BTreeMap::new();
    inspect(&log.disk, &LogIdentity::read(&log.disk), &mut |finding| {
        if let FolderFinding::Again(event) = finding {
            again.insert(event.sequence().0, event.is_idempotent());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(again, BTreeMap::from([(1, true), (2, false)]));
}

#[test]
fn an_empty_file_among_segments_is_named_itself_and_no_event_counts_as_missing() {
    let (disk, _) = written();
    for (at, is_named) in [(7, true), (1_000, true), (0, false), (u64::MAX, false)] {
        let disk = disk.after_kill(Plan::default());
        let name = segment::name_of(Sequence(at));
        disk.create(&name).unwrap();
        let found = Found::on(&disk);
        let expected = if is_named { vec![(name.as_str(), 0)] } else { Vec::new() };
        assert_eq!(found.places(), expected);
        assert!(found.events.iter().copied().eq(1..=EVENTS) && found.missing().is_empty(), "{at}");
        assert!(found.problems.iter().all(|problem| problem.what == "it is empty"), "{found:?}");
    }
}

#[test]
fn a_meta_of_another_log_is_told_with_both_logs_and_all_events_are_shown() {
    let (disk, _) = written();
    let segments = LogIdentity::read(&disk).unwrap().epoch;
    let other = LogIdentity { epoch: Epoch::begun_at(1_000, 1), created_ms: 1 };
    other.write(&disk).unwrap();
    let found = Found::on(&disk);
    assert_eq!(found.places(), [("meta", 16)]);
    assert!(found.events.iter().copied().eq(1..=EVENTS));
    let what = &found.problems[0].what;
    for epoch in [segments, other.epoch] {
        assert!(what.contains(&epoch.to_bits().to_string()), "{what}");
    }
    assert!(found.missing().is_empty() && !found.problems[0].is_harmless);
}

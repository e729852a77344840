//! Files that are no segments of the log, though they have names of some: they are named, and cost no event
//! of the others.

use std::ops::ControlFlow;

use super::super::inspect::{ChainFinding, inspect};
use super::super::repair::repair;
use super::inspected::inspected;
use super::repaired::{
    damage, events_and_holes, is_good_but, is_repaired, places, segments, sequences,
};
use super::*;

fn other_epoch() -> Epoch {
    Epoch::begun_at(1_700_000_000_000, 1)
}

/// A segment of a log with one batch.
fn segment_of(epoch: Epoch, first: u64, count: u64) -> Vec<u8> {
    let (first, salt) = (Sequence(first), Salt(9));
    let mut bytes = SegmentHead { epoch, first, salt, before: 0 }.write();
    let head = BatchHead { kind: BatchKind::Events, first, count, synced: 0 };
    head.write(b"records", salt, &mut bytes);
    bytes
}

/// The same without its header.
fn without_header(first: u64, count: u64) -> Vec<u8> {
    let mut bytes = segment_of(identity().epoch, first, count);
    bytes[..1_024].fill(0);
    bytes
}

fn put(disk: &ModelDisk, name: &str, bytes: &[u8]) {
    let file = disk.create(name).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_names().unwrap();
}

/// The problems of a log, each with the name of its file and how many events are missing by it.
fn problems(disk: &ModelDisk) -> Vec<(String, u64)> {
    let firsts = segment::firsts_of(&disk.names().unwrap());
    let mut problems = Vec::new();
    let _ = inspect(disk, Some(identity().epoch), &firsts, &mut |finding| {
        if let ChainFinding::Problem(problem) = finding {
            let missing = problem.missing.end.0 - problem.missing.start.0;
            problems.push((segment::name_of(problem.segment), missing));
        }
        ControlFlow::Continue(())
    });
    problems
}

/// What is in a file, in words and bytes, and under which of the names it is kept by a repair.
type Stray = (&'static str, fn(&ModelDisk, u64) -> Vec<u8>, &'static [u64]);

/// Within the first segment, within the second, and behind the newest.
const NAMES: [u64; 3] = [8, 28, 1_000];

const STRAYS: [Stray; 5] = [
    ("nothing", |_, _| Vec::new(), &[]),
    ("zeros", |_, _| vec![0; 9_000], &[]),
    ("a text", |_, _| b"what somebody has noted".repeat(90), &NAMES),
    ("a segment of another log", |_, first| segment_of(other_epoch(), first, 60), &NAMES),
    ("a copy of a segment", |disk, _| disk.content(&segments(disk)[2]), &NAMES),
];

#[test]
fn a_file_that_is_no_segment_is_named_and_costs_no_event() {
    let (disk, oracle) = long();
    for (what, content, kept) in STRAYS {
        for at in NAMES {
            let name = segment::name_of(Sequence(at));
            let found = disk.after_kill(Plan::default());
            let bytes = content(&found, at);
            put(&found, &name, &bytes);
            let refused = open(&found.after_kill(Plan::default())).err();
            let Some(OpenError::Corrupt { file, .. }) = refused else {
                panic!("{what} {at}: {refused:?}")
            };
            assert_eq!(file, name, "{what} {at}");
            assert_eq!(problems(&found), [(name.clone(), 0)], "{what} {at}");

            assert_eq!(repair(&found, identity(), all_records).unwrap(), [], "{what} {at}");
            is_repaired(&found);
            is_good_but(&found, &oracle, |_| false);
            let (renamed, names) = (format!("{name}.foreign"), found.names().unwrap());
            assert!(!names.contains(&name), "{what} {at}");
            assert_eq!(names.contains(&renamed), kept.contains(&at), "{what} {at}");
            if kept.contains(&at) {
                assert!(found.content(&renamed) == bytes, "{what} {at}");
            }
        }
    }
}

#[test]
fn a_file_without_a_header_is_a_hole_only_where_no_other_has_its_events() {
    let (disk, oracle) = long();
    let end = oracle.synced.unwrap();
    let cases: [(u64, Vec<u64>); 3] =
        [(8, Vec::new()), (28, Vec::new()), (1_000, (end.0..1_002).collect())];
    for (at, missing) in cases {
        let name = segment::name_of(Sequence(at));
        let found = disk.after_kill(Plan::default());
        let bytes = without_header(at, 2);
        put(&found, &name, &bytes);
        let (shown, told, problems) = inspected(&found);
        assert_eq!((shown, told), (oracle.written.clone(), missing.clone()), "{at}");
        assert!(problems > 0, "{at}");

        let lost = repair(&found, identity(), all_records).unwrap();
        is_repaired(&found);
        let lost: Vec<u64> = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
        assert_eq!(lost, missing, "{at}");
        let (chain, events, holes) = events_and_holes(&found);
        assert_eq!((events, sequences(holes.into_iter())), (oracle.written.clone(), missing));
        match at {
            1_000 => assert_eq!(chain.next(), Sequence(1_002), "what it says is given to no other"),
            _ => assert!(found.content(&format!("{name}.foreign")) == bytes, "{at}"),
        }
    }
}

#[test]
fn a_file_with_the_last_name_of_all_leaves_a_log_that_can_be_opened() {
    let (disk, oracle) = long();
    let name = segment::name_of(Sequence::MAX);
    put(&disk, &name, &[1; 4_096]);
    disk.spoil(&name, 0..4_096);
    repair(&disk, identity(), all_records).unwrap();
    is_repaired(&disk);
    let (chain, events, _) = events_and_holes(&disk);
    assert_eq!((chain.next(), events), (Sequence::MAX.next(), oracle.written));
}

#[test]
fn names_that_no_segment_can_have_are_left_alone() {
    let (disk, oracle) = long();
    let names = [0, Sequence::MAX.0 + 1, u64::MAX].map(|name| segment::name_of(Sequence(name)));
    for name in &names {
        put(&disk, name, b"");
    }
    assert!(problems(&disk).is_empty());
    is_repaired(&disk);
    is_good_but(&disk, &oracle, |_| false);
    let left = disk.names().unwrap();
    assert!(names.iter().all(|name| left.contains(name)), "{left:?}");
}

#[test]
fn a_meta_of_another_log_is_named_at_the_start_and_costs_no_event() {
    let (disk, oracle) = long();
    LogIdentity { epoch: other_epoch(), created_ms: 1 }.write(&disk).unwrap();
    let refused = open(&disk.after_kill(Plan::default())).err();
    let Some(refused @ OpenError::Corrupt { .. }) = refused else { panic!("{refused:?}") };
    let said = refused.to_string();
    assert!(said.starts_with("meta ") && said.contains("another log than the segments"), "{said}");
    assert!(said.contains("--repair"), "{said}");

    let new = LogIdentity { epoch: Epoch::begun_at(1_800_000_000_000, 9), ..identity() };
    let lost = repair(&disk, new, all_records).unwrap();
    assert_eq!(lost.iter().map(|part| &part.file[..]).collect::<Vec<_>>(), ["meta"]);
    assert_eq!(LogIdentity::read(&disk).unwrap().epoch, identity().epoch);
    is_repaired(&disk);
    is_good_but(&disk, &oracle, |_| false);
}

#[test]
fn of_two_logs_the_one_with_most_segments_stays_then_that_with_most_events_then_the_newest() {
    let (ours, other) = (identity().epoch, other_epoch());
    /// The log of each segment, with its first event and how many it has.
    type Segments<'a> = &'a [(Epoch, u64, u64)];
    let cases: [(Segments<'_>, Epoch, u64); 5] = [
        (&[(ours, 1, 5), (other, 50, 1), (other, 51, 1)], other, 2),
        (&[(other, 1, 5), (ours, 50, 1), (ours, 51, 1)], ours, 2),
        (&[(ours, 1, 5), (other, 50, 3)], ours, 5),
        (&[(ours, 1, 3), (other, 50, 5)], other, 5),
        (&[(ours, 1, 5), (other, 50, 5)], other, 5),
    ];
    for (segments, epoch, events) in cases {
        for meta in [ours, other] {
            let disk = ModelDisk::new(Plan::default());
            LogIdentity { epoch: meta, created_ms: 1 }.write(&disk).unwrap();
            for &(epoch, first, count) in segments {
                let name = segment::name_of(Sequence(first));
                put(&disk, &name, &segment_of(epoch, first, count));
            }
            repair(&disk, identity(), all_records).unwrap();
            is_repaired(&disk);
            let (chain, shown) = open(&disk).unwrap();
            let count: u64 = shown.iter().map(|(_, count, _)| count).sum();
            assert_eq!((chain.identity().epoch, count), (epoch, events), "{segments:?}");
        }
    }
}

#[test]
fn a_segment_with_the_name_of_another_gets_its_own_back() {
    let (disk, oracle) = long();
    let second = &segments(&disk)[1];
    for at in [20, 30, 1_000] {
        let found = disk.after_kill(Plan::default());
        let name = segment::name_of(Sequence(at));
        found.rename(second, &name).unwrap();
        found.sync_names().unwrap();
        let refused = open(&found.after_kill(Plan::default())).err();
        assert!(matches!(refused, Some(OpenError::Corrupt { .. })), "{at}: {refused:?}");
        assert_eq!(problems(&found), [(name, 0)], "{at}");
        assert_eq!(repair(&found, identity(), all_records).unwrap(), [], "{at}");
        is_repaired(&found);
        is_good_but(&found, &oracle, |_| false);
        assert_eq!(segments(&found), segments(&disk), "{at}");
    }
}

/// Renames segments at once.
fn rename_all(disk: &ModelDisk, names: &[(&String, &String)]) {
    let between = |name: &String| format!("{name}.between");
    for (from, _) in names {
        disk.rename(from, &between(from)).unwrap();
    }
    for (from, to) in names {
        disk.rename(&between(from), to).unwrap();
    }
    disk.sync_names().unwrap();
}

#[test]
fn segments_that_have_the_names_of_each_other_get_their_own_back() {
    let (disk, oracle) = long();
    let names = segments(&disk);
    let shifted: Vec<(&String, &String)> = names.iter().zip(&names[1..]).collect();
    let behind = segment::name_of(Sequence(1_000));
    let newest = (names.last().unwrap(), &behind);
    let cases: [(&str, Vec<(&String, &String)>); 3] = [
        ("two are exchanged", vec![(&names[0], &names[1]), (&names[1], &names[0])]),
        (
            "three in turn",
            vec![(&names[0], &names[1]), (&names[1], &names[2]), (&names[2], &names[0])],
        ),
        ("all are shifted", shifted.iter().copied().chain([newest]).collect()),
    ];
    for (what, renamed) in cases {
        let found = disk.after_kill(Plan::default());
        rename_all(&found, &renamed);
        assert_eq!(repair(&found, identity(), all_records).unwrap(), [], "{what}");
        is_repaired(&found);
        is_good_but(&found, &oracle, |_| false);
        assert_eq!(segments(&found), names, "{what}");
    }
}

#[test]
fn a_copy_takes_the_place_of_a_segment_whose_header_is_lost() {
    let (disk, oracle) = long();
    let second = &segments(&disk)[1];
    let found = disk.after_kill(Plan::default());
    put(&found, &segment::name_of(Sequence(1_000)), &disk.content(second));
    for at in 0..1_024 {
        found.flip(second, at, 1);
    }
    assert_eq!(repair(&found, identity(), all_records).unwrap(), []);
    is_repaired(&found);
    is_good_but(&found, &oracle, |_| false);
    assert!(found.names().unwrap().contains(&format!("{second}.foreign")));
}

#[test]
fn a_copy_of_before_takes_no_place_of_a_newest_segment_that_may_have_had_more() {
    let (disk, oracle) = long();
    let newest = segments(&disk).pop().unwrap();
    let found = disk.after_kill(Plan::default());
    put(&found, &segment::name_of(Sequence(1_000)), &disk.content(&newest));
    for at in 0..1_024 {
        found.flip(&newest, at, 1);
    }
    let lost = repair(&found, identity(), all_records).unwrap();
    let last = oracle.written.last().unwrap().0;
    assert!(
        lost.iter().any(|part| part.next > last),
        "its sequences are not given again: {lost:?}"
    );
    is_repaired(&found);
}

#[test]
fn a_log_whose_identity_and_headers_are_lost_is_one_that_begins_anew() {
    let disk = ModelDisk::new(Plan::default());
    put(&disk, "meta", b"nothing");
    put(&disk, &segment::name_of(Sequence(1)), &without_header(1, 2));
    let new = LogIdentity { epoch: Epoch::begun_at(1_800_000_000_000, 9), ..identity() };
    repair(&disk, new, all_records).unwrap();
    is_repaired(&disk);
    let (chain, events, holes) = events_and_holes(&disk);
    assert_eq!((chain.identity(), chain.next()), (new, Sequence(3)));
    assert_eq!((events, holes), (Vec::new(), vec![(Sequence(1), 2)]));

    // A folder of something else.
    let disk = ModelDisk::new(Plan::default());
    put(&disk, "meta", b"nothing");
    let refused = repair(&disk, new, all_records);
    assert!(matches!(refused, Err(OpenError::Corrupt { .. })), "{refused:?}");
    assert_eq!(disk.content("meta"), b"nothing");
}

#[test]
fn a_repair_that_is_cut_off_while_files_are_renamed_is_done_again() {
    let (disk, oracle) = long();
    let second = &segments(&disk)[1];
    let foreign = segment_of(other_epoch(), 28, 60);
    LogIdentity { epoch: other_epoch(), created_ms: 1 }.write(&disk).unwrap();
    disk.rename(second, &segment::name_of(Sequence(40))).unwrap();
    let files: [(u64, &[u8]); 5] = [
        (8, b""),
        (28, &foreign),
        (30, b"what somebody has noted"),
        (50, &without_header(50, 2)),
        (1_000, &[0; 2_000]),
    ];
    for (at, bytes) in files {
        put(&disk, &segment::name_of(Sequence(at)), bytes);
    }
    let whole = disk.after_kill(Plan::default());
    assert_eq!(repair(&whole, identity(), all_records).unwrap().len(), 1, "meta alone");
    for operation in 0..whole.operations() {
        let crash = Plan { crash_after: Some(operation), ..Plan::default() };
        let cut = disk.after_kill(crash);
        let _ = repair(&cut, identity(), all_records);
        let found = cut.after_crash(operation as u64, Plan::default());
        repair(&found, identity(), all_records).unwrap();
        is_repaired(&found);
        is_good_but(&found, &oracle, |_| false);
        let renamed = format!("{}.foreign", segment::name_of(Sequence(28)));
        assert!(found.content(&renamed) == foreign, "operation {operation}");
    }
}

#[test]
fn what_is_named_between_other_files_is_what_a_repair_gives_up() {
    let (disk, _) = long();
    let places = places(&disk);
    for seed in 0..500 {
        let mut random = StdRng::seed_from_u64(seed);
        let found = disk.after_kill(Plan::default());
        damage(&found, &places, &mut random);
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(1..120);
            let name = segment::name_of(Sequence(at));
            if found.names().unwrap().contains(&name) {
                continue;
            }
            let bytes = match STRAYS.get(random.random_range(0..=STRAYS.len())) {
                Some((_, content, _)) => content(&disk, at),
                None => without_header(at, 2),
            };
            put(&found, &name, &bytes);
        }
        let (shown, missing, _) = inspected(&found);
        repair(&found, identity(), all_records).unwrap();
        let (_, events, holes) = events_and_holes(&found);
        assert_eq!((shown, missing), (events, sequences(holes.into_iter())), "seed {seed}");
    }
}

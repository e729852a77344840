//! A log that was repaired: it opens, and shows what was not lost.

use std::ops::ControlFlow;

use super::super::batch_records::readable_records;
use super::super::chain::repair;
use super::super::disk::{DiskFile as _, Folder};
use super::super::identity::LogIdentity;
use super::super::inspect::{FolderContents, FolderFinding};
use super::super::{index, segment};
use super::*;
use crate::log::record::{RecordKind, put_record};

#[test]
fn a_repaired_log_opens_with_a_gap_where_it_was_damaged_and_takes_events() {
    let mut steps = steps(SMALL);
    for _ in 0..400 {
        steps.append_sized("a", 1_000);
    }
    let (disk, settings, now) = (steps.disk, steps.settings, steps.now_ms);
    let mut names = disk.names().unwrap();
    names.retain(|name| segment::first_of(name).is_some());
    names.sort();
    assert!(names.len() > 3);
    let damaged = &names[1];
    let index = damaged.replace(".seg", ".idx");
    for (what, is_whole_segment) in [("a batch", false), ("a segment", true)] {
        let found = disk.after_kill(Plan::default());
        if disk.names().unwrap().contains(&index) {
            found.remove(&index).unwrap();
        }
        match is_whole_segment {
            true => found.remove(damaged).unwrap(),
            false => found.flip(damaged, 10_000, 1),
        }
        let refused = open_steps(found.clone(), settings, Arc::clone(&now)).err();
        assert!(matches!(refused, Some(OpenError::Corrupt { .. })), "{what}");

        let new = LogIdentity { epoch: Epoch::begun_at(1, 1), created_ms: 1 };
        let lost = repair(&found, new, readable_records).unwrap();
        let missing: Vec<u64> = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
        assert!(if is_whole_segment { missing.len() > 10 } else { missing.len() == 1 }, "{what}");
        let mut steps = open_steps(found, settings, Arc::clone(&now)).unwrap();
        assert_eq!(steps.append_sized("a", 10), 401, "{what}");
        // Twice, the second time with the indexes that the first has made.
        for _ in 0..2 {
            steps = steps.restart();
            let all = range(0, u64::MAX);
            let (events, unreadable) = steps.read(all, EventFilter::Everything);
            let read: Vec<u64> = events.iter().map(|event| event.sequence().0).collect();
            let expected: Vec<u64> = (1..=401).filter(|it| !missing.contains(it)).collect();
            assert_eq!(read, expected, "{what}");
            assert_eq!(
                steps.bounds().events,
                expected.len(),
                "{what}: what is missing is no event"
            );
            assert!(
                unreadable.iter().all(|beyond| missing.contains(&beyond.0)),
                "{what}: {unreadable:?}"
            );
        }
    }
}

fn new_identity() -> LogIdentity {
    LogIdentity { epoch: Epoch::begun_at(1, 1), created_ms: 1 }
}

#[test]
fn what_the_disk_gives_back_no_more_stops_the_start_by_name_and_a_repair_keeps_the_rest() {
    for (what, bytes) in [("in the middle", 20_000..20_512), ("at the end", 32_000..64_000)] {
        let mut log = steps(SMALL);
        for _ in 0..32 {
            log.append_sized("t", 1_000);
        }
        let name = segment::name_of(Sequence(1));
        let (disk, now) = (log.disk.after_kill(Plan::default()), log.now_ms);
        disk.spoil(&name, bytes);
        let refused = open_steps(disk.clone(), SMALL, Arc::clone(&now)).err();
        let Some(OpenError::Unreadable { file, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(file, name);

        let lost = repair(&disk, new_identity(), readable_records).unwrap();
        let missing: Vec<u64> = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
        assert!(!missing.is_empty(), "{what}");
        let mut log = open_steps(disk, SMALL, now).unwrap();
        let next = log.append_sized("t", 10);
        assert!(next > 32, "{what}: a sequence is given twice: {next}");
        let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
        let read: Vec<u64> = events.iter().map(|event| event.sequence().0).collect();
        let expected: Vec<u64> = (1..=next).filter(|it| !missing.contains(it)).collect();
        assert_eq!(read, expected, "{what}");
        assert_eq!(log.bounds().events, expected.len(), "{what}");
        let status = log.opened.inner.retained.disk_status();
        assert_eq!(status.missing_events, missing.len() as u64, "{what}");
    }
}

#[test]
fn a_batch_with_a_record_that_is_none_is_repaired_up_to_it() {
    let mut log = steps(SMALL);
    log.append_sized("t", 10);
    // Whole by its check, as from a version with a fault.
    log.opened.writer.chain.append(3, b"this is no record").unwrap();
    log.opened.writer.chain.sync().unwrap();
    let (disk, now) = (log.disk.after_kill(Plan::default()), log.now_ms);
    let lost = repair(&disk, new_identity(), readable_records).unwrap();
    let missing: Vec<u64> = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
    assert_eq!(missing, [2, 3, 4]);
    assert_eq!(repair(&disk, new_identity(), readable_records).unwrap(), []);
    let mut log = open_steps(disk, SMALL, now).unwrap();
    assert_eq!(log.append_sized("t", 10), 5);
    let (events, unreadable) = log.read(range(0, u64::MAX), EventFilter::Everything);
    assert_eq!(events.iter().map(|event| event.sequence().0).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(unreadable, [Sequence(4)]);
}

/// What a repair makes of the newest file when some of its bytes cannot be read: what it gives up, and the
/// sequence of the next event.
fn repaired_without(log: &mut Steps, bytes: std::ops::Range<usize>) -> (Vec<u64>, u64) {
    let disk = log.disk.after_kill(Plan::default());
    disk.spoil(&segment::name_of(Sequence(1)), bytes);
    let refused = open_steps(disk.clone(), SMALL, Arc::clone(&log.now_ms)).err();
    assert!(matches!(refused, Some(OpenError::Unreadable { .. })), "{refused:?}");
    let lost = repair(&disk, new_identity(), readable_records).unwrap();
    let missing = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
    let mut repaired = open_steps(disk, SMALL, Arc::clone(&log.now_ms)).unwrap();
    (missing, repaired.append_sized("a", 10))
}

#[test]
fn no_sequence_is_given_again_that_may_have_been_in_what_cannot_be_read() {
    // One batch of many, and a file that has hardly begun.
    for (count, bytes) in [(256, 8_192..12_288), (256, 0..4_096), (1, 0..4_096), (3, 0..64_000)] {
        let mut log = steps(SMALL);
        log.append((0..count).map(|_| draft(&["a"], None, &"x".repeat(100))).collect());
        let (missing, next) = repaired_without(&mut log, bytes.clone());
        assert!(next > count, "{count}, {bytes:?}: {next} is given twice");
        let expected: Vec<u64> = (1..next).collect();
        assert_eq!(missing, expected, "{count}, {bytes:?}: all of it is told");
    }
}

#[test]
fn an_identity_that_cannot_be_read_is_repaired_from_the_segments() {
    let mut log = steps(SMALL);
    log.append_sized("a", 10);
    let epoch = log.bounds().epoch;
    let disk = log.disk.after_kill(Plan::default());
    disk.spoil("meta", 0..32);
    assert!(open_steps(disk.clone(), SMALL, Arc::clone(&log.now_ms)).is_err());
    repair(&disk, new_identity(), readable_records).unwrap();
    let log = open_steps(disk, SMALL, log.now_ms).unwrap();
    assert_eq!((log.bounds().epoch, log.sequences()), (epoch, vec![1]));
    assert_eq!(log.bounds().start_ms / 1_000, log.now() / 1_000, "it began when it did");
}

#[test]
fn a_record_of_a_later_version_is_no_damage_and_ends_a_repair() {
    let mut log = steps(SMALL);
    log.append_sized("a", 10);
    let mut record = Vec::new();
    let event = EncodedEvent::encode(draft(&["a"], None, "x"));
    let place = (Sequence(2), log.now());
    put_record(&mut record, RecordKind::Next, place, &event.content()).unwrap();
    record[8] = 9;
    let check = crc32c::crc32c(&record[8..]);
    record[4..8].copy_from_slice(&check.to_le_bytes());
    log.opened.writer.chain.append(1, &record).unwrap();
    log.opened.writer.chain.sync().unwrap();
    let disk = log.disk.after_kill(Plan::default());
    let before = disk.content(&segment::name_of(Sequence(1)));
    let refused = repair(&disk, new_identity(), readable_records);
    assert!(matches!(refused, Err(OpenError::Newer { version: 9, .. })), "{refused:?}");
    assert_eq!(disk.content(&segment::name_of(Sequence(1))), before);
}

#[test]
fn a_large_hole_pushes_out_no_event() {
    let settings = FileLogSettings { events_max: 300, memory_max: 1 << 20, ..SMALL };
    let mut log = steps(settings);
    log.append((0..200).map(|_| draft(&["a"], None, &"x".repeat(100))).collect());
    for _ in 0..50 {
        log.append_sized("a", 100);
    }
    let disk = log.disk.after_kill(Plan::default());
    // Behind the batch of 200: some twenty events, in whose place there may have been more.
    disk.spoil(&segment::name_of(Sequence(1)), 36_864..65_536);
    let lost = repair(&disk, new_identity(), readable_records).unwrap();
    let missing: u64 = lost.iter().map(|part| part.next.0 - part.first.0).sum();
    assert!(missing > 300, "{missing}");
    let mut log = open_steps(disk, settings, log.now_ms).unwrap();
    log.upkeep();
    let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
    let kept = events.len();
    assert!((200..=250).contains(&kept), "{kept}");
    assert_eq!(log.bounds().events, kept);
    for _ in 0..400 {
        log.append_sized("a", 100);
        log.upkeep();
        let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
        assert_eq!(log.bounds().events, events.len());
    }
    let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
    assert_eq!(events.len(), 300, "the bound holds again when there are enough others");
}

#[test]
fn a_repair_that_fails_for_another_reason_than_the_disk_gives_up_nothing() {
    let mut log = steps(SMALL);
    log.append_sized("a", 10);
    let disk = log.disk.after_kill(Plan::default());
    disk.flip("meta", 20, 1);
    let name = segment::name_of(Sequence(1));
    let before = disk.content(&name);
    for fail in [ModelDisk::fail_opens, ModelDisk::fail_creates] {
        fail(&disk, true);
        let refused = repair(&disk, new_identity(), readable_records);
        assert!(matches!(refused, Err(OpenError::Disk(_))), "{refused:?}");
        fail(&disk, false);
        assert_eq!(disk.content(&name), before);
    }
    assert_eq!(repair(&disk, new_identity(), readable_records).unwrap().len(), 1, "meta alone");
    assert_eq!(open_steps(disk, SMALL, log.now_ms).unwrap().sequences(), [1]);
}

/// A log of several segments with their indexes, and the ids of its events.
fn written(events: usize, began_ms: u64) -> (Steps, Vec<String>) {
    let disk = ModelDisk::new(Plan::default());
    let mut log = open_steps(disk, SMALL, Arc::new(AtomicU64::new(began_ms))).unwrap();
    for _ in 0..events {
        log.append_sized("a", 1_000);
    }
    let log = log.restart();
    let ids = ids(&log);
    assert_eq!(ids.len(), events);
    (log, ids)
}

fn ids(log: &Steps) -> Vec<String> {
    let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
    events.iter().map(|event| event.id().to_owned()).collect()
}

#[test]
fn a_file_of_another_log_or_an_empty_one_costs_no_event_and_changes_no_id() {
    let (log, before) = written(300, 1_795_000_000_000);
    let (other, _) = written(60, 1_700_000_000_000);
    let segment = other.disk.content(&segment::name_of(Sequence(1)));
    let meta = other.disk.content("meta");
    let segment_75 = segment::name_of(Sequence(75));
    let empty_7 = segment::name_of(Sequence(7));
    let empty_1_000 = segment::name_of(Sequence(1_000));
    let cases: [(&str, &str, &[u8]); 4] = [
        ("meta", "meta", &meta),
        (&empty_7, &empty_7, b""),
        (&segment_75, &segment_75, &segment),
        (&empty_1_000, &empty_1_000, b""),
    ];
    for (name, named, bytes) in cases {
        let disk = log.disk.after_kill(Plan::default());
        if disk.names().unwrap().iter().any(|other| other == name) {
            disk.remove(name).unwrap();
        }
        disk.create(name).unwrap().write_at(bytes, 0).unwrap();
        let refused =
            open_steps(disk.after_kill(Plan::default()), SMALL, Arc::clone(&log.now_ms)).err();
        let Some(OpenError::Corrupt { file, .. }) = refused else { panic!("{name}: {refused:?}") };
        assert_eq!(file, named);

        let lost = repair(&disk, new_identity(), readable_records).unwrap();
        let missing: u64 = lost.iter().map(|part| part.next.0 - part.first.0).sum();
        assert_eq!(missing, 0, "{name}: {lost:?}");
        let mut repaired = open_steps(disk, SMALL, Arc::clone(&log.now_ms)).unwrap();
        assert_eq!(ids(&repaired), before, "{name}");
        assert_eq!(repaired.append_sized("a", 10), 301, "{name}");
    }
}

#[test]
fn a_directory_with_the_name_of_a_file_is_told_and_a_repair_gets_it_out_of_the_way() {
    let (log, before) = written(200, 1_795_000_000_000);
    let opened = |disk: Folder| {
        let clock = Clock::from_fn(|| 1_795_000_000_000);
        OpenedLog::open(disk, SMALL, KeptSettings::default(), clock, &Buffers::default())
    };
    let names = [
        index::name_of(Sequence(1)),
        // Of no segment.
        index::name_of(Sequence(5)),
        segment::name_of(Sequence(5)),
    ];
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for file in log.disk.names().unwrap().iter().filter(|file| **file != name) {
            std::fs::write(path(file), log.disk.content(file)).unwrap();
        }
        std::fs::create_dir(path(&name)).unwrap();
        let mut told = Vec::new();
        let contents = FolderContents::open(folder.path()).unwrap();
        let read = contents.read(&mut |finding| {
            if let FolderFinding::Problem(problem) = finding {
                told.push(problem);
            }
            ControlFlow::Continue(())
        });
        read.unwrap();
        drop(contents);
        let [problem] = &told[..] else { panic!("{name}: {told:?}") };
        assert_eq!((&problem.file, problem.is_harmless), (&name, false));
        assert!(problem.what.contains("a directory") && problem.missing.is_empty(), "{problem:?}");

        let disk = Folder::at(folder.path());
        let refused = opened(disk.clone()).err();
        assert!(matches!(refused, Some(OpenError::Disk(_))), "{name}: {refused:?}");
        assert_eq!(repair(&disk, new_identity(), readable_records).unwrap(), [], "{name}");
        let bounds = opened(disk).unwrap().inner.retained.lock().bounds();
        assert_eq!(bounds.events, before.len(), "{name}");
        assert!(path(&format!("{name}.foreign")).is_dir(), "{name}");
    }
}

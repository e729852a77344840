//! Repair: what is good stays, what is not becomes a hole, and nothing else changes.

use super::super::repair::{LostPart, repair};
use super::*;

/// A batch of the log before it was damaged, and where it is.
pub(super) struct Place {
    segment: Sequence,
    bytes: std::ops::Range<usize>,
    first: Sequence,
}

pub(super) fn places(disk: &ModelDisk) -> Vec<Place> {
    let mut places = Vec::new();
    let disk = disk.after_kill(Plan::default());
    let each = |found: FoundBatch<'_>| {
        let records_at = usize::try_from(found.records_at).unwrap();
        let bytes = records_at - batch::HEADER_BYTES..records_at + found.batch.records.len();
        places.push(Place { segment: found.segment, bytes, first: found.batch.head.first });
    };
    SegmentChain::open(disk, SEGMENT_BYTES, identity(), |_, _| Ok(None), each).unwrap();
    places
}

/// The events that a log shows, by batch, and its holes.
pub(super) fn events_and_holes(
    disk: &ModelDisk,
) -> (SegmentChain<ModelDisk>, Shown, Vec<(Sequence, u64)>) {
    let (mut events, mut holes) = (Vec::new(), Vec::new());
    let each = |found: FoundBatch<'_>| {
        let BatchHead { kind, first, count, .. } = found.batch.head;
        match kind {
            BatchKind::Events => events.push((first, count, found.batch.records.to_vec())),
            BatchKind::Hole => holes.push((first, count)),
            BatchKind::Again => {}
        }
    };
    let (chain, _) =
        SegmentChain::open(disk.clone(), SEGMENT_BYTES, identity(), |_, _| Ok(None), each).unwrap();
    (chain, events, holes)
}

/// Every sequence of some batches.
pub(super) fn sequences(batches: impl Iterator<Item = (Sequence, u64)>) -> Vec<u64> {
    batches.flat_map(|(first, count)| first.0..first.0 + count).collect()
}

/// Whether a log has all batches but the damaged ones, and holes in their places.
pub(super) fn is_good_but(
    disk: &ModelDisk,
    oracle: &Oracle,
    is_damaged: impl Fn(Sequence) -> bool,
) {
    let (mut chain, events, holes) = events_and_holes(disk);
    let good: Shown =
        oracle.written.iter().filter(|(first, ..)| !is_damaged(*first)).cloned().collect();
    assert_eq!(events, good);
    let damaged = oracle.written.iter().filter(|(first, ..)| is_damaged(*first));
    let mut expected = sequences(damaged.map(|(first, count, _)| (*first, *count)));
    // What is behind the last batch of all is a torn tail and no hole.
    expected.retain(|sequence| *sequence < chain.next().0);
    assert_eq!(sequences(holes.iter().copied()), expected);
    let next = chain.next();
    chain.append(1, b"one more").unwrap();
    chain.sync().unwrap();
    let (_, events, _) = events_and_holes(&disk.after_kill(Plan::default()));
    assert_eq!(events.last(), Some(&(next, 1, b"one more".to_vec())));
}

/// A second repair finds nothing and changes nothing.
pub(super) fn is_repaired(disk: &ModelDisk) {
    let content = |disk: &ModelDisk| -> Vec<Vec<u8>> {
        disk.names().unwrap().iter().map(|name| disk.content(name)).collect()
    };
    let before = content(disk);
    assert_eq!(repair(disk, identity(), all_records), Ok(Vec::new()));
    assert_eq!(content(disk), before);
}

/// The names of all segments, in order.
pub(super) fn segments(disk: &ModelDisk) -> Vec<String> {
    let mut names = disk.names().unwrap();
    names.retain(|name| segment::first_of(name).is_some());
    names.sort();
    names
}

/// Flips some bits of batches; the batches that are damaged.
pub(super) fn damage(disk: &ModelDisk, places: &[Place], random: &mut StdRng) -> Vec<Sequence> {
    let mut damaged = Vec::new();
    for _ in 0..random.random_range(1..6) {
        let place = &places[random.random_range(0..places.len())];
        // The same bit flipped twice is as it was.
        if damaged.contains(&place.first) {
            continue;
        }
        let at = random.random_range(place.bytes.clone());
        disk.flip(&segment::name_of(place.segment), at, 1 << random.random_range(0..8));
        damaged.push(place.first);
    }
    damaged
}

#[test]
fn a_log_that_is_whole_is_not_changed_by_a_repair() {
    let (disk, oracle) = long();
    is_repaired(&disk);
    is_good_but(&disk, &oracle, |_| false);
}

#[test]
fn batches_that_have_gone_bad_become_holes_and_all_others_stay() {
    let (disk, oracle) = long();
    let places = places(&disk);
    for seed in 0..1_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let found = disk.after_kill(Plan::default());
        let damaged = damage(&found, &places, &mut random);
        let lost = repair(&found, identity(), all_records).unwrap();
        is_repaired(&found);
        is_good_but(&found, &oracle, |first| damaged.contains(&first));
        let told = |lost: &[LostPart], at: Sequence| {
            lost.iter().any(|part| part.first <= at && at < part.next)
        };
        let end = places.iter().rfind(|place| !damaged.contains(&place.first)).unwrap().first;
        let newest = places.last().unwrap().segment;
        let missing = damaged.iter().filter(|first| **first < end || **first < newest);
        assert!(missing.into_iter().all(|first| told(&lost, *first)), "{seed}: {lost:?}");
    }
}

#[test]
fn a_repair_that_is_cut_off_at_any_operation_is_repaired_by_another() {
    let (disk, oracle) = long();
    let places = places(&disk);
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let begun = disk.after_kill(Plan::default());
        let damaged = damage(&begun, &places, &mut random);
        let whole = begun.after_kill(Plan::default());
        repair(&whole, identity(), all_records).unwrap();
        for operation in 0..whole.operations() {
            let crash = Plan { crash_after: Some(operation), ..Plan::default() };
            let cut = begun.after_kill(crash);
            let _ = repair(&cut, identity(), all_records);
            let found = cut.after_crash(seed << 32 | operation as u64, Plan::default());
            repair(&found, identity(), all_records).unwrap();
            is_repaired(&found);
            is_good_but(&found, &oracle, |first| damaged.contains(&first));
        }
    }
}

/// What happens to a segment, in words, and how.
type Loss = (&'static str, fn(&ModelDisk, &str));

#[test]
fn a_segment_that_is_lost_is_a_hole_from_its_first_event_to_its_last() {
    let losses: [Loss; 4] = [
        ("removed", |disk, name| disk.remove(name).unwrap()),
        ("both headers bad", |disk, name| {
            for at in [20, 532] {
                disk.flip(name, at, 1);
            }
        }),
        ("emptied", |disk, name| disk.open(name).unwrap().truncate(0).unwrap()),
        ("of another log", |disk, name| {
            let epoch = Epoch::begun_at(1_700_000_000_000, 1);
            let (first, salt) = (segment::first_of(name).unwrap(), Salt(1));
            let head = SegmentHead { epoch, first, salt, before: 0 };
            disk.open(name).unwrap().write_at(&head.write(), 0).unwrap();
        }),
    ];
    let (disk, oracle) = long();
    let places = places(&disk);
    let names = segments(&disk);
    for (what, lose) in losses {
        // The oldest may have been removed as too old, so nothing tells that it is missing.
        for name in &names[1..names.len() - 1] {
            let found = disk.after_kill(Plan::default());
            lose(&found, name);
            let lost = repair(&found, identity(), all_records).unwrap();
            assert!(!lost.is_empty(), "{what}");
            is_repaired(&found);
            let segment = segment::first_of(name).unwrap();
            is_good_but(&found, &oracle, |first| {
                places.iter().any(|place| place.first == first && place.segment == segment)
            });
        }
    }
}

#[test]
fn the_index_of_a_segment_that_is_written_anew_is_removed() {
    let (disk, _) = long();
    let names = segments(&disk);
    let index = |name: &str| name.replace(".seg", ".idx");
    for name in &names[..2] {
        disk.create(&index(name)).unwrap();
    }
    disk.flip(&names[0], 1_100, 1);
    repair(&disk, identity(), all_records).unwrap();
    let after = disk.names().unwrap();
    assert!(!after.contains(&index(&names[0])), "{after:?}");
}

#[test]
fn no_sequence_of_a_newest_segment_without_a_header_is_given_again() {
    let (disk, oracle) = long();
    let newest = segments(&disk).pop().unwrap();
    for at in [20, 532] {
        disk.flip(&newest, at, 1);
    }
    repair(&disk, identity(), all_records).unwrap();
    is_repaired(&disk);
    let (chain, ..) = events_and_holes(&disk);
    assert_eq!(Some(chain.next()), oracle.synced);
}

#[test]
fn whose_log_it_is_is_read_from_its_segments() {
    let (disk, oracle) = long();
    let new = LogIdentity { epoch: Epoch::begun_at(1_800_000_000_000, 9), ..identity() };
    let lose: [fn(&ModelDisk); 2] =
        [|disk| disk.remove("meta").unwrap(), |disk| disk.flip("meta", 20, 1)];
    for lose in lose {
        let found = disk.after_kill(Plan::default());
        lose(&found);
        let lost = repair(&found, new, all_records).unwrap();
        assert_eq!(lost.iter().map(|part| &part.file[..]).collect::<Vec<_>>(), ["meta"]);
        is_good_but(&found, &oracle, |_| false);
    }
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_not_changed() {
    let (disk, _) = long();
    let name = segments(&disk).remove(0);
    for at in [8, 520] {
        disk.flip(&name, at, 3);
    }
    let before = disk.content(&name);
    assert_eq!(
        repair(&disk, identity(), all_records),
        Err(OpenError::Newer { file: name.clone(), version: 2 })
    );
    assert_eq!(disk.content(&name), before);
}

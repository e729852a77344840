//! The chain on the model of a disk, crashed at every operation.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::batch::SegmentBatch;
use super::super::disk::Folder;
use super::super::disk::model::{ModelDisk, Plan};
use super::super::open_error::OpenError;
use super::*;
use crate::event::Epoch;

mod inspected;
mod repaired;
mod strays;

/// Small, so that there are many.
const SEGMENT_BYTES: u64 = 4_096;

fn identity() -> LogIdentity {
    LogIdentity { epoch: Epoch::begun_at(1_795_000_000_000, 7), created_ms: 1_795_000_000_000 }
}

/// A batch as the oracle remembers it: how many events, and their records.
type Written = (Sequence, u64, Vec<u8>);

/// What a log has to show after a crash.
#[derive(Clone, Debug, Default)]
struct Oracle {
    /// All batches that were ever written, in order.
    written: Vec<Written>,
    /// Everything before this one had been synced.
    synced: Option<Sequence>,
    /// The oldest event that may be gone by now: that of the oldest segment.
    oldest: Option<Sequence>,
    is_broken: bool,
}

/// One step of a run.
#[derive(Clone, Debug)]
enum Step {
    Append { count: u64, bytes: usize },
    Sync,
    RemoveOldest,
}

fn steps(random: &mut StdRng, count: usize) -> Vec<Step> {
    let step = |random: &mut StdRng| match random.random_range(0..10) {
        0..5 => Step::Append {
            count: random.random_range(1..5),
            bytes: match random.random_range(0..8) {
                0 => 0,
                7 => random.random_range(2_000..6_000),
                _ => random.random_range(1..900),
            },
        },
        5..9 => Step::Sync,
        _ => Step::RemoveOldest,
    };
    (0..count).map(|_| step(random)).collect()
}

/// Records that look like anything, batches too.
fn records(random: &mut StdRng, bytes: usize) -> Vec<u8> {
    let mut records = vec![0; bytes];
    match random.random_range(0..3) {
        0 => random.fill(&mut records[..]),
        1 => {
            let head = BatchHead {
                kind: BatchKind::Events,
                first: Sequence(1),
                count: 1,
                synced: u64::MAX,
            };
            let mut fake = Vec::new();
            head.write(b"x", Salt(0), &mut fake);
            records.iter_mut().zip(fake.iter().cycle()).for_each(|(byte, fake)| *byte = *fake);
        }
        _ => {}
    }
    records
}

/// All of them, whatever they are.
#[expect(clippy::unnecessary_wraps, reason = "as a repair asks for it")]
fn all_records(batch: &SegmentBatch<'_>) -> Result<(usize, u64), NewerRecord> {
    Ok((batch.records.len(), batch.head.count))
}

type Shown = Vec<Written>;

fn open(disk: &ModelDisk) -> Result<(SegmentChain<ModelDisk>, Shown), OpenError> {
    let mut shown = Vec::new();
    let (chain, _) = SegmentChain::open(
        disk.clone(),
        SEGMENT_BYTES,
        identity(),
        |_, _| Ok(None),
        |found| {
            let BatchHead { first, count, .. } = found.batch.head;
            shown.push((first, count, found.batch.records.to_vec()));
        },
    )?;
    Ok((chain, shown))
}

impl Oracle {
    /// Takes the steps until one fails.
    fn run(&mut self, chain: &mut SegmentChain<ModelDisk>, steps: &[Step], random: &mut StdRng) {
        for step in steps {
            let taken = match *step {
                Step::Append { count, bytes } => {
                    let records = records(random, bytes);
                    let first = chain.next();
                    let result = chain.append(count, &records);
                    // One that failed may be there after all.
                    if result != Err(WriteError::Full) {
                        self.written.push((first, count, records));
                    }
                    result
                }
                Step::Sync => chain.sync().map(|()| self.synced = Some(chain.next())),
                Step::RemoveOldest => match chain.sealed().front().map(|oldest| oldest.next) {
                    None => Ok(()),
                    Some(next) => {
                        // It may be gone also when that fails.
                        self.oldest = Some(next);
                        chain.remove_oldest().map(drop)
                    }
                },
            };
            match taken {
                Ok(()) | Err(WriteError::Full | WriteError::NoFile(_)) => {}
                Err(WriteError::Failed(_)) => {
                    self.is_broken = true;
                    return;
                }
            }
        }
    }

    /// A prefix that was synced is whole, nothing is invented, and sequences are continuous.
    fn check(&self, shown: &Shown, next: Sequence) {
        let oldest_max = self.oldest.unwrap_or(Sequence(1));
        let first = shown.first().map_or(next, |(first, ..)| *first);
        assert!(first <= oldest_max.max(Sequence(1)), "begins at {first}, not by {oldest_max}");
        let mut expected = first;
        for (first, count, records) in shown {
            assert_eq!(*first, expected);
            let is_written = self
                .written
                .iter()
                .any(|written| (&written.0, &written.1, &written.2) == (first, count, records));
            assert!(is_written, "{first} was never written");
            expected = Sequence(first.0 + count);
        }
        assert_eq!(expected, next);
        let synced = self.synced.unwrap_or(Sequence(1));
        assert!(next >= synced, "{next}, and everything before {synced} was synced");
    }
}

/// Opens what a crash has left, with crashes at every operation of that, and goes on with it.
fn recovers(disk: &ModelDisk, oracle: &Oracle, seed: u64) {
    let found = disk.after_crash(seed, Plan::default());
    let before = found.operations();
    let (mut chain, shown) = open(&found).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    oracle.check(&shown, chain.next());

    for operation in before..found.operations() {
        let again =
            disk.after_crash(seed, Plan { crash_after: Some(operation), ..Plan::default() });
        // It may have been opened with its last operation.
        let _ = open(&again);
        let (chain, shown) = open(&again.after_crash(seed ^ 1, Plan::default()))
            .unwrap_or_else(|error| panic!("{seed} {operation}: {error}"));
        oracle.check(&shown, chain.next());
    }

    let mut random = StdRng::seed_from_u64(seed);
    let mut oracle = Oracle { synced: Some(chain.next()), ..oracle.clone() };
    oracle.written.retain(|(first, ..)| *first < chain.next());
    let more = steps(&mut random, 8);
    oracle.run(&mut chain, &more, &mut random);
    let (chain, shown) = open(&found.after_crash(seed ^ 2, Plan::default())).unwrap();
    oracle.check(&shown, chain.next());
}

/// A run that is crashed after an operation.
fn run(seed: u64, plan: Plan) -> (ModelDisk, Oracle) {
    let mut random = StdRng::seed_from_u64(seed);
    let steps = steps(&mut random, 40);
    let (disk, mut oracle) = (ModelDisk::new(plan), Oracle::default());
    match open(&disk) {
        Ok((mut chain, _)) => oracle.run(&mut chain, &steps, &mut random),
        Err(_) => oracle.is_broken = true,
    }
    (disk, oracle)
}

#[test]
fn what_was_synced_survives_a_crash_at_every_operation_and_nothing_is_invented() {
    for seed in 0..12 {
        let (whole, _) = run(seed, Plan::default());
        for operation in 0..whole.operations() {
            let crash = Plan { crash_after: Some(operation), ..Plan::default() };
            let (disk, oracle) = run(seed, crash);
            for crash in 0..3 {
                recovers(&disk, &oracle, seed << 32 | (operation as u64) << 8 | crash);
            }
        }
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_written_and_what_was_synced_before_is_there() {
    for seed in 0..30 {
        for sync in 0..12 {
            let (disk, oracle) = run(seed, Plan { failing_sync: Some(sync), ..Plan::default() });
            if !oracle.is_broken {
                continue;
            }
            for crash in 0..4 {
                recovers(&disk, &oracle, seed << 32 | (sync as u64) << 8 | crash);
            }
            // As a process that is started again, while the page cache still shows what no disk has.
            let restarted = disk.after_kill(Plan::default());
            let Ok((chain, shown)) = open(&restarted) else { continue };
            let seen = Oracle { synced: Some(chain.next()), ..oracle.clone() };
            oracle.check(&shown, chain.next());
            let (chain, shown) = open(&restarted.after_crash(seed, Plan::default())).unwrap();
            seen.check(&shown, chain.next());
        }
    }
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_wrote() {
    for seed in 0..100 {
        let (disk, oracle) = run(seed, Plan::default());
        let (chain, shown) = open(&disk.after_kill(Plan::default())).unwrap();
        let end = oracle
            .written
            .last()
            .map_or(Sequence(1), |(first, count, _)| Sequence(first.0 + count));
        oracle.check(&shown, chain.next());
        assert_eq!(chain.next(), end);
    }
}

#[test]
fn a_full_disk_refuses_and_takes_events_again_when_there_is_room() {
    let disk = ModelDisk::new(Plan { capacity: Some(4 * SEGMENT_BYTES), ..Plan::default() });
    let (mut chain, _) = open(&disk).unwrap();
    let mut oracle = Oracle::default();
    let mut refused = 0;
    for number in 0..200_u64 {
        let records = vec![7; 300];
        let first = chain.next();
        match chain.append(1, &records) {
            Ok(()) => {
                oracle.written.push((first, 1, records));
                chain.sync().unwrap();
                oracle.synced = Some(chain.next());
            }
            Err(WriteError::Full) => {
                refused += 1;
                assert_eq!(chain.next(), first, "a sequence is not used up");
                if refused % 3 == 0 {
                    let removed = chain.remove_oldest().unwrap().unwrap();
                    oracle.oldest = Some(removed.next);
                }
            }
            Err(error) => panic!("{number}: {error}"),
        }
    }
    assert!(refused > 10, "{refused}");
    for crash in 0..20 {
        recovers(&disk, &oracle, crash);
    }
}

/// A log of several segments, all synced, with nothing to be cut.
fn long() -> (ModelDisk, Oracle) {
    let disk = ModelDisk::new(Plan::default());
    let (mut chain, _) = open(&disk).unwrap();
    let mut random = StdRng::seed_from_u64(1);
    let mut oracle = Oracle::default();
    let step = [Step::Append { count: 2, bytes: 200 }, Step::Sync];
    for _ in 0..40 {
        oracle.run(&mut chain, &step, &mut random);
    }
    assert!(chain.sealed().len() >= 2);
    (disk, oracle)
}

#[test]
fn a_bit_that_has_flipped_is_refused_or_is_a_torn_last_batch_and_never_a_wrong_event() {
    let (disk, oracle) = long();
    let names = disk.names().unwrap();
    let mut random = StdRng::seed_from_u64(2);
    let (mut refused, mut torn) = (0, 0);
    for _ in 0..10_000 {
        let name = &names[random.random_range(0..names.len())];
        let at = random.random_range(0..disk.content(name).len());
        let found = disk.after_kill(Plan::default());
        found.flip(name, at, 1 << random.random_range(0..8));
        match open(&found) {
            Err(OpenError::Corrupt { file, .. } | OpenError::Newer { file, .. }) => {
                assert_eq!(&file, name);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
            Ok((chain, shown)) => {
                // Only the last batch cannot be told from one that was being written.
                let last = oracle.written.last().unwrap();
                let end = oracle.synced.unwrap();
                assert!(chain.next() == end || chain.next() == last.0, "{name} {at}");
                torn += usize::from(chain.next() != end);
                let oracle = Oracle { synced: Some(last.0), ..oracle.clone() };
                oracle.check(&shown, chain.next());
            }
        }
    }
    assert!(refused > 5_000 && torn > 0, "{refused} refused, {torn} torn");
}

#[test]
fn a_segment_that_is_missing_or_another_is_refused_with_its_name() {
    let (disk, _) = long();
    let mut names: Vec<String> = disk
        .names()
        .unwrap()
        .into_iter()
        .filter(|name| segment::first_of(name).is_some())
        .collect();
    names.sort();
    let found = disk.after_kill(Plan::default());
    found.remove(&names[1]).unwrap();
    let error = open(&found).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt { file, .. } if *file == names[2]), "{error}");

    let found = disk.after_kill(Plan::default());
    found.remove("meta").unwrap();
    let error = open(&found).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt { file, .. } if file == "meta"), "{error}");

    let (other, _) = long();
    let found = disk.after_kill(Plan::default());
    let file = found.open(&names[1]).unwrap();
    file.truncate(0).unwrap();
    file.write_at(&other.content(&names[1]), 0).unwrap();
    let error = open(&found).err().unwrap();
    assert!(matches!(&error, OpenError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("backup"));
}

#[test]
fn the_last_batch_may_be_torn_at_every_byte() {
    let (disk, oracle) = long();
    let mut names = disk.names().unwrap();
    names.retain(|name| segment::first_of(name).is_some());
    let newest = names.into_iter().max().unwrap();
    let content = disk.content(&newest);
    let end = content.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let last = oracle.written.last().unwrap();
    let begin = end - batch::whole_bytes(last.2.len());
    for cut in begin - 8..=end {
        for fill in [0x00, 0xff, 0x5a] {
            let found = disk.after_kill(Plan::default());
            let file = found.open(&newest).unwrap();
            let rest = vec![fill; content.len() - cut];
            file.write_at(&rest, cut as u64).unwrap();
            let result = open(&found);
            if cut < begin {
                continue;
            }
            let (chain, shown) = result.unwrap_or_else(|error| panic!("{cut} {fill}: {error}"));
            let oracle = Oracle { synced: Some(last.0), ..oracle.clone() };
            oracle.check(&shown, chain.next());
        }
    }
}

#[test]
fn a_folder_of_the_file_system_keeps_what_was_written_over_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for start in 0..3 {
        let mut shown = Vec::new();
        let (mut chain, torn) = SegmentChain::open(
            Folder::at(folder.path()),
            SEGMENT_BYTES,
            identity(),
            |_, _| Ok(None),
            |found| {
                let records_at = usize::try_from(found.records_at).unwrap();
                let file = std::fs::read(folder.path().join(segment::name_of(found.segment)));
                let there = &file.unwrap()[records_at..records_at + found.batch.records.len()];
                assert_eq!(there, found.batch.records);
                shown.push(found.batch.records.to_vec());
            },
        )
        .unwrap();
        assert_eq!((&shown, torn, chain.identity()), (&written, None, identity()), "{start}");
        for number in 0..30_u8 {
            chain.append(1, &[number; 300]).unwrap();
            written.push(vec![number; 300]);
        }
        chain.sync().unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap();
        let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!((chain.bytes()..chain.bytes() + 100).contains(&bytes), "with `meta`: {bytes}");
    }
}

#[test]
fn what_leaves_no_room_for_now_is_told_from_what_fails() {
    let cases = [
        (Errno::NOSPC, true),
        (Errno::DQUOT, true),
        (Errno::FBIG, true),
        (Errno::IO, false),
        (Errno::ROFS, false),
        (Errno::MFILE, false),
    ];
    for (errno, expected) in cases {
        assert_eq!(is_full(&errno.into()), expected, "{errno}");
    }
}

proptest! {
    #[test]
    fn no_bytes_in_a_segment_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let disk = ModelDisk::new(Plan::default());
        let (mut chain, _) = open(&disk).unwrap();
        chain.append(1, b"one").unwrap();
        chain.sync().unwrap();
        let file = disk.open(&segment::name_of(Sequence(1))).unwrap();
        file.write_at(&bytes, BATCHES_AT / 2).unwrap();
        let _ = open(&disk);
    }
}

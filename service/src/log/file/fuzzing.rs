//! What must hold for whatever is in a data folder: fuzzing checks it.

use std::path::Path;
use std::time::Duration;

use super::batch::{BatchHead, BatchKind, Salt};
use super::batch_records::readable_records;
use super::chain::repair;
use super::disk::{Disk as _, DiskFile as _, Folder};
use super::identity::LogIdentity;
use super::open::OpenedLog;
use super::segment::{self, SegmentHead};
use super::{FileLogSettings, OpenError, SyncMode};
use crate::clock::Clock;
use crate::event::{Buffers, Draft, EncodedEvent, Epoch, Sequence};
use crate::log::record::{RecordKind, put_record};
use crate::log::{
    EventFilter, KeptLimits, KeptSettings, PageLimit, ReadOutcome, ReadRange, RetentionRules,
};
use crate::topic::{Selector, SelectorSet, Topic};

const BEGUN_MS: u64 = 1_795_000_000_000;
const SALT: Salt = Salt(7);
/// The most bytes of a part, so that inputs have many.
const PART_MAX: usize = 600;

const SETTINGS: FileLogSettings = FileLogSettings {
    events_max: usize::MAX,
    bytes_max: 1 << 30,
    age_max: Duration::from_secs(1 << 40),
    memory_max: 64 << 20,
    sync: SyncMode::Never,
};

fn identity() -> LogIdentity {
    LogIdentity { epoch: Epoch::begun_at(BEGUN_MS, 7), created_ms: BEGUN_MS }
}

/// Makes a data folder of some bytes, opens it, and repairs it if it is refused.
pub(crate) fn recovery(folder: &Path, bytes: &[u8]) {
    make_folder(folder, bytes);
    let disk = Folder::at(folder);
    let shown = match shown(&disk) {
        Ok(shown) => shown,
        Err(_) => {
            repair(&disk, identity(), readable_records)
                .expect("it is of this version, and has its meta");
            shown(&disk).expect("it was repaired")
        }
    };
    assert_eq!(shown_again(&disk), shown, "a second start shows the same");
}

fn shown_again(disk: &Folder) -> Vec<(Sequence, Vec<u8>)> {
    shown(disk).expect("it was opened before")
}

fn kept_settings() -> KeptSettings {
    let rule = "*=last:3".parse().expect("a rule");
    let limits = KeptLimits { topics_max: usize::MAX, bytes_max: usize::MAX };
    KeptSettings { rules: RetentionRules::new(vec![rule]).expect("one"), limits }
}

/// All events that a log shows, with their frames.
fn shown(disk: &Folder) -> Result<Vec<(Sequence, Vec<u8>)>, OpenError> {
    let clock = Clock::from_fn(|| BEGUN_MS);
    let opened =
        OpenedLog::open(disk.clone(), SETTINGS, kept_settings(), clock, &Buffers::default())?;
    let state = opened.inner.retained.lock();
    let head = state.window.bounds().head;
    let mut after = Sequence(0);
    let selectors = SelectorSet::one(Selector::exact(Topic::parse("t", 1).expect("a topic")));
    let before = ReadRange { after, through: FIRST.previous() };
    let all = PageLimit { events_max: usize::MAX, bytes_max: usize::MAX };
    let kept = state.window.read_kept(before, &selectors, all).events;
    assert!(kept.len() <= 3, "the newest three of the topic");
    let mut events: Vec<_> =
        kept.iter().map(|event| (event.sequence(), event.frame().to_vec())).collect();
    after = FIRST.previous();
    while after < head {
        let range = ReadRange { after, through: head };
        let limit = PageLimit { events_max: 100, bytes_max: usize::MAX };
        let epoch = state.window.bounds().epoch;
        after = match state.window.read(epoch, range, EventFilter::Everything, limit) {
            ReadOutcome::Ready(page) => {
                events.extend(
                    page.events.iter().map(|event| (event.sequence(), event.frame().to_vec())),
                );
                assert!(page.through > after);
                page.through
            }
            ReadOutcome::Failed { beyond } => {
                assert!(beyond > after);
                beyond
            }
            ReadOutcome::Loading | ReadOutcome::OtherEpoch => unreachable!("all is in memory"),
        };
    }
    assert!(events.is_sorted_by(|(one, _), (other, _)| one < other));
    Ok(events)
}

/// The first event of the only segment. What rules keep is of before.
const FIRST: Sequence = Sequence(10);

/// One segment, in parts that the bytes tell.
fn make_folder(folder: &Path, mut bytes: &[u8]) {
    let disk = Folder::at(folder);
    for name in disk.names().expect("a folder") {
        disk.remove(&name).expect("a file");
    }
    LogIdentity::of(&disk, &[], identity()).expect("an empty folder");
    let epoch = identity().epoch;
    let head = SegmentHead { epoch, first: FIRST, salt: SALT, before: 0 };
    let mut content = head.write();
    let mut next = FIRST;
    while let [kind, low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high])) % PART_MAX;
        let (part, rest) = rest.split_at(length.min(rest.len()));
        bytes = rest;
        let count = u64::from(kind / 6 % 8) + 1;
        let (kind, count, records) = match kind % 6 {
            0 => (BatchKind::Events, count, part.to_vec()),
            1 => (BatchKind::Events, 1, good_record(RecordKind::Next, next, part)),
            2 => (BatchKind::Hole, count, Vec::new()),
            3 => (BatchKind::Again, 0, part.to_vec()),
            4 => (BatchKind::Again, 0, good_record(RecordKind::Again, Sequence(count), part)),
            _ => {
                content.extend_from_slice(part);
                continue;
            }
        };
        let batch = BatchHead { kind, first: next, count, synced: content.len() as u64 };
        batch.write(&records, SALT, &mut content);
        next = batch.next();
    }
    let file = disk.create(&segment::name_of(FIRST)).expect("a new file");
    file.write_at(&content, 0).expect("room");
}

fn good_record(kind: RecordKind, sequence: Sequence, part: &[u8]) -> Vec<u8> {
    let topic = Topic::parse("t", 1).expect("a topic");
    let event = EncodedEvent::encode(Draft::new(topic, String::from_utf8_lossy(part).into_owned()));
    let mut record = Vec::new();
    let place = (sequence, BEGUN_MS);
    put_record(&mut record, kind, place, &event.content()).expect("it is short");
    record
}

//! The log on disk as a log: what it shows, keeps and finds. Its threads do not run: each step is taken
//! when a test says so, on the model of a disk.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::disk::Disk;
use super::disk::model::{ModelDisk, ModelFile, Plan};
use super::open::OpenedLog;
use super::segment_reader::OpenSegments;
use super::writer::{AppendRequest, AppendResults};
use super::*;
use crate::clock::Clock;
use crate::event::{Draft, DraftFields, Epoch, EventLimits};
use crate::file_limit::FileLimit;
use crate::log::{AppendError, KeptSettings, Receipt};
use crate::topic::{Selector, SelectorSet};

mod against_a_model;
mod counted;
mod inspected;
mod locate;
mod no_room;
mod open_files;
mod passing_faults;
mod repaired;
mod repeats;
mod retention;
mod rules;
mod topic_ends;

/// A log whose steps are taken one at a time.
struct Steps {
    disk: ModelDisk,
    now_ms: Arc<AtomicU64>,
    settings: FileLogSettings,
    kept: KeptSettings,
    opened: OpenedLog<ModelDisk>,
    /// What the thread would have open that loads pages.
    open: RefCell<OpenSegments<ModelFile>>,
}

/// Small segments, and little memory.
const SMALL: FileLogSettings = FileLogSettings {
    events_max: usize::MAX,
    bytes_max: 512 << 10,
    age_max: Duration::from_millis(u64::MAX),
    memory_max: 64 << 10,
    sync: SyncMode::Always,
};

fn open_steps(
    disk: ModelDisk,
    settings: FileLogSettings,
    now_ms: Arc<AtomicU64>,
) -> Result<Steps, OpenError> {
    open_steps_with_rules(disk, (settings, KeptSettings::default()), now_ms)
}

fn open_steps_with_rules(
    disk: ModelDisk,
    (settings, kept): (FileLogSettings, KeptSettings),
    now_ms: Arc<AtomicU64>,
) -> Result<Steps, OpenError> {
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    let opened = OpenedLog::open(disk.clone(), settings, kept.clone(), clock, &Buffers::default())?;
    let open = RefCell::new(OpenSegments::within(FileLimit { files_max: 20_000 }));
    Ok(Steps { disk, now_ms, settings, kept, opened, open })
}

fn steps(settings: FileLogSettings) -> Steps {
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    open_steps(ModelDisk::new(Plan::default()), settings, now_ms).unwrap()
}

impl Steps {
    /// Ends the process, with nothing written at its end, and starts another.
    fn restart(self) -> Self {
        let disk = self.disk.after_kill(Plan::default());
        open_steps_with_rules(disk, (self.settings, self.kept), self.now_ms).unwrap()
    }

    fn set_clock(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn append(&mut self, drafts: Vec<Draft>) -> AppendResults {
        if self.opened.writer.is_memory_too_full() {
            self.upkeep();
        }
        let (answer, mut results) = oneshot::channel();
        let events = drafts.into_iter().map(EncodedEvent::encode).collect();
        self.opened.writer.commit([AppendRequest { events, answer, permit: None }].into_iter());
        results.try_recv().unwrap()
    }

    fn append_sized(&mut self, topic: &str, bytes: usize) -> u64 {
        let data = "x".repeat(bytes);
        self.append(vec![draft(&[topic], None, &data)])[0].as_ref().unwrap().sequence.0
    }

    fn upkeep(&self) {
        self.opened.upkeep.work(self.now());
    }

    fn health(&self) -> LogHealth {
        self.opened.inner.retained.lock().health().clone()
    }

    fn bounds(&self) -> Bounds {
        self.opened.inner.retained.lock().bounds()
    }

    fn in_memory_from(&self) -> u64 {
        self.opened.inner.retained.lock().window.oldest().0
    }

    fn load(&self) {
        let inner = &self.opened.inner;
        inner.cold.load_all(|key| {
            let segments = Arc::clone(inner.retained.lock().segments());
            inner.reader.load_of_open(&mut self.open.borrow_mut(), &segments, key)
        });
    }

    /// Reads until the end of a range, page by page; what cannot be read, as the sequence behind it.
    fn read(&self, range: ReadRange, filter: EventFilter<'_>) -> (Vec<Arc<Event>>, Vec<Sequence>) {
        let (mut events, mut unreadable) = (Vec::new(), Vec::new());
        let mut after = range.after;
        let waker = || Waker::noop().clone();
        let reader = LogReader { epoch: self.bounds().epoch, waker: &waker };
        let through = range.through.min(self.bounds().head);
        let limit = PageLimit { events_max: 7, bytes_max: 20_000 };
        while after < through {
            let range = ReadRange { after, through };
            match self.opened.inner.read(&reader, range, filter, limit) {
                ReadOutcome::Loading => self.load(),
                ReadOutcome::Ready(page) => {
                    assert!(page.through > after && page.through <= through, "{page:?}");
                    assert!(page.events.len() <= 7);
                    after = page.through;
                    events.extend(page.events);
                }
                ReadOutcome::Failed { beyond } => {
                    assert!(beyond > after && beyond <= through);
                    unreadable.push(beyond);
                    after = beyond;
                }
                ReadOutcome::OtherEpoch => panic!("it has one epoch"),
            }
        }
        (events, unreadable)
    }

    /// The same from the end.
    fn read_back(&self, range: ReadRange, filter: EventFilter<'_>) -> Vec<Arc<Event>> {
        let mut events = Vec::new();
        let mut through = range.through.min(self.bounds().head);
        let waker = || Waker::noop().clone();
        let reader = LogReader { epoch: self.bounds().epoch, waker: &waker };
        let limit = PageLimit { events_max: 7, bytes_max: 20_000 };
        while through > range.after {
            let range = ReadRange { after: range.after, through };
            match self.opened.inner.read_back(&reader, range, filter, limit) {
                ReadOutcome::Loading => self.load(),
                ReadOutcome::Ready(page) => {
                    assert!(page.after < through && page.after >= range.after, "{page:?}");
                    through = page.after;
                    events.extend(page.events);
                }
                ReadOutcome::Failed { beyond } => {
                    assert!(beyond < through);
                    through = beyond;
                }
                ReadOutcome::OtherEpoch => panic!("it has one epoch"),
            }
        }
        events
    }

    fn everything(&self) -> Vec<Arc<Event>> {
        let (events, unreadable) = self.read(range(0, u64::MAX), EventFilter::Everything);
        assert_eq!(unreadable, []);
        events
    }

    fn sequences(&self) -> Vec<u64> {
        self.everything().iter().map(|event| event.sequence().0).collect()
    }

    fn locate(&self, id: &str) -> Position {
        let inner = &self.opened.inner;
        inner.locate_in_memory(id).unwrap_or_else(|| inner.locate_on_disk(id))
    }
}

fn draft(topics: &[&str], id: Option<&str>, data: &str) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields =
        DraftFields { topics, id: id.map(Into::into), data: data.into(), ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

fn range(after: u64, through: u64) -> ReadRange {
    ReadRange { after: Sequence(after), through: Sequence(through) }
}

/// The last so many of the sequences up to one.
fn last(count: u64, of: u64) -> Vec<u64> {
    (of.saturating_sub(count) + 1..=of).collect()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

#[test]
fn an_event_is_there_after_a_restart_with_the_same_id_and_the_same_bytes() {
    let mut log = steps(SMALL);
    for number in 0..200 {
        let data = format!("{number} {}", "x".repeat(3_000));
        log.append(vec![draft(&["t"], None, &data)])[0].as_ref().unwrap();
        if number % 50 == 0 {
            log.upkeep();
        }
    }
    let before: Vec<_> = log.everything().iter().map(|event| event.frame().clone()).collect();
    let bounds = log.bounds();
    let mut log = log.restart();
    let after: Vec<_> = log.everything().iter().map(|event| event.frame().clone()).collect();
    assert_eq!(after.last(), before.last());
    assert!(before.ends_with(&after) || after.ends_with(&before));
    assert_eq!((log.bounds().epoch, log.bounds().head_id()), (bounds.epoch, bounds.head_id()));
    assert_eq!(log.append_sized("t", 10), bounds.head.0 + 1);
}

#[test]
fn memory_is_bounded_and_what_is_not_in_it_is_read_from_the_disk() {
    let mut log = steps(SMALL);
    for _ in 0..100 {
        log.append_sized("t", 3_000);
        log.upkeep();
        let bytes = log.opened.inner.retained.lock().window.bytes();
        assert!(bytes < 2 * SMALL.memory_max, "{bytes}");
    }
    assert!(log.in_memory_from() > 50);
    assert_eq!(log.sequences(), (1..=100).collect::<Vec<_>>());
}

#[test]
fn after_a_sync_that_failed_nothing_is_confirmed_or_shown_and_a_restart_tells_the_truth() {
    let mut log = steps(SMALL);
    log.append_sized("t", 10);
    log.disk.fail_sync(0);
    let results = log.append(vec![draft(&["t"], None, "lost"), draft(&["t"], Some("a"), "lost")]);
    assert_eq!(results[0], Err(AppendError::Unknown { repeatable: false }));
    assert_eq!(log.sequences(), [1]);
    assert!(log.opened.inner.retained.lock().health().problem().is_some());
    let again = log.append(vec![draft(&["t"], None, "refused")]);
    assert_eq!(again, [Err(AppendError::Unavailable)]);
    let log = log.restart();
    assert!(log.sequences().starts_with(&[1]));
    assert_eq!(log.opened.inner.retained.lock().health(), &LogHealth::Healthy);
}

#[test]
fn a_sync_that_failed_is_not_tried_again_where_syncs_come_by_the_clock() {
    let sync = SyncMode::Interval(Duration::ZERO);
    let mut log = steps(FileLogSettings { sync, ..SMALL });
    log.append_sized("t", 10);
    log.disk.fail_sync(0);
    log.opened.writer.sync_if_due();
    assert!(matches!(log.health(), LogHealth::Failed { .. }));
    // The writer sleeps until somebody has something for it.
    assert_eq!(log.opened.writer.next_sync(), None);
}

#[test]
fn events_are_refused_when_somebody_has_removed_the_file_that_they_would_be_written_to() {
    let mut log = steps(SMALL);
    log.append_sized("t", 10);
    log.upkeep();
    assert_eq!(log.health(), LogHealth::Healthy);
    log.disk.remove(&segment::name_of(Sequence(1))).unwrap();
    log.upkeep();
    let LogHealth::Failed { why } = log.health() else { panic!("{:?}", log.health()) };
    assert!(why.contains("00000000000000000001.seg"), "{why}");
    let refused = log.append(vec![draft(&["t"], None, "x")]);
    assert_eq!(refused, [Err(AppendError::Unavailable)]);
}

#[test]
fn no_file_goes_for_events_that_were_in_one_that_somebody_has_removed() {
    let mut log = steps(FileLogSettings { age_max: Duration::from_secs(60), ..SMALL });
    let active = |log: &Steps| log.opened.inner.retained.lock().active();
    while log.bounds().head.0 < 60 || active(&log).is_none() {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    let first_lost = active(&log).expect("it is written to");
    log.disk.remove(&segment::name_of(first_lost)).unwrap();
    log.set_clock(log.now() + 3_600_000);
    log.upkeep();
    log.upkeep();
    let log = log.restart();
    assert_eq!(log.bounds().head, first_lost.previous(), "no sequence is given twice but those");
}

#[test]
fn a_full_disk_refuses_events_until_there_is_room() {
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    let disk = ModelDisk::new(Plan { capacity: Some(200 << 10), ..Plan::default() });
    let mut log = open_steps(disk, SMALL, now_ms).unwrap();
    let mut confirmed = Vec::new();
    let mut refused = 0;
    while refused < 3 {
        match &log.append(vec![draft(&["t"], None, &"x".repeat(3_000))])[0] {
            Ok(receipt) => confirmed.push(receipt.sequence.0),
            Err(error) => {
                assert_eq!(error, &AppendError::Unavailable);
                refused += 1;
            }
        }
        log.upkeep();
    }
    assert_eq!(log.opened.inner.retained.lock().health(), &LogHealth::Full);
    assert_eq!(log.sequences(), confirmed);
    log.disk.set_capacity(None);
    confirmed.push(log.append_sized("t", 3_000));
    assert_eq!(log.opened.inner.retained.lock().health(), &LogHealth::Healthy);
    assert_eq!(log.restart().sequences(), confirmed);
}

#[test]
fn a_sealed_segment_that_has_its_index_is_not_read_at_the_start() {
    let mut log = steps(SMALL);
    for _ in 0..100 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    let first = segment::name_of(Sequence(1));
    // Damage in it is told to whoever reads it.
    let middle = log.disk.content(&first).len() / 2;
    log.disk.flip(&first, middle, 1);
    let log = log.restart();
    let (events, unreadable) = log.read(range(0, u64::MAX), EventFilter::Everything);
    assert_eq!((events.len(), unreadable.len()), (99, 1));
    let lost = unreadable[0].0;
    assert!(events.iter().all(|event| event.sequence().0 != lost));
    assert_eq!(log.read_back(range(0, u64::MAX), EventFilter::Everything).len(), 99);
    assert_eq!(log.read(range(0, u64::MAX), EventFilter::Candidates(&set(&["t"]))).0.len(), 99);

    // Without the index it is read, and found.
    log.disk.remove(&index::name_of(Sequence(1))).unwrap();
    let opened = open_steps(log.disk.after_kill(Plan::default()), SMALL, log.now_ms);
    assert!(matches!(opened.err(), Some(OpenError::Corrupt { file, .. }) if file == first));
}

#[test]
fn an_index_file_that_is_damaged_is_made_anew() {
    let mut log = steps(SMALL);
    for number in 0..100 {
        let id = format!("id-{number}");
        log.append(vec![draft(&["t"], Some(&id), &"x".repeat(3_000))]);
        log.upkeep();
    }
    let name = index::name_of(Sequence(1));
    let good = log.disk.content(&name);
    for at in 0..good.len() {
        log.disk.flip(&name, at, 1);
        log = log.restart();
        let (events, unreadable) = log.read(range(0, 30), EventFilter::Candidates(&set(&["t"])));
        assert_eq!((events.len(), unreadable.len()), (30, 0), "byte {at}");
        assert_eq!(log.locate("id-0"), Position::After(Sequence(1)), "byte {at}");
        assert_eq!(log.disk.content(&name), good, "byte {at}");
    }
}

#[test]
fn a_sector_that_cannot_be_read_any_more_costs_the_events_in_it_and_no_others() {
    let mut log = steps(SMALL);
    for _ in 0..1_500 {
        log.append_sized("t", 60);
        log.upkeep();
    }
    let head = log.bounds().head.0;
    // A page of the disk, in which there are some dozens of events.
    log.disk.spoil(&segment::name_of(Sequence(1)), 12_288..16_384);
    let (events, unreadable) = log.read(range(0, u64::MAX), EventFilter::Everything);
    assert!(unreadable.len() <= 7, "a gap for each page that is asked for: {unreadable:?}");
    let missing = head - events.len() as u64;
    assert!((20..=40).contains(&missing), "{missing} are missing");
    let back = log.read_back(range(0, u64::MAX), EventFilter::Everything);
    assert_eq!(back.len(), events.len());
    // Where nothing can be read the rest of the file is given up, and what is behind it is not.
    log.disk.spoil(&segment::name_of(Sequence(1)), 10_000..60_000);
    log.opened.inner.cold.forget();
    let (events, _) = log.read(range(0, u64::MAX), EventFilter::Everything);
    assert!(events.len() as u64 > head / 3 && events.last().unwrap().sequence().0 == head);
}

//! Which files stay open while pages are read.

use super::super::cold_page::{ColdPageKey, LoadedPage, ReadDirection};
use super::*;

/// More segments than are looked through for one page.
fn many_segments() -> Steps {
    let mut log = steps(FileLogSettings { bytes_max: 2 << 20, ..SMALL });
    while log.opened.inner.retained.lock().segments().len() < 20 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    log
}

#[test]
fn as_many_segments_stay_open_as_are_looked_through_for_a_page() {
    let log = many_segments();
    let segments = Arc::clone(log.opened.inner.retained.lock().segments());
    let head = log.bounds().head.0;
    for _ in 0..2 {
        assert_eq!(log.sequences(), (1..=head).collect::<Vec<_>>());
        let newest = segments[segments.len() - 16..].iter().map(|segment| segment.head.first);
        assert_eq!(log.open.borrow().firsts().collect::<Vec<_>>(), newest.collect::<Vec<_>>());
        log.opened.inner.cold.forget();
    }
    // The one that was used last is closed last.
    let oldest = |log: &Steps| log.read(range(0, 1), EventFilter::Everything).0.len();
    assert_eq!(oldest(&log), 1);
    assert_eq!(log.open.borrow().firsts().last(), Some(Sequence(1)));
}

#[test]
fn files_of_segments_that_are_gone_are_closed_before_the_next_page() {
    let mut log = many_segments();
    log.read(range(0, 1), EventFilter::Everything);
    assert_eq!(log.open.borrow().firsts().collect::<Vec<_>>(), [Sequence(1)]);
    while log.bounds().oldest == Sequence(1) {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    let oldest = log.bounds().oldest.0;
    log.read(range(oldest, oldest + 1), EventFilter::Everything);
    assert!(log.open.borrow().firsts().all(|first| first > Sequence(1)));
}

#[test]
fn fewer_stay_open_in_a_process_that_may_have_few_files() {
    let mut log = many_segments();
    let head = log.bounds().head.0;
    for (files_max, expected) in [(0, 1), (100, 1), (1_024, 4), (4_095, 15), (1 << 40, 16)] {
        log.open = RefCell::new(OpenSegments::within(FileLimit { files_max }));
        let before = log.disk.open_files();
        log.disk.most_open_files();
        assert_eq!(log.sequences(), (1..=head).collect::<Vec<_>>());
        assert_eq!(log.disk.most_open_files(), before + 2 * expected, "{files_max}");
        assert_eq!(log.open.borrow().firsts().count(), expected, "{files_max}");
        // Connections leave as many for all threads that read.
        let left = FileLimit { files_max }.reader_files();
        assert_eq!(left, (READERS * 2 * expected) as u64, "{files_max}");
        log.opened.inner.cold.forget();
    }
}

#[test]
fn whoever_reads_one_page_has_one_segment_open_at_a_time() {
    let log = many_segments();
    let inner = &log.opened.inner;
    let segments = Arc::clone(inner.retained.lock().segments());
    let key = ColdPageKey {
        direction: ReadDirection::Forwards,
        from: Sequence(0),
        topics: None,
        events_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let before = log.disk.open_files();
    log.disk.most_open_files();
    let LoadedPage::Events { to, .. } = inner.reader.load(&segments, &key) else { panic!() };
    assert!(to >= segments[10].head.first, "it is of many segments");
    assert_eq!((log.disk.most_open_files(), log.disk.open_files()), (before + 2, before));
}

#[test]
fn files_are_opened_anew_after_one_could_not_be_read() {
    let log = many_segments();
    log.read(range(0, 60), EventFilter::Everything);
    assert!(log.open.borrow().firsts().count() > 1);
    let topic = set(&["t"]);
    let file = segment::name_of(Sequence(1));
    log.disk.spoil(&file, 0..64 << 10);
    log.opened.inner.cold.forget();
    let (_, unreadable) = log.read(range(0, 1), EventFilter::Candidates(&topic));
    assert_eq!(unreadable.len(), 1);
    assert_eq!(log.open.borrow().firsts().count(), 0);
    log.disk.heal();
    log.opened.inner.cold.forget();
    let (events, unreadable) = log.read(range(0, 1), EventFilter::Candidates(&topic));
    assert_eq!((events.len(), unreadable.len()), (1, 0));
}

#[test]
fn what_is_open_gives_way_where_there_may_be_no_more_open_files() {
    let log = many_segments();
    let others = log.disk.open_files();
    let head = log.bounds().head.0;
    // The files of one segment; and those of three, and one that is too few for a fourth.
    for files in [2, 7] {
        log.disk.limit_opens(Some(others + files));
        assert_eq!(log.sequences(), (1..=head).collect::<Vec<_>>());
        log.opened.inner.cold.forget();
        log.open.borrow_mut().close();
    }
}

/// The names of files of a folder that this process has open.
#[cfg(target_os = "linux")]
fn open_files(folder: &std::path::Path) -> Vec<String> {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    let ours =
        targets.filter_map(|target| target.strip_prefix(folder).ok()?.to_str().map(String::from));
    ours.collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_file_is_open_to_be_read_while_nothing_is_read() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().canonicalize().unwrap();
    let settings = FileLogSettings { memory_max: 64 << 10, ..SMALL };
    let log = FileLog::open(&folder, settings, Clock::system()).unwrap();
    while log.in_memory_from() <= Sequence(1) {
        let event = EncodedEvent::encode(draft(&["t"], None, &"x".repeat(3_000)));
        log.append(vec![event]).await[0].as_ref().unwrap();
    }
    let waker = || Waker::noop().clone();
    let reader = LogReader { epoch: log.bounds().epoch, waker: &waker };
    let limit = PageLimit { events_max: 7, bytes_max: 20_000 };
    let read = || log.read(&reader, range(0, 1), EventFilter::Everything, limit);
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !matches!(read(), ReadOutcome::Ready(_)) {
        assert!(std::time::Instant::now() < patience, "the page never came");
        std::thread::yield_now();
    }
    assert!(!open_files(&folder).is_empty(), "its lock is held, and found by this name");
    while open_files(&folder).iter().any(|name| name.contains(".idx")) {
        assert!(std::time::Instant::now() < patience, "{:?}", open_files(&folder));
        std::thread::yield_now();
    }
}

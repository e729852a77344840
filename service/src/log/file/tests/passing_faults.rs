//! What fails for a moment, as where the process has no file left: nothing is taken for lost, and nothing is
//! done that a look at the disk would have forbidden.

use std::ops::ControlFlow;

use super::index::IndexHead;
use super::*;

/// A log with an event with an id and one that ends a topic, both on the disk alone.
fn log_with_an_id_and_an_end_on_the_disk() -> Steps {
    let mut log = steps(SMALL);
    log.append(vec![with_id("one"), draft(&["job"], None, "bye").ending_topic()]);
    for _ in 0..60 {
        log.append_sized("other", 3_000);
        log.upkeep();
    }
    assert!(log.in_memory_from() > 2);
    log
}

fn with_id(data: &str) -> Draft {
    draft(&["t"], Some("a"), data).idempotent()
}

#[test]
fn an_event_is_refused_where_nobody_can_look_whether_it_is_there_or_its_topic_has_ended() {
    let mut log = log_with_an_id_and_an_end_on_the_disk();
    let head = log.bounds().head;
    let asked = || vec![with_id("one"), with_id("two"), draft(&["job"], None, "more")];
    log.disk.fail_opens(true);
    assert_eq!(log.append(asked()), [const { Err(AppendError::Unavailable) }; 3]);
    assert!(log.append(vec![draft(&["other"], Some("new"), "x").idempotent()])[0].is_ok());
    log.disk.fail_opens(false);
    let results = log.append(asked());
    let first = results[0].as_ref().unwrap();
    assert_eq!((first.sequence, first.is_repeat), (Sequence(1), true));
    assert_eq!(results[1], Err(AppendError::DuplicateId));
    assert!(matches!(results[2], Err(AppendError::TopicEnded { .. })), "{:?}", results[2]);
    assert_eq!(log.bounds().head, head.next(), "nothing was added but the one with a new id");
}

#[test]
fn an_attempt_that_fails_once_is_made_again() {
    let mut log = log_with_an_id_and_an_end_on_the_disk();
    log.disk.fail_next_opens(1);
    assert!(log.append(vec![with_id("one")])[0].as_ref().unwrap().is_repeat);
    log.disk.fail_next_opens(1);
    let (events, unreadable) = log.read(range(0, 5), EventFilter::Everything);
    assert_eq!((events.len(), unreadable), (5, vec![]));
}

#[test]
fn an_id_is_found_though_an_older_file_has_just_been_removed() {
    let mut log = steps(SMALL);
    let append = |log: &mut Steps, id: &str| {
        for number in 0..30 {
            let id = (number == 3).then_some(id);
            log.append(vec![draft(&["t"], id, &"x".repeat(3_000))]);
            log.upkeep();
        }
    };
    for id in ["a", "a", "b"] {
        append(&mut log, id);
    }
    // As while the oldest one is removed: its file is gone, and it is in the list.
    log.disk.remove(&segment::name_of(Sequence(1))).unwrap();
    log.disk.remove(&index::name_of(Sequence(1))).unwrap();
    let again = log.append(vec![draft(&["t"], Some("a"), &"x".repeat(3_000)).idempotent()]);
    let found = again[0].as_ref().unwrap();
    assert_eq!((found.sequence, found.is_repeat), (Sequence(34), true));
    assert_eq!(log.locate("a"), Position::After(Sequence(34)));
}

#[test]
fn an_index_that_is_gone_or_cannot_be_read_any_more_is_made_anew() {
    let mut log = log_with_an_id_and_an_end_on_the_disk();
    let name = index::name_of(Sequence(1));
    let before = log.disk.content(&name);
    for is_there in [false, true, false, true] {
        match is_there {
            false => log.disk.remove(&name).unwrap(),
            true => log.disk.spoil(&name, 0..before.len()),
        }
        let (events, unreadable) = log.read(range(0, 2), EventFilter::Candidates(&set(&["t"])));
        assert_eq!((events.len(), unreadable.len()), (1, 0));
        log.opened.inner.cold.forget();
        if is_there {
            log.disk.spoil(&name, 0..before.len());
        }
        let results = log.append(vec![with_id("one"), draft(&["job"], None, "more")]);
        assert!(results[0].as_ref().unwrap().is_repeat);
        assert!(matches!(results[1], Err(AppendError::TopicEnded { .. })), "{:?}", results[1]);
        assert_eq!(log.disk.content(&name), before);
    }
}

#[test]
fn events_with_an_id_come_once_wherever_reading_the_index_fails() {
    let mut log = steps(SMALL);
    log.append((0..1_000).map(|_| draft(&["t"], Some("a"), "")).collect());
    for _ in 0..60 {
        log.append_sized("other", 3_000);
        log.upkeep();
    }
    assert!(log.in_memory_from() > 1_000);
    let name = index::name_of(Sequence(1));
    let head = IndexHead::read(&log.disk.content(&name)).unwrap();
    let (at, end) = (head.ids_at() as usize, head.ids_at() as usize + 1_000 * 12);
    for spoiled in (at..end).step_by(1_200) {
        log.disk.spoil(&name, spoiled..spoiled + 12);
        let state = log.opened.inner.retained.lock();
        let segments = Arc::clone(state.segments());
        drop(state);
        let mut found = Vec::new();
        let each = log.opened.writer.reader.each_with_id(&segments, Sequence(1), "a", |event| {
            found.push(event.sequence().0);
            ControlFlow::Continue(())
        });
        each.unwrap();
        assert!(found.iter().copied().eq(1..=1_000), "entry {}", (spoiled - at) / 12);
    }
}

#[test]
fn a_page_that_could_not_be_read_is_read_when_it_can_be() {
    let log = log_with_an_id_and_an_end_on_the_disk();
    let oldest = range(0, 2);
    log.disk.fail_opens(true);
    let (events, unreadable) = log.read(oldest, EventFilter::Everything);
    assert_eq!((events.len(), unreadable.len()), (0, 1));
    log.disk.fail_opens(false);
    log.opened.inner.cold.let_faults_pass();
    let (events, unreadable) = log.read(oldest, EventFilter::Everything);
    assert_eq!((events.len(), unreadable.len()), (2, 0));
}

#[test]
fn a_reader_that_the_log_has_passed_on_the_disk_is_told_so_at_once() {
    let mut log = steps(FileLogSettings { events_max: 80, ..SMALL });
    for _ in 0..200 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    let oldest = log.bounds().oldest;
    assert!(oldest.0 > 100 && log.in_memory_from() > oldest.0 + 20);
    let waker = || Waker::noop().clone();
    let reader = LogReader { epoch: log.bounds().epoch, waker: &waker };
    let limit = PageLimit { events_max: 7, bytes_max: 20_000 };
    let read = log.opened.inner.read(&reader, range(3, 200), EventFilter::Everything, limit);
    let ReadOutcome::Ready(page) = read else { panic!("{read:?}") };
    assert!(page.is_truncated && page.events.is_empty());
    assert_eq!(page.through, oldest.previous());
}

#[test]
fn what_pages_of_the_disk_hold_is_no_slow_readers() {
    let log = log_with_an_id_and_an_end_on_the_disk();
    let buffers = log.opened.inner.reader.buffers();
    assert_eq!(buffers.beyond_the_log(), 0);
    drop(log.everything());
    assert!(log.opened.inner.cold.bytes() > 0);
    assert_eq!(buffers.beyond_the_log(), 0);
    let events = log.read(range(0, 7), EventFilter::Everything).0;
    log.opened.inner.cold.forget();
    assert!(buffers.beyond_the_log() > 0, "they are read still");
    drop(events);
    assert_eq!(buffers.beyond_the_log(), 0);
}

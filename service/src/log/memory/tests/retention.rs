//! What is retained and what goes.

use super::*;

#[test]
fn the_oldest_events_go_when_there_are_too_many() {
    let stage = stage(MemoryLogSettings { events_max: 3, ..UNBOUNDED });
    stage.append(&["t"; 3]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    stage.append(&["t"; 10]);
    assert_eq!(stage.retained(), [12, 13, 14]);
}

#[test]
fn the_oldest_events_go_when_they_hold_too_many_bytes() {
    let held = |count| {
        let stage = stage(UNBOUNDED);
        stage.append(&vec!["t"; count]);
        stage.log.bounds().bytes
    };
    // With what the log's tables take, which have room for four.
    let (three, four) = (held(3), held(4));
    assert!(four - three > 200);
    let stage = stage(MemoryLogSettings { bytes_max: three, ..UNBOUNDED });
    stage.append(&["t"; 3]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    assert_eq!(stage.log.bounds().bytes, three);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    assert_eq!(stage.log.bounds().bytes, three);
}

#[test]
fn the_newest_event_stays_even_if_it_alone_is_too_large() {
    for settings in [
        MemoryLogSettings { bytes_max: 0, ..UNBOUNDED },
        MemoryLogSettings { events_max: 0, ..UNBOUNDED },
    ] {
        let stage = stage(settings);
        stage.append(&["t"; 3]);
        assert_eq!(stage.retained(), [3], "{settings:?}");
    }
}

#[test]
fn events_go_when_they_are_older_than_the_limit() {
    let stage = stage(MemoryLogSettings { age_max: Duration::from_millis(100), ..UNBOUNDED });
    stage.append(&["t"]);
    stage.set_clock(1_050);
    stage.append(&["t"]);
    stage.set_clock(1_100);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [1, 2, 3]);
    stage.set_clock(1_101);
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3, 4]);
    assert_eq!(stage.log.bounds().oldest_ms, Some(1_050));
}

#[test]
fn a_log_that_nobody_writes_to_expires_all_the_same() {
    let stage = stage(MemoryLogSettings { age_max: Duration::from_millis(100), ..UNBOUNDED });
    stage.append(&["a", "b"]);
    stage.set_clock(1_100);
    stage.log.expire();
    assert_eq!(stage.retained(), [1, 2]);
    stage.set_clock(1_101);
    stage.log.expire();
    // The newest too; the head does not go back.
    let bounds = stage.log.bounds();
    assert_eq!((bounds.head, bounds.oldest), (Sequence(2), Sequence(3)));
    assert_eq!((bounds.events, bounds.oldest_ms), (0, None));
    assert_eq!(bounds.head_id(), bounds.start_id());
    assert_eq!(stage.append(&["a"]), [3]);
    assert_eq!(stage.retained(), [3]);
}

#[test]
fn a_log_without_an_age_limit_never_expires() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"; 2]);
    stage.set_clock(u64::MAX);
    stage.log.expire();
    assert_eq!(stage.retained(), [1, 2]);
}

#[test]
fn a_topic_is_forgotten_with_its_last_event() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["a", "b"]);
    assert_eq!(stage.topics_indexed(), 2);
    append(&stage.log, vec![draft(&["b", "c"], None, "d")]);
    assert_eq!(stage.topics_indexed(), 2); // 2 has b, 3 has b and c.
    stage.append(&["d"]);
    assert_eq!(stage.topics_indexed(), 3);
    stage.append(&["d"]);
    assert_eq!(stage.topics_indexed(), 1);
    for number in 0..1_000 {
        stage.append(&[&format!("topic {number}")]);
    }
    assert_eq!(stage.topics_indexed(), 2);
}

#[test]
fn a_topic_that_was_busy_once_still_finds_what_is_left() {
    let stage = stage(MemoryLogSettings { events_max: 1_000, ..UNBOUNDED });
    stage.append(&["busy"; 1_000]);
    stage.append(&["quiet"; 990]);
    let page =
        stage.log.read_now(range(0, u64::MAX), EventFilter::Candidates(&set(&["busy"])), ALL);
    assert_eq!(sequences(&page), (991..=1_000).collect::<Vec<_>>());
}

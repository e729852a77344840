//! Where clients go on.

use super::*;

#[test]
fn an_id_is_found_in_memory_on_the_disk_and_after_a_restart() {
    let mut log = steps(FileLogSettings { events_max: 100, ..SMALL });
    let begin = log.now();
    let mut ids = Vec::new();
    for number in 1..=150_u64 {
        log.set_clock(begin + number);
        let custom = (number % 3 == 0).then(|| format!("own-{number}"));
        let draft = draft(&["t"], custom.as_deref(), &"x".repeat(2_000));
        ids.push(log.append(vec![draft])[0].as_ref().unwrap().id.to_string());
        log.upkeep();
    }
    assert!((70..140).contains(&log.in_memory_from()));
    for restarted in [false, true] {
        if restarted {
            log = log.restart();
            log.upkeep();
        }
        for (sequence, id) in (1..).zip(&ids) {
            let is_custom = !id.starts_with("e:");
            let expected = match (sequence <= 50, is_custom) {
                (true, true) => Position::Unknown,
                _ => Position::After(Sequence(sequence)),
            };
            assert_eq!(log.locate(id), expected, "{sequence} {restarted}");
        }
        let epoch = log.bounds().epoch;
        let other = |sequence, accepted_ms| {
            HubId { epoch, sequence: Sequence(sequence), accepted_ms }.to_string()
        };
        assert_eq!(log.locate(&other(70, begin + 71)), Position::Unknown);
        assert_eq!(log.locate(&other(151, begin + 151)), Position::Unknown);
        assert_eq!(log.locate("own-1"), Position::Unknown);
    }
}

#[test]
fn each_id_is_known_after_a_start_that_has_read_a_part_of_the_log() {
    let settings = FileLogSettings { bytes_max: 128 << 20, memory_max: 1 << 30, ..SMALL };
    let mut log = steps(settings);
    let mut ids = Vec::new();
    for _ in 0..50 {
        log.set_clock(log.now() + 10);
        let results = log.append(vec![draft(&["t"], None, &"x".repeat(1_000_000))]);
        ids.push(results[0].as_ref().unwrap().id.to_string());
        log.upkeep();
    }
    let log = log.restart();
    assert!((10..40).contains(&log.in_memory_from()), "{}", log.in_memory_from());
    for (sequence, id) in (1..).zip(&ids) {
        assert_eq!(log.locate(id), Position::After(Sequence(sequence)), "{sequence}");
        let made = log.opened.inner.retained.lock().id_at(Sequence(sequence));
        assert!(made.is_none_or(|made| made.to_string() == *id), "{sequence}");
    }
}

#[test]
fn an_id_of_another_epoch_is_followed_by_what_was_accepted_later() {
    let mut log = steps(FileLogSettings { events_max: 100, ..SMALL });
    let begin = log.now();
    for number in 1..=150_u64 {
        log.set_clock(begin + 10 * number);
        log.append_sized("t", 2_000);
        log.upkeep();
    }
    let epoch = Epoch::begun_at(1_000, 9);
    for (at, expected) in [(1_500, 150), (1_499, 149), (805, 80), (600, 60), (501, 50), (3, 50)] {
        let id = HubId { epoch, sequence: Sequence(7), accepted_ms: begin + at }.to_string();
        let position = log.locate(&id);
        assert_eq!(position, Position::Later(Sequence(expected)), "{at}");
        assert!(log.opened.inner.retained.lock().id_at(Sequence(expected)).is_some(), "{at}");
    }
}

#[test]
fn the_earliest_retained_event_with_an_id_is_the_one() {
    let mut log = steps(SMALL);
    for number in 0..90 {
        let id = (number % 30 == 0).then_some("again");
        log.append(vec![draft(&["t"], id, &"x".repeat(3_000))]);
        log.upkeep();
    }
    assert!(log.in_memory_from() > 31);
    assert_eq!(log.locate("again"), Position::After(Sequence(1)));
    log.settings.events_max = 80;
    let log = log.restart();
    log.upkeep();
    assert_eq!(log.locate("again"), Position::After(Sequence(31)));
}

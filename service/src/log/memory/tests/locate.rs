//! Where a client goes on.

use super::*;

#[test]
fn an_id_of_this_epoch_tells_its_position_whether_retained_or_not() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    let ids = [stage.id_of(1), stage.id_of(2)];
    stage.append(&["t"]);
    assert_eq!(stage.locate(&ids[0]), Position::After(Sequence(1)));
    assert_eq!(stage.locate(&ids[1]), Position::After(Sequence(2)));
    assert_eq!(stage.locate(&stage.id_of(3)), Position::After(Sequence(3)));
}

#[test]
fn the_places_before_the_oldest_and_after_the_newest_are_known_even_when_nothing_is_retained() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    let check = |sequence: u64, ms: u64| {
        let id = HubId { epoch: stage.epoch(), sequence: Sequence(sequence), accepted_ms: ms };
        assert_eq!(stage.log.id_at(Sequence(sequence)), Some(id));
        assert_eq!(stage.locate(&id.to_string()), Position::After(Sequence(sequence)));
    };
    check(0, 1_000);
    stage.set_clock(1_500);
    stage.append(&["t"; 2]);
    check(0, 1_000);
    check(1, 1_500);
    check(2, 1_500);
    stage.set_clock(2_000);
    stage.log.expire();
    assert_eq!(stage.retained(), [0; 0]);
    check(2, 1_500);
    assert_eq!(stage.log.id_at(Sequence(1)), None);
    assert_eq!(stage.log.id_at(Sequence(3)), None);
}

#[test]
fn an_id_of_another_epoch_tells_only_its_time() {
    let stage = stage(MemoryLogSettings { events_max: 4, ..UNBOUNDED });
    for ms in [500, 1_000, 2_000, 2_000, 3_000] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let check = |accepted_ms, expected| {
        let id = HubId { epoch: another(stage.epoch()), sequence: Sequence(3), accepted_ms };
        assert_eq!(stage.locate(&id.to_string()), expected, "{accepted_ms}");
    };
    let later = |sequence| Position::Later(Sequence(sequence));
    // Before everything retained, at and between the times of events, and after all of them.
    check(1, later(1));
    check(999, later(1));
    check(1_000, later(2));
    check(1_999, later(2));
    check(2_000, later(4));
    check(2_500, later(4));
    check(3_000, later(5));
    // What has not happened yet tells nothing, and skips nothing.
    check(3_001, Position::Unknown);
    stage.set_clock(4_000);
    check(3_001, later(5));
    check(4_000, later(5));
    check(4_001, Position::Unknown);
}

#[test]
fn an_id_of_this_epoch_that_was_never_made_is_unknown() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    for ms in [1_000, 2_000, 3_000, 4_000] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let check = |sequence, accepted_ms, expected| {
        let id = HubId { epoch: stage.epoch(), sequence: Sequence(sequence), accepted_ms };
        assert_eq!(stage.locate(&id.to_string()), expected, "{sequence} at {accepted_ms}");
    };
    check(4, 4_000, Position::After(Sequence(4)));
    check(2, 2_000, Position::After(Sequence(2)));
    check(1, 1_000, Position::After(Sequence(1)));
    // From the future, or from a log that drew the same epoch.
    for (sequence, accepted_ms) in [(5, 4_000), (5, 9_000), (4, 3_999), (3, 3_001), (2, 1_999)] {
        check(sequence, accepted_ms, Position::Unknown);
    }
    check(1, 2_001, Position::Unknown);
}

#[test]
fn an_id_of_another_epoch_comes_before_all_when_nothing_is_retained() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    stage.set_clock(2_000);
    stage.log.expire();
    let epoch = another(stage.epoch());
    let id = HubId { epoch, sequence: Sequence(1), accepted_ms: 1 }.to_string();
    assert_eq!(stage.locate(&id), Position::Later(Sequence(2)));
}

#[test]
fn an_id_by_a_publisher_is_looked_up() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    stage.append_with_id("mine").unwrap();
    let of_another_maker = "urn:uuid:11111111-1111-4111-8111-111111111111";
    stage.append_with_id(of_another_maker).unwrap();
    assert_eq!(stage.locate("mine"), Position::After(Sequence(2)));
    assert_eq!(stage.locate(of_another_maker), Position::After(Sequence(3)));
    for unknown in ["", "Mine", "mine ", "urn:uuid:11111111-1111-4111-8111-111111111112"] {
        assert_eq!(stage.locate(unknown), Position::Unknown, "{unknown:?}");
    }
}

fn another(epoch: Epoch) -> Epoch {
    [Epoch::begun_at(0, 1), Epoch::begun_at(0, 2)]
        .into_iter()
        .find(|&other| other != epoch)
        .unwrap()
}

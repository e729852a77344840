//! Where a client goes on.

use super::*;

#[test]
fn an_id_of_this_life_tells_its_place_whether_retained_or_not() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    let ids = [stage.id_of(1), stage.id_of(2)];
    stage.append(&["t"]);
    assert_eq!(stage.log.locate(&ids[0]), Located::After(Sequence(1)));
    assert_eq!(stage.log.locate(&ids[1]), Located::After(Sequence(2)));
    assert_eq!(stage.log.locate(&stage.id_of(3)), Located::After(Sequence(3)));
}

#[test]
fn an_id_of_another_life_tells_only_its_time() {
    let stage = stage(MemoryLogSettings { events_max: 4, ..UNBOUNDED });
    for ms in [500, 1_000, 2_000, 2_000, 3_000] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let (own, other) = (stage.log.life, another_life(stage.log.life));
    let check = |life, accepted_ms, sequence, expected| {
        let id = HubId { accepted_ms, life, sequence: Sequence(sequence) }.to_string();
        assert_eq!(stage.log.locate(&id), Located::Later(Sequence(expected)), "{id}");
    };
    // Before everything retained, at and between the times of events, and after all of them.
    check(other, 1, 3, 1);
    check(other, 999, 3, 1);
    check(other, 1_000, 3, 2);
    check(other, 1_999, 3, 2);
    check(other, 2_000, 3, 4);
    check(other, 2_500, 3, 4);
    check(other, 3_000, 3, 5);
    check(other, 9_000, 3, 5);
    // Such an event never was in this life, so it must be from one that drew the same bits.
    check(own, 2_500, 6, 4);
}

#[test]
fn an_id_of_another_life_comes_before_all_when_nothing_is_retained() {
    let stage = stage(MemoryLogSettings { age_max: Duration::ZERO, ..UNBOUNDED });
    stage.append(&["t"; 2]);
    stage.set_clock(2_000);
    stage.log.expire();
    let life = another_life(stage.log.life);
    let id = HubId { accepted_ms: 1, life, sequence: Sequence(1) }.to_string();
    assert_eq!(stage.log.locate(&id), Located::Later(Sequence(2)));
}

#[test]
fn an_id_by_a_publisher_is_looked_up() {
    let stage = stage(UNBOUNDED);
    stage.append(&["t"]);
    stage.append_with_id("mine").unwrap();
    let of_another_maker = "urn:uuid:11111111-1111-4111-8111-111111111111";
    stage.append_with_id(of_another_maker).unwrap();
    assert_eq!(stage.log.locate("mine"), Located::After(Sequence(2)));
    assert_eq!(stage.log.locate(of_another_maker), Located::After(Sequence(3)));
    for unknown in ["", "Mine", "mine ", "urn:uuid:11111111-1111-4111-8111-111111111112"] {
        assert_eq!(stage.log.locate(unknown), Located::Unknown, "{unknown:?}");
    }
}

fn another_life(life: Life) -> Life {
    [Life::new(1), Life::new(2)].into_iter().find(|&other| other != life).unwrap()
}

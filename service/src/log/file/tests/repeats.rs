//! Events that are sent again with their ids, wherever the first ones are.

use super::*;
use crate::log::window::SAME_ID_COMPARED_MAX;

#[test]
fn an_idempotent_event_is_a_repeat_wherever_the_first_one_is() {
    let repeated = |data: &str| draft(&["t"], Some("a"), data).idempotent();
    let mut log = steps(SMALL);
    let both = log.append(vec![repeated("one"), repeated("one"), repeated("other")]);
    let first = both[0].as_ref().unwrap();
    assert_eq!(both[1].as_ref().unwrap(), &Receipt { is_repeat: true, ..first.clone() });
    assert_eq!(both[2], Err(AppendError::DuplicateId));
    for place in ["in memory", "on the disk", "after a restart"] {
        let again = log.append(vec![repeated("one"), repeated("other")]);
        assert_eq!(again[0].as_ref().unwrap().sequence, first.sequence, "{place}");
        assert_eq!(again[1], Err(AppendError::DuplicateId), "{place}");
        if place == "in memory" {
            for _ in 0..60 {
                log.append_sized("t", 3_000);
                log.upkeep();
            }
            assert!(log.in_memory_from() > 1);
        } else {
            log = log.restart();
        }
    }
}

#[test]
fn an_event_whose_id_has_come_back_with_an_older_one_is_a_repeat_of_itself() {
    let repeated = |data: &str| draft(&["t"], Some("a"), data).idempotent();
    let mut log = steps(FileLogSettings { events_max: 3, ..SMALL });
    log.append(vec![repeated("one")])[0].as_ref().unwrap();
    for _ in 0..5 {
        log.append_sized("t", 10);
    }
    let sequence = log.append(vec![repeated("two")])[0].as_ref().unwrap().sequence;
    log.settings.events_max = usize::MAX;
    let mut log = log.restart();
    assert_eq!(
        log.bounds().oldest,
        Sequence(1),
        "what has not gone from the disk is retained again"
    );
    for place in ["in memory", "on the disk"] {
        let results = log.append(vec![repeated("two"), repeated("other")]);
        let again = results[0].as_ref().unwrap();
        assert_eq!((again.sequence, again.is_repeat), (sequence, true), "{place}");
        assert_eq!(results[1], Err(AppendError::DuplicateId), "{place}");
        for _ in 0..60 {
            log.append_sized("t", 3_000);
            log.upkeep();
        }
    }
}

#[test]
fn an_event_on_the_disk_is_repeated_though_another_one_in_memory_has_its_id() {
    let with_id = |data: &str| draft(&["t"], Some("a"), data);
    let mut log = steps(SMALL);
    log.append(vec![with_id("one")])[0].as_ref().unwrap();
    for _ in 0..60 {
        log.append_sized("t", 3_000);
        log.upkeep();
    }
    assert!(log.in_memory_from() > 1);
    log.append(vec![with_id("two")])[0].as_ref().unwrap();
    let results = log.append(vec![with_id("one").idempotent(), with_id("three").idempotent()]);
    let again = results[0].as_ref().unwrap();
    assert_eq!((again.sequence, again.is_repeat), (Sequence(1), true));
    assert_eq!(results[1], Err(AppendError::DuplicateId));
}

#[test]
fn an_id_is_looked_for_in_what_is_there_before_it_is_in_what_is_written_with_it() {
    let with_id = |data: &str| draft(&["t"], Some("a"), data);
    let mut log = steps(SMALL);
    log.append(vec![with_id("one")])[0].as_ref().unwrap();
    let results = log.append(vec![with_id("two"), with_id("one").idempotent()]);
    let again = results[1].as_ref().unwrap();
    assert_eq!((again.sequence, again.is_repeat), (Sequence(1), true));
}

#[test]
fn of_several_events_with_an_id_any_is_repeated_whether_they_were_written_together_or_not() {
    let with_id = |data: &str| draft(&["t"], Some("a"), data);
    let events = || vec![with_id("one"), with_id("two"), with_id("three")];
    let again = || ["two", "three", "four"].map(|data| with_id(data).idempotent());
    let sequences = |results: AppendResults| -> Vec<_> {
        results.into_iter().map(|result| result.map(|receipt| receipt.sequence.0)).collect()
    };
    let expected = [Ok(2), Ok(3), Err(AppendError::DuplicateId)];
    let mut log = steps(SMALL);
    let together = log.append(events().into_iter().chain(again()).collect());
    assert_eq!(sequences(together)[3..], expected);
    let later = log.append(again().into());
    assert_eq!(sequences(later), expected);
}

#[test]
fn an_event_is_compared_with_the_first_few_that_have_its_id_wherever_they_are() {
    let with_id = |number: usize| draft(&["t"], Some("a"), &number.to_string());
    let mut log = steps(SMALL);
    log.append((0..=SAME_ID_COMPARED_MAX).map(with_id).collect());
    for place in ["in memory", "on the disk"] {
        let again = [0, SAME_ID_COMPARED_MAX - 1, SAME_ID_COMPARED_MAX]
            .map(|number| with_id(number).idempotent());
        let results = log.append(again.into());
        let is_repeat = |at: usize| results[at].as_ref().is_ok_and(|receipt| receipt.is_repeat);
        assert!(is_repeat(0) && is_repeat(1), "{place}");
        assert_eq!(results[2], Err(AppendError::DuplicateId), "{place}");
        for _ in 0..60 {
            log.append_sized("t", 3_000);
            log.upkeep();
        }
        assert!(log.in_memory_from() > SAME_ID_COMPARED_MAX as u64);
    }
}

#[test]
fn an_event_is_no_repeat_of_one_that_there_was_no_room_for_but_of_one_that_was_written_before_it() {
    let with_id = |data: &str| draft(&["t"], Some("a"), data);
    let filler = || draft(&["t"], None, &"x".repeat(600 << 10));
    let mut log = steps(SMALL);
    // For a first batch of the commit, and not for a second one.
    log.disk.set_capacity(Some(log.disk.bytes() + (1_500 << 10)));
    let results = log.append(vec![
        with_id("one"),
        filler(),
        filler(),
        with_id("two"),
        filler(),
        with_id("one").idempotent(),
        with_id("two").idempotent(),
    ]);
    let one = results[0].as_ref().unwrap();
    assert_eq!(results[3], Err(AppendError::Unavailable));
    assert_eq!(results[5], Ok(Receipt { is_repeat: true, ..one.clone() }));
    assert_eq!(results[6], Err(AppendError::DuplicateId));
}

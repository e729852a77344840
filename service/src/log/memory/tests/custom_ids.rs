//! Ids by publishers.

use super::*;

/// An idempotent event with the id `x`.
fn retry(topics: &[&str], data: &str) -> Draft {
    draft(topics, Some("x"), data).idempotent()
}

fn append_one(stage: &Stage, draft: Draft) -> Result<(u64, bool), AppendError> {
    let mut results = append(&stage.log, vec![draft]);
    results.pop().unwrap().map(|receipt| (receipt.sequence.0, receipt.is_repeat))
}

#[test]
fn an_id_that_comes_again_is_found_where_it_came_first() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    let place = || stage.locate("x");
    assert_eq!(stage.append_with_id("x"), Ok(1));
    assert_eq!(stage.append_with_id("x"), Ok(2));
    assert_eq!(place(), Position::After(Sequence(1)));
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3]);
    assert_eq!(place(), Position::After(Sequence(2)));
    assert_eq!(stage.append_with_id("x"), Ok(4));
    assert_eq!(place(), Position::After(Sequence(4)));
    stage.append(&["t"; 2]);
    assert_eq!(place(), Position::Unknown);
    assert!(stage.log.lock().custom_ids().is_empty());
}

#[test]
fn an_idempotent_event_that_is_sent_again_is_confirmed_and_not_appended() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    assert_eq!(append_one(&stage, retry(&["t", "u"], "d")), Ok((1, false)));
    for _ in 0..3 {
        assert_eq!(append_one(&stage, retry(&["t", "u"], "d")), Ok((1, true)));
    }
    assert_eq!(stage.retained(), [1]);
    stage.append(&["t"; 2]);
    assert_eq!(append_one(&stage, retry(&["t", "u"], "d")), Ok((4, false)), "it is gone");
}

#[test]
fn an_idempotent_event_does_not_get_the_id_of_another() {
    let stage = stage(UNBOUNDED);
    assert_eq!(append_one(&stage, retry(&["t", "u"], "d")), Ok((1, false)));
    let others = [
        retry(&["u", "t"], "d"),
        retry(&["t"], "d"),
        retry(&["t", "u"], "e"),
        retry(&["t", "u"], ""),
        retry(&["t", "u"], "d").private(),
        retry(&["t", "u"], "d").named(crate::event::EventType::parse("n").unwrap()),
        retry(&["t", "u"], "d").ending_topic(),
    ];
    for other in others {
        assert_eq!(append_one(&stage, other), Err(AppendError::DuplicateId));
    }
    assert_eq!(stage.append_with_id("x"), Ok(2), "one that is not idempotent is taken");
    assert_eq!(append_one(&stage, retry(&["t", "u"], "d")), Ok((1, true)));
}

#[test]
fn what_is_wrong_with_one_of_a_batch_does_not_stop_the_others() {
    let stage = stage(UNBOUNDED);
    let batch =
        vec![retry(&["t"], "d"), retry(&["t"], "e"), retry(&["t"], "d"), draft(&["t"], None, "d")];
    let results = append(&stage.log, batch).into_iter();
    let results: Vec<_> = results.map(|result| result.map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(results, [Ok(1), Err(AppendError::DuplicateId), Ok(1), Ok(2)]);
    assert_eq!(stage.retained(), [1, 2]);
}

#[test]
fn the_memory_of_repeated_ids_is_counted_and_given_back() {
    let stage = stage(MemoryLogSettings { events_max: 100, ..UNBOUNDED });
    let bytes = || stage.log.lock().custom_ids().bytes();
    stage.append_with_id("x").unwrap();
    let one = bytes();
    for _ in 0..50 {
        stage.append_with_id("x").unwrap();
    }
    assert!(bytes() > one + 400, "{} after {one}", bytes());
    stage.append(&["t"; 100]);
    assert!(bytes() <= one, "{} after {one}", bytes());
}

#[test]
fn uuids_of_a_publisher_are_never_taken_for_ids_of_the_log() {
    let stage = stage(UNBOUNDED);
    for number in 0..5_000 {
        let id = format!("urn:uuid:018bcfe5-6800-7{number:03x}-8000-{number:012x}");
        assert_eq!(stage.append_with_id(&id), Ok(number + 1), "{id}");
        assert_eq!(stage.locate(&id), Position::After(Sequence(number + 1)));
    }
}

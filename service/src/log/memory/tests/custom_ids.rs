//! Ids by publishers.

use super::*;

#[test]
fn an_id_can_be_used_again_when_its_event_is_gone() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    assert_eq!(stage.append_with_id("x"), Ok(1));
    assert_eq!(stage.append_with_id("x"), Err(AppendError::DuplicateId));
    stage.append(&["t"]);
    assert_eq!(stage.append_with_id("x"), Err(AppendError::DuplicateId));
    stage.append(&["t"]);
    assert_eq!(stage.retained(), [2, 3]);
    assert_eq!(stage.append_with_id("x"), Ok(4));
    assert_eq!(stage.log.locate("x"), Position::After(Sequence(4)));
    stage.append(&["t"; 2]);
    assert_eq!(stage.log.locate("x"), Position::Unknown);
    assert!(stage.log.lock().by_custom_id.is_empty());
}

#[test]
fn a_duplicate_id_is_refused_and_the_others_of_its_batch_are_appended() {
    let stage = stage(UNBOUNDED);
    let ids = [Some("x"), None, Some("x"), Some("y")];
    let results = append(&stage.log, ids.map(|id| draft(&["t"], id, "d")).to_vec());
    let results: Vec<_> =
        results.into_iter().map(|result| result.map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(results, [Ok(1), Ok(2), Err(AppendError::DuplicateId), Ok(3)]);
    assert_eq!(stage.retained(), [1, 2, 3]);
}

#[test]
fn uuids_of_a_publisher_are_never_taken_for_ids_of_the_log() {
    let stage = stage(UNBOUNDED);
    for number in 0..5_000 {
        let id = format!("urn:uuid:018bcfe5-6800-7{number:03x}-8000-{number:012x}");
        assert_eq!(stage.append_with_id(&id), Ok(number + 1), "{id}");
        assert_eq!(stage.log.locate(&id), Position::After(Sequence(number + 1)));
    }
}

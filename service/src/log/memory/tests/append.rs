//! Appending.

use super::*;
use crate::log::KeptTotals;

#[test]
fn an_empty_log_has_its_head_at_0() {
    let stage = stage(UNBOUNDED);
    let expected = Bounds {
        epoch: stage.epoch(),
        head: Sequence(0),
        head_ms: 1_000,
        oldest: Sequence(1),
        start_ms: 1_000,
        events: 0,
        bytes: 0,
        oldest_ms: None,
        last_uncounted: Sequence(0),
        kept: KeptTotals::default(),
    };
    assert_eq!(stage.log.bounds(), expected);
    assert_eq!(stage.retained(), [0; 0]);
}

#[test]
fn sequences_begin_at_1_and_have_no_gaps() {
    let stage = stage(MemoryLogSettings { events_max: 2, ..UNBOUNDED });
    assert_eq!(stage.append(&["a"]), [1]);
    assert_eq!(stage.append(&["a", "b", "a"]), [2, 3, 4]);
    assert_eq!(stage.append(&[]), [0; 0]);
    assert_eq!(stage.append(&["b"]), [5]);
    assert_eq!(stage.log.bounds().head, Sequence(5));
}

#[test]
fn a_receipt_says_what_was_appended() {
    let stage = stage(UNBOUNDED);
    let drafts = vec![draft(&["t"], None, "one"), draft(&["t"], Some("mine"), "two\nlines")];
    let receipts = append(&stage.log, drafts);
    let page = stage.log.read_now(range(0, 2), EventFilter::Everything, ALL);
    assert_eq!(receipts.len(), 2);
    for (receipt, event) in receipts.into_iter().zip(&page.events) {
        let receipt = receipt.unwrap();
        assert_eq!(receipt.id.to_string(), event.id());
        let expected = Receipt {
            sequence: event.sequence(),
            id: receipt.id.clone(),
            frame_bytes: event.frame().len(),
            is_repeat: false,
        };
        assert_eq!(receipt, expected);
    }
    assert_eq!(page.events[1].id(), "mine");
}

#[test]
fn an_id_made_by_the_log_tells_epoch_sequence_and_time() {
    let stage = stage(UNBOUNDED);
    stage.set_clock(1_234);
    stage.append(&["t"]);
    let expected = HubId { epoch: stage.epoch(), sequence: Sequence(1), accepted_ms: 1_234 };
    assert_eq!(HubId::parse(&stage.id_of(1)), Some(expected));
}

#[test]
fn when_the_clock_is_set_back_accept_times_wait_for_it() {
    let stage = stage(UNBOUNDED);
    for ms in [5_000, 3_000, 4_999, 5_001] {
        stage.set_clock(ms);
        stage.append(&["t"]);
    }
    let page = stage.log.read_now(range(0, 4), EventFilter::Everything, ALL);
    let times: Vec<_> = page.events.iter().map(|event| event.accepted_ms()).collect();
    assert_eq!(times, [5_000, 5_000, 5_000, 5_001]);
    assert!(page.events.is_sorted_by(|a, b| a.id() < b.id()));
}

#[test]
fn several_writers_share_one_order() {
    let stage = stage(UNBOUNDED);
    let received: Vec<Vec<u64>> = thread::scope(|scope| {
        let write =
            |_| scope.spawn(|| (0..20).flat_map(|_| stage.append(&["t"; 3])).collect::<Vec<_>>());
        let writers: Vec<_> = (0..3).map(write).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert!(received.iter().all(|sequences| sequences.is_sorted()));
    let batches_are_whole = |sequences: &Vec<u64>| {
        sequences.chunks(3).all(|batch| batch[1] == batch[0] + 1 && batch[2] == batch[0] + 2)
    };
    assert!(received.iter().all(batches_are_whole));
    let mut all = received.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=180).collect::<Vec<_>>());
    assert_eq!(stage.log.bounds().head, Sequence(180));
}

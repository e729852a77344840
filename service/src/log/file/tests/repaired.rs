//! A log that was repaired: it opens, and shows what was not lost.

use super::super::chain::repair;
use super::super::identity::LogIdentity;
use super::super::segment;
use super::*;

#[test]
fn a_repaired_log_opens_with_a_gap_where_it_was_damaged_and_takes_events() {
    let mut steps = steps(SMALL);
    for _ in 0..400 {
        steps.append_sized("a", 1_000);
    }
    let (disk, settings, now) = (steps.disk, steps.settings, steps.now_ms);
    let mut names = disk.names().unwrap();
    names.retain(|name| segment::first_of(name).is_some());
    names.sort();
    assert!(names.len() > 3);
    let damaged = &names[1];
    let index = damaged.replace(".seg", ".idx");
    for (what, is_whole_segment) in [("a batch", false), ("a segment", true)] {
        let found = disk.after_kill(Plan::default());
        if disk.names().unwrap().contains(&index) {
            found.remove(&index).unwrap();
        }
        match is_whole_segment {
            true => found.remove(damaged).unwrap(),
            false => found.flip(damaged, 10_000, 1),
        }
        let refused = open_steps(found.clone(), settings, Arc::clone(&now)).err();
        assert!(matches!(refused, Some(OpenError::Corrupt { .. })), "{what}");

        let new = LogIdentity { epoch: Epoch::begun_at(1, 1), created_ms: 1 };
        let lost = repair(&found, new).unwrap();
        let missing: Vec<u64> = lost.iter().flat_map(|part| part.first.0..part.next.0).collect();
        assert!(if is_whole_segment { missing.len() > 10 } else { missing.len() == 1 }, "{what}");
        let mut steps = open_steps(found, settings, Arc::clone(&now)).unwrap();
        assert_eq!(steps.append_sized("a", 10), 401, "{what}");
        // Twice, the second time with the indexes that the first has made.
        for _ in 0..2 {
            steps = steps.restart();
            let all = range(0, u64::MAX);
            let (events, unreadable) = steps.read(all, EventFilter::Everything);
            let read: Vec<u64> = events.iter().map(|event| event.sequence().0).collect();
            let expected: Vec<u64> = (1..=401).filter(|it| !missing.contains(it)).collect();
            assert_eq!(read, expected, "{what}");
            assert!(
                unreadable.iter().all(|beyond| missing.contains(&beyond.0)),
                "{what}: {unreadable:?}"
            );
        }
    }
}

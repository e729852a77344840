//! Going through a chain for tools: it shows what opening shows, and names what a repair gives up.

use std::ops::ControlFlow;

use super::super::inspect::{ChainFinding, inspect};
use super::super::repair::repair;
use super::repaired::{damage, events_and_holes, places, sequences};
use super::*;

/// The batches of a chain, the sequences that are missing by its problems, and how many of these it has.
pub(super) fn inspected(disk: &ModelDisk) -> (Shown, Vec<u64>, usize) {
    let firsts = segment::firsts_of(&disk.names().unwrap());
    let (mut shown, mut missing, mut problems) = (Vec::new(), Vec::new(), 0);
    let whole = inspect(disk, Some(identity().epoch), &firsts, &mut |finding| {
        match finding {
            ChainFinding::Batch(found, _) => {
                let BatchHead { first, count, .. } = found.batch.head;
                shown.push((first, count, found.batch.records.to_vec()));
            }
            ChainFinding::Problem(problem) => {
                missing.extend(problem.missing.start.0..problem.missing.end.0);
                problems += 1;
            }
            ChainFinding::OtherMeta(_) | ChainFinding::TornTail(_) => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(whole, ControlFlow::Continue(()));
    (shown, missing, problems)
}

#[test]
fn what_a_crash_leaves_is_no_problem_and_shows_what_the_next_start_shows() {
    for seed in 0..12 {
        let (whole, _) = run(seed, Plan::default());
        for operation in 0..whole.operations() {
            let crash = Plan { crash_after: Some(operation), ..Plan::default() };
            let found = run(seed, crash).0.after_crash(operation as u64, Plan::default());
            let (shown, _, problems) = inspected(&found);
            assert_eq!(problems, 0, "seed {seed}, operation {operation}");
            assert_eq!(shown, open(&found).unwrap().1, "seed {seed}, operation {operation}");
        }
    }
}

#[test]
fn what_is_damaged_is_what_a_repair_gives_up_and_all_else_is_shown() {
    let (disk, _) = long();
    let places = places(&disk);
    for seed in 0..500 {
        let mut random = StdRng::seed_from_u64(seed);
        let found = disk.after_kill(Plan::default());
        damage(&found, &places, &mut random);
        let (shown, missing, _) = inspected(&found);
        repair(&found, identity(), all_records).unwrap();
        let (_, events, holes) = events_and_holes(&found);
        assert_eq!((shown, missing), (events, sequences(holes.into_iter())), "seed {seed}");
    }
}

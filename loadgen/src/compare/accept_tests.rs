//! Tests of what is refused and what is warned of. The messages are compared whole, because they
//! are what a reader acts on: a message that lost its next step is a fault. The order of warnings
//! is part of it too.

use super::*;
use crate::result::ResultFile;
use crate::slo::sample;

fn file(outcomes: &[Outcome]) -> ResultFile {
    let run = |outcome: &Outcome| {
        let mut run = sample::run();
        run.verdict.outcome = *outcome;
        run
    };
    ResultFile { schema: SCHEMA.to_owned(), runs: outcomes.iter().map(run).collect() }
}

fn used(file: &ResultFile) -> (Result<usize, String>, Vec<String>) {
    let mut warnings = Vec::new();
    let found = usable(&Input { label: "b.json", file }, "B", &mut warnings);
    (found.map(|runs| runs.len()).map_err(|error| error.to_string()), warnings)
}

/// Runs that began at these minutes.
fn at(minutes: &[u8]) -> Vec<Run> {
    let run = |minute: &u8| {
        let mut run = sample::run();
        run.started_at = format!("2026-01-01T00:{minute:02}:00Z");
        run
    };
    minutes.iter().map(run).collect()
}

fn refs(runs: &[Run]) -> Vec<&Run> {
    runs.iter().collect()
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_the_next_step() {
    let mut foreign = file(&[Outcome::Pass]);
    foreign.schema = "fanfare-loadgen/9".to_owned();
    for (file, message) in [
        (
            foreign,
            "`b.json` has the schema `fanfare-loadgen/9`, and this program reads \
             `fanfare-loadgen/1`: compare with the loadgen that wrote it, or make the runs again",
        ),
        (file(&[]), "`b.json` holds no run: make at least one with `loadgen run`"),
        (
            file(&[Outcome::Invalid, Outcome::Unreachable]),
            "no run of `b.json` can be used (1 invalid, 1 without a connected subscriber): the run's own report \
             says what to change; then make the runs again",
        ),
    ] {
        assert_eq!(used(&file), (Err(message.to_owned()), Vec::new()));
    }
}

#[test]
fn runs_that_say_nothing_about_the_server_are_left_out_and_wrong_ones_are_pointed_at() {
    use Outcome::{Invalid, Pass, SloMissed, Unreachable, Wrong};
    let (found, warnings) = used(&file(&[Pass, SloMissed, Invalid, Invalid, Unreachable, Wrong]));
    assert_eq!(found, Ok(3));
    assert_eq!(
        warnings,
        [
            "2 runs of B left out as invalid: the generator was the limit",
            "1 run of B left out: no subscriber could connect",
            "1 run of B failed with wrong deliveries: a server that loses or damages events is not faster for it",
        ]
    );
}

#[test]
fn different_scenarios_are_refused_unless_forced() {
    let (a, mut b) = (at(&[0]), at(&[1]));
    b[0].scenario_hash = "other".to_owned();
    let mut warnings = Vec::new();
    let error = same_scenario(&refs(&a), &refs(&b), false, &mut warnings).expect_err("different");
    assert_eq!(
        error.to_string(),
        "the runs are of 2 different scenarios (other, same): run one scenario against both, or \
         compare them all the same with `--force`"
    );
    assert_eq!(same_scenario(&refs(&a), &refs(&b), true, &mut warnings), Ok(()));
    assert_eq!(warnings, ["compared by force: the scenarios differ (other, same)"]);
}

#[test]
fn five_runs_each_that_took_turns_on_one_machine_raise_no_doubt() {
    let (a, b) = (at(&[0, 2, 4, 6, 8]), at(&[1, 3, 5, 7, 9]));
    assert!(doubts(&refs(&a), &refs(&b)).is_empty());
}

#[test]
fn what_differs_besides_the_server_is_said() {
    let (a, mut b) = (at(&[0, 2, 4, 6, 8]), at(&[1, 3, 5, 7, 9]));
    b[0].environment.cpu = "other".to_owned();
    b[1].environment.kernel = "6.1".to_owned();
    b[2].environment.loadgen = "0.2.0".to_owned();
    assert_eq!(
        doubts(&refs(&a), &refs(&b)),
        [
            "the machine differs between runs: , 0 cores, over a network; other, 0 cores, over a \
             network",
            "the kernel differs between runs: ; 6.1",
            "the version of loadgen differs between runs: ; 0.2.0",
        ]
    );
}

#[test]
fn few_runs_and_runs_that_did_not_take_turns_are_said() {
    let few = "2 runs of A and 3 runs of B: take at least 5 of each".to_owned();
    let drift = |first, then| {
        format!(
            "all runs of {first} were made before all of {then}: drift of the machine can look \
             like a difference; let them take turns"
        )
    };
    for (a, b, expected) in [
        (at(&[0, 1]), at(&[2, 3, 4]), vec![few.clone(), drift("A", "B")]),
        (at(&[8, 9]), at(&[2, 3, 4]), vec![few.clone(), drift("B", "A")]),
        (at(&[1, 3]), at(&[2, 3, 4]), vec![few]),
        (at(&[0]), at(&[1]), vec!["1 run of A and 1 run of B: take at least 5 of each".to_owned()]),
    ] {
        assert_eq!(doubts(&refs(&a), &refs(&b)), expected);
    }
}

#[test]
fn a_run_without_a_readable_time_is_said() {
    let (mut a, b) = (at(&[0, 2, 4, 6, 8]), at(&[1, 3, 5, 7, 9]));
    a[0].started_at = "yesterday".to_owned();
    assert_eq!(
        doubts(&refs(&a), &refs(&b)),
        ["a run does not say when it began: whether A and B took turns is unknown"]
    );
}

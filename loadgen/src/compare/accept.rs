//! What may be compared at all, and what a reader must know before believing the result.
//!
//! Only what makes the figures meaningless is refused. The rest is a warning: people compare across
//! kernels on purpose.

use std::collections::BTreeSet;

use thiserror::Error;

use super::Input;
use super::row::ENOUGH_RUNS;
use crate::result::{Outcome, Run, SCHEMA};

/// Why two files cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    /// Written by another version, or not a result.
    #[error(
        "`{file}` has the schema `{found}`, and this program reads `{SCHEMA}`: compare with the \
         loadgen that wrote it, or make the runs again"
    )]
    UnknownSchema {
        /// Which file.
        file: String,
        /// What it says.
        found: String,
    },
    /// An empty file.
    #[error("`{file}` holds no run: make at least one with `loadgen run`")]
    NoRun {
        /// Which file.
        file: String,
    },
    /// Nothing is left once the invalid runs are gone.
    #[error(
        "no run of `{file}` can be used ({reason}): the run's own report says what to change; then \
         make the runs again"
    )]
    NoUsableRun {
        /// Which file.
        file: String,
        /// How the runs ended.
        reason: String,
    },
    /// They did not do the same.
    #[error(
        "the runs are of {} different scenarios ({}): run one scenario against both, or compare \
         them all the same with `--force`", .hashes.len(), .hashes.join(", ")
    )]
    DifferentScenarios {
        /// The hashes of their settings.
        hashes: Vec<String>,
    },
}

/// The runs of a file that can be used; those that say nothing about the server are left out.
pub(super) fn usable<'a>(
    input: &Input<'a>,
    side: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<&'a Run>, Refused> {
    let file = || input.label.to_owned();
    if input.file.schema != SCHEMA {
        return Err(Refused::UnknownSchema { file: file(), found: input.file.schema.clone() });
    }
    if input.file.runs.is_empty() {
        return Err(Refused::NoRun { file: file() });
    }
    let ended = |outcome| count(&input.file.runs, |run| run.verdict.outcome == outcome);
    let (invalid, unreachable, wrong) =
        (ended(Outcome::Invalid), ended(Outcome::Unreachable), ended(Outcome::Wrong));
    let says_something =
        |run: &&Run| !matches!(run.verdict.outcome, Outcome::Invalid | Outcome::Unreachable);
    let used: Vec<&Run> = input.file.runs.iter().filter(says_something).collect();
    if used.is_empty() {
        let reason = format!("{invalid} invalid, {unreachable} without a connected subscriber");
        return Err(Refused::NoUsableRun { file: file(), reason });
    }
    if invalid > 0 {
        let text = "the generator was the limit";
        warnings.push(format!("{} of {side} left out as invalid: {text}", runs(invalid)));
    }
    if unreachable > 0 {
        warnings
            .push(format!("{} of {side} left out: no subscriber could connect", runs(unreachable)));
    }
    if wrong > 0 {
        let text = "a server that loses or damages events is not faster for it";
        warnings.push(format!("{} of {side} failed with wrong deliveries: {text}", runs(wrong)));
    }
    Ok(used)
}

/// All must have done the same, unless it is compared all the same.
pub(super) fn same_scenario(
    a: &[&Run],
    b: &[&Run],
    force: bool,
    warnings: &mut Vec<String>,
) -> Result<(), Refused> {
    let hashes = distinct(a, b, |run| run.scenario_hash.clone());
    if hashes.len() < 2 {
        return Ok(());
    }
    if !force {
        return Err(Refused::DifferentScenarios { hashes });
    }
    warnings.push(format!("compared by force: the scenarios differ ({})", hashes.join(", ")));
    Ok(())
}

/// What is not the same on both sides, and what weakens the result.
pub(super) fn doubts(a: &[&Run], b: &[&Run]) -> Vec<String> {
    let differing = |what: &str, of: fn(&Run) -> String| {
        let found = distinct(a, b, of);
        (found.len() > 1).then(|| format!("{what} differs between runs: {}", found.join("; ")))
    };
    let machine = |run: &Run| {
        let it = &run.environment;
        let place = if it.loopback { "over loopback" } else { "over a network" };
        format!("{}, {} cores, {place}", it.cpu, it.cores)
    };
    let few = a.len().min(b.len()) < ENOUGH_RUNS;
    [
        differing("the machine", machine),
        differing("the kernel", |run| run.environment.kernel.clone()),
        differing("the version of loadgen", |run| run.environment.loadgen.clone()),
        few.then(|| {
            let (a, b) = (runs(a.len()), runs(b.len()));
            format!("{a} of A and {b} of B: take at least {ENOUGH_RUNS} of each")
        }),
        interleaving(a, b),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A shared machine drifts over hours: all of A before all of B can make the drift look like B.
fn interleaving(a: &[&Run], b: &[&Run]) -> Option<String> {
    if a.len().max(b.len()) < 2 {
        return None;
    }
    let times = |runs: &[&Run]| -> Option<Vec<jiff::Timestamp>> {
        runs.iter().map(|run| run.started_at.parse().ok()).collect()
    };
    let (Some(a), Some(b)) = (times(a), times(b)) else {
        return Some(
            "a run does not say when it began: whether A and B took turns is unknown".into(),
        );
    };
    let before = |first: &[jiff::Timestamp], then: &[jiff::Timestamp]| {
        first.iter().max() < then.iter().min()
    };
    let (first, then) = match (before(&a, &b), before(&b, &a)) {
        (true, _) => ("A", "B"),
        (_, true) => ("B", "A"),
        _ => return None,
    };
    Some(format!(
        "all runs of {first} were made before all of {then}: drift of the machine can look like a \
         difference; let them take turns"
    ))
}

fn distinct(a: &[&Run], b: &[&Run], of: impl Fn(&Run) -> String) -> Vec<String> {
    let all: BTreeSet<String> = a.iter().chain(b).map(|run| of(run)).collect();
    all.into_iter().collect()
}

fn count(runs: &[Run], is: impl Fn(&Run) -> bool) -> usize {
    runs.iter().filter(|run| is(run)).count()
}

/// `1 run`, `2 runs`.
pub(super) fn runs(count: usize) -> String {
    format!("{count} run{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;

//! `loadgen compare A.json B.json`: whether a second set of runs differs from a first by more than
//! the first differs from itself.
//!
//! A comparison is no failure, whatever it finds; `is_worse` is for a caller that wants one. About
//! sixteen figures are judged at once, so a single small change among them may be chance: the one
//! to trust is the one that was expected before looking.

mod accept;
mod cells;
mod figures;
mod markdown;
mod row;
mod seconds;
mod sentence;
mod statistics;
mod table;

use serde::Serialize;

use crate::result::{ResultFile, Run};

pub(crate) use accept::Refused;
pub(crate) use row::{ComparedFigure, Evidence, Judgement};

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// The name of the file, for messages.
    pub(crate) label: &'a str,
    /// What it holds.
    pub(crate) file: &'a ResultFile,
}

/// What was compared on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Side {
    /// The name of the file.
    pub(crate) label: String,
    /// How many runs were used.
    pub(crate) runs: usize,
    /// How many were left out, because they say nothing about the server.
    pub(crate) left_out: usize,
}

/// What a comparison found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) a: Side,
    pub(crate) b: Side,
    /// One sentence that sums up.
    pub(crate) summary: String,
    /// What the result rests on.
    pub(crate) evidence: Evidence,
    /// What a reader must know before believing it.
    pub(crate) warnings: Vec<String>,
    /// The figures.
    pub(crate) rows: Vec<ComparedFigure>,
}

impl Comparison {
    /// Whether any figure is worse, however weak the evidence: a caller that wants a failure would
    /// rather look once too often than never. With two runs each that is often: see `evidence`.
    pub(crate) fn is_worse(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Judgement::Worse)
    }

    /// For a terminal, at most 110 columns.
    pub(crate) fn text(&self) -> String {
        table::text(self)
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        markdown::markdown(self)
    }
}

/// Compares two files. With `force`, also when their scenarios differ.
pub(crate) fn compare(a: &Input<'_>, b: &Input<'_>, force: bool) -> Result<Comparison, Refused> {
    let mut warnings = Vec::new();
    let runs_a = accept::usable(a, "A", &mut warnings)?;
    let runs_b = accept::usable(b, "B", &mut warnings)?;
    accept::same_scenario(&runs_a, &runs_b, force, &mut warnings)?;
    warnings.extend(accept::doubts(&runs_a, &runs_b));
    let (evidence, rows) = rows(&runs_a, &runs_b);
    Ok(Comparison {
        a: side(a, &runs_a),
        b: side(b, &runs_b),
        summary: sentence::summary(&rows, evidence, runs_a.len().min(runs_b.len())),
        evidence,
        warnings,
        rows,
    })
}

fn rows(a: &[&Run], b: &[&Run]) -> (Evidence, Vec<ComparedFigure>) {
    let over_runs = figures::measured(a, b).map(|(subject, a, b)| row::over_runs(subject, &a, &b));
    let mut rows: Vec<ComparedFigure> = Vec::new();
    let mut evidence = Evidence::of_runs(a.len(), b.len());
    if let ([a], [b]) = (a, b) {
        rows.extend(seconds::within_one_run(a, b));
        // Short runs have rows, and they say nothing.
        let strongest = rows.iter().map(|row| row.evidence).min();
        evidence = strongest.unwrap_or(Evidence::TooLittle);
    }
    rows.extend(over_runs);
    (evidence, rows)
}

fn side(input: &Input<'_>, used: &[&Run]) -> Side {
    Side {
        label: input.label.to_owned(),
        runs: used.len(),
        left_out: input.file.runs.len() - used.len(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

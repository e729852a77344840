//! One line of a comparison: a figure on both sides, and whether it changed.
//!
//! A change is claimed only when two different questions agree: the bootstrap interval says that
//! the medians differ, and the noise floor says that neither side differs as much from itself. The
//! first alone is too easily convinced by a handful of runs.

use serde::Serialize;

use super::statistics::{
    bootstrap, draw, log_ratio, median, median_absolute_deviation, noise_of_halves, quantile,
};
use crate::slo::Unit;

/// From so many runs on each side the evidence is not called weak. With five, chance alone orders
/// all of A before all of B in 1 of 126 cases; with three, in 1 of 10.
pub(super) const ENOUGH_RUNS: usize = 5;

/// What became of a figure from A to B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Judgement {
    Better,
    Worse,
    /// The difference is within the noise. It does not say that there is none.
    NoDetectableChange,
    /// Nothing can be said.
    TooFewRuns,
}

/// What a statement rests on, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Evidence {
    /// At least five runs on each side.
    Runs,
    /// Two to four runs on a side.
    FewRuns,
    /// The seconds of one run on each side. Says nothing about the noise from run to run.
    WithinOneRun,
    /// A single run on one side, or too short ones.
    TooLittle,
}

impl Evidence {
    /// Of so many values on each side, where each is one run.
    pub(super) fn of_runs(a: usize, b: usize) -> Self {
        match a.min(b) {
            0 | 1 => Self::TooLittle,
            few if few < ENOUGH_RUNS => Self::FewRuns,
            _ => Self::Runs,
        }
    }
}

/// Values of one side, in the base unit of the figure. Infinite ones are null in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// How many: runs, or seconds when there is one run.
    pub(crate) values: usize,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The median absolute deviation.
    pub(crate) deviation: f64,
}

impl Spread {
    /// Nothing of no values.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            values: values.len(),
            median: median(values)?,
            min: quantile(values, 0.0)?,
            max: quantile(values, 1.0)?,
            deviation: median_absolute_deviation(values)?,
        })
    }
}

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    /// Less is better: times, cost.
    Lower,
    /// More is better: rates, shares.
    Higher,
}

/// One figure on both sides.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ComparedFigure {
    /// Its name, as in an SLO.
    pub(crate) figure: String,
    /// Its name for people.
    pub(crate) label: String,
    /// What it is counted in.
    pub(crate) unit: Unit,
    /// Which way is better.
    pub(crate) better: Direction,
    /// A; absent when no run measured it.
    pub(crate) a: Option<Spread>,
    /// B; absent when no run measured it.
    pub(crate) b: Option<Spread>,
    /// Median of B by median of A.
    pub(crate) ratio: Option<f64>,
    /// The middle 95 % of that ratio when runs are drawn anew.
    pub(crate) interval: Option<(f64, f64)>,
    /// How much A differs from itself, as a share: 0.04 is 4 %.
    pub(crate) noise_a: Option<f64>,
    /// How much B differs from itself.
    pub(crate) noise_b: Option<f64>,
    /// What the verdict rests on.
    pub(crate) evidence: Evidence,
    /// Whether it changed.
    pub(crate) verdict: Judgement,
}

impl ComparedFigure {
    /// The noise that a difference must exceed.
    pub(super) fn noise(&self) -> Option<f64> {
        Some(self.noise_a?.max(self.noise_b?))
    }
}

/// What a row is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) figure: String,
    pub(super) label: String,
    pub(super) unit: Unit,
    pub(super) better: Direction,
}

/// The uncertainty of a log ratio: its interval, and the noise of each side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncertainty {
    pub(super) interval: (f64, f64),
    pub(super) noise_a: f64,
    pub(super) noise_b: f64,
}

/// The row of a figure with one value for each run.
pub(super) fn over_runs(subject: Subject, a: &[f64], b: &[f64]) -> ComparedFigure {
    let evidence = Evidence::of_runs(a.len(), b.len());
    let uncertainty = || {
        let interval = bootstrap(|r, into| draw(a, r, into), |r, into| draw(b, r, into))?;
        Some(Uncertainty { interval, noise_a: noise_of_halves(a)?, noise_b: noise_of_halves(b)? })
    };
    let known = if evidence == Evidence::TooLittle { None } else { uncertainty() };
    row(subject, a, b, known, evidence)
}

/// The row of a figure; without uncertainty it claims nothing.
pub(super) fn row(
    subject: Subject,
    a: &[f64],
    b: &[f64],
    uncertainty: Option<Uncertainty>,
    evidence: Evidence,
) -> ComparedFigure {
    let (spread_a, spread_b) = (Spread::of(a), Spread::of(b));
    let ln = spread_a.zip(spread_b).map(|(a, b)| log_ratio(a.median, b.median));
    let verdict = match (ln, uncertainty) {
        (Some(ln), Some(known)) => judge(ln, known, subject.better),
        _ => Judgement::TooFewRuns,
    };
    ComparedFigure {
        figure: subject.figure,
        label: subject.label,
        unit: subject.unit,
        better: subject.better,
        a: spread_a,
        b: spread_b,
        ratio: ln.map(f64::exp),
        interval: uncertainty.map(|known| (known.interval.0.exp(), known.interval.1.exp())),
        noise_a: uncertainty.map(|known| known.noise_a.exp_m1()),
        noise_b: uncertainty.map(|known| known.noise_b.exp_m1()),
        evidence: if uncertainty.is_some() { evidence } else { Evidence::TooLittle },
        verdict,
    }
}

fn judge(ln: f64, known: Uncertainty, better: Direction) -> Judgement {
    let excludes_none = known.interval.0 > 0.0 || known.interval.1 < 0.0;
    if !excludes_none || ln.abs() <= known.noise_a.max(known.noise_b) {
        Judgement::NoDetectableChange
    } else if (ln < 0.0) == (better == Direction::Lower) {
        Judgement::Better
    } else {
        Judgement::Worse
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;

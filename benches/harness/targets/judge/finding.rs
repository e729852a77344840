//! What runs left, what was found in it, and the words that several findings share.

use crate::format::{count, number};
use crate::result::RunResult;
use crate::summary::Spread;
use crate::targets::own::OwnFigures;

/// What the runs of a target left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) runs: Vec<RunResult>,
    pub(crate) own: OwnFigures,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) measured: String,
    pub(crate) is_reached: bool,
}

/// A rate is reached at this share of it: the time until the last event has arrived counts as well,
/// and some of it is after the last second of the schedule.
const RATE_SHARE: f64 = 0.99;

pub(super) fn is_rate(value: f64, goal: f64) -> bool {
    value >= RATE_SHARE * goal
}

pub(super) fn found(is_reached: bool, measured: String) -> Option<Finding> {
    Some(Finding { measured, is_reached })
}

/// How many events were lost, in words.
pub(super) fn losses(run: &RunResult) -> String {
    if run.lost_nothing() {
        return "none lost".to_owned();
    }
    let reach =
        run.reach.map_or_else(String::new, |reach| format!(", {:.2} % arrived", reach * 100.0));
    format!("{} lost{reach}", count(run.lost as f64))
}

/// One run without those that disturb and one with them, round by round.
pub(super) fn p99_of_the_others(evidence: &Evidence) -> Option<Finding> {
    let rounds = evidence.runs.chunks_exact(2);
    let ratios = rounds.map(|round| Some(round[1].p99_ms? / round[0].p99_ms?));
    let ratios: Vec<f64> = ratios.collect::<Option<_>>()?;
    let spread = Spread::of(ratios.iter().copied())?;
    let list: Vec<_> = ratios.iter().map(|ratio| format!("{} x", number(*ratio))).collect();
    found(spread.most <= 1.1, list.join(" and "))
}

//! Several rounds made into one figure: medians with their range, and ratios of what was measured
//! in the same round, because a shared machine drifts from round to round and a ratio does not.

use crate::result::RunResult;

/// Picks a figure of a run.
pub(crate) type Pick = fn(&RunResult) -> Option<f64>;

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of the rounds that have a figure.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, least, most })
    }
}

/// A figure of a server over its rounds.
pub(crate) fn spread(rounds: &[Option<&RunResult>], pick: Pick) -> Option<Spread> {
    Spread::of(rounds.iter().flatten().filter_map(|result| pick(result)))
}

/// A figure of one server for each unit of that of another, from the rounds that have both.
pub(crate) fn ratio(
    rounds: &[Option<&RunResult>],
    others: &[Option<&RunResult>],
    pick: Pick,
) -> Option<Spread> {
    let pairs = rounds.iter().zip(others);
    Spread::of(pairs.filter_map(|(one, other)| {
        let (one, other) = (pick((*one)?)?, pick((*other)?)?);
        (other > 0.0 && other.is_finite()).then(|| one / other)
    }))
}

/// The outcome of the worst round, how many rounds were as bad, and why, each reason once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) rounds: usize,
    pub(crate) of: usize,
    pub(crate) reasons: Vec<String>,
}

impl Outcome {
    pub(crate) fn of(rounds: &[Option<&RunResult>]) -> Option<Self> {
        let worst = rounds.iter().flatten().max_by_key(|result| severity(&result.outcome))?;
        let alike = rounds.iter().flatten().filter(|result| result.outcome == worst.outcome);
        let of = rounds.iter().flatten().count();
        let name = verdict(&worst.outcome);
        Some(Self { name, rounds: alike.count(), of, reasons: worst.reasons.clone() })
    }

    pub(crate) fn is_pass(&self) -> bool {
        self.name == "PASS"
    }

    /// What loadgen says of the rounds, in a word or two.
    pub(crate) fn said(rounds: &[Option<&RunResult>]) -> String {
        match Self::of(rounds) {
            None => "no result".to_owned(),
            Some(outcome) if outcome.is_pass() => outcome.name.clone(),
            Some(outcome) if outcome.of == 1 => outcome.name,
            Some(outcome) => {
                format!("{} {} of {}", outcome.name, outcome.rounds, outcome.of)
            }
        }
    }
}

/// What loadgen prints of an outcome; its result files have names of their own for two of them.
pub(crate) fn verdict(outcome: &str) -> String {
    match outcome {
        "fine" => "PASS".to_owned(),
        "goal-missed" => "FAIL: SLO missed".to_owned(),
        "wrong" => "FAIL: wrong deliveries".to_owned(),
        other => other.to_uppercase(),
    }
}

/// As loadgen orders them; what is not known is the worst.
fn severity(outcome: &str) -> usize {
    const ORDER: [&str; 5] = ["fine", "goal-missed", "invalid", "wrong", "unreachable"];
    ORDER.iter().position(|one| *one == outcome).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(cpu: Option<f64>, outcome: &str) -> RunResult {
        RunResult {
            cpu_us_per_delivery: cpu,
            outcome: outcome.to_owned(),
            reasons: vec![format!("because {outcome}")],
            ..RunResult::default()
        }
    }

    #[test]
    fn a_median_is_the_middle_or_between_the_middle_two() {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|s| s.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 9.0]), Some(3.5));
        assert_eq!(median(&[f64::INFINITY, 1.0, f64::INFINITY]), Some(f64::INFINITY));
        let spread = Spread::of([2.0, 5.0, 1.0]).expect("values");
        assert_eq!((spread.least, spread.most), (1.0, 5.0));
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        // The machine became three times as slow after the first round; the ratio did not change.
        let (a, b) = ([Some(2.0), Some(6.0), None], [Some(1.0), Some(3.0), Some(50.0)]);
        let runs = |values: [Option<f64>; 3]| values.map(|value| run(value, "fine"));
        let (a, b) = (runs(a), runs(b));
        let (a, b) = (a.each_ref().map(Some), b.each_ref().map(Some));
        let found = ratio(&a, &b, |result| result.cpu_us_per_delivery).expect("two pairs");
        assert_eq!((found.least, found.median, found.most), (2.0, 2.0, 2.0));
        assert_eq!(ratio(&a, &[None, None, None], |f| f.cpu_us_per_delivery), None);
    }

    #[test]
    fn the_worst_round_gives_the_outcome_and_says_why() {
        let runs = [run(None, "invalid"), run(None, "fine"), run(None, "invalid")];
        let rounds = [Some(&runs[0]), Some(&runs[1]), None, Some(&runs[2])];
        let outcome = Outcome::of(&rounds).expect("runs");
        assert_eq!((outcome.name.as_str(), outcome.rounds, outcome.of), ("INVALID", 2, 3));
        assert_eq!(outcome.reasons, ["because invalid"]);
        assert!(!outcome.is_pass());
        assert_eq!(Outcome::said(&rounds), "INVALID 2 of 3");
        assert_eq!(Outcome::said(&rounds[1..3]), "PASS");
        assert_eq!(Outcome::said(&rounds[..1]), "INVALID");
        assert_eq!(Outcome::said(&[None]), "no result");
        assert_eq!(Outcome::of(&[None]), None);
        let missed = run(None, "goal-missed");
        assert_eq!(Outcome::of(&[Some(&missed)]).expect("a run").name, "FAIL: SLO missed");
    }
}

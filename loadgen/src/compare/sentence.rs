//! A comparison in one sentence: the delivery p99 first, because that is what most come for, then
//! whatever else changed, then how far it can be trusted. It names the noise next to the
//! difference, so that neither is quoted without the other.

use super::cells::share;
use super::row::{ComparedFigure, Evidence, Judgement, Spread};

/// The figures that the sentence begins with: the first that both sides measured.
const LEADING: [&str; 3] = ["seconds.p99", "delivery.p99", "deliveries_per_second"];

/// The sentence; `fewest_runs` is the number of runs of the side that has fewer.
pub(super) fn summary(rows: &[ComparedFigure], evidence: Evidence, fewest_runs: usize) -> String {
    let known = |row: &&ComparedFigure| row.ratio.is_some();
    let Some(lead) = LEADING
        .iter()
        .find_map(|name| rows.iter().filter(known).find(|row| row.figure == *name))
        .or_else(|| rows.iter().find(known))
    else {
        return "Nothing was measured on both sides.".to_owned();
    };
    let others = |wanted: Judgement, word: &str| {
        let found: Vec<String> = rows
            .iter()
            .filter(|row| row.verdict == wanted && row.figure != lead.figure)
            .map(|row| format!("{} ({})", row.label, difference(row)))
            .collect();
        (!found.is_empty()).then(|| format!("{word}: {}", found.join(", ")))
    };
    let parts: Vec<String> = [
        Some(leading(lead)),
        others(Judgement::Better, "better"),
        others(Judgement::Worse, "worse"),
        caveat(evidence, fewest_runs),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("{}.", parts.join("; "))
}

fn leading(row: &ComparedFigure) -> String {
    let label = &row.label;
    match row.verdict {
        Judgement::TooFewRuns => format!("Nothing can be said about {label}"),
        Judgement::NoDetectableChange => format!(
            "No detectable change of {label}: B differs by {}{}",
            difference(row),
            against_itself(row)
        ),
        Judgement::Better | Judgement::Worse => format!("{}{}", changed(row), against_itself(row)),
    }
}

/// `B delivers p99 12 % sooner`, or `server CPU/delivery is 12 % lower with B`.
fn changed(row: &ComparedFigure) -> String {
    let ratio = row.ratio.unwrap_or(1.0);
    let never = |spread: Option<Spread>| spread.is_some_and(|it| it.median.is_infinite());
    let far = share((ratio - 1.0).abs());
    let label = &row.label;
    match row.figure.strip_prefix("delivery.").map(|_| label.trim_start_matches("delivery ")) {
        Some(which) if never(row.b) => {
            format!("B never delivers {which}, because events do not arrive, and A does")
        }
        Some(which) if never(row.a) => {
            format!("B delivers {which}, and A never does, because events do not arrive")
        }
        Some(which) if ratio < 1.0 => format!("B delivers {which} {far} sooner"),
        Some(which) if ratio < 2.0 => format!("B delivers {which} {far} later"),
        _ if ratio < 1.0 => format!("{label} is {far} lower with B"),
        _ if ratio < 2.0 => format!("{label} is {far} higher with B"),
        _ => format!("{label} is {ratio:.1} times as high with B"),
    }
}

/// `-12 %`, `+50 %`, `2.3 times as much`.
fn difference(row: &ComparedFigure) -> String {
    match row.ratio {
        None => "unknown".to_owned(),
        Some(ratio) if ratio.is_infinite() => "infinitely more".to_owned(),
        Some(ratio) if ratio >= 2.0 => format!("{ratio:.1} times as much"),
        Some(ratio) => {
            let sign = if ratio > 1.0 { "+" } else { "" };
            format!("{sign}{}", share(ratio - 1.0))
        }
    }
}

/// The noise of the side that is further from itself: that is what the verdict was made with.
fn against_itself(row: &ComparedFigure) -> String {
    match (row.noise_a, row.noise_b) {
        (Some(a), Some(b)) if b > a => format!("; the noise of B against B is {}", share(b)),
        (Some(a), Some(_)) => format!("; the noise of A against A is {}", share(a)),
        _ => String::new(),
    }
}

/// How often equal servers look changed was found by trying it, with normally distributed noise;
/// the tests of the verdict try it again.
fn caveat(evidence: Evidence, fewest_runs: usize) -> Option<String> {
    let text = match evidence {
        Evidence::Runs => return None,
        Evidence::FewRuns if fewest_runs == 2 => {
            "the evidence is weak: with two runs, chance alone looks like a change one time in four"
        }
        Evidence::FewRuns => {
            "the evidence is weak: with so few runs, chance alone looks like a change one time in \
             twenty"
        }
        Evidence::WithinOneRun => "within one run each: says nothing about run-to-run noise",
        Evidence::TooLittle => {
            "too few runs: make at least two of each, better five, or one each of 22 s and longer"
        }
    };
    Some(text.to_owned())
}

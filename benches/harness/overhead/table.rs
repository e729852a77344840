//! The table of a load, in Markdown: medians, and the median of the ratios to the blind server in
//! the same round.

use crate::format::{NOTHING, number};
use crate::machine;
use crate::markdown::{header, row};
use crate::overhead::measure::{Measured, Run};
use crate::summary::{Outcome, Spread};

/// The load, the machine and the day, and a row a kind.
pub(crate) fn generated(measured: &Measured) -> String {
    let runs: Vec<&Run> = measured.kinds.iter().flat_map(|(_, runs)| runs).collect();
    let Some(first) = runs.first().map(|run| &run.result) else { return String::new() };
    let rounds = measured.kinds.iter().map(|(_, runs)| runs.len()).max().unwrap_or(0);
    let rounds = machine::rounds(rounds);
    let version = measured.version.as_deref().unwrap_or("of an unknown version");
    let day = machine::day(first);
    let machine = machine::describe(&first.machine);
    let figures = ["CPU a delivery", "against blind", "user mode", "p99", "loadgen says"];
    let headings = std::iter::once(measured.load.name).chain(figures);
    let mut lines = header(&headings.map(str::to_owned).collect::<Vec<_>>());
    let blind = measured.kinds.first().map_or(&[][..], |(_, runs)| runs.as_slice());
    lines.extend(measured.kinds.iter().map(|(kind, runs)| line(kind.name, runs, blind)));
    format!(
        "{day}, {rounds} in turn; {machine}, Fanfare {version}.\n\n`loadgen run {} --server-pid PID`\n\n{}\n\n\
         A ratio is the median of those of each round; the range is their middle half.",
        measured.load.arguments,
        lines.join("\n")
    )
}

fn line(name: &str, runs: &[Run], blind: &[Run]) -> String {
    let median = |unit: &str, pick: fn(&Run) -> Option<f64>| {
        let spread = Spread::of(runs.iter().filter_map(pick));
        spread.map_or(NOTHING.to_owned(), |spread| format!("{} {unit}", exact(spread.median)))
    };
    let rounds = runs.iter().zip(blind);
    let ratios: Vec<f64> =
        rounds.filter_map(|(one, blind)| Some(cpu(one)? / cpu(blind)?)).collect();
    let against = Spread::of(ratios.iter().copied()).zip(middle_half(&ratios));
    let against = against.map_or(NOTHING.to_owned(), |(spread, (low, high))| {
        format!("{:.3} x ({low:.3}-{high:.3})", spread.median)
    });
    let p99 = Spread::of(runs.iter().filter_map(|run| run.result.p99_ms));
    let results: Vec<_> = runs.iter().map(|run| Some(&run.result)).collect();
    row(&[
        name.to_owned(),
        median("µs", cpu),
        against,
        median("µs", |run| Some(run.user_us_per_delivery)),
        p99.map_or(NOTHING.to_owned(), |p99| format!("{} ms", number(p99.median))),
        Outcome::said(&results),
    ])
}

fn cpu(run: &Run) -> Option<f64> {
    run.result.cpu_us_per_delivery
}

/// Differences of a hundredth matter here.
fn exact(value: f64) -> String {
    format!("{value:.3}")
}

/// The first and third quartile, within what was seen.
fn middle_half(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |quarter: f64| {
        // Ranks from one to the count, so that the quartiles of the whole lie between those seen.
        let rank = (quarter * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
        let below = rank.floor() as usize;
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64)
    };
    Some((at(0.25), at(0.75)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::kinds::{KINDS, LOADS};
    use crate::result::RunResult;

    fn run(cpu: f64) -> Run {
        let result = RunResult {
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            cpu_us_per_delivery: Some(cpu),
            p99_ms: Some(25.0),
            outcome: "fine".to_owned(),
            ..RunResult::default()
        };
        Run { result, user_us_per_delivery: 0.4 }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        // The machine became twice as slow after the first round; the ratio did not change.
        let blind = vec![run(5.0), run(10.0)];
        let counted = vec![run(5.5), run(11.0)];
        let kinds = vec![(&KINDS[0], blind), (&KINDS[1], counted)];
        let text = generated(&Measured { load: &LOADS[0], version: None, kinds });
        for line in [
            "2026-01-02, 2 rounds in turn; ",
            "`loadgen run --subscribe URL/events/load ",
            "| P1 | CPU a delivery | against blind | user mode | p99 | loadgen says |",
            "| blind | 7.500 µs | 1.000 x (1.000-1.000) | 0.400 µs | 25.0 ms | PASS |",
            "| counted | 8.250 µs | 1.100 x (1.100-1.100) | 0.400 µs | 25.0 ms | PASS |",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }

    #[test]
    fn the_middle_half_lies_within_what_was_seen() {
        assert_eq!(middle_half(&[]), None);
        assert_eq!(middle_half(&[3.0]), Some((3.0, 3.0)));
        assert_eq!(middle_half(&[2.0, 1.0]), Some((1.0, 2.0)));
        assert_eq!(middle_half(&[4.0, 2.0, 6.0]), Some((2.0, 6.0)));
        assert_eq!(middle_half(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), Some((2.0, 6.0)));
    }
}

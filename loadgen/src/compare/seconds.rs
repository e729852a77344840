//! What can be said when there is one run on each side: a comparison of their seconds.
//!
//! It can show that two runs differ, and not that two servers do: how much a run differs from the
//! next of the same server is not in it. Seconds resemble their neighbours, so they are drawn and
//! set against each other in blocks.

use super::row::{ComparedFigure, Direction, Evidence, Subject, Uncertainty, row};
use super::statistics::{bootstrap, draw_blocks, noise_of_blocks};
use crate::result::{Run, Second};
use crate::slo::Unit;

/// Seconds in a block: longer than a garbage collection or a flush disturbs.
const BLOCK: usize = 5;

/// Two odd and two even blocks: with fewer, the noise of a run against itself is one block's mood.
pub(super) const LEAST_SECONDS: usize = 4 * BLOCK;

/// What is compared of each second.
struct Series {
    name: &'static str,
    label: &'static str,
    unit: Unit,
    better: Direction,
    of: fn(&Second) -> Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "events of a second stay far below 2^52")]
const SERIES: [Series; 3] = [
    Series {
        name: "seconds.p50",
        label: "p50 of each second",
        unit: Unit::Duration,
        better: Direction::Lower,
        of: |second| second.p50_ms,
    },
    Series {
        name: "seconds.p99",
        label: "p99 of each second",
        unit: Unit::Duration,
        better: Direction::Lower,
        of: |second| second.p99_ms,
    },
    Series {
        name: "seconds.received",
        label: "rate each second",
        unit: Unit::PerSecond,
        better: Direction::Higher,
        of: |second| Some(second.received as f64),
    },
];

/// The rows of latency and rate, second by second.
pub(super) fn within_one_run(a: &Run, b: &Run) -> impl Iterator<Item = ComparedFigure> {
    SERIES.into_iter().filter_map(move |series| {
        let (a_values, b_values) = (values(a, series.of), values(b, series.of));
        if a_values.is_empty() && b_values.is_empty() {
            return None;
        }
        let subject = Subject {
            figure: series.name.to_owned(),
            label: series.label.to_owned(),
            unit: series.unit,
            better: series.better,
        };
        let known = uncertainty(&a_values, &b_values);
        Some(row(subject, &a_values, &b_values, known, Evidence::WithinOneRun))
    })
}

fn uncertainty(a: &[f64], b: &[f64]) -> Option<Uncertainty> {
    if a.len().min(b.len()) < LEAST_SECONDS {
        return None;
    }
    Some(Uncertainty {
        interval: bootstrap(
            |random, into| draw_blocks(a, BLOCK, random, into),
            |random, into| draw_blocks(b, BLOCK, random, into),
        )?,
        noise_a: noise_of_blocks(a, BLOCK)?,
        noise_b: noise_of_blocks(b, BLOCK)?,
    })
}

/// Whole seconds of publishing without the first, in which caches and windows are still cold. The
/// tail, in which the last events trickle in, is no rate of the server.
#[expect(clippy::cast_precision_loss, reason = "a run lasts fewer than 2^52 seconds")]
fn values(run: &Run, of: fn(&Second) -> Option<f64>) -> Vec<f64> {
    let whole = |second: &&Second| {
        second.second >= 1 && (second.second + 1) as f64 <= run.phases.measured_seconds
    };
    run.seconds.iter().filter(whole).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::row::Judgement;
    use crate::slo::sample;

    fn run(seconds: u64, p50: f64) -> Run {
        let second = |second: u64| Second {
            second,
            received: 1000 + second % 3,
            p50_ms: Some(p50 * (1.0 + 0.01 * f64::from(u8::try_from(second % 4).unwrap_or(0)))),
            // As different from second to second as A and B are from each other.
            p99_ms: Some(if (second / 5).is_multiple_of(2) { 20.0 } else { 30.0 }),
            ..Second::default()
        };
        let mut run = sample::run();
        run.seconds = (0..seconds + 3).map(second).collect();
        run.seconds[0].p50_ms = Some(1e9);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let measured = seconds as f64;
        run.phases.measured_seconds = measured;
        run
    }

    fn verdicts(a: &Run, b: &Run) -> Vec<(String, Judgement, Evidence)> {
        within_one_run(a, b).map(|row| (row.figure, row.verdict, row.evidence)).collect()
    }

    #[test]
    fn a_shift_of_every_second_is_found_and_a_restless_series_is_not_trusted() {
        let found = verdicts(&run(60, 10.0), &run(60, 15.0));
        assert_eq!(
            found,
            [
                ("seconds.p50".to_owned(), Judgement::Worse, Evidence::WithinOneRun),
                ("seconds.p99".to_owned(), Judgement::NoDetectableChange, Evidence::WithinOneRun),
                (
                    "seconds.received".to_owned(),
                    Judgement::NoDetectableChange,
                    Evidence::WithinOneRun
                ),
            ]
        );
    }

    #[test]
    fn a_short_run_says_nothing() {
        for (_, verdict, evidence) in verdicts(&run(20, 10.0), &run(60, 15.0)) {
            assert_eq!((verdict, evidence), (Judgement::TooFewRuns, Evidence::TooLittle));
        }
    }

    #[test]
    fn the_first_second_and_the_tail_are_left_out() {
        let found = values(&run(30, 10.0), |second| second.p50_ms);
        assert_eq!(found.len(), 29);
        assert!(found.iter().all(|ms| *ms < 11.0));
    }

    #[test]
    fn runs_without_seconds_have_no_rows() {
        assert_eq!(within_one_run(&sample::run(), &sample::run()).count(), 0);
    }
}

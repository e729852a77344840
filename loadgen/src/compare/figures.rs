//! Which figures are compared, and which way each is better.
//!
//! Not all that can be measured: each further figure is one more chance to call noise a change. The
//! names are those of SLOs, now or earlier; `delivery.*` therefore counts what never arrived as
//! infinitely late.

use super::row::{Direction, Subject};
use crate::result::Run;
use crate::slo::Figure;

/// Name, label, and direction. The names are those that a comparison is written with, so they do
/// not change within a version; labels may.
const COMPARED: [(&str, &str, Direction); 16] = [
    ("delivery.p50", "delivery p50", Direction::Lower),
    ("delivery.p90", "delivery p90", Direction::Lower),
    ("delivery.p99", "delivery p99", Direction::Lower),
    ("delivery.p999", "delivery p99.9", Direction::Lower),
    ("delivery.max", "delivery max", Direction::Lower),
    ("actual.p50", "actual p50", Direction::Lower),
    ("actual.p99", "actual p99", Direction::Lower),
    ("ack.p99", "ack p99", Direction::Lower),
    ("completion.last.p50", "completion last p50", Direction::Lower),
    ("completion.last.p99", "completion last p99", Direction::Lower),
    ("deliveries_per_second", "deliveries", Direction::Higher),
    ("reach", "delivery ratio", Direction::Higher),
    ("server.cpu_us_per_delivery", "server CPU/delivery", Direction::Lower),
    ("server.memory_per_subscriber", "server memory each", Direction::Lower),
    ("connect.head.p99", "connect headers p99", Direction::Lower),
    ("reconnect.p99", "reconnect p99", Direction::Lower),
];

/// Each compared figure with its value in every run of A and of B that measured it. Left out when
/// no run of either side did.
pub(super) fn measured<'a>(
    a: &'a [&Run],
    b: &'a [&Run],
) -> impl Iterator<Item = (Subject, Vec<f64>, Vec<f64>)> + 'a {
    COMPARED.into_iter().filter_map(|(name, label, better)| {
        let figure = Figure::named(name)?;
        let subject = Subject {
            figure: name.to_owned(),
            label: label.to_owned(),
            unit: figure.unit(),
            better,
        };
        let (a, b) = (values(figure, a), values(figure, b));
        (!a.is_empty() || !b.is_empty()).then_some((subject, a, b))
    })
}

/// Memory may shrink during a ramp; a growth below zero has no ratio and counts as not measured.
fn values(figure: Figure, runs: &[&Run]) -> Vec<f64> {
    runs.iter().filter_map(|run| figure.measure(run)).filter(|value| *value >= 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::sample;

    fn names(run: &Run) -> Vec<String> {
        measured(&[run], &[run]).map(|(subject, _, _)| subject.figure).collect()
    }

    #[test]
    fn every_compared_figure_exists_and_is_measured_on_a_full_run() {
        let run = sample::run();
        assert_eq!(measured(&[&run], &[]).count(), COMPARED.len());
    }

    #[test]
    fn a_figure_that_nobody_measured_is_left_out() {
        let mut run = sample::run();
        run.server = None;
        assert!(!names(&run).iter().any(|name| name.starts_with("server.")));
    }

    #[test]
    fn memory_that_shrank_has_no_ratio() {
        let mut run = sample::run();
        if let Some(process) = run.server.as_mut().and_then(|server| server.process.as_mut()) {
            process.memory_per_subscriber = Some(-5.0);
        }
        assert!(!names(&run).iter().any(|name| name == "server.memory_per_subscriber"));
    }
}

//! Service level objectives (SLOs) of a run, such as `delivery.p99<25ms`, `delivery_ratio==1` or
//! `server.cpu_us_per_delivery<=4`.
//!
//! An SLO is a metric, a comparison and a bound. `delivery.*` counts events that never arrived as
//! infinitely late, so an SLO on it cannot be met by losing what is slow. An SLO on a metric that
//! was not measured is not met: silence must not pass a build.

mod error;
mod expression;
mod families;
mod figure;
#[cfg(test)]
pub(crate) mod sample;
mod singles;
mod statistic;
mod unit;

use std::fmt;

use crate::result::{Run, SloResult};

pub(crate) use error::SloError;
pub(crate) use expression::hint;
pub(crate) use figure::{Figure, figures};
pub(crate) use unit::{Unit, percent};

/// A service level objective.
#[derive(Clone, Debug)]
pub(crate) struct Slo {
    /// As it was written.
    pub(crate) expression: String,
    /// What is measured.
    pub(crate) figure: Figure,
    /// How it is compared.
    pub(crate) comparison: Operator,
    /// With what, in the base unit of the figure.
    pub(crate) bound: f64,
}

/// How a figure is compared with its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Operator {
    /// Exact, also for shares: with a tolerance, `delivery_ratio==1` would forgive a lost event.
    fn holds(self, measured: f64, bound: f64) -> bool {
        match self {
            Self::Less => measured < bound,
            Self::AtMost => measured <= bound,
            Self::Equal => measured == bound,
            Self::Unequal => measured != bound,
            Self::AtLeast => measured >= bound,
            Self::Greater => measured > bound,
        }
    }
}

impl Slo {
    /// Whether a run met it, and what was measured.
    pub(crate) fn check(&self, run: &Run) -> SloResult {
        let measured = self.figure.measure(run);
        SloResult {
            expression: self.expression.clone(),
            measured: measured.map(|value| self.figure.unit().words(value)),
            met: measured.is_some_and(|value| self.comparison.holds(value, self.bound)),
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, run: &Run) -> (Option<String>, bool) {
        let slo = expression.parse::<Slo>().expect("an SLO").check(run);
        assert_eq!(slo.expression, expression);
        (slo.measured, slo.met)
    }

    #[test]
    fn an_slo_says_what_was_measured_and_whether_it_was_met() {
        let run = sample::run();
        for (expression, measured, met) in [
            ("delivery.p99<25ms", "19.81 ms", true),
            ("delivery.p99 < 19 ms", "19.81 ms", false),
            ("delivery_ratio==1", "100 %", true),
            ("delivery_ratio<100%", "100 %", false),
            ("gaps==0", "2", false),
            ("gaps<=2", "2", true),
            ("gaps!=2", "2", false),
            ("deliveries_per_second>=90_000", "90,000 a second", true),
            ("deliveries_per_second>90,000", "90,000 a second", false),
            ("server.cpu_us_per_delivery<=4", "3.5 µs", true),
            ("server.memory_per_subscriber<18KiB", "18 KiB", false),
            ("generator.cpu<80%", "50 %", true),
        ] {
            assert_eq!(check(expression, &run), (Some(measured.to_owned()), met), "{expression}");
        }
    }

    #[test]
    fn a_metric_that_was_not_measured_meets_no_slo() {
        let mut run = sample::run();
        run.server = None;
        for expression in ["server.cpu_us_per_delivery<=4", "server.cpu_us_per_delivery!=4"] {
            assert_eq!(check(expression, &run), (None, false));
        }
    }

    #[test]
    fn what_never_arrived_misses_every_upper_bound_and_is_said_so() {
        let mut run = sample::run();
        run.delivery.intended_counting_undelivered.iter_mut().for_each(|reached| reached.ms = None);
        let never = Some("never (undelivered)".to_owned());
        assert_eq!(check("delivery.p50<=1000000s", &run), (never.clone(), false));
        assert_eq!(check("delivery.p50>1ms", &run), (never, true));
    }

    #[test]
    fn a_single_lost_event_breaks_a_delivery_ratio_of_1() {
        let mut run = sample::run();
        run.delivery.reach = Some(9_999_999_999.0 / 1e10);
        assert_eq!(check("delivery_ratio==1", &run), (Some("99.999 %".to_owned()), false));
    }
}

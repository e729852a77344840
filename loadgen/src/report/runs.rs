//! The few figures that runs are compared by, and their median.
//!
//! The median is taken of each figure over the runs. It is always a figure of some run (the larger
//! of the middle two when there are as many on both sides), since the mean of two percentiles is
//! the percentile of nothing.

use crate::result::{Outcome, Run};

/// What one run, or the middle of several, comes down to.
#[derive(Clone, Debug)]
pub(super) struct KeyFigures {
    /// How it ended; absent for a median.
    pub(super) outcome: Option<Outcome>,
    /// Events a second that arrived.
    pub(super) per_second: Option<f64>,
    /// Delivery from when an event was due, in milliseconds.
    pub(super) p50_ms: Option<f64>,
    /// The same.
    pub(super) p99_ms: Option<f64>,
    /// Different events that arrived, of those expected.
    pub(super) reach: Option<f64>,
    /// Microseconds of the server's CPU for each event that arrived.
    pub(super) server_cpu_us: Option<f64>,
}

impl KeyFigures {
    pub(super) fn of(run: &Run) -> Self {
        let intended = run.delivery.intended.as_ref();
        let process = run.server.as_ref().and_then(|server| server.process.as_ref());
        Self {
            outcome: Some(run.verdict.outcome),
            per_second: (run.delivery.received > 0).then_some(run.delivery.per_second),
            p50_ms: intended.map(|d| d.at(0.5)),
            p99_ms: intended.map(|d| d.at(0.99)),
            reach: run.delivery.reach,
            server_cpu_us: process.and_then(|process| process.cpu_us_per_delivery),
        }
    }

    /// Of the runs that say it, figure by figure.
    pub(super) fn median(keys: &[Self]) -> Self {
        Self {
            outcome: None,
            per_second: middle(keys.iter().filter_map(|key| key.per_second)),
            p50_ms: middle(keys.iter().filter_map(|key| key.p50_ms)),
            p99_ms: middle(keys.iter().filter_map(|key| key.p99_ms)),
            reach: middle(keys.iter().filter_map(|key| key.reach)),
            server_cpu_us: middle(keys.iter().filter_map(|key| key.server_cpu_us)),
        }
    }
}

fn middle(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_figure_of_some_run() {
        assert_eq!(middle([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(middle([4.0, 1.0, 2.0, 3.0].into_iter()), Some(3.0));
        assert_eq!(middle(std::iter::empty()), None);
    }
}

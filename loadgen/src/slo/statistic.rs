//! The last part of a figure's name: which percentile, or the mean, the smallest, the largest.
//!
//! The percentiles are those that a result file holds, so that an SLO can be checked again later
//! from the file alone, without the histogram.

use crate::result::{Delivery, Distribution};

/// What is read from a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    /// From 0 to 1; 1 is the largest value.
    Quantile(f64),
    /// The arithmetic mean.
    Mean,
    /// The smallest value.
    Min,
}

/// The names, and what each means.
pub(super) static STATISTICS: [(&str, Statistic, &str); 10] = [
    ("p50", Statistic::Quantile(0.5), "median"),
    ("p75", Statistic::Quantile(0.75), "75th percentile"),
    ("p90", Statistic::Quantile(0.9), "90th percentile"),
    ("p95", Statistic::Quantile(0.95), "95th percentile"),
    ("p99", Statistic::Quantile(0.99), "99th percentile"),
    ("p999", Statistic::Quantile(0.999), "99.9th percentile"),
    ("p9999", Statistic::Quantile(0.9999), "99.99th percentile"),
    ("max", Statistic::Quantile(1.0), "largest"),
    ("mean", Statistic::Mean, "mean"),
    ("min", Statistic::Min, "smallest"),
];

impl Statistic {
    /// Of durations, in milliseconds.
    pub(super) fn of(self, distribution: Option<&Distribution>) -> Option<f64> {
        let found = distribution?;
        Some(match self {
            Self::Quantile(quantile) => found.at(quantile),
            Self::Mean => found.mean_ms,
            Self::Min => found.min_ms,
        })
    }

    /// Of the time from when events were due, in milliseconds, where an event that never arrived
    /// took infinitely long. Without that, a server that drops its slowest events would look fast.
    ///
    /// Where it is not known how many events there should have been (the server produced them by
    /// itself), it is the distribution of those that arrived.
    pub(super) fn of_deliveries(self, delivery: &Delivery) -> Option<f64> {
        if delivery.expected.is_none() {
            return self.of(delivery.intended.as_ref());
        }
        let infinite = |quantile: f64| {
            let mut written = delivery.intended_counting_undelivered.iter();
            let found = written.find(|r| (r.quantile - quantile).abs() < 1e-9);
            found.map(|r| r.ms.unwrap_or(f64::INFINITY))
        };
        if delivery.expected == Some(0) {
            return None;
        }
        match self {
            Self::Quantile(quantile) => infinite(quantile),
            // One infinite value makes the mean infinite; the largest says whether there is one.
            Self::Mean => infinite(1.0).and_then(|max| match max {
                f64::INFINITY => Some(max),
                _ => self.of(delivery.intended.as_ref()),
            }),
            Self::Min if delivery.intended.is_none() => infinite(1.0),
            Self::Min => self.of(delivery.intended.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::sample::distribution;

    fn delivery(arrived: u64, lost: u64) -> Delivery {
        let (intended, reached) = distribution((1..=arrived).map(|n| n * 1_000_000), lost);
        Delivery {
            expected: Some(arrived + lost),
            intended,
            intended_counting_undelivered: reached,
            ..Delivery::default()
        }
    }

    #[test]
    fn what_never_arrived_counts_as_infinitely_late() {
        let found = delivery(90, 10);
        assert!(Statistic::Quantile(0.5).of_deliveries(&found).is_some_and(f64::is_finite));
        for statistic in [Statistic::Quantile(0.95), Statistic::Quantile(1.0), Statistic::Mean] {
            assert_eq!(statistic.of_deliveries(&found), Some(f64::INFINITY), "{statistic:?}");
        }
        assert!(Statistic::Min.of_deliveries(&found).is_some_and(|ms| (ms - 1.0).abs() < 0.01));
    }

    #[test]
    fn nothing_arrived_is_infinite_and_nothing_expected_is_unknown() {
        for (_, statistic, _) in STATISTICS {
            assert_eq!(statistic.of_deliveries(&delivery(0, 10)), Some(f64::INFINITY));
            assert_eq!(statistic.of_deliveries(&delivery(0, 0)), None);
        }
    }

    #[test]
    fn a_server_that_produces_by_itself_is_measured_by_what_arrived() {
        let found = Delivery { expected: None, ..delivery(100, 0) };
        assert!(Statistic::Mean.of_deliveries(&found).is_some_and(|ms| (ms - 50.5).abs() < 0.1));
    }
}

//! How long events took to all readers, as a page draws it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Two digits of each value are kept.
const DIGITS: u8 = 2;
/// What takes longer counts as this, in microseconds.
const LONGEST_US: u64 = 60_000_000;
/// Bars of the picture for each doubling of the time.
const BARS: f64 = 4.0;

/// The times that events took.
#[derive(Debug)]
pub(super) struct Latencies {
    /// In microseconds. `None` only if the bounds above were no bounds.
    times: Option<Mutex<Histogram<u64>>>,
}

/// What is told of them, in microseconds.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct LatencyReport {
    received: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    /// How many events took from 2^(bar/4) to 2^((bar+1)/4): those of which there are any.
    bars: Vec<(u32, u64)>,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self { times: Histogram::new_with_bounds(1, LONGEST_US, DIGITS).ok().map(Mutex::new) }
    }

    pub(super) fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(LONGEST_US);
        if let Some(mut times) = self.times() {
            times.saturating_record(micros.max(1));
        }
    }

    /// How many there are.
    pub(super) fn received(&self) -> u64 {
        self.times().map_or(0, |times| times.len())
    }

    pub(super) fn report(&self) -> LatencyReport {
        let Some(times) = self.times() else { return LatencyReport::default() };
        let mut bars = BTreeMap::new();
        for step in times.iter_recorded() {
            *bars.entry(bar_of(step.value_iterated_to())).or_default() +=
                step.count_since_last_iteration();
        }
        LatencyReport {
            received: times.len(),
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            max_us: times.max(),
            bars: bars.into_iter().collect(),
        }
    }

    fn times(&self) -> Option<MutexGuard<'_, Histogram<u64>>> {
        Some(self.times.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a logarithm of at most a minute in microseconds is small and not negative"
)]
fn bar_of(micros: u64) -> u32 {
    (BARS * (micros.max(1) as f64).log2()).floor() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_quantiles_and_by_bars_of_a_logarithmic_axis() {
        let latencies = Latencies::new();
        assert_eq!(latencies.report(), LatencyReport::default());
        for _ in 0..98 {
            latencies.record(Duration::from_micros(100));
        }
        latencies.record(Duration::from_micros(1_024));
        latencies.record(Duration::from_secs(600));
        let report = latencies.report();
        assert_eq!((report.received, report.p50_us), (100, 100));
        assert!((1_000..1_100).contains(&report.p99_us), "{report:?}");
        assert!(report.max_us >= LONGEST_US, "{report:?}");
        let [first, second, _] = report.bars[..] else { panic!("{report:?}") };
        assert_eq!((first, second), ((26, 98), (40, 1)));
    }
}

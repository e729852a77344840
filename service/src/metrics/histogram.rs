//! Histograms with fixed buckets, counted in place.
//!
//! The exporter's own histograms keep every sample until the metrics are scraped, which is out of
//! the question for what happens at every delivery. These are a handful of counters that one thread
//! writes; they are added up and written as text when the metrics are requested.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::log::Distribution;

/// The upper bounds of the buckets for times, in microseconds: 50 µs to 10 s.
const TIMES_US: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
/// The upper bounds of the buckets for numbers of events in a write.
const COUNTS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// The upper bounds of the buckets for how long connections were, in tenths of a second: 1 s to a
/// day.
const LONG_TENTHS: [u64; 8] = [10, 100, 600, 3_000, 9_000, 36_000, 144_000, 864_000];

/// A histogram that one thread counts in. `N` counts the buckets, the last of which has no bound.
#[derive(Debug)]
pub(super) struct Histogram<const N: usize> {
    buckets: [AtomicU64; N],
    sum: AtomicU64,
}

/// A histogram of times; its sum is in microseconds.
pub(super) type TimeHistogram = Histogram<{ TIMES_US.len() + 1 }>;
/// A histogram of counts.
pub(super) type CountHistogram = Histogram<{ COUNTS.len() + 1 }>;

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    fn add(&self, bounds: &[u64], value: u64, times: u64) {
        if !super::COUNTING {
            return;
        }
        let bucket = bounds.partition_point(|&bound| bound < value);
        super::add(&self.buckets[bucket], times);
        super::add(&self.sum, value.saturating_mul(times));
    }
}

/// A histogram that any thread may count in, for what does not happen at every delivery.
#[derive(Debug, Default)]
pub(super) struct SharedHistogram<const N: usize>(Histogram<N>);

/// A shared histogram of times.
pub(super) type SharedTimes = SharedHistogram<{ TIMES_US.len() + 1 }>;
/// A shared histogram of long times; its sum is in tenths of a second.
pub(super) type SharedLongTimes = SharedHistogram<{ LONG_TENTHS.len() + 1 }>;

impl<const N: usize> SharedHistogram<N> {
    fn add(&self, bounds: &[u64], value: u64) {
        let bucket = bounds.partition_point(|&bound| bound < value);
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl TimeHistogram {
    /// Something took so long, so many times.
    pub(super) fn took(&self, time: Duration, times: u64) {
        self.add(&TIMES_US, micros(time), times);
    }
}

impl SharedTimes {
    /// Something took so long.
    pub(super) fn took(&self, time: Duration) {
        self.add(&TIMES_US, micros(time));
    }

    /// Writes it, in seconds.
    pub(super) fn write(&self, text: &mut String, named: (&str, &str)) {
        write_times(text, named, std::iter::once(&self.0));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl SharedLongTimes {
    /// Something lasted so many tenths of a second.
    pub(super) fn lasted(&self, tenths: u64) {
        self.add(&LONG_TENTHS, tenths);
    }

    /// Writes it, in seconds.
    pub(super) fn write(&self, text: &mut String, named: (&str, &str)) {
        write(text, named, &LONG_TENTHS, 10.0, std::iter::once(&self.0));
    }
}

impl CountHistogram {
    /// There were so many, so many times.
    pub(super) fn counted(&self, count: u64, times: u64) {
        self.add(&COUNTS, count, times);
    }
}

/// Writes the sum of histograms of times, in seconds.
pub(super) fn write_times<'a>(
    text: &mut String,
    (name, help): (&str, &str),
    histograms: impl Iterator<Item = &'a TimeHistogram>,
) {
    write(text, (name, help), &TIMES_US, 1e6, histograms);
}

/// Writes the sum of histograms of counts.
pub(super) fn write_counts<'a>(
    text: &mut String,
    (name, help): (&str, &str),
    histograms: impl Iterator<Item = &'a CountHistogram>,
) {
    write(text, (name, help), &COUNTS, 1.0, histograms);
}

fn write<'a, const N: usize>(
    text: &mut String,
    named: (&str, &str),
    bounds: &[u64],
    units: f64,
    histograms: impl Iterator<Item = &'a Histogram<N>>,
) {
    let mut all = Distribution { counts: [0; N], sum: 0 };
    for histogram in histograms {
        for (total, bucket) in all.counts.iter_mut().zip(&histogram.buckets) {
            *total += bucket.load(Ordering::Relaxed);
        }
        all.sum = all.sum.saturating_add(histogram.sum.load(Ordering::Relaxed));
    }
    write_distribution(text, named, bounds, units, &all);
}

/// Writes what was counted elsewhere by these bounds, of which `units` make the unit that is shown.
pub(super) fn write_distribution<const N: usize>(
    text: &mut String,
    (name, help): (&str, &str),
    bounds: &[u64],
    units: f64,
    Distribution { counts: buckets, sum }: &Distribution<N>,
) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
    let mut count = 0;
    for (bucket, bound) in buckets.iter().zip(bounds) {
        count += bucket;
        let bound = *bound as f64 / units;
        let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    count += buckets[N - 1];
    let sum = *sum as f64 / units;
    let _ = writeln!(
        text,
        "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_counted_is_added_up_in_cumulative_buckets() {
        let (one, other) = (TimeHistogram::default(), TimeHistogram::default());
        one.took(Duration::from_micros(50), 2);
        one.took(Duration::from_micros(51), 1);
        other.took(Duration::from_millis(3), 1);
        other.took(Duration::from_secs(60), 1);
        let mut text = String::new();
        write_times(&mut text, ("t", "How long."), [&one, &other].into_iter());
        let value = |line: &str| {
            let found = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '));
            found.unwrap_or_else(|| panic!("{line} in {text}")).to_owned()
        };
        assert!(text.starts_with("# HELP t How long.\n# TYPE t histogram\n"));
        assert_eq!(value("t_bucket{le=\"0.00005\"}"), "2");
        assert_eq!(value("t_bucket{le=\"0.0001\"}"), "3");
        assert_eq!(value("t_bucket{le=\"0.0025\"}"), "3");
        assert_eq!(value("t_bucket{le=\"0.005\"}"), "4");
        assert_eq!(value("t_bucket{le=\"10\"}"), "4");
        assert_eq!(value("t_bucket{le=\"+Inf\"}"), "5");
        assert_eq!(value("t_count"), "5");
        assert_eq!(value("t_sum"), "60.003151");
    }

    #[test]
    fn a_count_falls_into_the_first_bucket_that_holds_it() {
        let histogram = CountHistogram::default();
        for count in [1, 2, 3, 1_024, 1_025] {
            histogram.counted(count, 10);
        }
        let mut text = String::new();
        write_counts(&mut text, ("n", "How many."), std::iter::once(&histogram));
        for (bound, count) in [("1", 10), ("2", 20), ("4", 30), ("512", 30), ("1024", 40)] {
            assert!(text.contains(&format!("n_bucket{{le=\"{bound}\"}} {count}\n")), "{text}");
        }
    }
}

//! A distribution as it is written to a file: its percentiles for people, and the whole histogram
//! for programs, so that merging and comparing never average a percentile.

use std::io::Cursor;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which percentiles are written down. 99.99 needs 10,000 values to mean anything.
pub(crate) const QUANTILES: [f64; 8] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];

/// Nanoseconds in a millisecond.
const NANOS: f64 = 1e6;

/// Durations, in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Distribution {
    /// How many values.
    pub(crate) count: u64,
    /// The smallest.
    pub(crate) min_ms: f64,
    /// The mean.
    pub(crate) mean_ms: f64,
    /// The largest.
    pub(crate) max_ms: f64,
    /// The percentiles.
    pub(crate) percentiles: Vec<Percentile>,
    /// The whole: an HDR histogram of nanoseconds, V2 with deflate, each byte as two hexadecimal
    /// digits.
    pub(crate) hdr: String,
}

/// A percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Percentile {
    /// From 0 to 1.
    pub(crate) quantile: f64,
    /// So long or shorter for this share of the values.
    pub(crate) ms: f64,
}

/// A percentile that may be infinite, because that share never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reached {
    /// From 0 to 1.
    pub(crate) quantile: f64,
    /// Null when infinite.
    pub(crate) ms: Option<f64>,
}

impl Distribution {
    /// Of a histogram of nanoseconds; nothing when it is empty.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let percentile = |quantile| Percentile {
            quantile,
            ms: milliseconds(histogram.value_at_quantile(quantile)),
        };
        Some(Self {
            count: histogram.len(),
            min_ms: milliseconds(histogram.min()),
            mean_ms: histogram.mean() / NANOS,
            max_ms: milliseconds(histogram.max()),
            percentiles: QUANTILES.into_iter().map(percentile).collect(),
            hdr: encode(histogram),
        })
    }

    /// The histogram of nanoseconds that this was made of; nothing when the text is damaged.
    pub(crate) fn histogram(&self) -> Option<Histogram<u64>> {
        decode_histogram(&self.hdr)
    }

    /// A percentile that is written down, in milliseconds.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        let found = self.percentiles.iter().find(|p| (p.quantile - quantile).abs() < 1e-9);
        found.map_or(self.max_ms, |p| p.ms)
    }

    /// How many values are larger than this; 0 when the histogram is damaged.
    pub(crate) fn over(&self, ms: f64) -> u64 {
        let Some(histogram) = self.histogram() else { return 0 };
        let values = histogram
            .iter_recorded()
            .map(|value| (milliseconds(value.value_iterated_to()) > ms, value.count_at_value()));
        values.filter(|(is_over, _)| *is_over).map(|(_, count)| count).sum()
    }
}

/// The percentiles when so many further values are infinite.
pub(crate) fn counting_undelivered(histogram: &Histogram<u64>, undelivered: u64) -> Vec<Reached> {
    let all = histogram.len() + undelivered;
    let reached = |quantile: f64| {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let share = quantile * all as f64 / (histogram.len().max(1)) as f64;
        let ms = (all > 0 && share <= 1.0)
            .then(|| milliseconds(histogram.value_at_quantile(share.min(1.0))));
        Reached { quantile, ms }
    };
    QUANTILES.into_iter().map(reached).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a hundred days of nanoseconds fit 53 bits")]
pub(crate) fn milliseconds(nanos: u64) -> f64 {
    nanos as f64 / NANOS
}

/// A histogram from its text; nothing when that is damaged.
pub(crate) fn decode_histogram(text: &str) -> Option<Histogram<u64>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    Deserializer::new().deserialize(&mut Cursor::new(bytes?)).ok()
}

fn encode(histogram: &Histogram<u64>) -> String {
    use std::fmt::Write as _;
    let mut bytes = Vec::new();
    // Writing to memory fails only for histograms larger than the format allows; ours are bounded.
    let _ = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three digits are allowed");
        values.into_iter().for_each(|value| histogram.record(value).expect("it grows"));
        histogram
    }

    #[test]
    fn a_distribution_gives_its_histogram_back() {
        let original = histogram((1..=1000).map(|n| n * 1_000_000));
        let written = Distribution::of(&original).expect("values");
        assert!((written.at(0.5) - 500.0).abs() < 1.0, "{}", written.at(0.5));
        assert_eq!(written.histogram().expect("readable"), original);
    }

    #[test]
    fn nothing_is_no_distribution() {
        assert!(Distribution::of(&histogram([])).is_none());
    }

    #[test]
    fn what_never_arrived_makes_the_high_percentiles_infinite() {
        // 90 arrived in 1 ms, 10 never.
        let found = counting_undelivered(&histogram([1_000_000; 90]), 10);
        let at = |quantile: f64| {
            found.iter().find(|r| (r.quantile - quantile).abs() < 1e-9).expect("written").ms
        };
        assert!(at(0.5).is_some_and(|ms| (ms - 1.0).abs() < 0.01));
        assert!(at(0.9).is_some());
        assert_eq!(at(0.95), None);
        assert_eq!(at(1.0), None);
    }

    #[test]
    fn nothing_arrived_at_all_is_infinite_everywhere() {
        assert!(counting_undelivered(&histogram([]), 10).iter().all(|r| r.ms.is_none()));
    }
}

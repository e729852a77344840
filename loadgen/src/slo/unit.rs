//! Units of figures: which ones may follow a bound, and how a measured value is said in words.
//!
//! Inside, every figure is one `f64` in the base unit of its kind: milliseconds, bytes, shares from
//! 0 to 1, plain counts. Only reading a bound and writing words know of other units.

use std::fmt;

use serde::Serialize;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Milliseconds. A bound must name its unit: `<25` would be read as seconds by some and as
    /// milliseconds by others.
    #[serde(rename = "ms")]
    Duration,
    /// Microseconds, said by the figure's own name.
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "bytes")]
    Bytes,
    /// From 0 to 1.
    #[serde(rename = "share")]
    Share,
    /// Events a second.
    #[serde(rename = "per-second")]
    PerSecond,
    /// A plain number.
    #[serde(rename = "count")]
    Count,
}

/// Suffixes and how many milliseconds each is. `µ` has two code points, and keyboards give both.
const DURATIONS: &[(&str, f64)] =
    &[("ns", 1e-6), ("us", 1e-3), ("µs", 1e-3), ("μs", 1e-3), ("ms", 1.0), ("s", 1e3)];

const BYTES: &[(&str, f64)] = &[
    ("", 1.0),
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

const SHARES: &[(&str, f64)] = &[("", 1.0), ("%", 0.01)];

const PLAIN: &[(&str, f64)] = &[("", 1.0)];

impl Unit {
    /// A number with this suffix, in the base unit; nothing when the suffix does not belong here.
    pub(crate) fn read(self, number: f64, suffix: &str) -> Option<f64> {
        // A division, because 0.01 is not exact in binary: `100%` must be 1, for
        // `delivery_ratio==100%`.
        if self == Self::Share && suffix == "%" {
            return Some(number / 100.0);
        }
        let (_, factor) = self.suffixes().iter().find(|(known, _)| *known == suffix)?;
        Some(number * factor)
    }

    /// Which units may be written, in words.
    pub(crate) fn choices(self) -> &'static str {
        match self {
            Self::Duration => "ns, us, ms or s",
            Self::Microseconds => "no unit, because its name says microseconds",
            Self::Bytes => "no unit (bytes) or one of B, KB, MB, GB, KiB, MiB, GiB",
            Self::Share => "no unit (a share from 0 to 1) or %",
            Self::PerSecond => "no unit (events a second)",
            Self::Count => "no unit (a plain number)",
        }
    }

    /// A measured value in words. Infinite is what never arrived.
    pub(crate) fn words(self, value: f64) -> String {
        if value.is_infinite() {
            return "never (undelivered)".to_owned();
        }
        match self {
            Self::Duration => scaled(value, DURATION_STEPS),
            Self::Microseconds => format!("{} µs", digits(value)),
            Self::Bytes => scaled(value, BYTE_STEPS),
            Self::Share => format!("{} %", percent(value)),
            Self::PerSecond => format!("{} a second", digits(value)),
            Self::Count => digits(value),
        }
    }

    /// The largest step in which a value is at least 1: its name and its size in the base unit.
    pub(crate) fn step(self, value: f64) -> (&'static str, f64) {
        match self {
            Self::Duration => step(value, DURATION_STEPS),
            Self::Bytes => step(value, BYTE_STEPS),
            Self::Microseconds => ("µs", 1.0),
            Self::Share => ("%", 0.01),
            Self::PerSecond => step(value, RATE_STEPS),
            Self::Count => step(value, COUNT_STEPS),
        }
    }

    fn suffixes(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Duration => DURATIONS,
            Self::Bytes => BYTES,
            Self::Share => SHARES,
            Self::Microseconds | Self::PerSecond | Self::Count => PLAIN,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duration => "duration",
            Self::Microseconds => "µs",
            Self::Bytes => "bytes",
            Self::Share => "share",
            Self::PerSecond => "1/s",
            Self::Count => "count",
        })
    }
}

/// Steps from small to large.
type Steps = &'static [(&'static str, f64)];

const DURATION_STEPS: Steps = &[("ns", 1e-6), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)];
const BYTE_STEPS: Steps =
    &[("B", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];
const RATE_STEPS: Steps = &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("G/s", 1e9)];
const COUNT_STEPS: Steps = &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

fn step(value: f64, steps: Steps) -> (&'static str, f64) {
    let fits = steps.iter().rev().find(|(_, size)| value.is_finite() && value.abs() >= *size);
    // Zero and infinity have no step of their own; the first is as good as any.
    *fits.unwrap_or(&steps[0])
}

fn scaled(value: f64, steps: Steps) -> String {
    let (name, size) = step(value, steps);
    format!("{} {name}", digits(value / size))
}

/// Four significant digits, with thousands set apart: enough to tell 25.01 from 25.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 1000.0 || v.fract() == 0.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}", thousands(whole))
}

fn thousands(whole: &str) -> String {
    let mut text = String::with_capacity(whole.len() + whole.len() / 3);
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three decimals, cut and not rounded: one lost event in ten million must not read as 100 %.
pub(crate) fn percent(share: f64) -> String {
    // The small addition undoes the error of multiplying by 100, so that 0.29 is not 28.999 %.
    let cut = (share * 100_000.0 + 1e-6).floor() / 1000.0;
    let cut = if share < 1.0 { cut.min(99.999) } else { cut };
    format!("{cut}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_said_with_four_digits_and_a_fitting_unit() {
        for (unit, value, words) in [
            (Unit::Duration, 25.0, "25 ms"),
            (Unit::Duration, 25.01, "25.01 ms"),
            (Unit::Duration, 1234.5, "1.234 s"),
            (Unit::Duration, 0.012_345, "12.35 µs"),
            (Unit::Duration, 0.000_999, "999 ns"),
            (Unit::Duration, 0.0, "0 ns"),
            (Unit::Duration, f64::INFINITY, "never (undelivered)"),
            (Unit::Microseconds, 3.456_78, "3.457 µs"),
            (Unit::Bytes, 20_480.0, "20 KiB"),
            (Unit::Bytes, 1_048_576.0, "1 MiB"),
            (Unit::Bytes, -2048.0, "-2 KiB"),
            (Unit::Share, 1.0, "100 %"),
            (Unit::Share, 0.999_999_999, "99.999 %"),
            (Unit::Share, 0.29, "29 %"),
            (Unit::Share, 0.0, "0 %"),
            (Unit::PerSecond, 90_123.4, "90,123 a second"),
            (Unit::Count, 1_234_567.0, "1,234,567"),
            (Unit::Count, 123.0, "123"),
            (Unit::Count, -123_456.0, "-123,456"),
        ] {
            assert_eq!(unit.words(value), words, "{unit:?} {value}");
        }
    }

    #[test]
    fn a_suffix_is_read_only_where_it_belongs() {
        assert_eq!(Unit::Duration.read(25.0, "ms"), Some(25.0));
        assert_eq!(Unit::Duration.read(1.5, "s"), Some(1500.0));
        assert_eq!(Unit::Duration.read(25.0, ""), None);
        assert_eq!(Unit::Share.read(100.0, "%"), Some(1.0));
        assert_eq!(Unit::Bytes.read(20.0, "KiB"), Some(20_480.0));
        assert_eq!(Unit::Count.read(1.0, "%"), None);
    }
}

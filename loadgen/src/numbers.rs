//! How numbers are written, in every report.
//!
//! Three digits are enough to compare and few enough to read. A share below one is never written as
//! 100 %, nor one above nothing as 0 %: the last event that is missing is the one that matters.

/// Stands where there is no figure.
pub(crate) const ABSENT: &str = "–";

/// A whole number: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A number of things: `1 event`, `2 events`.
pub(crate) fn quantity(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// Three digits, and all of those before the point: `0.123`, `12.3`, `48,123`.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { ABSENT } else { "∞" }.to_owned();
    }
    let digits = match value.abs() {
        0.0 => 0,
        v if v < 0.9995 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    grouped(&format!("{value:.digits$}"))
}

/// A figure of unknown kind: whole when it is whole.
pub(crate) fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(&format!("{value:.0}"))
    } else {
        number(value)
    }
}

/// A duration given in milliseconds: `0.123 ms`, `12.3 ms`, `1.23 s`.
pub(crate) fn ms(value: f64) -> String {
    match value.abs() {
        v if v > 0.0 && v < 0.0005 => "<0.001 ms".to_owned(),
        v if v < 999.5 || v.is_nan() => format!("{} ms", number(value)),
        _ => format!("{} s", number(value / 1000.0)),
    }
}

/// The same when it may be absent.
pub(crate) fn ms_or_absent(value: Option<f64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), ms)
}

/// A duration given in seconds.
pub(crate) fn seconds(value: f64) -> String {
    format!("{} s", number(value))
}

/// An amount of memory or data: `512 B`, `1.50 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1023.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let figure = if unit == 0 { plain(scaled.round()) } else { number(scaled) };
    format!("{figure} {}", UNITS[unit])
}

/// The same for a count.
pub(crate) fn size(n: u64) -> String {
    bytes(n as f64)
}

/// A share from 0 to 1 as a percentage, cut off and never rounded up; with as many nines as it
/// takes to tell it from 100 %.
pub(crate) fn percent(share: f64) -> String {
    const MOST_DIGITS: usize = 7;
    if !share.is_finite() {
        return ABSENT.to_owned();
    }
    if share > 0.0 && share < 0.0001 {
        return "<0.01 %".to_owned();
    }
    if share == 0.0 || share == 1.0 {
        return format!("{} %", share * 100.0);
    }
    let mut digits = match share {
        s if s < 0.01 => 2,
        s if (0.995..1.0).contains(&s) => 2,
        _ => 1,
    };
    let mut cut = cut_off(share, digits);
    while share < 1.0 && digits < MOST_DIGITS && cut.bytes().all(|b| matches!(b, b'9' | b'.')) {
        digits += 1;
        cut = cut_off(share, digits);
    }
    format!("{} %", cut.trim_end_matches('0').trim_end_matches('.'))
}

/// A label of an axis, as short as it can be: `200`, `1.5 k`, `2 M`.
pub(crate) fn compact(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, " G"),
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    format!("{}{unit}", trimmed(scaled))
}

/// A label of an axis of milliseconds: `0.2 ms`, `50 ms`, `2 s`.
pub(crate) fn compact_ms(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 1.0 && v * 1e3 < 99.5 => format!("{} µs", trimmed(v * 1e3)),
        v if v < 1000.0 => format!("{} ms", trimmed(v)),
        v => format!("{} s", trimmed(v / 1e3)),
    }
}

fn cut_off(share: f64, digits: usize) -> String {
    let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    // The addition undoes what 0.29 * 100 = 28.999… loses, and must not lift a share to 100 %.
    let cut = (share * 100.0 * scale + 1e-6).floor() / scale;
    let below = if share < 1.0 { cut.min(100.0 - 1.0 / scale) } else { cut };
    format!("{below:.digits$}")
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plain(-1234.5), "-1,234");
        assert_eq!(quantity(1, "event"), "1 event");
        assert_eq!(quantity(1200, "event"), "1,200 events");
    }

    #[test]
    fn a_duration_has_three_digits_and_a_fitting_unit() {
        for (value, text) in [
            (0.0, "0 ms"),
            (0.0001, "<0.001 ms"),
            (0.1234, "0.123 ms"),
            (0.9999, "1.00 ms"),
            (12.34, "12.3 ms"),
            (99.96, "100 ms"),
            (999.7, "1.00 s"),
            (1234.0, "1.23 s"),
            (4_000_000.0, "4,000 s"),
            (f64::INFINITY, "∞ s"),
        ] {
            assert_eq!(ms(value), text);
        }
    }

    #[test]
    fn a_percentage_below_a_hundred_is_never_written_as_a_hundred() {
        for (share, text) in [
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.29, "29 %"),
            (0.123_456, "12.3 %"),
            (0.0123, "1.2 %"),
            (0.0057, "0.57 %"),
            (0.996, "99.6 %"),
            (0.9999, "99.99 %"),
            (0.999_95, "99.995 %"),
            (0.999_999_98, "99.999998 %"),
            (0.999_999_999_999, "99.9999999 %"),
            (0.000_001, "<0.01 %"),
            (1.02, "102 %"),
        ] {
            assert_eq!(percent(share), text, "{share}");
        }
    }

    #[test]
    fn data_is_counted_in_powers_of_1024() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1536), "1.50 KiB");
        assert_eq!(size(1024 * 1024 - 1), "1.00 MiB");
    }

    #[test]
    fn labels_of_axes_are_short() {
        assert_eq!(compact(2_000_000.0), "2 M");
        assert_eq!(compact(1500.0), "1,500");
        assert_eq!(compact(15_000.0), "15 k");
        assert_eq!(compact_ms(0.05), "50 µs");
        assert_eq!(compact_ms(0.2), "0.2 ms");
        assert_eq!(compact_ms(2000.0), "2 s");
    }
}

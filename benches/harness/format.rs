//! Numbers as they stand in the tables and plots: three digits that mean something, and thousands
//! parted by commas.

use crate::summary::Spread;

/// What stands where nothing was measured.
pub(crate) const NOTHING: &str = "–";

/// Three digits: 0.45, 6.25, 35.1, 4,190.
pub(crate) fn number(value: f64) -> String {
    if value.is_infinite() {
        return "∞".to_owned();
    }
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let whole = thousands(whole);
    if rest.is_empty() { whole } else { format!("{whole}.{rest}") }
}

/// A whole number.
pub(crate) fn count(value: f64) -> String {
    if value.is_finite() { thousands(&format!("{value:.0}")) } else { number(value) }
}

fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// Bytes, in the unit in which they are easy to read.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        value if value < 1024.0 => format!("{} B", count(value)),
        value if value < 1024.0 * 1024.0 => format!("{} KiB", number(value / 1024.0)),
        value => format!("{} MiB", number(value / (1024.0 * 1024.0))),
    }
}

/// A median, with its range when the rounds differ.
pub(crate) fn ranged(spread: Option<Spread>, unit: &str, show: fn(f64) -> String) -> String {
    let Some(spread) = spread else { return NOTHING.to_owned() };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let (median, least, most) = (show(spread.median), show(spread.least), show(spread.most));
    if least == most {
        return format!("{median}{unit}");
    }
    format!("{median}{unit} ({least}–{most})")
}

/// A median alone.
pub(crate) fn median(spread: Option<Spread>, unit: &str, show: fn(f64) -> String) -> String {
    let alone = |Spread { median, .. }| Spread { median, least: median, most: median };
    ranged(spread.map(alone), unit, show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_commas() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.451, "0.45"),
            (6.254, "6.25"),
            (9.996, "10.0"),
            (35.12, "35.1"),
            (99.96, "100"),
            (4190.4, "4,190"),
            (1_234_567.0, "1,234,567"),
            (f64::INFINITY, "∞"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(99_997.6), "99,998");
        assert_eq!(count(-1234.0), "-1,234");
        assert_eq!((bytes(512.0), bytes(10_547.2)), ("512 B".to_owned(), "10.3 KiB".to_owned()));
        assert_eq!(bytes(118_489_088.0), "113 MiB");
    }

    #[test]
    fn a_range_is_shown_when_there_is_one() {
        assert_eq!(ranged(None, "µs", number), "–");
        assert_eq!(ranged(Spread::of([6.0]), "µs", number), "6.00 µs");
        assert_eq!(ranged(Spread::of([6.001, 6.002]), "µs", number), "6.00 µs");
        assert_eq!(ranged(Spread::of([6.0, 7.0, 9.0]), "µs", number), "7.00 µs (6.00–9.00)");
        assert_eq!(median(Spread::of([6.0, 7.0, 9.0]), "", count), "7");
    }
}

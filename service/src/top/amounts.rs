//! How amounts are written: short enough for a column, and with their unit.

use bytesize::ByteSize;

/// Digits in threes.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or another number that need not be whole.
pub(super) fn number(number: f64) -> String {
    if number >= 100.0 { count(number.round() as u64) } else { format!("{number:.1}") }
}

pub(super) fn bytes(bytes: f64) -> String {
    ByteSize(bytes.max(0.0) as u64).display().iec().to_string()
}

/// A time, in the two units that matter.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0 if seconds < 0.001 => format!("{:.0} µs", seconds.max(0.0) * 1e6),
        0 => format!("{:.1} ms", seconds * 1e3),
        1..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{}m {}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h {}m", whole / 3_600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// A figure with a unit of the admin listener.
pub(super) fn of_unit(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => bytes(value),
        "seconds" => seconds(value),
        _ => count(value.max(0.0) as u64),
    }
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_have_their_unit() {
        let cases = [
            (count(0), "0"),
            (count(999), "999"),
            (count(19_000), "19,000"),
            (count(1_234_567), "1,234,567"),
            (number(0.0), "0.0"),
            (number(99.94), "99.9"),
            (number(12_345.6), "12,346"),
            (bytes(0.0), "0 B"),
            (bytes(-1.0), "0 B"),
            (bytes(268_435_456.0), "256.0 MiB"),
            (seconds(0.0), "0 µs"),
            (seconds(0.000_25), "250 µs"),
            (seconds(0.0041), "4.1 ms"),
            (seconds(3.4), "3.4 s"),
            (seconds(3_417.8), "56m 57s"),
            (seconds(7_260.0), "2h 1m"),
            (seconds(90_000.0), "1d 1h"),
            (of_unit(2_048.0, "bytes"), "2.0 KiB"),
            (of_unit(86_400.0, "seconds"), "1d 0h"),
            (of_unit(100_000.0, "events"), "100,000"),
            (percent(0.876), "88 %"),
        ];
        for (text, expected) in cases {
            assert_eq!(text, expected);
        }
    }
}

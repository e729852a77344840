//! How often something may happen.

use std::time::Duration;

use super::count;

const EXAMPLE: &str = "100/s";

/// Nothing is faster than this.
const PER_UNIT_MAX: u64 = 1_000_000;

/// How often something may happen; `None` is as often as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Rate {
    /// The time for each.
    pub(in crate::config) interval: Option<Duration>,
}

/// Reads a number for each second, minute or hour.
///
/// # Errors
/// When it is none, with an example of one.
pub(in crate::config) fn rate(text: &str) -> Result<Rate, String> {
    let (number, unit) = text.trim().split_once('/').unwrap_or((text, "s"));
    let unit = match unit.trim() {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(60 * 60),
        _ => return Err(format!("write how many a second, minute or hour, such as {EXAMPLE}")),
    };
    let number = count(0..=PER_UNIT_MAX)(number)
        .map_err(|error| format!("{error}; or a rate such as {EXAMPLE}"))?;
    let nanoseconds = u64::try_from(unit.as_nanos()).unwrap_or(u64::MAX);
    Ok(Rate { interval: nanoseconds.checked_div(number).map(Duration::from_nanos) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_for_a_second_unless_it_says_for_what() {
        let cases = [
            ("0", None),
            ("0/m", None),
            ("1", Some(Duration::from_secs(1))),
            (" 100/s ", Some(Duration::from_millis(10))),
            ("30 / m", Some(Duration::from_secs(2))),
            ("60/h", Some(Duration::from_secs(60))),
            ("1000000", Some(Duration::from_micros(1))),
        ];
        for (text, interval) in cases {
            assert_eq!(rate(text), Ok(Rate { interval }), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        for text in ["", "/s", "ten", "-1", "1.5", "10/d", "10/", "10/s/s", "1000001", "10 s"] {
            let message = rate(text).unwrap_err();
            assert!(message.contains("such as "), "{text:?}: {message}");
        }
    }
}

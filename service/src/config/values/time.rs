//! Times such as `15s`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::within;

const EXAMPLE: &str = "15s";
/// Longer than any setting is meant, and short enough that no clock overflows when it is added.
const LONGEST: Duration = Duration::from_secs(100 * 31_557_600);
/// Where `0s` has a meaning of its own.
pub(in crate::config) const FROM_ZERO: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;
/// Where something has to get some time.
pub(in crate::config) const ABOVE_ZERO: RangeInclusive<Duration> =
    Duration::from_millis(1)..=LONGEST;
/// Digits of one number in a time: more make no time that can be meant, and `humantime` panics at
/// some sums near the largest number of seconds.
const DIGITS_MAX: usize = 9;
/// Letters of a time; it keeps such sums from being reached in many steps.
const LENGTH_MAX: usize = 64;

/// Times from zero to this one.
pub(in crate::config) const fn time_up_to(max: Duration) -> RangeInclusive<Duration> {
    Duration::ZERO..=max
}

/// Reads a time that lies within these bounds.
pub(in crate::config) fn time(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<humantime::Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let time = read(text.trim())?;
        let show = |time: &Duration| humantime::format_duration(*time).to_string();
        within(time, &bounds, show, EXAMPLE).map(Into::into)
    }
}

/// Reads a time. Zero needs no unit; everything else does, because `30` alone does not say whether
/// it is meant in seconds or in milliseconds.
pub(super) fn read(text: &str) -> Result<Duration, String> {
    let number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if number && text.parse() == Ok(0.0) {
        return Ok(Duration::ZERO);
    }
    let mut numbers = text.split(|character: char| !character.is_ascii_digit());
    if text.len() > LENGTH_MAX || numbers.any(|number| number.len() > DIGITS_MAX) {
        return Err(format!("no time is that long; write one such as {EXAMPLE}"));
    }
    if number && text.parse::<f64>().is_ok() {
        return Err(format!("the unit is missing; write {text}s for seconds or {text}ms"));
    }
    let unreadable = |_| format!("write a number and a unit, such as {EXAMPLE}, 500ms or 1h30m");
    humantime::parse_duration(text).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units_and_zero_without_one() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("0.0", 0),
            ("00", 0),
            (" 30s\n", 30_000),
            ("30 s", 30_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("1day", 86_400_000),
            ("100y", 100 * 31_557_600_000),
        ];
        for (text, expected) in cases {
            let time = time(FROM_ZERO)(text).map(|time| time.as_millis());
            assert_eq!(time, Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("30", "write 30s"),
            ("1.5", "write 1.5s"),
            ("", "such as 15s"),
            ("s", "such as 15s"),
            ("-1s", "such as 15s"),
            ("1,5s", "such as 15s"),
            ("30S", "such as 15s"),
            ("1m30", "such as 15s"),
            ("soon", "such as 15s"),
            (".", "such as 15s"),
            ("1.2.3", "such as 15s"),
            ("0s", "at least 1ms"),
            ("999us", "at least 1ms"),
            ("101y", "at most 100years"),
            ("18446744073709551615s", "such as 15s"),
            ("99999999999999999999999999999999", "such as 15s"),
        ];
        for (text, advice) in cases {
            let message = time(ABOVE_ZERO)(text).unwrap_err();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }

    #[test]
    fn sums_at_the_end_of_what_can_be_counted_are_refused_and_do_not_panic() {
        let sums = ["18446744073709551615s 1000ms", "584542046090y 20000000s 1000000000ns"];
        for text in sums.map(str::to_owned).into_iter().chain(["999999999y".repeat(700)]) {
            assert!(time(FROM_ZERO)(&text).is_err(), "{text}");
        }
    }
}

//! Ranges of times such as `1s..5s`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::time;

/// Reads a range of times up to `max_ms`, in milliseconds.
pub(in crate::config) fn time_range_ms(
    max_ms: u32,
) -> impl Fn(&str) -> Result<RangeInclusive<u32>, String> + Clone + Send + Sync + 'static {
    move |text| {
        let wrong = || "write a range of times, such as 1s..5s".to_owned();
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let milliseconds = |text: &str| -> Result<u32, String> {
            let text = text.trim();
            let time =
                time::read(text).map_err(|error| format!("`{text}`: {error}; in all, 1s..5s"))?;
            let max = Duration::from_millis(max_ms.into());
            let max_shown = || humantime::format_duration(max);
            u32::try_from(time.as_millis())
                .ok()
                .filter(|&ms| ms <= max_ms)
                .ok_or_else(|| format!("must be at most {}, such as 1s..5s", max_shown()))
        };
        let (from, to) = (milliseconds(from)?, milliseconds(to)?);
        if from > to {
            return Err(
                "ends before it begins; write the shorter time first, such as 1s..5s".into()
            );
        }
        Ok(from..=to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_times_the_shorter_one_first() {
        let read = time_range_ms(60_000);
        for (text, expected) in
            [("1s..5s", 1_000..=5_000), (" 7ms .. 7ms ", 7..=7), ("0..1m", 0..=60_000)]
        {
            assert_eq!(read(text), Ok(expected), "{text:?}");
        }
        let cases = [
            ("", "such as 1s..5s"),
            ("1s", "such as 1s..5s"),
            ("1s-5s", "such as 1s..5s"),
            ("1..5", "write 1s"),
            ("1s..", "such as 15s"),
            ("1s..=5s", "such as 15s"),
            ("5s..1s", "ends before it begins"),
            ("1s..61s", "at most 1m"),
            ("1s..100y", "at most 1m"),
        ];
        for (text, advice) in cases {
            let message = read(text).unwrap_err();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }
}

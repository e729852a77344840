//! When what was written is made durable.

use std::time::Duration;

use super::time::{ABOVE_ZERO, read};
use super::within;
use crate::log::SyncMode;

const EXAMPLE: &str = "interval=100ms";
/// Of `interval` alone.
const INTERVAL: Duration = Duration::from_millis(100);

/// Reads `always`, `never`, `interval` or `interval=` and a time.
pub(in crate::config) fn sync_mode(text: &str) -> Result<SyncMode, String> {
    match text.trim() {
        "always" => Ok(SyncMode::Always),
        "never" => Ok(SyncMode::Never),
        "interval" => Ok(SyncMode::Interval(INTERVAL)),
        other => {
            let time = other
                .strip_prefix("interval=")
                .ok_or_else(|| format!("write {EXAMPLE}, always, or never"))?;
            let show = |time: &Duration| humantime::format_duration(*time).to_string();
            within(read(time)?, &ABOVE_ZERO, show, EXAMPLE).map(SyncMode::Interval)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_a_word_or_an_interval() {
        let interval = |ms| SyncMode::Interval(Duration::from_millis(ms));
        let cases = [
            ("always", SyncMode::Always),
            (" never\n", SyncMode::Never),
            ("interval", interval(100)),
            ("interval=2s", interval(2_000)),
            ("interval=250ms", interval(250)),
        ];
        for (text, expected) in cases {
            assert_eq!(sync_mode(text), Ok(expected), "{text:?}");
        }
        for text in ["", "Always", "sometimes", "interval=", "interval=0s", "interval=5", "100ms"] {
            assert!(sync_mode(text).is_err(), "{text:?}");
        }
    }
}

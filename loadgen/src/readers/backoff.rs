//! The delay before a subscriber's next attempt, the same on every transport.

use std::time::Duration;

use crate::plan::{FaultPlan, Reconnect};

/// The least time from one attempt of a subscriber to its next, whatever the server or a flag says:
/// a server that sends `retry: 0` and closes at once must not make an attack of a measurement.
pub(crate) const MIN_RECONNECT_INTERVAL: Duration = Duration::from_millis(100);

/// A reconnect delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) time: Duration,
    /// It is longer than was requested, because of [`MIN_RECONNECT_INTERVAL`].
    pub(super) is_lengthened: bool,
}

impl Delay {
    /// After a stream or an attempt that began so long ago; `retry` is what the server sent, in
    /// milliseconds, and `chance` is from 0 to 1.
    pub(super) fn of(
        faults: &FaultPlan,
        retry: Option<u32>,
        chance: f64,
        began_ago: Duration,
    ) -> Self {
        let requested = match (faults.reconnect, retry) {
            (Reconnect::Now, _) => Duration::ZERO,
            (_, Some(retry)) => Duration::from_millis(u64::from(retry)),
            (_, None) => faults.retry,
        };
        let requested = requested.mul_f64(1.0 + faults.jitter * chance);
        let least = MIN_RECONNECT_INTERVAL.saturating_sub(began_ago);
        Self { time: requested.max(least), is_lengthened: requested < least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_subscriber_connects_more_often_than_ten_times_a_second() {
        let ms = Duration::from_millis;
        let plan = |flags: &str| {
            let text = format!("subscribe = ['http://127.0.0.1:1/x']\n{flags}");
            let file = std::path::Path::new("scenario");
            let settings = crate::plan::Settings::default().over_text(file, &text);
            settings.expect("a scenario").plan().expect("a plan").faults
        };
        let cases = [
            // What the server sent, how long ago the last attempt began, the wait, lengthened.
            ("", Some(0), 0, 100, true),
            ("", Some(0), 70, 30, true),
            ("", Some(0), 5000, 0, false),
            ("", Some(20), 90, 20, false),
            ("", Some(4000), 0, 4000, false),
            ("", None, 0, 1000, false),
            ("reconnect = 'now'", Some(4000), 0, 100, true),
            ("reconnect = 'now'", Some(4000), 200, 0, false),
        ];
        for (flags, retry, ago, time, is_lengthened) in cases {
            let wait = Delay::of(&plan(flags), retry, 0.5, ms(ago));
            assert_eq!(wait, Delay { time: ms(time), is_lengthened }, "{flags} {retry:?} {ago}");
        }
    }
}

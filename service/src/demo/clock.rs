//! The time, every second.

use std::time::Duration;

use jiff::Zoned;

use super::source::{NextEvent, Source};

/// Tells the local time at each full second, so that no second is shown twice or left out.
#[derive(Debug)]
pub(super) struct ClockDemo;

impl Source for ClockDemo {
    fn begin(&mut self) -> Duration {
        Duration::ZERO
    }

    fn next(&mut self) -> NextEvent {
        NextEvent::unnamed(announce(&Zoned::now()))
    }

    fn pause(&mut self) -> Duration {
        until_next_second(&Zoned::now())
    }
}

fn announce(now: &Zoned) -> String {
    format!("The time is {}", now.strftime("%H:%M:%S"))
}

fn until_next_second(now: &Zoned) -> Duration {
    // A timer may fire a little early; a few milliseconds in, the second has surely begun.
    const INTO_THE_SECOND: Duration = Duration::from_millis(2);
    let nanoseconds = u64::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Duration::from_secs(1).saturating_sub(Duration::from_nanos(nanoseconds)) + INTO_THE_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_is_told_in_local_time_with_24_hours() {
        let cases = [
            ("2026-11-22T14:03:59+01:00[Europe/Paris]", "The time is 14:03:59"),
            ("2026-11-22T00:00:00.999+00:00[UTC]", "The time is 00:00:00"),
        ];
        for (now, expected) in cases {
            assert_eq!(announce(&at(now)), expected);
        }
    }

    #[test]
    fn the_next_event_is_just_inside_the_next_second() {
        let cases =
            [("2026-11-22T00:00:00.25+00:00[UTC]", 752), ("2026-11-22T00:00:00+00:00[UTC]", 1_002)];
        for (now, milliseconds) in cases {
            assert_eq!(until_next_second(&at(now)), Duration::from_millis(milliseconds), "{now}");
        }
    }
}

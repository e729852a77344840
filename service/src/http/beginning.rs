//! Where a stream begins whose client brings no id: the parameters `last`, `since` and `poll`.

use std::num::NonZeroUsize;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;

use super::parameters::Pairs;
use super::problem::Problem;
use crate::hub::Beginning;

/// The names, as a query has them.
pub(super) const LAST: &str = "last";
pub(super) const SINCE: &str = "since";
pub(super) const POLL: &str = "poll";

/// The most events of each topic that a stream may begin with.
const LAST_MAX: usize = 10_000;

/// What a request says about where its stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BeginningRequest {
    pub(super) beginning: Beginning,
    /// The response ends with what was retained as the request came.
    pub(super) poll: bool,
}

impl BeginningRequest {
    /// Reads the parameters of a request that comes at this time.
    pub(super) fn of(parameters: &Pairs<'_>, now: Timestamp) -> Result<Self, Problem> {
        let last = one(parameters, LAST)?.map(count_of).transpose()?;
        let since = one(parameters, SINCE)?.map(|text| time_of(text, now)).transpose()?;
        let poll = one(parameters, POLL)?.map(switch_of).transpose()?.unwrap_or(false);
        let beginning = match (last, since) {
            (Some(count), since_ms) => Beginning::Newest { count, since_ms },
            (None, Some(ms)) => Beginning::Since(ms),
            (None, None) if poll => Beginning::Everything,
            (None, None) => Beginning::Next,
        };
        Ok(Self { beginning, poll })
    }
}

/// The value of a parameter that may be given once.
fn one<'a>(parameters: &'a Pairs<'_>, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = parameters.iter().filter(|(given, _)| given == name);
    let first = values.next().map(|(_, value)| value.as_ref());
    match values.next() {
        Some(_) => Err(unreadable(format!("`{name}` is given twice; give it once"))),
        None => Ok(first),
    }
}

fn count_of(text: &str) -> Result<NonZeroUsize, Problem> {
    let count = text.parse().ok().filter(|&count| count <= LAST_MAX);
    count.and_then(NonZeroUsize::new).ok_or_else(|| {
        let shown = shown(text);
        unreadable(format!(
            "`last={shown}` is no number from 1 to {LAST_MAX}; it says how many of the newest events of each topic come first, and `lastEventID=now` begins without any"
        ))
    })
}

/// A time in milliseconds since 1970 (UTC): so long ago, or as it is written.
fn time_of(text: &str, now: Timestamp) -> Result<u64, Problem> {
    // In a query `+` is a space.
    let text = text.trim().replace(' ', "+");
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    if let Ok(ago) = humantime::parse_duration(&text.replace('+', " ")) {
        let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        return Ok(now_ms.saturating_sub(ago_ms));
    }
    let Ok(time) = text.parse::<Timestamp>() else {
        return Err(unreadable(format!(
            "`since={}` is no time; write how long ago, such as `10m`, or a time with its offset (RFC 3339), such as `{}`",
            shown(&text),
            example_of(now)
        )));
    };
    // A part of a millisecond later would be a part too early.
    let ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
    if ms > now_ms {
        return Err(unreadable(format!(
            "`since={}` is in the future; it is {} here, and `lastEventID=now` begins with what comes next",
            shown(&text),
            example_of(now)
        )));
    }
    Ok(ms)
}

fn example_of(now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

fn switch_of(text: &str) -> Result<bool, Problem> {
    match text {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(unreadable(format!(
            "`poll={}` is neither `true` nor `false`; `poll` alone is `true`",
            shown(other)
        ))),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn unreadable(what: String) -> Problem {
    Problem::Unreadable(what)
}

#[cfg(test)]
mod tests {
    use super::super::parameters::pairs;
    use super::*;

    /// A quarter past two on 29 November 2026, in milliseconds.
    const NOW_MS: u64 = 1_795_961_700_000;

    fn read(query: &str) -> Result<BeginningRequest, String> {
        let now = Timestamp::from_millisecond(NOW_MS as i64).unwrap();
        let request = BeginningRequest::of(&pairs(query).unwrap(), now);
        request.map_err(|problem| problem.to_string())
    }

    fn newest(count: usize, since_ms: Option<u64>) -> Beginning {
        Beginning::Newest { count: NonZeroUsize::new(count).unwrap(), since_ms }
    }

    #[test]
    fn the_beginning_is_a_count_a_time_or_both() {
        let ago = |minutes: u64| NOW_MS - minutes * 60_000;
        let cases = [
            ("", Beginning::Next),
            ("topic=last&x=since", Beginning::Next),
            ("last=1", newest(1, None)),
            ("last=10000", newest(10_000, None)),
            ("last=007", newest(7, None)),
            ("since=10m", Beginning::Since(ago(10))),
            ("since=1h30m", Beginning::Since(ago(90))),
            ("since=1h+30m", Beginning::Since(ago(90))),
            ("since=0s", Beginning::Since(NOW_MS)),
            ("since=1000000d", Beginning::Since(0)),
            ("since=2026-11-29T14:05:00Z", Beginning::Since(ago(10))),
            ("since=2026-11-29T16:05:00+02:00", Beginning::Since(ago(10))),
            ("since=2026-11-29T16:05:00%2B02:00", Beginning::Since(ago(10))),
            ("since=2026-11-29T09:05:00-05:00", Beginning::Since(ago(10))),
            ("since=2026-11-29t14:04:59.9999z", Beginning::Since(ago(10) - 1)),
            ("since=1969-12-31T23:59:59Z", Beginning::Since(0)),
            ("last=5&since=10m", newest(5, Some(ago(10)))),
        ];
        for (query, beginning) in cases {
            assert_eq!(read(query), Ok(BeginningRequest { beginning, poll: false }), "{query}");
        }
    }

    #[test]
    fn a_poll_begins_with_everything_where_nothing_else_is_said() {
        let cases = [
            ("poll", Beginning::Everything, true),
            ("poll=", Beginning::Everything, true),
            ("poll=true&last=2", newest(2, None), true),
            ("poll=1&since=0s", Beginning::Since(NOW_MS), true),
            ("poll=false", Beginning::Next, false),
            ("poll=0&last=2", newest(2, None), false),
        ];
        for (query, beginning, poll) in cases {
            assert_eq!(read(query), Ok(BeginningRequest { beginning, poll }), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let cases = [
            ("last=0", "no number from 1 to 10000"),
            ("last=10001", "no number from 1 to 10000"),
            ("last=-1", "no number from 1 to 10000"),
            ("last=1.5", "no number from 1 to 10000"),
            ("last=", "no number from 1 to 10000"),
            ("last=99999999999999999999999", "no number from 1 to 10000"),
            ("last=1&last=1", "`last` is given twice"),
            ("since=", "such as `10m`"),
            ("since=10", "such as `10m`"),
            ("since=yesterday", "such as `10m`"),
            ("since=-10m", "such as `10m`"),
            ("since=2026-11-29", "such as `2026-11-29T14:15:00Z`"),
            ("since=2026-11-29T14:00:00", "with its offset"),
            ("since=2026-11-29T14:15:01Z", "is in the future; it is 2026-11-29T14:15:00Z here"),
            ("since=10m&since=5m", "`since` is given twice"),
            ("poll=yes", "neither `true` nor `false`"),
        ];
        for (query, expected) in cases {
            let refused = read(query).expect_err(query);
            assert!(refused.contains(expected), "{query}: {refused}");
        }
    }
}

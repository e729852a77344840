//! Moments as the documents of the admin listener write them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// In UTC with milliseconds (RFC 3339).
pub(super) fn moment(at: Timestamp) -> Value {
    format!("{at:.3}").into()
}

/// `None` is 0, or beyond all calendars.
pub(super) fn moment_of_ms(milliseconds: u64) -> Value {
    let at = i64::try_from(milliseconds).ok().filter(|ms| *ms > 0);
    at.and_then(|ms| Timestamp::from_millisecond(ms).ok()).map_or(Value::Null, moment)
}

/// So long before.
pub(super) fn before(now: Timestamp, time: Duration) -> Value {
    now.checked_sub(time).map_or(Value::Null, moment)
}

/// So long after.
pub(super) fn after(now: Timestamp, time: Duration) -> Value {
    now.checked_add(time).map_or(Value::Null, moment)
}

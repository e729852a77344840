//! What values look like: one parser for each kind, used by every flag of that kind.
//!
//! White space around a value is no part of it. An error says what to write instead, with an
//! example that would be taken; clap puts the flag and what was given in front of it.

mod address;
mod admin_url;
mod boolean;
mod count;
mod hub_url;
mod listed;
mod nats;
mod rate;
mod ratio;
mod rule_list;
mod size;
mod sync_mode;
mod text;
mod time;
mod time_range;

pub(super) use address::{Address, Host};
pub(super) use admin_url::AdminUrl;
pub(super) use boolean::boolean;
pub(super) use count::count;
pub(super) use hub_url::HubUrl;
pub(super) use listed::Listed;
pub(super) use nats::{BrokerUrl, MonitorUrl, stream_name};
pub(super) use rate::{Rate, rate};
pub(super) use ratio::ratio;
pub(super) use rule_list::RuleList;
pub(super) use size::{KIB, LARGEST, show_size, size};
pub(super) use sync_mode::sync_mode;
pub(super) use text::{Trimmed, algorithm, cookie_name, text};
pub(super) use time::{ABOVE_ZERO, FROM_ZERO, time, time_up_to};
pub(super) use time_range::time_range_ms;

use std::ops::RangeInclusive;

/// The value, if it is within its bounds.
fn within<T: PartialOrd>(
    value: T,
    bounds: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
    example: &str,
) -> Result<T, String> {
    if value < *bounds.start() {
        return Err(format!("must be at least {}, such as {example}", show(bounds.start())));
    }
    if value > *bounds.end() {
        return Err(format!("must be at most {}, such as {example}", show(bounds.end())));
    }
    Ok(value)
}

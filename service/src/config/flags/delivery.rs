//! How events are delivered, and what keeps streams alive.

use std::ops::RangeInclusive;

use clap::Args;

use crate::config::values::{FROM_ZERO, count, time, time_range_ms};
use crate::event::Retry;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Delivery")]
pub(super) struct DeliveryFlags {
    /// Delivery threads; 0: the number of cores minus one, and at least one
    #[arg(long, env = "FANFARE_SHARDS", value_name = "N", value_parser = count(0..=1_024_usize),
          default_value_t = 0)]
    pub(super) shards: usize,
    /// How long a stream may be silent before it is sent a heartbeat, which keeps proxies from
    /// closing it; 0s for never
    #[arg(long, env = "FANFARE_HEARTBEAT", value_name = "TIME", value_parser = time(FROM_ZERO),
          default_value = "15s")]
    pub(super) heartbeat: humantime::Duration,
    /// At which age a stream is closed, plus or minus 20 %, so that clients spread over new
    /// servers; 0s for never
    #[arg(long, env = "FANFARE_AGE_MAX", value_name = "TIME", value_parser = time(FROM_ZERO),
          default_value = "0s")]
    pub(super) age_max: humantime::Duration,
    /// Clients of closed streams are told (`retry:`) to reconnect after a random time in this range
    #[arg(long, env = "FANFARE_RETRY", value_name = "MIN..MAX",
          value_parser = time_range_ms(Retry::MAX_MS), default_value = "1s..5s")]
    pub(super) retry: RangeInclusive<u32>,
}

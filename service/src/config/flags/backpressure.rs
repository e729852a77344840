//! What happens to slow consumers.

use bytesize::ByteSize;
use clap::Args;

use crate::config::values::{LARGEST, Listed, count, size};
use crate::delivery::{LagLimit, Policies, PolicyRule};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Backpressure")]
pub(super) struct BackpressureFlags {
    /// What happens to a slow consumer, a subscriber that lags further behind than --lag-events or
    /// --lag-bytes: disconnect (the default; it is replayed when it reconnects), drop-oldest,
    /// conflate or catch-up; for some topics only: prices/*=conflate. Repeatable, or separated by
    /// commas
    #[arg(
        long = "policy",
        env = "FANFARE_POLICY",
        value_name = "[PATTERN=]POLICY",
        value_delimiter = ','
    )]
    policies: Vec<Listed<PolicyRule>>,
    /// How many events a subscriber may lag behind before --policy acts; 0 for no such limit
    #[arg(long, env = "FANFARE_LAG_EVENTS", value_name = "N", value_parser = count(0..=u64::MAX),
          default_value_t = 10_000)]
    lag_events: u64,
    /// How many bytes of events a subscriber may lag behind before --policy acts; 0 for no such
    /// limit
    #[arg(long, env = "FANFARE_LAG_BYTES", value_name = "SIZE",
          value_parser = size(0..=LARGEST, "4MiB"), default_value = "4MiB")]
    lag_bytes: ByteSize,
    /// The most memory that the output buffers of all slow consumers may take beside the retained
    /// events: the rest of an event that is no longer retained, and events joined into one write.
    /// Above it, the streams that lag furthest behind are disconnected
    #[arg(long, env = "FANFARE_OUTPUT_BUFFERS_MAX", value_name = "SIZE",
          value_parser = size(1..=LARGEST, "64MiB"), default_value = "64MiB")]
    pub(super) output_buffers_max: ByteSize,
}

impl BackpressureFlags {
    pub(super) fn lag(&self) -> LagLimit {
        LagLimit {
            events_max: limit_or_none(self.lag_events),
            bytes_max: limit_or_none(self.lag_bytes.as_u64()),
        }
    }

    pub(super) fn policies(&self) -> Policies {
        Policies::new(Listed::all(&self.policies))
    }
}

/// 0 stands for no limit.
fn limit_or_none(limit: u64) -> u64 {
    if limit > 0 { limit } else { u64::MAX }
}

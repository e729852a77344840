//! How much of the event log is retained.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::bytes;
use crate::config::values::{FROM_ZERO, LARGEST, count, size, time};
use crate::log::MemoryLogSettings;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Retention")]
pub(super) struct RetentionFlags {
    /// The most events that are retained for replay; the oldest are dropped first
    #[arg(long, env = "FANFARE_RETAIN_EVENTS", value_name = "N",
          value_parser = count(1..=usize::MAX), default_value_t = 100_000)]
    retain_events: usize,
    /// The most memory that retained events may take, with their index, or the most disk with
    /// --data-dir; the oldest are dropped first
    #[arg(long, env = "FANFARE_RETAIN_BYTES", value_name = "SIZE",
          value_parser = size(1..=LARGEST, "256MiB"), default_value = "256MiB")]
    pub(super) retain_bytes: ByteSize,
    /// How long an event is retained; 0s for no limit beside --retain-events and --retain-bytes
    #[arg(long, env = "FANFARE_RETAIN_AGE", value_name = "TIME", value_parser = time(FROM_ZERO),
          default_value = "24h")]
    retain_age: humantime::Duration,
}

impl RetentionFlags {
    pub(super) fn settings(&self) -> MemoryLogSettings {
        MemoryLogSettings {
            events_max: self.retain_events,
            bytes_max: bytes(self.retain_bytes),
            age_max: if self.retain_age.is_zero() { Duration::MAX } else { *self.retain_age },
        }
    }
}

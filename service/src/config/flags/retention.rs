//! How much of the event log is retained.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::bytes;
use crate::config::ConfigError;
use crate::config::values::{FROM_ZERO, LARGEST, RuleList, count, size, time};
use crate::log::{KeptLimits, KeptSettings, MemoryLogSettings, RetentionRules};

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
    /// What of some topics is retained beyond that: a pattern in which * stands for any characters, and
    /// age:TIME, events:N for so many beyond it, or last:N for so many newest of each topic; can be given
    /// several times, or with spaces between rules
    #[arg(long, env = "FANFARE_RETAIN", value_name = "RULE", value_delimiter = ' ')]
    retain: Vec<RuleList>,
    /// The most topics that the rules of --retain keep events of; the oldest events are dropped first
    #[arg(long, env = "FANFARE_KEPT_TOPICS_MAX", value_name = "N",
          value_parser = count(1..=usize::MAX), default_value_t = 100_000)]
    kept_topics_max: usize,
    /// The most memory that events may take which the rules of --retain keep, with the index of their
    /// topics; the oldest are dropped first
    #[arg(long, env = "FANFARE_KEPT_BYTES_MAX", value_name = "SIZE",
          value_parser = size(1..=LARGEST, "64MiB"), default_value = "64MiB")]
    pub(super) kept_bytes_max: ByteSize,
}

impl RetentionFlags {
    pub(super) fn settings(&self) -> MemoryLogSettings {
        MemoryLogSettings {
            events_max: self.retain_events,
            bytes_max: bytes(self.retain_bytes),
            age_max: if self.retain_age.is_zero() { Duration::MAX } else { *self.retain_age },
        }
    }

    /// What is retained beyond that, which a log that several servers share cannot do.
    pub(super) fn kept(&self, is_shared: bool) -> Result<KeptSettings, ConfigError> {
        let rules: Vec<_> = self.retain.iter().flat_map(RuleList::rules).collect();
        if is_shared && !rules.is_empty() {
            return Err(ConfigError::RulesOfMany);
        }
        let rules = RetentionRules::new(rules).map_err(ConfigError::Rules)?;
        let limits =
            KeptLimits { topics_max: self.kept_topics_max, bytes_max: bytes(self.kept_bytes_max) };
        Ok(KeptSettings { rules, limits })
    }
}

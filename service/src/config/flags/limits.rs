//! The limits of events and requests.

use bytesize::ByteSize;
use clap::Args;

use super::bytes;
use crate::config::ConfigError;
use crate::config::values::{ABOVE_ZERO, KIB, LARGEST, count, size, time};
use crate::event::{EventLimits, ReservedNames};

/// Memory of request bodies is counted in KiB, in 32 bits.
const BODIES_MAX: u64 = 1 << 40;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitFlags {
    /// The longest data of one event
    #[arg(long, env = "FANFARE_EVENT_DATA_MAX", value_name = "SIZE",
          value_parser = size(1..=BODIES_MAX, "1MiB"), default_value = "1MiB")]
    event_data_max: ByteSize,
    /// The most topics of one event
    #[arg(long, env = "FANFARE_EVENT_TOPICS_MAX", value_name = "N",
          value_parser = count(1..=usize::MAX), default_value_t = 1_000)]
    event_topics_max: usize,
    /// The longest topic
    #[arg(long, env = "FANFARE_TOPIC_MAX", value_name = "SIZE",
          value_parser = size(1..=LARGEST, "4096B"), default_value = "4096B")]
    topic_max: ByteSize,
    /// The largest request line with all headers of a request
    #[arg(long, env = "FANFARE_HEADERS_MAX", value_name = "SIZE",
          value_parser = size(KIB..=KIB * KIB, "16KiB"), default_value = "16KiB")]
    pub(super) headers_max: ByteSize,
    /// How long the headers of a request may take to arrive, and how long a connection may be idle
    /// between two requests
    #[arg(long, env = "FANFARE_HEADERS_TIMEOUT", value_name = "TIME",
          value_parser = time(ABOVE_ZERO), default_value = "10s")]
    pub(super) headers_timeout: humantime::Duration,
    /// The largest body of a request, and the longest line of NDJSON
    #[arg(long, env = "FANFARE_BODY_MAX", value_name = "SIZE",
          value_parser = size(1..=BODIES_MAX, "4MiB"), default_value = "4MiB")]
    pub(super) body_max: ByteSize,
    /// The most memory that the bodies of all requests may take together
    #[arg(long, env = "FANFARE_BODIES_MAX", value_name = "SIZE",
          value_parser = size(1..=BODIES_MAX, "256MiB"), default_value = "256MiB")]
    pub(super) bodies_max: ByteSize,
    /// How long the body of a request may take to arrive; for NDJSON, how long one line may take,
    /// and how long a pause between two lines
    #[arg(long, env = "FANFARE_BODY_TIMEOUT", value_name = "TIME",
          value_parser = time(ABOVE_ZERO), default_value = "30s")]
    pub(super) body_timeout: humantime::Duration,
    /// The most memory that the selectors of all subscribers may take together, patterns as they are compiled;
    /// streams that need more are refused until others end
    #[arg(long, env = "FANFARE_SELECTORS_MAX", value_name = "SIZE",
          value_parser = size(KIB * KIB..=LARGEST, "64MiB"), default_value = "64MiB")]
    pub(super) selectors_max: ByteSize,
    /// The most memory that the grants in tokens may take together, patterns as they are compiled; tokens
    /// that need more are refused until others are no longer used
    #[arg(long, env = "FANFARE_GRANTS_MAX", value_name = "SIZE",
          value_parser = size(KIB * KIB..=LARGEST, "32MiB"), default_value = "32MiB")]
    pub(super) grants_max: ByteSize,
    /// The most memory that the lists of the events which streams with `last=` begin with may take together;
    /// streams that need more are refused until others have had theirs
    #[arg(long, env = "FANFARE_PARTIAL_REPLAYS_MAX", value_name = "SIZE",
          value_parser = size(KIB * KIB..=LARGEST, "8MiB"), default_value = "8MiB")]
    pub(super) partial_replays_max: ByteSize,
}

impl LimitFlags {
    /// What depends on more than one flag; the bounds of each are with the flag.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            (
                self.bodies_max >= self.body_max,
                "--bodies-max",
                "must be at least as large as --body-max",
            ),
            (
                self.body_max >= self.event_data_max,
                "--body-max",
                "must be at least as large as --event-data-max",
            ),
        ];
        for (holds, flag, problem) in rules {
            if !holds {
                return Err(ConfigError::OutOfRange { flag, problem });
            }
        }
        Ok(())
    }

    pub(super) fn of_events(&self, reserved: ReservedNames) -> EventLimits {
        EventLimits {
            data_bytes_max: bytes(self.event_data_max),
            topics_max: self.event_topics_max,
            topic_bytes_max: bytes(self.topic_max),
            reserved,
        }
    }
}

//! The flags of log lines, and what they come to.
//!
//! They are a group of their own, and a struct, because `flags.rs` has all that serving needs and is
//! long enough.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::logging::{LogFormat, LoggingSettings};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub(super) struct TelemetryFlags {
    /// What is logged: a level, or a filter such as fanfare=debug,h2=info
    #[arg(long, env = "FANFARE_LOG_LEVEL", value_name = "FILTER", default_value = "info")]
    log_level: String,
    /// How log lines look
    #[arg(long, env = "FANFARE_LOG_FORMAT", value_name = "FORMAT", value_enum,
          default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

impl TelemetryFlags {
    pub(super) fn into_settings(self) -> LoggingSettings {
        LoggingSettings { filter: self.log_level, format: self.log_format }
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Text => PossibleValue::new("text").help("For people"),
            Self::Json => PossibleValue::new("json").help("For machines, an object a line"),
        })
    }
}

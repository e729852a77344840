//! How the server ends.

use clap::{ArgAction, Args};

use crate::config::values::{FROM_ZERO, boolean, time};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Shutdown")]
pub(super) struct ShutdownFlags {
    /// Over how long a time the streams are closed when the server is told to end, so that their
    /// clients do not all reconnect at once; 0s for all at once
    #[arg(long, env = "FANFARE_DRAIN_WINDOW", value_name = "TIME",
          value_parser = time(FROM_ZERO), default_value = "10s")]
    pub(super) drain_window: humantime::Duration,
    /// While draining or overloaded, reject a stream with status 200 and a `retry:` instead of an
    /// error: after an error, EventSource in a browser never reconnects
    #[arg(long, env = "FANFARE_RETRY_ON_REJECT", value_name = "BOOL", num_args = 0..=1,
          value_parser = boolean,
          action = ArgAction::Set, default_value_t = true, default_missing_value = "true")]
    pub(super) retry_on_reject: bool,
}

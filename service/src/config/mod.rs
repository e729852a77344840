//! Flags and environment variables, and what they mean for each part.
//!
//! Only this folder knows their names. Every setting is a flag and a variable `FANFARE_…`; a flag
//! wins. Everything is checked here, before anything is built, and every complaint names the flag.

mod commands;
mod flags;
mod telemetry_flags;

pub use commands::{HealthCheck, ListFormat};

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};
use thiserror::Error;

use crate::delivery::DeliverySettings;
use crate::event::EventLimits;
use crate::http::{HttpSettings, OriginPolicy, ServedHosts};
use crate::log::MemoryLogSettings;
use crate::logging::LoggingSettings;
use commands::{HealthcheckFlags, MetricsFlags};
use flags::ServeFlags;

/// Pushes events to very many HTTP clients at once, over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(
    name = "fanfare",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Every flag can be given as an environment variable, shown in brackets. Sizes are \
                  given as 512KiB or 4MiB, times as 15s, 500ms or 1h.\n\nSIGTERM or SIGINT closes all \
                  streams over the drain window and ends; a second one ends at once."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves; the same as no command at all.
    Serve(Box<ServeFlags>),
    /// Asks a running server whether it is well; exit code 0 if so, and 1 if not. For containers
    /// and service managers: it needs no shell and no other program
    Healthcheck(HealthcheckFlags),
    /// The metrics of this version
    Metrics(MetricsFlags),
}

/// What the program was started for.
#[derive(Clone, Debug)]
pub enum Task {
    /// To serve until it is told to end.
    Serve(Box<Config>),
    /// To ask another process of this program how it is.
    HealthCheck(HealthCheck),
    /// To print what metrics there are.
    ListMetrics(ListFormat),
}

/// The settings of every part.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses of the public listeners.
    pub listen: Vec<SocketAddr>,
    /// Address of the admin listener.
    pub admin_listen: SocketAddr,
    /// Whether anybody but this machine can reach a public listener that has no keys.
    pub open_to_network: bool,
    /// Whether the demonstrations are served.
    pub demos: bool,
    /// By which names we are called.
    pub hosts: ServedHosts,
    /// Whose pages may call us.
    pub origins: OriginPolicy,
    /// The delivery plane.
    pub delivery: DeliverySettings,
    /// The log.
    pub log: MemoryLogSettings,
    /// The limits of one event.
    pub event_limits: EventLimits,
    /// The front.
    pub http: HttpSettings,
    /// The most connections; `None` for 90 % of the file limit.
    pub connections_max: Option<usize>,
    /// Streams are closed over this time in a drain.
    pub drain_window: Duration,
    /// Log lines and traces.
    pub logging: LoggingSettings,
}

/// Settings that cannot be used together, or at all.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Anybody could publish.
    #[error(
        "--listen {address} can be reached from other machines, and everybody who reaches it could publish; listen on a loopback address such as 127.0.0.1:8080, or say --open (FANFARE_OPEN=true) if the network is closed"
    )]
    NotLoopback {
        /// The listener.
        address: SocketAddr,
    },
    /// A setting is out of its range.
    #[error("{flag} {problem}")]
    OutOfRange {
        /// Its flag.
        flag: &'static str,
        /// What is wrong and what would do.
        problem: &'static str,
    },
    /// A receiver of traces that we cannot send to.
    #[error(
        "--otlp-endpoint `{endpoint}` cannot be used; give the base URL of a collector near by, over plain HTTP, such as http://127.0.0.1:4318 (it can forward over TLS)"
    )]
    BadEndpoint {
        /// What was given.
        endpoint: String,
    },
}

impl Cli {
    /// Checks everything and sorts it by part.
    ///
    /// # Errors
    /// Names the first flag that cannot be used, and what would do.
    pub fn into_task(self) -> Result<Task, ConfigError> {
        let flags = match self.command {
            Some(Command::Serve(flags)) => *flags,
            Some(Command::Healthcheck(flags)) => return Ok(Task::HealthCheck(flags.into_check())),
            Some(Command::Metrics(flags)) => return Ok(Task::ListMetrics(flags.format)),
            None => self.serve,
        };
        Ok(Task::Serve(Box::new(flags.into_config()?)))
    }
}

#[cfg(test)]
mod tests;

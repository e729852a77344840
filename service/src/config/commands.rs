//! The flags of the commands beside `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::EnumValueParser;
use clap::{Args, ValueEnum};

use super::flags::ServeFlags;
use super::resolve::Network;
use super::values::{ABOVE_ZERO, Address, Trimmed, time};
use super::{ConfigError, in_force};

/// Which server to check, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The admin listener, at addresses that can be connected to; the first that responds decides.
    pub admin: Vec<SocketAddr>,
    /// Whether it also has to be ready for new streams: not starting, and not draining.
    pub ready: bool,
    /// How long the response may take.
    pub timeout: Duration,
}

#[derive(Args, Clone, Debug)]
pub(super) struct HealthcheckFlags {
    /// Address of the admin listener of the server to check; :9090, 0.0.0.0 and [::] are reached on
    /// loopback
    #[arg(
        long = "admin",
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090"
    )]
    admin: Address,
    /// Check /readyz instead of /healthz: whether the server takes new streams
    #[arg(long)]
    ready: bool,
    /// How long the server may take to answer
    #[arg(long, value_name = "TIME", value_parser = time(ABOVE_ZERO), default_value = "2s")]
    timeout: humantime::Duration,
    /// Configuration file of the server to check
    #[arg(long, env = "FANFARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl HealthcheckFlags {
    pub(super) fn into_check(self, network: &Network) -> Result<HealthCheck, ConfigError> {
        let admin = network.reachable("--admin", &self.admin)?;
        Ok(HealthCheck { admin, ready: self.ready, timeout: *self.timeout })
    }
}

/// How the list of metrics looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// Text in columns, for people.
    Text,
    /// A Markdown table, for a document.
    Markdown,
}

#[derive(Args, Clone, Debug)]
pub(super) struct MetricsFlags {
    /// Print the name, type, labels and help of each metric
    #[arg(long, required = true)]
    list: bool,
    /// Format of the list
    #[arg(long, ignore_case = true, default_value = "text",
          value_parser = Trimmed(EnumValueParser::<ListFormat>::new()))]
    pub(super) format: ListFormat,
}

/// How the list of settings looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SettingsFormat {
    /// Tables of Markdown, for a document.
    Markdown,
    /// A JSON Schema of the configuration file, for editors.
    Schema,
}

impl SettingsFormat {
    pub(super) fn of(self, serve: &clap::Command) -> String {
        match self {
            Self::Markdown => in_force::markdown(serve),
            Self::Schema => in_force::schema(serve),
        }
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct ConfigFlags {
    /// Print all settings that there are instead, with their defaults
    #[arg(long = "list", value_name = "FORMAT", num_args = 0..=1, ignore_case = true,
          default_missing_value = "markdown",
          value_parser = Trimmed(EnumValueParser::<SettingsFormat>::new()))]
    pub(super) lists: Option<SettingsFormat>,
    #[command(flatten)]
    _serve: ServeFlags,
}

//! The flags of the commands beside `serve`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Whom to ask, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The admin listener, at an address that can be connected to.
    pub admin: SocketAddr,
    /// Whether it also has to be ready for new streams: not starting, and not draining.
    pub ready: bool,
    /// How long the answer may take.
    pub timeout: Duration,
}

#[derive(Args, Clone, Debug)]
pub(super) struct HealthcheckFlags {
    /// The admin listener of the server that is asked; 0.0.0.0 and [::] are asked on loopback
    #[arg(
        long = "admin",
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090"
    )]
    admin: SocketAddr,
    /// Ask /readyz instead of /healthz: whether it takes new streams
    #[arg(long)]
    ready: bool,
    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "2s")]
    timeout: humantime::Duration,
}

impl HealthcheckFlags {
    pub(super) fn into_check(self) -> HealthCheck {
        HealthCheck {
            admin: crate::greeting::reachable(self.admin),
            ready: self.ready,
            timeout: *self.timeout,
        }
    }
}

/// How the list of metrics looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people, in columns.
    Text,
    /// A table for a document.
    Markdown,
}

#[derive(Args, Clone, Debug)]
pub(super) struct MetricsFlags {
    /// Print name, type, labels and help of each
    #[arg(long, required = true)]
    list: bool,
    /// How the list looks
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(super) format: ListFormat,
}

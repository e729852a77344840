//! Tickets: what they are sealed with, and how many are remembered.

use std::path::PathBuf;

use clap::Args;

use crate::auth::ticket::TicketKey;
use crate::config::values::{Listed, count};
use crate::config::{ConfigError, files};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tickets")]
pub(super) struct TicketFlags {
    /// File with the secret that tickets of streams are sealed with, at least 32 bytes; may be given
    /// several times (or separated by commas): the first seals, and all open. Without one, no ticket
    /// outlives the process, and other servers do not know it
    #[arg(
        long = "ticket-secret-file",
        env = "FANFARE_TICKET_SECRET_FILE",
        value_name = "FILE",
        value_delimiter = ','
    )]
    secret_files: Vec<Listed<PathBuf>>,
    /// The most tickets that are remembered: those whose streams are open, and those that may bring one
    /// back
    #[arg(long, env = "FANFARE_TICKETS_MAX", value_name = "N",
          value_parser = count(1..=usize::MAX), default_value_t = 100_000)]
    tickets_max: usize,
}

impl TicketFlags {
    pub(super) fn max(&self) -> usize {
        self.tickets_max
    }

    pub(super) fn keys(&self) -> Result<Vec<TicketKey>, ConfigError> {
        const FLAG: &str = "--ticket-secret-file";
        let files = Listed::all(&self.secret_files);
        let key = |path: PathBuf| {
            let key = TicketKey::of_secret(&files::secret(FLAG, &path)?);
            key.map_err(|error| ConfigError::Key { flag: FLAG, reason: error.to_string() })
        };
        files.into_iter().map(key).collect()
    }
}

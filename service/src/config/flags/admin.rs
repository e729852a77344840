//! What opens the admin listener.

use std::path::PathBuf;

use clap::Args;

use crate::auth::admin_token::AdminToken;
use crate::config::values::Listed;
use crate::config::{ConfigError, files};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
pub(super) struct AdminFlags {
    /// File with the token of the admin listener, at least 32 characters, as `fanfare secret` makes
    /// them; may be given several times (or separated by commas), and each of them opens. With it the
    /// open streams are shown, streams are ended and the log level is changed for whoever sends it;
    /// without, only where the listener is on loopback
    #[arg(
        long = "admin-token-file",
        env = "FANFARE_ADMIN_TOKEN_FILE",
        value_name = "FILE",
        value_delimiter = ','
    )]
    token_files: Vec<Listed<PathBuf>>,
}

impl AdminFlags {
    pub(super) fn tokens(&self) -> Result<Vec<AdminToken>, ConfigError> {
        const FLAG: &str = "--admin-token-file";
        let token = |path: PathBuf| {
            let token = AdminToken::new(&files::secret(FLAG, &path)?);
            token.map_err(|error| ConfigError::Key { flag: FLAG, reason: error.to_string() })
        };
        Listed::all(&self.token_files).into_iter().map(token).collect()
    }
}

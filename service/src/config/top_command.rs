//! The flags of `fanfare top`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use super::values::{AdminUrl, time};
use super::{ConfigError, files};
use crate::auth::token::Secret;

/// Less is more than a screen shows, and asks the server for nothing.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// Which server to watch, and how.
#[derive(Clone, Debug)]
pub struct TopSettings {
    /// The admin listener.
    pub admin: Url,
    /// What proves to it that its figures of clients may be seen.
    pub token: Option<Secret>,
    /// How long from one look to the next.
    pub interval: Duration,
    /// Two looks, for the rates, and what they show, as text.
    pub once: bool,
    /// For programs, an object a line.
    pub json: bool,
    /// Whether colours may be used.
    pub colours: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct TopFlags {
    /// Address or URL of the admin listener of the server to watch; :9090, 0.0.0.0 and [::] are reached
    /// on loopback
    #[arg(
        long = "admin",
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090"
    )]
    admin: AdminUrl,
    /// File with the token of the server (--admin-token-file), without which it shows streams on
    /// loopback alone, if at all
    #[arg(long, env = "FANFARE_ADMIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long from one look at the server to the next
    #[arg(long, value_name = "TIME", value_parser = time(INTERVAL_MIN..=INTERVAL_MAX),
          default_value = "1s")]
    interval: humantime::Duration,
    /// Look twice, print what there is as text, and end; so it does where standard output is no
    /// terminal
    #[arg(long)]
    once: bool,
    /// Print objects of JSON, one a line and a look; with --once a single one
    #[arg(long)]
    json: bool,
    /// As <https://no-color.org> has it: no colours, whatever the value is
    #[arg(long, env = "NO_COLOR", hide = true, num_args = 0..=1, default_missing_value = "1")]
    no_color: Option<OsString>,
    /// Configuration file of the server to watch
    #[arg(long, env = "FANFARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl TopFlags {
    pub(super) fn into_settings(self) -> Result<TopSettings, ConfigError> {
        const FLAG: &str = "--token-file";
        let token = self.token_file.as_ref();
        let token = token.map(|path| {
            let text = String::from_utf8(files::secret(FLAG, path)?);
            let text = text.ok().filter(|text| !text.is_empty() && text.is_ascii());
            text.map(Secret::from).ok_or_else(|| ConfigError::File {
                flag: FLAG,
                path: path.display().to_string(),
                reason: "it has to be the token, in one line of ASCII".to_owned(),
            })
        });
        Ok(TopSettings {
            admin: self.admin.0,
            token: token.transpose()?,
            interval: *self.interval,
            once: self.once,
            json: self.json,
            colours: self.no_color.is_none(),
        })
    }
}

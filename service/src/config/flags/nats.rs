//! The event log that servers share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::config::values::{BrokerUrl, Listed, MonitorUrl, boolean, stream_name, time};
use crate::config::{ConfigError, files};
use crate::log::{BrokerAccess, BrokerSecret, MemoryLogSettings, NatsLogSettings};

const STREAM_DEFAULT: &str = "fanfare";
const TIMEOUT_DEFAULT: &str = "15s";
/// Far shorter than brokers know an event again: one that is sent later would be doubled.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub(super) struct NatsFlags {
    /// Brokers of NATS JetStream, such as nats://10.0.0.1:4222 or tls://broker.example, on which the
    /// event log is shared by any number of servers: what is published at one is delivered by all.
    /// Several of one cluster separated by commas
    #[arg(long, env = "FANFARE_NATS", value_name = "URL", value_delimiter = ',')]
    nats: Vec<Listed<BrokerUrl>>,
    /// File with the credentials for the brokers, as `nsc` makes it
    #[arg(long, env = "FANFARE_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// File with the user that this server is for the brokers, and its password, as name:password
    #[arg(long, env = "FANFARE_NATS_USER_FILE", value_name = "FILE")]
    nats_user_file: Option<PathBuf>,
    /// File with the token that the brokers know this server by
    #[arg(long, env = "FANFARE_NATS_TOKEN_FILE", value_name = "FILE")]
    nats_token_file: Option<PathBuf>,
    /// File with the certificate (PEM) that this server shows the brokers, where they ask for one
    #[arg(long, env = "FANFARE_NATS_CERT", value_name = "FILE", requires = "nats_key")]
    nats_cert: Option<PathBuf>,
    /// File with the key (PEM) of that certificate
    #[arg(long, env = "FANFARE_NATS_KEY", value_name = "FILE", requires = "nats_cert")]
    nats_key: Option<PathBuf>,
    /// Monitoring ports of the brokers, such as http://10.0.0.1:8222: whether they write to their disks
    /// before they confirm is looked at there, at the start. Several separated by commas
    #[arg(long, env = "FANFARE_NATS_MONITOR", value_name = "URL", value_delimiter = ',')]
    nats_monitor: Vec<Listed<MonitorUrl>>,
    /// File with certificates (PEM) that those of the brokers are checked against, beside those of the
    /// system
    #[arg(long, env = "FANFARE_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// Stream that the events are in; servers with the same one are one hub
    #[arg(long, env = "FANFARE_NATS_STREAM", value_name = "NAME",
          value_parser = stream_name, default_value = STREAM_DEFAULT)]
    nats_stream: String,
    /// Make the stream if there is none
    #[arg(long, env = "FANFARE_NATS_CREATE", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    nats_create: bool,
    /// Use a stream that may lose what was confirmed, or brokers that do not take the largest events,
    /// and make one with a single copy: for trying
    #[arg(long, env = "FANFARE_NATS_UNSAFE", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    nats_unsafe: bool,
    /// How long a publisher waits while the brokers take no events, as in an election among them,
    /// before it is told to try again
    #[arg(long, env = "FANFARE_APPEND_TIMEOUT", value_name = "TIME",
          value_parser = time(TIMEOUTS), default_value = TIMEOUT_DEFAULT)]
    append_timeout: humantime::Duration,
}

impl NatsFlags {
    /// Where the log is shared, if it is. What is said of it otherwise would promise what does not
    /// hold; the default says nothing.
    pub(super) fn settings(
        &self,
        retained: MemoryLogSettings,
        data_bytes_max: usize,
    ) -> Result<Option<NatsLogSettings>, ConfigError> {
        let servers: Vec<_> =
            Listed::all(&self.nats).into_iter().map(BrokerUrl::into_text).collect();
        if servers.is_empty() {
            let flags = [
                ("--nats-credentials", self.nats_credentials.is_some()),
                ("--nats-user-file", self.nats_user_file.is_some()),
                ("--nats-token-file", self.nats_token_file.is_some()),
                ("--nats-cert", self.nats_cert.is_some()),
                ("--nats-ca", self.nats_ca.is_some()),
                ("--nats-monitor", !Listed::all(&self.nats_monitor).is_empty()),
                ("--nats-stream", self.nats_stream != STREAM_DEFAULT),
                ("--nats-create", self.nats_create),
                ("--nats-unsafe", self.nats_unsafe),
                ("--append-timeout", self.append_timeout.to_string() != TIMEOUT_DEFAULT),
            ];
            return match flags.into_iter().find(|(_, is_given)| *is_given) {
                Some((flag, _)) => Err(ConfigError::NoBroker { flag }),
                None => Ok(None),
            };
        }
        Ok(Some(NatsLogSettings {
            servers,
            access: self.access()?,
            monitors: Listed::all(&self.nats_monitor)
                .into_iter()
                .map(MonitorUrl::into_url)
                .collect(),
            stream: self.nats_stream.clone(),
            create: self.nats_create,
            allow_unsafe: self.nats_unsafe,
            append_timeout: *self.append_timeout,
            data_bytes_max,
            retained,
        }))
    }

    fn access(&self) -> Result<BrokerAccess, ConfigError> {
        let secret = |flag, path: &PathBuf| {
            let bytes = files::secret(flag, path)?;
            String::from_utf8(bytes).map(BrokerSecret).map_err(|_| ConfigError::File {
                flag,
                path: path.display().to_string(),
                reason: "it is not UTF-8".to_owned(),
            })
        };
        let user = self.nats_user_file.as_ref();
        let user = user.map(|path| secret("--nats-user-file", path)).transpose()?;
        let user = user.map(|BrokerSecret(text)| match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !text.contains('\n') => {
                Ok((name.to_owned(), BrokerSecret(password.to_owned())))
            }
            _ => Err(ConfigError::File {
                flag: "--nats-user-file",
                path: self.nats_user_file.clone().unwrap_or_default().display().to_string(),
                reason: "it has to be one line such as name:password".to_owned(),
            }),
        });
        let token = self.nats_token_file.as_ref();
        Ok(BrokerAccess {
            credentials: self.nats_credentials.clone(),
            user: user.transpose()?,
            token: token.map(|path| secret("--nats-token-file", path)).transpose()?,
            certificate: self.nats_cert.clone().zip(self.nats_key.clone()),
            ca: self.nats_ca.clone(),
        })
    }
}

//! The event log that servers share.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use crate::config::ConfigError;
use crate::config::values::{BrokerUrl, Listed, boolean, stream_name, time};
use crate::log::{MemoryLogSettings, NatsLogSettings};

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
                ("--nats-ca", self.nats_ca.is_some()),
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
            credentials: self.nats_credentials.clone(),
            ca: self.nats_ca.clone(),
            stream: self.nats_stream.clone(),
            create: self.nats_create,
            allow_unsafe: self.nats_unsafe,
            append_timeout: *self.append_timeout,
            data_bytes_max,
            retained,
        }))
    }
}

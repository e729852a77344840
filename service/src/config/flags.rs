//! The flags of `serve`, their variables and defaults, and what they come to for each part.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::{ArgAction, Args};

use super::telemetry_flags::TelemetryFlags;
use super::{Config, ConfigError};
use crate::delivery::{DeliverySettings, LagLimit, Policies, PolicyRule};
use crate::event::{EventLimits, ReservedNames, Retry};
use crate::http::{HostName, HttpSettings, Origin, OriginPolicy, ServedHosts};
use crate::log::MemoryLogSettings;

#[derive(Args, Clone, Debug)]
pub(super) struct ServeFlags {
    /// Address of the public listener; may be given several times (or separated by commas)
    #[arg(
        long,
        env = "FANFARE_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080",
        help_heading = "Listening"
    )]
    listen: Vec<SocketAddr>,
    /// Address of /metrics, /healthz and /readyz
    #[arg(
        long,
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090",
        help_heading = "Listening"
    )]
    admin_listen: SocketAddr,
    /// Let everybody who reaches the listeners publish and subscribe, also where they are not on
    /// loopback: for a closed network, or a container whose port is published on loopback
    #[arg(long, env = "FANFARE_OPEN", value_name = "BOOL", num_args = 0..=1, action = ArgAction::Set,
          default_value_t = false, default_missing_value = "true", help_heading = "Listening")]
    open: bool,
    /// Name or address of a host that is served, such as push.example, whatever its port; may be
    /// given several times (or separated by commas). Requests for other hosts are refused; on
    /// loopback, loopback names are served always. Without it and with --open every host is served
    #[arg(
        long = "host",
        env = "FANFARE_HOST",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Listening"
    )]
    hosts: Vec<HostName>,
    /// Origin whose pages may subscribe and publish, such as https://app.example or
    /// capacitor://localhost, or null; may be given several times (or separated by commas)
    #[arg(
        long = "cors-origin",
        env = "FANFARE_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help_heading = "Listening"
    )]
    cors_origins: Vec<Origin>,
    /// Serve the four demonstrations
    #[arg(long, env = "FANFARE_DEMOS", value_name = "BOOL", num_args = 0..=1, action = ArgAction::Set,
          default_value_t = true, default_missing_value = "true", help_heading = "Listening")]
    demos: bool,

    /// Threads that deliver; 0 for one a core, but for one core
    #[arg(
        long,
        env = "FANFARE_SHARDS",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Delivery"
    )]
    shards: usize,
    /// A comment is sent after this much silence; 0s for never
    #[arg(
        long,
        env = "FANFARE_HEARTBEAT",
        value_name = "TIME",
        default_value = "15s",
        help_heading = "Delivery"
    )]
    heartbeat: humantime::Duration,
    /// A stream is closed at this age, plus or minus 20 %; 0s for never
    #[arg(
        long,
        env = "FANFARE_AGE_MAX",
        value_name = "TIME",
        default_value = "0s",
        help_heading = "Delivery"
    )]
    age_max: humantime::Duration,
    /// What happens to a subscriber that is too far behind: disconnect (the default; it is replayed
    /// on its return), drop-oldest, conflate or catch-up; for some topics only: prices/*=conflate.
    /// Repeatable, or separated by commas
    #[arg(
        long = "policy",
        env = "FANFARE_POLICY",
        value_name = "[PATTERN=]POLICY",
        value_delimiter = ',',
        help_heading = "Delivery"
    )]
    policies: Vec<PolicyRule>,
    /// A subscriber that is further behind, in events, is too far behind
    #[arg(
        long,
        env = "FANFARE_LAG_EVENTS",
        value_name = "N",
        default_value_t = 10_000,
        help_heading = "Delivery"
    )]
    lag_events: u64,
    /// The same in bytes
    #[arg(
        long,
        env = "FANFARE_LAG_BYTES",
        value_name = "SIZE",
        default_value = "4MiB",
        help_heading = "Delivery"
    )]
    lag_bytes: ByteSize,
    /// Clients of closed streams are told to come back after a random time in this range
    #[arg(
        long,
        env = "FANFARE_RETRY",
        value_name = "MIN..MAX",
        default_value = "1s..5s",
        help_heading = "Delivery"
    )]
    retry: RetryRange,

    /// The most events retained for replay
    #[arg(
        long,
        env = "FANFARE_LOG_EVENTS",
        value_name = "N",
        default_value_t = 100_000,
        help_heading = "Log"
    )]
    log_events: usize,
    /// The most memory that retained events hold
    #[arg(
        long,
        env = "FANFARE_LOG_BYTES",
        value_name = "SIZE",
        default_value = "256MiB",
        help_heading = "Log"
    )]
    log_bytes: ByteSize,
    /// How long an event is retained
    #[arg(
        long,
        env = "FANFARE_LOG_AGE",
        value_name = "TIME",
        default_value = "24h",
        help_heading = "Log"
    )]
    log_age: humantime::Duration,

    /// The longest data of an event
    #[arg(
        long,
        env = "FANFARE_EVENT_DATA_MAX",
        value_name = "SIZE",
        default_value = "1MiB",
        help_heading = "Limits"
    )]
    event_data_max: ByteSize,
    /// The most topics of an event
    #[arg(
        long,
        env = "FANFARE_EVENT_TOPICS_MAX",
        value_name = "N",
        default_value_t = 1_000,
        help_heading = "Limits"
    )]
    event_topics_max: usize,
    /// The longest topic
    #[arg(
        long,
        env = "FANFARE_TOPIC_MAX",
        value_name = "SIZE",
        default_value = "4096B",
        help_heading = "Limits"
    )]
    topic_max: ByteSize,
    /// The largest head of a request
    #[arg(
        long,
        env = "FANFARE_HEAD_MAX",
        value_name = "SIZE",
        default_value = "16KiB",
        help_heading = "Limits"
    )]
    head_max: ByteSize,
    /// How long a head may take, and a connection idle between requests
    #[arg(
        long,
        env = "FANFARE_HEAD_TIMEOUT",
        value_name = "TIME",
        default_value = "10s",
        help_heading = "Limits"
    )]
    head_timeout: humantime::Duration,
    /// The largest body of a request, and the longest line of NDJSON
    #[arg(
        long,
        env = "FANFARE_BODY_MAX",
        value_name = "SIZE",
        default_value = "4MiB",
        help_heading = "Limits"
    )]
    body_max: ByteSize,
    /// The most memory that request bodies may take, all together
    #[arg(
        long,
        env = "FANFARE_BODIES_MAX",
        value_name = "SIZE",
        default_value = "256MiB",
        help_heading = "Limits"
    )]
    bodies_max: ByteSize,
    /// How long a body may take; for NDJSON, how long a line may take, and a pause between lines
    #[arg(
        long,
        env = "FANFARE_BODY_TIMEOUT",
        value_name = "TIME",
        default_value = "30s",
        help_heading = "Limits"
    )]
    body_timeout: humantime::Duration,
    /// The most connections; 0 for 90 % of the file limit
    #[arg(
        long,
        env = "FANFARE_CONNECTIONS",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Limits"
    )]
    connections: usize,
    /// The most connections of one address; 0 for no limit
    #[arg(
        long,
        env = "FANFARE_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Limits"
    )]
    connections_per_address: usize,
    /// The most HTTP/2 streams of one connection
    #[arg(
        long,
        env = "FANFARE_HTTP2_STREAMS",
        value_name = "N",
        default_value_t = 250,
        help_heading = "Limits"
    )]
    http2_streams: u32,
    /// How much the kernel buffers for a connection (SO_SNDBUF)
    #[arg(
        long,
        env = "FANFARE_SEND_BUFFER",
        value_name = "SIZE",
        default_value = "64KiB",
        help_heading = "Limits"
    )]
    send_buffer: ByteSize,
    /// How much of that may be unsent (TCP_NOTSENT_LOWAT)
    #[arg(
        long,
        env = "FANFARE_UNSENT_MAX",
        value_name = "SIZE",
        default_value = "16KiB",
        help_heading = "Limits"
    )]
    unsent_max: ByteSize,
    /// How long a peer may leave bytes unacknowledged (TCP_USER_TIMEOUT)
    #[arg(
        long,
        env = "FANFARE_PEER_TIMEOUT",
        value_name = "TIME",
        default_value = "60s",
        help_heading = "Limits"
    )]
    peer_timeout: humantime::Duration,

    /// Streams are closed over this time when the server is told to end
    #[arg(
        long,
        env = "FANFARE_DRAIN_WINDOW",
        value_name = "TIME",
        default_value = "10s",
        help_heading = "Ending"
    )]
    drain_window: humantime::Duration,
    /// Answer streams with 200 and a `retry:` instead of an error while draining or overloaded:
    /// browsers give up for ever on an error
    #[arg(long, env = "FANFARE_GENTLE_REFUSALS", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, default_value_t = true, default_missing_value = "true",
          help_heading = "Ending")]
    gentle_refusals: bool,

    #[command(flatten)]
    telemetry: TelemetryFlags,
}

/// A range of times such as `1s..5s`.
#[derive(Clone, Debug)]
struct RetryRange(RangeInclusive<u32>);

impl FromStr for RetryRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a range of times; write it as 1s..5s");
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let milliseconds = |text: &str| {
            let duration = humantime::parse_duration(text.trim()).ok()?;
            u32::try_from(duration.as_millis()).ok().filter(|&ms| ms <= Retry::MAX_MS)
        };
        let (from, to) =
            (milliseconds(from).ok_or_else(wrong)?, milliseconds(to).ok_or_else(wrong)?);
        if from > to {
            return Err(format!("`{text}` ends before it begins; write the shorter time first"));
        }
        Ok(Self(from..=to))
    }
}

impl ServeFlags {
    pub(super) fn into_config(self) -> Result<Config, ConfigError> {
        self.check()?;
        let foreign = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let (Some(&address), false) = (foreign, self.open) {
            return Err(ConfigError::NotLoopback { address });
        }
        Ok(Config {
            hosts: self.served_hosts(),
            origins: OriginPolicy {
                listed: self.cors_origins.clone(),
                loopback: true,
                // A host that is listed cannot be made to resolve to us by somebody else.
                same_host: foreign.is_some() || !self.hosts.is_empty(),
            },
            delivery: self.delivery(),
            log: MemoryLogSettings {
                events_max: self.log_events,
                bytes_max: bytes(self.log_bytes),
                age_max: *self.log_age,
            },
            event_limits: EventLimits {
                data_bytes_max: bytes(self.event_data_max),
                topics_max: self.event_topics_max,
                topic_bytes_max: bytes(self.topic_max),
                reserved: ReservedNames { demonstrations: self.demos },
            },
            http: self.http(),
            connections_max: (self.connections > 0).then_some(self.connections),
            open_to_network: foreign.is_some(),
            demos: self.demos,
            drain_window: *self.drain_window,
            logging: self.telemetry.into_settings()?,
            listen: self.listen,
            admin_listen: self.admin_listen,
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let positive = "must be more than 0";
        let rules = [
            (self.log_events > 0, "--log-events", positive),
            (
                self.shards <= 1_024,
                "--shards",
                "must be at most 1024; 0 means one a core, but for one core",
            ),
            (self.event_topics_max > 0, "--event-topics-max", positive),
            (self.topic_max.as_u64() > 0, "--topic-max", positive),
            (self.head_max.as_u64() >= 1 << 10, "--head-max", "must be at least 1KiB"),
            (self.head_max.as_u64() <= 1 << 20, "--head-max", "must be at most 1MiB"),
            (!self.head_timeout.is_zero(), "--head-timeout", positive),
            (!self.body_timeout.is_zero(), "--body-timeout", positive),
            (self.http2_streams > 0, "--http2-streams", positive),
            (self.send_buffer.as_u64() >= 4 << 10, "--send-buffer", "must be at least 4KiB"),
            (self.unsent_max.as_u64() <= 1 << 30, "--unsent-max", "must be at most 1GiB"),
            (
                self.bodies_max >= self.body_max,
                "--bodies-max",
                "must be at least as large as --body-max",
            ),
            (self.bodies_max.as_u64() <= 1 << 40, "--bodies-max", "must be at most 1TiB"),
            (
                self.body_max >= self.event_data_max,
                "--body-max",
                "must be at least as large as --event-data-max",
            ),
        ];
        for (holds, flag, problem) in rules {
            if !holds {
                return Err(ConfigError::OutOfRange { flag, problem });
            }
        }
        Ok(())
    }

    fn served_hosts(&self) -> ServedHosts {
        ServedHosts {
            any: self.open && self.hosts.is_empty(),
            loopback: self.listen.iter().any(|address| address.ip().is_loopback()),
            named: self.hosts.clone(),
        }
    }

    fn delivery(&self) -> DeliverySettings {
        let defaults = DeliverySettings::default();
        DeliverySettings {
            shards: if self.shards > 0 { self.shards } else { defaults.shards },
            lag: LagLimit { events_max: self.lag_events, bytes_max: self.lag_bytes.as_u64() },
            policies: Policies::new(self.policies.iter().cloned()),
            heartbeat: *self.heartbeat,
            age_max: *self.age_max,
            retry_ms: self.retry.0.clone(),
        }
    }

    fn http(&self) -> HttpSettings {
        HttpSettings {
            head_bytes_max: bytes(self.head_max),
            head_timeout: *self.head_timeout,
            body_bytes_max: bytes(self.body_max),
            bodies_bytes_max: bytes(self.bodies_max),
            body_timeout: *self.body_timeout,
            connections_per_address_max: (self.connections_per_address > 0)
                .then_some(self.connections_per_address),
            http2_streams_max: self.http2_streams,
            send_buffer_bytes: bytes(self.send_buffer),
            unsent_bytes_max: u32::try_from(self.unsent_max.as_u64()).unwrap_or(u32::MAX),
            peer_timeout: *self.peer_timeout,
            gentle_refusals: self.gentle_refusals,
            retry_ms: self.retry.0.clone(),
            ..HttpSettings::default()
        }
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

//! The flags of `serve`, their variables and defaults, and what they come to for each part.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{ArgAction, Args};

use super::resolve::{Network, is_loopback};
use super::telemetry_flags::TelemetryFlags;
use super::values::{
    ABOVE_ZERO, Address, FROM_ZERO, KIB, LARGEST, Listed, boolean, count, size, time,
    time_range_ms, time_up_to,
};
use super::{Config, ConfigError};
use crate::delivery::{DeliverySettings, LagLimit, Policies, PolicyRule};
use crate::event::{EventLimits, ReservedNames, Retry};
use crate::http::{HostName, HttpSettings, Origin, OriginPolicy, ServedHosts};
use crate::log::MemoryLogSettings;

/// The kernel keeps these sizes in an `int`.
const KERNEL_SIZE_MAX: u64 = 1 << 30;
/// The kernel keeps `TCP_USER_TIMEOUT` as milliseconds in an `int`.
const PEER_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 86_400);
/// Memory of request bodies is counted in KiB, in 32 bits.
const BODIES_MAX: u64 = 1 << 40;

#[derive(Args, Clone, Debug)]
pub(super) struct ServeFlags {
    /// Address of the public listener: 127.0.0.1:8080, [::1]:8080, a name with all its addresses
    /// as in localhost:8080, or :8080 for all addresses of the machine; may be given several times
    /// (or separated by commas)
    #[arg(
        long,
        env = "FANFARE_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080",
        help_heading = "Listening"
    )]
    listen: Vec<Listed<Address>>,
    /// Address of /metrics, /healthz and /readyz, written as for --listen
    #[arg(
        long,
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090",
        help_heading = "Listening"
    )]
    admin_listen: Address,
    /// Let everybody who reaches the listeners publish and subscribe, also where they are not on
    /// loopback: for a closed network, or a container whose port is published on loopback
    #[arg(long, env = "FANFARE_OPEN", value_name = "BOOL", num_args = 0..=1, action = ArgAction::Set,
          value_parser = boolean,
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
    hosts: Vec<Listed<HostName>>,
    /// Origin whose pages may subscribe and publish, such as https://app.example or
    /// capacitor://localhost, or null; may be given several times (or separated by commas)
    #[arg(
        long = "cors-origin",
        env = "FANFARE_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help_heading = "Listening"
    )]
    cors_origins: Vec<Listed<Origin>>,
    /// Serve the four demonstrations
    #[arg(long, env = "FANFARE_DEMOS", value_name = "BOOL", num_args = 0..=1, action = ArgAction::Set,
          value_parser = boolean,
          default_value_t = true, default_missing_value = "true", help_heading = "Listening")]
    demos: bool,

    /// Threads that deliver; 0 for one a core, but for one core
    #[arg(
        long,
        env = "FANFARE_SHARDS",
        value_name = "N",
        value_parser = count(0..=1_024_usize),
        default_value_t = 0,
        help_heading = "Delivery"
    )]
    shards: usize,
    /// A comment is sent after this much silence; 0s for never
    #[arg(
        long,
        env = "FANFARE_HEARTBEAT",
        value_name = "TIME",
        value_parser = time(FROM_ZERO),
        default_value = "15s",
        help_heading = "Delivery"
    )]
    heartbeat: humantime::Duration,
    /// A stream is closed at this age, plus or minus 20 %; 0s for never
    #[arg(
        long,
        env = "FANFARE_AGE_MAX",
        value_name = "TIME",
        value_parser = time(FROM_ZERO),
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
    policies: Vec<Listed<PolicyRule>>,
    /// A subscriber that is further behind, in events, is too far behind; 0 for no such limit
    #[arg(
        long,
        env = "FANFARE_LAG_EVENTS",
        value_name = "N",
        value_parser = count(0..=u64::MAX),
        default_value_t = 10_000,
        help_heading = "Delivery"
    )]
    lag_events: u64,
    /// A subscriber that is further behind, in bytes, is too far behind; 0 for no such limit
    #[arg(
        long,
        env = "FANFARE_LAG_BYTES",
        value_name = "SIZE",
        value_parser = size(0..=LARGEST, "4MiB"),
        default_value = "4MiB",
        help_heading = "Delivery"
    )]
    lag_bytes: ByteSize,
    /// What slow readers may hold beyond the log, all together: the rest of events that it has
    /// dropped, and pieces joined of several events. When it is more, those furthest behind are
    /// disconnected
    #[arg(
        long,
        env = "FANFARE_OUTPUT_BUFFERS_MAX",
        value_name = "SIZE",
        value_parser = size(1..=LARGEST, "64MiB"),
        default_value = "64MiB",
        help_heading = "Delivery"
    )]
    output_buffers_max: ByteSize,
    /// Clients of closed streams are told to come back after a random time in this range
    #[arg(
        long,
        env = "FANFARE_RETRY",
        value_name = "MIN..MAX",
        value_parser = time_range_ms(Retry::MAX_MS),
        default_value = "1s..5s",
        help_heading = "Delivery"
    )]
    retry: RangeInclusive<u32>,

    /// The most events retained for replay
    #[arg(
        long,
        env = "FANFARE_LOG_EVENTS",
        value_name = "N",
        value_parser = count(1..=usize::MAX),
        default_value_t = 100_000,
        help_heading = "Log"
    )]
    log_events: usize,
    /// The most memory that retained events hold
    #[arg(
        long,
        env = "FANFARE_LOG_BYTES",
        value_name = "SIZE",
        value_parser = size(1..=LARGEST, "256MiB"),
        default_value = "256MiB",
        help_heading = "Log"
    )]
    log_bytes: ByteSize,
    /// How long an event is retained; 0s for no limit but the other two
    #[arg(
        long,
        env = "FANFARE_LOG_AGE",
        value_name = "TIME",
        value_parser = time(FROM_ZERO),
        default_value = "24h",
        help_heading = "Log"
    )]
    log_age: humantime::Duration,

    /// The longest data of an event
    #[arg(
        long,
        env = "FANFARE_EVENT_DATA_MAX",
        value_name = "SIZE",
        value_parser = size(1..=BODIES_MAX, "1MiB"),
        default_value = "1MiB",
        help_heading = "Limits"
    )]
    event_data_max: ByteSize,
    /// The most topics of an event
    #[arg(
        long,
        env = "FANFARE_EVENT_TOPICS_MAX",
        value_name = "N",
        value_parser = count(1..=usize::MAX),
        default_value_t = 1_000,
        help_heading = "Limits"
    )]
    event_topics_max: usize,
    /// The longest topic
    #[arg(
        long,
        env = "FANFARE_TOPIC_MAX",
        value_name = "SIZE",
        value_parser = size(1..=LARGEST, "4096B"),
        default_value = "4096B",
        help_heading = "Limits"
    )]
    topic_max: ByteSize,
    /// The largest head of a request
    #[arg(
        long,
        env = "FANFARE_HEAD_MAX",
        value_name = "SIZE",
        value_parser = size(KIB..=KIB * KIB, "16KiB"),
        default_value = "16KiB",
        help_heading = "Limits"
    )]
    head_max: ByteSize,
    /// How long a head may take, and a connection idle between requests
    #[arg(
        long,
        env = "FANFARE_HEAD_TIMEOUT",
        value_name = "TIME",
        value_parser = time(ABOVE_ZERO),
        default_value = "10s",
        help_heading = "Limits"
    )]
    head_timeout: humantime::Duration,
    /// The largest body of a request, and the longest line of NDJSON
    #[arg(
        long,
        env = "FANFARE_BODY_MAX",
        value_name = "SIZE",
        value_parser = size(1..=BODIES_MAX, "4MiB"),
        default_value = "4MiB",
        help_heading = "Limits"
    )]
    body_max: ByteSize,
    /// The most memory that request bodies may take, all together
    #[arg(
        long,
        env = "FANFARE_BODIES_MAX",
        value_name = "SIZE",
        value_parser = size(1..=BODIES_MAX, "256MiB"),
        default_value = "256MiB",
        help_heading = "Limits"
    )]
    bodies_max: ByteSize,
    /// The most memory that the compiled URI Templates of all subscribers may take; streams that
    /// need more are refused until others end
    #[arg(
        long,
        env = "FANFARE_SELECTORS_MAX",
        value_name = "SIZE",
        value_parser = size(KIB * KIB..=LARGEST, "64MiB"),
        default_value = "64MiB",
        help_heading = "Limits"
    )]
    selectors_max: ByteSize,
    /// How long a body may take; for NDJSON, how long a line may take, and a pause between lines
    #[arg(
        long,
        env = "FANFARE_BODY_TIMEOUT",
        value_name = "TIME",
        value_parser = time(ABOVE_ZERO),
        default_value = "30s",
        help_heading = "Limits"
    )]
    body_timeout: humantime::Duration,
    /// The most connections; 0 for 90 % of the file limit
    #[arg(
        long,
        env = "FANFARE_CONNECTIONS",
        value_name = "N",
        value_parser = count(0..=usize::MAX),
        default_value_t = 0,
        help_heading = "Limits"
    )]
    connections: usize,
    /// The most connections of one address; 0 for no limit
    #[arg(
        long,
        env = "FANFARE_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        value_parser = count(0..=usize::MAX),
        default_value_t = 0,
        help_heading = "Limits"
    )]
    connections_per_address: usize,
    /// The most HTTP/2 streams of one connection
    #[arg(
        long,
        env = "FANFARE_HTTP2_STREAMS",
        value_name = "N",
        value_parser = count(1..=u32::MAX),
        default_value_t = 250,
        help_heading = "Limits"
    )]
    http2_streams: u32,
    /// How much the kernel buffers for a connection (SO_SNDBUF)
    #[arg(
        long,
        env = "FANFARE_SEND_BUFFER",
        value_name = "SIZE",
        value_parser = size(4 * KIB..=KERNEL_SIZE_MAX, "64KiB"),
        default_value = "64KiB",
        help_heading = "Limits"
    )]
    send_buffer: ByteSize,
    /// How much of that may be unsent (TCP_NOTSENT_LOWAT); 0 for the kernel's own setting
    #[arg(
        long,
        env = "FANFARE_UNSENT_MAX",
        value_name = "SIZE",
        value_parser = size(0..=KERNEL_SIZE_MAX, "16KiB"),
        default_value = "16KiB",
        help_heading = "Limits"
    )]
    unsent_max: ByteSize,
    /// How long a peer may leave bytes unacknowledged (TCP_USER_TIMEOUT); 0s for the kernel's own
    /// setting
    #[arg(
        long,
        env = "FANFARE_PEER_TIMEOUT",
        value_name = "TIME",
        value_parser = time(time_up_to(PEER_TIMEOUT_MAX)),
        default_value = "60s",
        help_heading = "Limits"
    )]
    peer_timeout: humantime::Duration,

    /// Streams are closed over this time when the server is told to end; 0s for all at once
    #[arg(
        long,
        env = "FANFARE_DRAIN_WINDOW",
        value_name = "TIME",
        value_parser = time(FROM_ZERO),
        default_value = "10s",
        help_heading = "Ending"
    )]
    drain_window: humantime::Duration,
    /// Answer streams with 200 and a `retry:` instead of an error while draining or overloaded:
    /// browsers give up for ever on an error
    #[arg(long, env = "FANFARE_GENTLE_REFUSALS", value_name = "BOOL", num_args = 0..=1,
          value_parser = boolean,
          action = ArgAction::Set, default_value_t = true, default_missing_value = "true",
          help_heading = "Ending")]
    gentle_refusals: bool,

    #[command(flatten)]
    telemetry: TelemetryFlags,
}

impl ServeFlags {
    pub(super) fn into_config(self, network: &Network) -> Result<Config, ConfigError> {
        self.check()?;
        let listen = network.listeners("--listen", &Listed::all(&self.listen))?;
        let foreign = listen.iter().find(|(_, address)| !is_loopback(*address));
        if let (Some((given, address)), false) = (foreign, self.open) {
            return Err(ConfigError::NotLoopback { given: given.clone(), address: *address });
        }
        let admin_listen =
            network.listeners("--admin-listen", std::slice::from_ref(&self.admin_listen))?;
        Ok(Config {
            hosts: self.served_hosts(&listen),
            origins: OriginPolicy {
                listed: Listed::all(&self.cors_origins),
                loopback: true,
                // A host that is listed cannot be made to resolve to us by somebody else.
                same_host: foreign.is_some() || !Listed::all(&self.hosts).is_empty(),
            },
            delivery: self.delivery(),
            log: MemoryLogSettings {
                events_max: self.log_events,
                bytes_max: bytes(self.log_bytes),
                age_max: if self.log_age.is_zero() { Duration::MAX } else { *self.log_age },
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
            listen: listen.into_iter().map(|(_, address)| address).collect(),
            admin_listen: admin_listen.into_iter().map(|(_, address)| address).collect(),
        })
    }

    /// What depends on more than one flag; the bounds of each are with the flag.
    fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            (
                self.bodies_max >= self.body_max,
                "--bodies-max",
                "must be at least as large as --body-max",
            ),
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

    fn served_hosts(&self, listen: &[(String, SocketAddr)]) -> ServedHosts {
        let hosts = Listed::all(&self.hosts);
        ServedHosts {
            any: self.open && hosts.is_empty(),
            loopback: listen.iter().any(|(_, address)| is_loopback(*address)),
            named: hosts,
        }
    }

    fn delivery(&self) -> DeliverySettings {
        let defaults = DeliverySettings::default();
        DeliverySettings {
            shards: if self.shards > 0 { self.shards } else { defaults.shards },
            lag: LagLimit {
                events_max: limit_or_none(self.lag_events),
                bytes_max: limit_or_none(self.lag_bytes.as_u64()),
            },
            policies: Policies::new(Listed::all(&self.policies)),
            heartbeat: *self.heartbeat,
            age_max: *self.age_max,
            retry_ms: self.retry.clone(),
            output_buffers_max: bytes(self.output_buffers_max),
        }
    }

    fn http(&self) -> HttpSettings {
        HttpSettings {
            head_bytes_max: bytes(self.head_max),
            head_timeout: *self.head_timeout,
            body_bytes_max: bytes(self.body_max),
            bodies_bytes_max: bytes(self.bodies_max),
            selectors_bytes_max: bytes(self.selectors_max),
            body_timeout: *self.body_timeout,
            connections_per_address_max: (self.connections_per_address > 0)
                .then_some(self.connections_per_address),
            http2_streams_max: self.http2_streams,
            send_buffer_bytes: bytes(self.send_buffer),
            unsent_bytes_max: u32::try_from(self.unsent_max.as_u64()).unwrap_or(u32::MAX),
            peer_timeout: *self.peer_timeout,
            gentle_refusals: self.gentle_refusals,
            retry_ms: self.retry.clone(),
            ..HttpSettings::default()
        }
    }
}

/// 0 stands for no limit.
fn limit_or_none(limit: u64) -> u64 {
    if limit > 0 { limit } else { u64::MAX }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

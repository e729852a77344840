//! The flags of `serve`, their variables and defaults, and what they come to for each part: a file
//! for each heading of `--help`.

mod admin;
mod backpressure;
mod client_limits;
mod connections;
mod data;
mod delivery;
mod limits;
mod listening;
mod nats;
mod retention;
mod shutdown;
mod subscriptions;
mod telemetry;
mod tickets;
mod tls;
mod tokens;

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::config_file::IssuerTable;
use super::memory_fit::MemoryFit;
use super::resolve::Network;
use super::{Config, ConfigError, FittedMemory, ReadFor};
use crate::delivery::DeliverySettings;
use crate::event::ReservedNames;
use crate::http::{HttpSettings, OriginPolicy};
use crate::logging::LogFormat;
use admin::AdminFlags;
use backpressure::BackpressureFlags;
use client_limits::ClientLimitFlags;
use connections::ConnectionFlags;
use data::DataFlags;
use delivery::DeliveryFlags;
use limits::LimitFlags;
use listening::{Listeners, ListeningFlags};
use nats::NatsFlags;
use retention::RetentionFlags;
use shutdown::ShutdownFlags;
use subscriptions::SubscriptionFlags;
use telemetry::TelemetryFlags;
use tickets::TicketFlags;
use tls::TlsFlags;
use tokens::TokenFlags;

#[derive(Args, Clone, Debug)]
pub(super) struct ServeFlags {
    /// Configuration file: TOML with a key for each flag, its name without the dashes before it
    #[arg(long, env = "FANFARE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    listening: ListeningFlags,
    #[command(flatten)]
    admin: AdminFlags,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    tokens: TokenFlags,
    #[command(flatten)]
    tickets: TicketFlags,
    #[command(flatten)]
    subscriptions: SubscriptionFlags,
    #[command(flatten)]
    delivery: DeliveryFlags,
    #[command(flatten)]
    backpressure: BackpressureFlags,
    #[command(flatten)]
    retention: RetentionFlags,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    nats: NatsFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    connections: ConnectionFlags,
    #[command(flatten)]
    client_limits: ClientLimitFlags,
    #[command(flatten)]
    shutdown: ShutdownFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

impl ServeFlags {
    /// The same with limits of memory that fit, where nobody has set them.
    pub(super) fn fitted(mut self, fit: &MemoryFit) -> Self {
        let limits = [
            ("retain-bytes", &mut self.retention.retain_bytes),
            ("retain-memory", &mut self.data.retain_memory),
            ("kept-bytes-max", &mut self.retention.kept_bytes_max),
            ("bodies-max", &mut self.limits.bodies_max),
            ("output-buffers-max", &mut self.backpressure.output_buffers_max),
            ("selectors-max", &mut self.limits.selectors_max),
            ("subscriptions-max", &mut self.subscriptions.subscriptions_max),
            ("grants-max", &mut self.limits.grants_max),
            ("partial-replays-max", &mut self.limits.partial_replays_max),
        ];
        limits.into_iter().for_each(|(key, size)| fit.apply(key, size));
        self
    }

    pub(super) fn log_format(&self) -> LogFormat {
        self.telemetry.log_format
    }

    /// `issuers` are those of the configuration file.
    pub(super) fn into_config(
        self,
        network: &Network,
        issuers: &[IssuerTable],
        purpose: ReadFor,
    ) -> Result<Config, ConfigError> {
        self.limits.check()?;
        // Once: a file may be a pipe, which is empty when it is read again.
        let authority = self.tokens.authority(issuers)?;
        let public_urls = self.tokens.public_urls();
        let Listeners { public, unix, inherited, admin, open_to_network, is_local, hosts, origins } =
            self.listening.resolve(network, &authority, self.tokens.hosts())?;
        let is_https = self.tls.is_given();
        let certificates = match purpose {
            ReadFor::Start => self.tls.certificates()?,
            ReadFor::Reload => None,
        };
        let demos = self.listening.demos;
        let retained = self.retention.settings();
        let event_limits = self.limits.of_events(ReservedNames { demonstrations: demos });
        let nats = self.nats.settings(retained, event_limits.data_bytes_max)?;
        self.data.check_beside(nats.is_some())?;
        let kept = self.retention.kept(nats.is_some())?;
        if nats.is_some() && demos {
            return Err(ConfigError::DemosOfMany);
        }
        let explains = self.tokens.explains(is_local);
        Ok(Config {
            listen: public,
            listen_unix: unix,
            inherited,
            admin_listen: admin,
            admin_tokens: self.admin.tokens()?,
            hosts,
            origins: OriginPolicy { is_https, ..origins },
            certificates,
            open_to_network,
            demos,
            authority,
            token_places: self.tokens.places(),
            ticket_keys: self.tickets.keys()?,
            tickets_max: self.tickets.max(),
            partial_replay_bytes_max: bytes(self.limits.partial_replays_max),
            public_urls,
            subscriptions_bytes_max: self.subscriptions.bytes_max(),
            delivery: self.delivery(),
            log: retained,
            kept,
            data: self.data.folder()?,
            nats,
            event_limits,
            http: HttpSettings { explain_tokens: explains, ..self.http() },
            connections_max: (self.connections.connections > 0)
                .then_some(self.connections.connections),
            drain_window: *self.shutdown.drain_window,
            logging: self.telemetry.into_settings()?,
            memory: FittedMemory::default(),
            owns_process: true,
        })
    }

    fn delivery(&self) -> DeliverySettings {
        let (delivery, backpressure) = (&self.delivery, &self.backpressure);
        let of_machine = DeliverySettings::default().shards;
        DeliverySettings {
            shards: if delivery.shards > 0 { delivery.shards } else { of_machine },
            lag: backpressure.lag(),
            policies: backpressure.policies(),
            heartbeat: *delivery.heartbeat,
            age_max: *delivery.age_max,
            retry_ms: delivery.retry.clone(),
            output_buffers_max: bytes(backpressure.output_buffers_max),
        }
    }

    fn http(&self) -> HttpSettings {
        let (limits, connections) = (&self.limits, &self.connections);
        let per_address = (connections.connections_per_address > 0)
            .then_some(connections.connections_per_address);
        HttpSettings {
            headers_bytes_max: bytes(limits.headers_max),
            headers_timeout: *limits.headers_timeout,
            body_bytes_max: bytes(limits.body_max),
            bodies_bytes_max: bytes(limits.bodies_max),
            selectors_bytes_max: bytes(limits.selectors_max),
            grants_bytes_max: bytes(limits.grants_max),
            body_timeout: *limits.body_timeout,
            connections_per_address_max: per_address,
            client_limits: self.client_limits.settings(per_address),
            http2_streams_max: connections.http2_streams,
            send_buffer_bytes: bytes(connections.send_buffer),
            unsent_bytes_max: u32::try_from(connections.unsent_max.as_u64()).unwrap_or(u32::MAX),
            peer_timeout: *connections.peer_timeout,
            retry_on_reject: self.shutdown.retry_on_reject,
            retry_ms: self.delivery.retry.clone(),
            ..HttpSettings::default()
        }
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

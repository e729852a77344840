//! The flags of `serve`, their variables and defaults, and what they come to for each part: a file
//! for each heading of `--help`.

mod backpressure;
mod connections;
mod delivery;
mod limits;
mod listening;
mod retention;
mod shutdown;
mod telemetry;
mod tls;
mod tokens;

use bytesize::ByteSize;
use clap::Args;

use super::resolve::Network;
use super::{Config, ConfigError};
use crate::delivery::DeliverySettings;
use crate::event::ReservedNames;
use crate::http::{HttpSettings, OriginPolicy};
use backpressure::BackpressureFlags;
use connections::ConnectionFlags;
use delivery::DeliveryFlags;
use limits::LimitFlags;
use listening::{Listeners, ListeningFlags};
use retention::RetentionFlags;
use shutdown::ShutdownFlags;
use telemetry::TelemetryFlags;
use tls::TlsFlags;
use tokens::TokenFlags;

#[derive(Args, Clone, Debug)]
pub(super) struct ServeFlags {
    #[command(flatten)]
    listening: ListeningFlags,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    tokens: TokenFlags,
    #[command(flatten)]
    delivery: DeliveryFlags,
    #[command(flatten)]
    backpressure: BackpressureFlags,
    #[command(flatten)]
    retention: RetentionFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    connections: ConnectionFlags,
    #[command(flatten)]
    shutdown: ShutdownFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

impl ServeFlags {
    pub(super) fn into_config(self, network: &Network) -> Result<Config, ConfigError> {
        self.limits.check()?;
        // Once: a file may be a pipe, which is empty when it is read again.
        let authority = self.tokens.authority()?;
        let public_urls = self.tokens.public_urls();
        let Listeners { public, unix, inherited, admin, open_to_network, is_local, hosts, origins } =
            self.listening.resolve(network, &authority, self.tokens.hosts())?;
        let certificates = self.tls.certificates()?;
        let demos = self.listening.demos;
        let explains = self.tokens.explains(is_local);
        Ok(Config {
            listen: public,
            listen_unix: unix,
            inherited,
            admin_listen: admin,
            hosts,
            origins: OriginPolicy { is_https: certificates.is_some(), ..origins },
            certificates,
            open_to_network,
            demos,
            authority,
            token_places: self.tokens.places(),
            public_urls,
            delivery: self.delivery(),
            log: self.retention.settings(),
            event_limits: self.limits.of_events(ReservedNames { demonstrations: demos }),
            http: HttpSettings { explain_tokens: explains, ..self.http() },
            connections_max: (self.connections.connections > 0)
                .then_some(self.connections.connections),
            drain_window: *self.shutdown.drain_window,
            logging: self.telemetry.into_settings()?,
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
        HttpSettings {
            headers_bytes_max: bytes(limits.headers_max),
            headers_timeout: *limits.headers_timeout,
            body_bytes_max: bytes(limits.body_max),
            bodies_bytes_max: bytes(limits.bodies_max),
            selectors_bytes_max: bytes(limits.selectors_max),
            body_timeout: *limits.body_timeout,
            connections_per_address_max: (connections.connections_per_address > 0)
                .then_some(connections.connections_per_address),
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

//! How this server connects to the brokers: how soon it leaves one that is silent, what it shows of itself,
//! and what it hears on the connection beside answers.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{
    ConnectError, ConnectErrorKind, ConnectOptions, Event, ReconnectToServer, ServerAddr,
};

use super::permissions::Denials;
use super::settings::{BrokerAccess, NatsLogSettings, OpenNatsError};

/// How long connecting may take at the start.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// A broker that answers neither of two such pings is left for another one, far sooner than an append
/// is given up.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Behind a connection that is gone, at most this passes until the next is tried.
const RECONNECT_WAIT_MAX: Duration = Duration::from_millis(500);

/// Where the next connection goes, if that is decided; otherwise the library draws lots.
#[derive(Clone, Debug, Default)]
pub(super) struct NextBroker(Arc<Mutex<Option<ServerAddr>>>);

impl NextBroker {
    pub(super) fn set(&self, address: ServerAddr) {
        *self.lock() = Some(address);
    }

    /// Once: if it cannot be reached any more, any is as good.
    fn take(&self) -> Option<ReconnectToServer> {
        let addr = self.lock().take()?;
        Some(ReconnectToServer { addr, delay: Some(Duration::ZERO) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<ServerAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How to connect; what is denied on the connection is noted, and what else is heard is told.
pub(super) async fn connecting(
    settings: &NatsLogSettings,
    (denials, tell): (&Denials, fn(&Event)),
    next: &NextBroker,
    request_wait_max: Duration,
) -> Result<ConnectOptions, OpenNatsError> {
    let (noted, next) = (denials.clone(), next.clone());
    let options = ConnectOptions::new()
        .name("fanfare")
        .request_timeout(Some(request_wait_max))
        .connection_timeout(CONNECT_WAIT_MAX)
        .ping_interval(PING_INTERVAL)
        .event_callback(move |event| {
            noted.note(&event);
            tell(&event);
            ready(())
        })
        .reconnect_to_server_callback(move |_, _| ready(next.take()))
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Duration::from_millis(20).saturating_mul(attempts).min(RECONNECT_WAIT_MAX)
        });
    with_access(options, &settings.access).await
}

async fn with_access(
    mut options: ConnectOptions,
    access: &BrokerAccess,
) -> Result<ConnectOptions, OpenNatsError> {
    if let Some(file) = &access.ca {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &access.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    if let Some((user, password)) = &access.user {
        options = options.user_and_password(user.clone(), password.0.clone());
    }
    if let Some(token) = &access.token {
        options = options.token(token.0.clone());
    }
    let Some(file) = &access.credentials else { return Ok(options) };
    options.credentials_file(file).await.map_err(|error| {
        let (path, reason) = (file.display().to_string(), error.to_string());
        OpenNatsError::Credentials { path, reason }
    })
}

/// Whether trying again will not help.
pub(super) fn is_refusal_to_connect(error: &ConnectError) -> bool {
    REFUSED.contains(&error.kind())
}

const REFUSED: [ConnectErrorKind; 3] = [
    ConnectErrorKind::Authentication,
    ConnectErrorKind::AuthorizationViolation,
    ConnectErrorKind::Tls,
];

/// Says what a server should know of its connection.
pub(super) fn tell(event: &Event) {
    match event {
        Event::ServerError(_) | Event::SlowConsumer(_) | Event::LameDuckMode => {
            tracing::warn!(%event, "the brokers say that something is wrong");
        }
        Event::Connected | Event::Disconnected => {
            tracing::info!(%event, "connection to the brokers");
        }
        _ => tracing::debug!(%event, "connection to the brokers"),
    }
}

/// For connections that are only tried.
pub(super) fn tell_nothing_of_a_probe(_: &Event) {}

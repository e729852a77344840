//! The brokers: connecting, the stream as they tell it, and what is written to it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State as ConnectionState;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, ContextBuilder, GetStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rand::random;

use super::entry::Attempt;
use super::headers::{EPOCH_HEADER, attempt_of};
use super::identity::{KnownMessage, SeenStream};
use super::puller::Session;
use super::settings::{BrokerAccess, NatsLogSettings, OpenNatsError};
use super::stream::{Confirmation, LookError, ReadingError, SharedStream, StreamState};
use super::stream_config::{StreamEpoch, check, new_config};
use crate::event::{Epoch, Sequence};

/// How long one request may take; elections take longer, and requests are made again.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long connecting may take at the start.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// A broker that answers neither of two such pings is left for another one, far sooner than an append
/// is given up.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Behind a connection that is gone, at most this passes until the next is tried.
const RECONNECT_WAIT_MAX: Duration = Duration::from_millis(500);
/// What the broker counts of a message beside its body.
const HEADERS_BYTES: usize = 512;
/// What stands in a message beside the data, at most, in nearly all of them.
const ENVELOPE_BYTES: usize = 64 << 10;

/// A connection to the brokers, and the stream there.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    client: Client,
    context: Context,
    stream: String,
    subject: String,
}

impl Broker {
    pub(super) async fn connect(settings: &NatsLogSettings) -> Result<Self, OpenNatsError> {
        let servers = settings.servers.join(",");
        let mut options = ConnectOptions::new()
            .name("fanfare")
            .request_timeout(Some(REQUEST_WAIT_MAX))
            .connection_timeout(CONNECT_WAIT_MAX)
            .ping_interval(PING_INTERVAL)
            .event_callback(tell)
            .reconnect_delay_callback(|attempts| {
                let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
                Duration::from_millis(20).saturating_mul(attempts).min(RECONNECT_WAIT_MAX)
            });
        options = with_access(options, &settings.access).await?;
        let connecting = options.connect(&settings.servers[..]).await;
        let client = connecting.map_err(|error| OpenNatsError::Connect {
            servers: servers.clone(),
            reason: error.to_string(),
            is_refused: REFUSED.contains(&error.kind()),
        })?;
        let context = ContextBuilder::new()
            .timeout(REQUEST_WAIT_MAX)
            .ack_timeout(REQUEST_WAIT_MAX)
            .max_ack_inflight(64 << 10)
            .build(client.clone());
        let (stream, subject) = (settings.stream.clone(), settings.subject());
        Ok(Self { client, context, stream, subject })
    }

    /// Checks the stream, and makes it if it is to.
    pub(super) async fn prepare(&self, settings: &NatsLogSettings) -> Result<(), OpenNatsError> {
        let needs = settings.data_bytes_max + ENVELOPE_BYTES;
        let has = self.client.max_payload();
        if has < needs && !settings.allow_unsafe {
            return Err(OpenNatsError::Payload { has, needs });
        }
        let stream = settings.stream.clone();
        let info = match self.context.get_stream(&stream).await {
            Ok(found) => found.cached_info().clone(),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if is_not_found(&error) => {
                    self.create(settings).await?
                }
                _ => {
                    let (servers, reason) = (settings.servers.join(","), error.to_string());
                    return Err(OpenNatsError::NoAnswer { servers, reason });
                }
            },
        };
        check(&info.config, settings).map_err(|problem| OpenNatsError::Stream { stream, problem })
    }

    async fn create(&self, settings: &NatsLogSettings) -> Result<Info, OpenNatsError> {
        let stream = settings.stream.clone();
        if !settings.create {
            return Err(OpenNatsError::NoStream { stream });
        }
        let epoch = Epoch::begun_at(now_ms(), random());
        let created = self.context.create_stream(new_config(settings, epoch)).await;
        // Another node may have been faster.
        let found = self.context.get_stream(&stream).await;
        match (created, found) {
            (_, Ok(found)) => Ok(found.cached_info().clone()),
            (Err(error), _) => Err(OpenNatsError::Create { stream, reason: error.to_string() }),
            (Ok(_), Err(error)) => Err(OpenNatsError::Create { stream, reason: error.to_string() }),
        }
    }

    async fn info(&self) -> Result<Info, LookError> {
        match self.context.get_stream(&self.stream).await {
            Ok(stream) => Ok(stream.cached_info().clone()),
            Err(error) => Err(match error.kind() {
                GetStreamErrorKind::JetStream(error) if is_not_found(&error) => LookError::NoStream,
                _ => LookError::Away(error.to_string()),
            }),
        }
    }

    async fn message_at(&self, sequence: Sequence) -> Result<Option<KnownMessage>, LookError> {
        let away = |error: String| LookError::Away(error);
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| away(error.to_string()))?;
        match stream.get_raw_message(sequence.0).await {
            Ok(message) => {
                let ms = message.time.unix_timestamp_nanos() / 1_000_000;
                let stored_ms = u64::try_from(ms).unwrap_or(0);
                Ok(Some(KnownMessage { stored_ms, attempt: attempt_of(&message.headers) }))
            }
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                _ => Err(away(error.to_string())),
            },
        }
    }
}

impl SharedStream for Broker {
    type Reading = Session;
    type Confirming = BoxFuture<'static, Confirmation>;

    fn name(&self) -> &str {
        &self.stream
    }

    fn body_bytes_max(&self) -> usize {
        self.client.max_payload().saturating_sub(HEADERS_BYTES)
    }

    fn is_connected(&self) -> bool {
        self.client.connection_state() == ConnectionState::Connected
    }

    fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    async fn look(&self) -> Result<StreamState, LookError> {
        let info = self.info().await?;
        let recorded = StreamEpoch::of(&info.config).ok_or(LookError::NotOurs)?;
        let (state, created) = (&info.state, info.created);
        let time = match (state.first_sequence, state.messages) {
            (0 | 1, _) => created,
            (_, 0) => state.last_timestamp,
            _ => state.first_timestamp,
        };
        let first_ms = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let first = Sequence(state.first_sequence.max(1));
        let leader = info.cluster.and_then(|cluster| cluster.leader);
        let last = Sequence(state.last_sequence);
        Ok(StreamState { recorded, first, last, first_ms, leader })
    }

    async fn look_at(&self, head: Sequence) -> Result<SeenStream, LookError> {
        let StreamState { recorded, first, last, .. } = self.look().await?;
        let is_there = head >= first && head <= last;
        let at_head = if is_there { self.message_at(head).await? } else { None };
        Ok(SeenStream { recorded, first, last, at_head })
    }

    async fn read_from(&self, first: Sequence) -> Result<Session, ReadingError> {
        Session::open(self.client.clone(), self.context.clone(), &self.stream, first).await
    }

    async fn send(&self, attempt: Attempt, body: Bytes) -> Option<Self::Confirming> {
        let message = PublishMessage::build()
            .payload(body)
            .message_id(attempt.to_string())
            .expected_stream(&self.stream);
        let sent = self.context.send_publish(self.subject.clone(), message).await.ok()?;
        Some(Box::pin(async move { confirmation_of(sent.await.map(drop)) }))
    }

    async fn begin_epoch(&self, last: Sequence) -> Result<(), LookError> {
        let epoch = Epoch::begun_at(now_ms(), random());
        let message = PublishMessage::build()
            .message_id(Attempt::random().to_string())
            .expected_stream(&self.stream)
            .expected_last_sequence(last.0)
            .header(EPOCH_HEADER, epoch.to_bits().to_string());
        let away = |error: PublishError| match error.kind() {
            PublishErrorKind::WrongLastSequence => None,
            _ => Some(LookError::Away(error.to_string())),
        };
        let sent = self.context.send_publish(self.subject.clone(), message).await;
        let result = match sent {
            Ok(confirmed) => confirmed.await.map(drop),
            Err(error) => Err(error),
        };
        result.or_else(|error| away(error).map_or(Ok(()), Err))
    }

    async fn record(&self, begun: StreamEpoch) -> Result<(), LookError> {
        let mut config = self.info().await?.config;
        begun.write(&mut config);
        let updated = self.context.update_stream(config).await;
        updated.map(drop).map_err(|error| LookError::Away(error.to_string()))
    }
}

fn confirmation_of(result: Result<(), PublishError>) -> Confirmation {
    match result {
        Ok(()) => Confirmation::Stored,
        Err(error) if is_refusal(&error) => Confirmation::Refused,
        Err(_) => Confirmation::Unclear,
    }
}

/// Whether the brokers have said that they did not take it.
fn is_refusal(error: &PublishError) -> bool {
    match error.kind() {
        // Nobody listens: there is no leader at the moment.
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxPayloadExceeded => true,
        PublishErrorKind::Other => {
            let source = std::error::Error::source(error);
            let error =
                source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
            error.is_some_and(|error| REFUSALS.contains(&error.error_code()))
        }
        _ => false,
    }
}

const REFUSALS: [ErrorCode; 5] = [
    ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
    ErrorCode::STREAM_NOT_MATCH,
];

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

/// Trying again will not help.
const REFUSED: [ConnectErrorKind; 3] = [
    ConnectErrorKind::Authentication,
    ConnectErrorKind::AuthorizationViolation,
    ConnectErrorKind::Tls,
];

/// Connections come and go; what follows from that is said where it is found.
async fn tell(event: Event) {
    match event {
        Event::ServerError(_) | Event::SlowConsumer(_) | Event::LameDuckMode => {
            tracing::warn!(%event, "the brokers say that something is wrong");
        }
        _ => tracing::debug!(%event, "connection to the brokers"),
    }
}

fn is_not_found(error: &async_nats::jetstream::Error) -> bool {
    error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND
}

fn now_ms() -> u64 {
    crate::clock::Clock::system().unix_ms()
}

//! The brokers: connecting, the stream as they tell it, and what is written to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State as ConnectionState;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, ContextBuilder, GetStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{ClusterInfo, Info, RawMessageErrorKind};
use async_nats::{Client, Event, ServerAddr, ToServerAddrs};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, join};
use futures_util::stream::FuturesUnordered;
use rand::random;
use tokio::time::timeout;

use super::connecting::{
    NextBroker, connecting, is_refusal_to_connect, tell, tell_nothing_of_a_probe,
};
use super::entry::Attempt;
use super::headers::{EPOCH_HEADER, attempt_of};
use super::identity::{KnownMessage, SeenStream};
use super::permissions::{self, Denial, Denials};
use super::puller::Session;
use super::settings::{NatsLogSettings, OpenNatsError};
use super::stream::{Confirmation, LookError, ReadingError, SharedStream, StreamState};
use super::stream_config::{StreamEpoch, check, new_config};
use crate::event::{Epoch, Sequence};

/// How long one request may take; elections take longer, and requests are made again.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long a probe of another broker may take, from connecting to an answer about the stream. The answer counts
/// when the leader heard of a majority within the same time.
const PROBE_MAX: Duration = Duration::from_secs(2);
/// Without a majority for so long a broker has no say in what the stream is: leaders hear of the others each second.
const MAJORITY_AGO_MAX: Duration = Duration::from_secs(10);
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
    denials: Denials,
    settings: Arc<NatsLogSettings>,
    next: NextBroker,
}

impl Broker {
    pub(super) async fn connect(settings: &NatsLogSettings) -> Result<Self, OpenNatsError> {
        let servers = settings.servers.clone();
        Self::connect_to(Arc::new(settings.clone()), &servers[..], tell).await
    }

    async fn connect_to(
        settings: Arc<NatsLogSettings>,
        servers: impl ToServerAddrs,
        tell: fn(&Event),
    ) -> Result<Self, OpenNatsError> {
        let (denials, next) = (Denials::default(), NextBroker::default());
        let options = connecting(&settings, (&denials, tell), &next, REQUEST_WAIT_MAX).await?;
        let connected = options.connect(servers).await;
        let client = connected.map_err(|error| OpenNatsError::Connect {
            servers: settings.servers.join(","),
            reason: error.to_string(),
            is_refused: is_refusal_to_connect(&error),
        })?;
        let context = ContextBuilder::new()
            .timeout(REQUEST_WAIT_MAX)
            .ack_timeout(REQUEST_WAIT_MAX)
            .max_ack_inflight(64 << 10)
            .build(client.clone());
        let (stream, subject) = (settings.stream.clone(), settings.subject());
        Ok(Self { client, context, stream, subject, denials, settings, next })
    }

    /// Ends with the first thing that the brokers do not let this server do, if there is one.
    pub(super) async fn denied(&self) -> Denial {
        self.denials.first().await
    }

    /// Fails when the brokers do not answer; what they deny [`denied`](Self::denied) tells.
    pub(super) async fn try_permissions(
        &self,
        settings: &NatsLogSettings,
    ) -> Result<(), OpenNatsError> {
        let tried = permissions::try_all(&self.client, &self.stream, &self.subject).await;
        tried.map_err(|error| {
            let (servers, reason) = (settings.servers.join(","), error.to_string());
            OpenNatsError::NoAnswer { servers, reason }
        })
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

    /// The first of the other brokers by which the stream's leader can be asked, and which has a majority.
    async fn broker_with_majority(&self) -> Option<ServerAddr> {
        let pool = self.client.server_pool().await.ok()?;
        let own = self.client.server_info().server_id;
        let probes =
            pool.into_iter().map(|server| timeout(PROBE_MAX, self.probe(server.addr, &own)));
        let mut probes: FuturesUnordered<_> = probes.collect();
        while let Some(probed) = probes.next().await {
            if let Ok(Some(better)) = probed {
                return Some(better);
            }
        }
        None
    }

    /// Whether a broker, by a connection of its own, is another one than this and has a majority.
    async fn probe(&self, address: ServerAddr, own: &str) -> Option<ServerAddr> {
        let other =
            Self::connect_to(self.settings.clone(), address.clone(), tell_nothing_of_a_probe)
                .await
                .ok()?;
        // One broker may have several addresses.
        if other.client.server_info().server_id == own {
            return None;
        }
        let seen = other.look().await.ok()?;
        (seen.majority_ago < PROBE_MAX).then_some(address)
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

    async fn fail_over(&self) -> bool {
        let before = self.connections();
        let (here, better) = join(self.look(), self.broker_with_majority()).await;
        // In an election a look is lost, and the next one is not.
        if here.is_ok_and(|here| here.majority_ago < PROBE_MAX) {
            return false;
        }
        let Some(better) = better else { return false };
        // A connection that was lost meanwhile has been made anew, or soon is.
        if !self.is_connected() || self.connections() != before {
            return false;
        }
        self.next.set(better);
        self.client.force_reconnect().await.is_ok()
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
        let last = Sequence(state.last_sequence);
        let majority_ago = info.cluster.as_ref().map(majority_ago).unwrap_or_default();
        let leader = info.cluster.and_then(|cluster| cluster.leader);
        Ok(StreamState { recorded, first, last, first_ms, leader, majority_ago })
    }

    async fn look_at(&self, head: Sequence) -> Result<SeenStream, LookError> {
        let StreamState { recorded, first, last, majority_ago, .. } = self.look().await?;
        // What one has that is cut off is nothing to judge by.
        if majority_ago > MAJORITY_AGO_MAX {
            return Err(LookError::Away("no majority of them is heard of".to_owned()));
        }
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

/// How long ago a leader last heard of as many as it needs to confirm anything; never where a member answers
/// that knows of no leader.
fn majority_ago(cluster: &ClusterInfo) -> Duration {
    if cluster.leader.is_none() {
        return Duration::MAX;
    }
    // Nothing stands for one that was not heard of since the leader was elected.
    let heard = |ago: Duration| if ago.is_zero() { Duration::MAX } else { ago };
    let mut others: Vec<_> = cluster.replicas.iter().map(|peer| heard(peer.active)).collect();
    others.sort_unstable();
    // With itself they are more than half.
    let needed = others.len().div_ceil(2);
    needed.checked_sub(1).map(|last| others[last]).unwrap_or_default()
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

fn is_not_found(error: &async_nats::jetstream::Error) -> bool {
    error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND
}

fn now_ms() -> u64 {
    crate::clock::Clock::system().unix_ms()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_leader_has_a_majority_for_as_long_as_it_hears_of_half_of_the_others() {
        const NEVER: u64 = u64::MAX;
        // Of the others: how many seconds ago the leader heard of them.
        let cases: [(Option<&str>, &[u64], u64); 11] = [
            (Some("n0"), &[], 0),
            (Some("n0"), &[7], 7),
            (Some("n0"), &[1, 9], 1),
            (Some("n0"), &[9, 8], 8),
            (Some("n0"), &[9, 1, 8], 8),
            (Some("n0"), &[1, 9, 9, 2], 2),
            (Some("n0"), &[1, 9, 8, 9], 8),
            // Nobody of the others was heard of since it was elected, or only one.
            (Some("n0"), &[0, 0], NEVER),
            (Some("n0"), &[0, 3], 3),
            // A member that is cut off answers as well, when it has noticed.
            (None, &[0, 0], NEVER),
            (None, &[1, 1], NEVER),
        ];
        for (leader, others, expected) in cases {
            let nanoseconds = |seconds: &u64| seconds * 1_000_000_000;
            let peer =
                |ago| json!({ "name": "other", "current": true, "active": nanoseconds(ago) });
            let peers: Vec<_> = others.iter().map(peer).collect();
            let cluster = json!({ "name": "c", "leader": leader, "replicas": peers });
            let cluster = serde_json::from_value(cluster).unwrap();
            let expected =
                if expected == NEVER { Duration::MAX } else { Duration::from_secs(expected) };
            assert_eq!(majority_ago(&cluster), expected, "{leader:?} {others:?}");
        }
    }
}

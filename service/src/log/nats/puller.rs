//! Reading the stream: messages are pulled, some at a time, from a consumer that is this node's alone.
//!
//! The loop is our own, because those of the client library wait for as long as a request may last
//! where a heartbeat is missed, and this one has to notice within two seconds. The consumer is kept in
//! the memory of one broker: when it goes, another one is made, which begins where this node is.

use std::time::Duration;

use async_nats::jetstream::Message as PulledMessage;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::Context;
use async_nats::{Client, Message, Request, StatusCode, Subscriber};
use futures_util::StreamExt as _;
use futures_util::stream::ReadyChunks;
use tokio::time::timeout;

use super::entry::{RawMessage, StreamEntry};
use super::headers::{attempt_of, bytes_of, epoch_of};
use super::stream::{ReadingError, StreamReading};
use crate::event::Sequence;

/// How many messages are asked for at once, and when the next are.
const ASKED_MAX: u64 = 2_000;
const ASKED_MIN: u64 = 1_000;
/// How many bytes of them a request may bring, at least, so that large ones do not fill the memory: nobody
/// knows how many come before they are there. A request that asks for less than one message takes would
/// never end.
const ASKED_BYTES_MIN: usize = 8 << 20;
/// How many are taken at once, at most, of those that have come.
const CHUNK: usize = 256;
const EXPIRES: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Longer than several heartbeats: who is silent for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// When the broker removes the consumer of a node that has gone.
const CONSUMER_KEPT: Duration = Duration::from_secs(30);

/// A consumer that is read.
pub(super) struct Session {
    client: Client,
    context: Context,
    messages: ReadyChunks<Subscriber>,
    inbox: String,
    next_subject: String,
    /// How many messages may still come without asking.
    asked: u64,
    /// How many the consumer has sent.
    delivered: u64,
    /// How many it has yet to send, as it said last.
    pending: u64,
}

impl Session {
    /// Begins to read with this message.
    pub(super) async fn open(
        client: Client,
        context: Context,
        stream: &str,
        from: Sequence,
    ) -> Result<Self, ReadingError> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.0 },
            ack_policy: AckPolicy::None,
            inactive_threshold: CONSUMER_KEPT,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let failed = |error: String| ReadingError::Consumer(error);
        let made = context.create_consumer_on_stream(config, stream).await;
        let consumer = made.map_err(|error| failed(error.to_string()))?;
        let info = consumer.cached_info();
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(inbox.clone()).await;
        let subscriber = subscriber.map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            client,
            context,
            messages: subscriber.ready_chunks(CHUNK),
            inbox,
            next_subject: format!("CONSUMER.MSG.NEXT.{stream}.{}", info.name),
            asked: 0,
            delivered: 0,
            pending: info.num_pending,
        })
    }

    async fn ask(&mut self) -> Result<(), ReadingError> {
        let request = serde_json::json!({
            "batch": ASKED_MAX,
            "max_bytes": ASKED_BYTES_MIN.max(2 * self.client.max_payload()),
            "expires": EXPIRES.as_nanos() as u64,
            "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        });
        let request = Request::new().payload(request.to_string().into()).inbox(self.inbox.clone());
        let sent = self.context.send_request(self.next_subject.clone(), request).await;
        sent.map_err(|_| ReadingError::Connection)?;
        self.asked += ASKED_MAX;
        Ok(())
    }

    /// A request has ended, and so many messages of it did not come; or all has.
    fn take_status(&mut self, status: StatusCode, message: &Message) -> Result<(), ReadingError> {
        let of = |name: &str| message.headers.as_ref()?.get(name)?.as_str().parse::<u64>().ok();
        let description = message.description.clone().unwrap_or_default();
        let has_ended = status == StatusCode::TIMEOUT || of("Nats-Pending-Messages").is_some();
        let is_over = ["Deleted", "Shutdown", "Leadership"];
        if !has_ended || is_over.iter().any(|word| description.contains(word)) {
            return Err(ReadingError::Gone(format!("{status} {description}")));
        }
        self.asked = self.asked.saturating_sub(of("Nats-Pending-Messages").unwrap_or(ASKED_MAX));
        Ok(())
    }

    fn entry_of(&mut self, message: Message) -> Result<StreamEntry, ReadingError> {
        let message = PulledMessage { message, context: self.context.clone() };
        let unclear = |error: String| ReadingError::Unclear(error);
        let info = message.info().map_err(|error| unclear(error.to_string()))?;
        self.asked = self.asked.saturating_sub(1);
        self.delivered += 1;
        self.pending = info.pending;
        if info.consumer_sequence != self.delivered {
            return Err(ReadingError::Lost);
        }
        let ms = info.published.unix_timestamp_nanos() / 1_000_000;
        let headers = message.headers.as_ref();
        Ok(StreamEntry::read(RawMessage {
            sequence: Sequence(info.stream_sequence),
            stored_ms: u64::try_from(ms).unwrap_or(0),
            attempt: headers.and_then(attempt_of),
            epoch: headers.and_then(epoch_of),
            headers_bytes: headers.map_or(0, bytes_of),
            body: &message.payload,
        }))
    }
}

impl StreamReading for Session {
    async fn next(&mut self) -> Result<Vec<StreamEntry>, ReadingError> {
        if self.asked < ASKED_MIN {
            self.ask().await?;
        }
        let messages = timeout(SILENCE_MAX, self.messages.next()).await;
        let messages =
            messages.map_err(|_| ReadingError::Silence)?.ok_or(ReadingError::Connection)?;
        let mut entries = Vec::with_capacity(messages.len());
        for message in messages {
            match message.status {
                None | Some(StatusCode::OK) => entries.push(self.entry_of(message)?),
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(status) => self.take_status(status, &message)?,
            }
        }
        Ok(entries)
    }

    fn pending(&self) -> u64 {
        self.pending
    }
}

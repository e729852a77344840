//! Publishing to the stream: some events in flight at a time, sent again while nobody takes them, and
//! answered when they have been read back.
//!
//! The events of a request keep their order. All of them are sent at once, and those that were not
//! taken are sent again together, but for one behind which another has been taken: that one is given
//! up.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State as ConnectionState;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::AppendError;
use super::super::record::put_content;
use super::broker::Broker;
use super::entry::Attempt;
use super::state::{AppendResult, State};
use crate::event::EncodedEvent;

/// What may be in flight.
const EVENTS_MAX: usize = 8_192;
const BYTES_MAX: usize = 16 << 20;
/// What the broker adds to a message, with its headers.
const HEADERS_BYTES: usize = 512;
/// How long a refused event waits until it is sent again.
const RETRY: Duration = Duration::from_millis(100);

pub(super) struct Appends {
    broker: Broker,
    state: Arc<State>,
    events: Semaphore,
    bytes: Semaphore,
    timeout: Duration,
}

/// An event that is on its way.
struct Sending {
    attempt: Attempt,
    body: Bytes,
    repeatable: bool,
    answer: oneshot::Receiver<AppendResult>,
    progress: SendProgress,
}

/// What is known of it.
enum SendProgress {
    /// It was never taken.
    Refused,
    /// Nobody knows.
    Unclear,
    /// The brokers have it.
    Stored,
    /// It has been read back, or given up.
    Done(AppendResult),
}

impl Appends {
    pub(super) fn new(broker: Broker, state: Arc<State>, timeout: Duration) -> Self {
        let (events, bytes) = (Semaphore::new(EVENTS_MAX), Semaphore::new(BYTES_MAX));
        Self { broker, state, events, bytes, timeout }
    }

    pub(super) async fn append(&self, events: Vec<EncodedEvent>) -> Vec<AppendResult> {
        let deadline = Instant::now() + self.timeout;
        let Ok(_permits) = timeout_at(deadline, self.turn(&events)).await else {
            return events.iter().map(|_| Err(AppendError::Unavailable)).collect();
        };
        // Only what is in flight is there twice.
        let mut all: Vec<Sending> = events.iter().map(|event| self.prepare(event)).collect();
        drop(events);
        loop {
            self.send(&mut all).await;
            all.iter_mut().for_each(Sending::look);
            give_up_overtaken(&mut all);
            let is_open = |sending: &Sending| {
                matches!(sending.progress, SendProgress::Refused | SendProgress::Unclear)
            };
            if !all.iter().any(is_open) || Instant::now() + RETRY >= deadline {
                break;
            }
            sleep(RETRY).await;
        }
        let mut results = Vec::with_capacity(all.len());
        for mut sending in all {
            sending.wait_until(deadline).await;
            results.push(self.end(sending));
        }
        results
    }

    /// Waits until nothing is in flight any more.
    pub(super) async fn flush(&self) {
        let _ = self.events.acquire_many(EVENTS_MAX as u32).await;
    }

    fn prepare(&self, event: &EncodedEvent) -> Sending {
        let mut body = Vec::new();
        let max = self.broker.client.max_payload().saturating_sub(HEADERS_BYTES);
        let too_large = |bytes| SendProgress::Done(Err(AppendError::TooLarge { bytes, max }));
        let progress = match put_content(&mut body, &event.content()) {
            Err(error) => too_large(error.bytes),
            Ok(()) if body.len() > max => too_large(body.len()),
            Ok(()) => SendProgress::Refused,
        };
        let attempt = Attempt::random();
        let answer = self.state.await_event(attempt);
        Sending { attempt, body: body.into(), repeatable: event.is_repeatable(), answer, progress }
    }

    async fn turn(
        &self,
        events: &[EncodedEvent],
    ) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let count = events.len().min(EVENTS_MAX);
        let bytes: usize = events.iter().map(|event| event.frame_bytes() + HEADERS_BYTES).sum();
        let events = self.events.acquire_many(count as u32).await.ok()?;
        let bytes = self.bytes.acquire_many(bytes.min(BYTES_MAX) as u32).await.ok()?;
        Some((events, bytes))
    }

    /// Sends what is open, in order, and waits until the brokers have said something about each.
    async fn send(&self, all: &mut [Sending]) {
        let is_connected = self.broker.client.connection_state() == ConnectionState::Connected;
        if !is_connected || self.state.is_paused() {
            return;
        }
        let mut confirmations = Vec::new();
        for sending in all.iter_mut() {
            if !matches!(sending.progress, SendProgress::Refused | SendProgress::Unclear) {
                continue;
            }
            let message = PublishMessage::build()
                .payload(sending.body.clone())
                .message_id(sending.attempt.to_string())
                .expected_stream(&self.broker.stream);
            let subject = self.broker.subject.clone();
            match self.broker.context.send_publish(subject, message).await {
                Ok(confirmation) => confirmations.push(async {
                    let confirmed = confirmation.await;
                    sending.confirm(confirmed.map(drop));
                }),
                // Nothing behind it is to come first.
                Err(_) => break,
            }
        }
        join_all(confirmations).await;
    }

    fn end(&self, sending: Sending) -> AppendResult {
        self.state.forget(sending.attempt);
        match sending.progress {
            SendProgress::Done(result) => result,
            SendProgress::Refused => Err(AppendError::Unavailable),
            SendProgress::Unclear | SendProgress::Stored => {
                Err(AppendError::Unknown { repeatable: sending.repeatable })
            }
        }
    }
}

impl Sending {
    fn confirm(&mut self, confirmed: Result<(), PublishError>) {
        match confirmed {
            Ok(()) => self.progress = SendProgress::Stored,
            // One that may have been taken before stays so.
            Err(error) if is_refusal(&error) => {}
            Err(_) => self.progress = SendProgress::Unclear,
        }
    }

    /// Whether it has been read back.
    fn look(&mut self) {
        if let Ok(result) = self.answer.try_recv() {
            self.progress = SendProgress::Done(result);
        }
    }

    async fn wait_until(&mut self, deadline: Instant) {
        if !matches!(self.progress, SendProgress::Stored | SendProgress::Unclear) {
            return;
        }
        if let Ok(Ok(result)) = timeout_at(deadline, &mut self.answer).await {
            self.progress = SendProgress::Done(result);
        }
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

/// One that came now would stand behind an event that was published after it.
fn give_up_overtaken(all: &mut [Sending]) {
    let is_taken = |sending: &Sending| {
        matches!(sending.progress, SendProgress::Stored | SendProgress::Done(Ok(_)))
    };
    let Some(last) = all.iter().rposition(is_taken) else { return };
    for sending in &mut all[..last] {
        let given_up = match sending.progress {
            SendProgress::Refused => AppendError::Unavailable,
            SendProgress::Unclear => AppendError::Unknown { repeatable: sending.repeatable },
            SendProgress::Stored | SendProgress::Done(_) => continue,
        };
        sending.progress = SendProgress::Done(Err(given_up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(progress: SendProgress) -> Sending {
        let (_, answer) = oneshot::channel();
        let (attempt, body) = (Attempt(0), Bytes::new());
        Sending { attempt, body, repeatable: true, answer, progress }
    }

    #[test]
    fn what_was_overtaken_within_its_request_is_given_up_and_what_was_not_goes_on() {
        use SendProgress::{Refused, Stored, Unclear};
        let unknown = AppendError::Unknown { repeatable: true };
        let (given_up, lost) = (Some(AppendError::Unavailable), Some(unknown));
        let cases = [
            (vec![Refused, Unclear], vec![None, None]),
            (vec![Stored, Refused, Unclear], vec![None, None, None]),
            (vec![Refused, Unclear, Stored, Refused], vec![given_up, lost, None, None]),
        ];
        for (progress, expected) in cases {
            let mut all: Vec<Sending> = progress.into_iter().map(sending).collect();
            give_up_overtaken(&mut all);
            let errors = all.into_iter().map(|sending| match sending.progress {
                SendProgress::Done(result) => result.err(),
                _ => None,
            });
            assert_eq!(errors.collect::<Vec<_>>(), expected);
        }
    }
}

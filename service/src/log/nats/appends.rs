//! Publishing to the stream: some events in flight at a time, sent again while nobody takes them, and
//! answered when they have been read back.
//!
//! The events of a request keep their order. All of them are sent at once, and those that were not
//! taken are sent again together, but for one behind which another has been taken: that one is given
//! up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::record::put_content;
use super::super::{AppendError, ClusterStatus};
use super::entry::Attempt;
use super::state::{AppendResult, State};
use super::stream::{Confirmation, SharedStream};
use crate::event::EncodedEvent;
use crate::topic::Topic;

/// What may be in flight.
const EVENTS_MAX: usize = 8_192;
const BYTES_MAX: usize = 16 << 20;
/// What an event counts for beside its bytes.
const HEADERS_BYTES: usize = 512;
/// How long a refused event waits until it is sent again.
const RETRY: Duration = Duration::from_millis(100);

pub(super) struct Appends<S> {
    stream: S,
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

impl<S: SharedStream> Appends<S> {
    pub(super) fn new(stream: S, state: Arc<State>, timeout: Duration) -> Self {
        let (events, bytes) = (Semaphore::new(EVENTS_MAX), Semaphore::new(BYTES_MAX));
        Self { stream, state, events, bytes, timeout }
    }

    pub(super) async fn append(&self, events: Vec<EncodedEvent>) -> Vec<AppendResult> {
        let began = Instant::now();
        let results = self.append_until(began + self.timeout, events).await;
        self.state.counters().appended(began.elapsed());
        results
    }

    async fn append_until(
        &self,
        deadline: Instant,
        events: Vec<EncodedEvent>,
    ) -> Vec<AppendResult> {
        // Whether an id is taken would be said far too late, and with it that the event is there.
        if self.state.is_behind() {
            return events.iter().map(|_| Err(AppendError::Unavailable)).collect();
        }
        let Ok(_permits) = timeout_at(deadline, self.turn(&events)).await else {
            return events.iter().map(|_| Err(AppendError::Unavailable)).collect();
        };
        // Only what is in flight is there twice.
        let ended = self.ended_topics(&events);
        let mut all: Vec<Sending> = events.iter().map(|event| self.prepare(event)).collect();
        for (sending, topic) in all.iter_mut().zip(ended) {
            sending.refuse(topic);
        }
        drop(events);
        let mut is_again = false;
        loop {
            let sent = self.send(&mut all, deadline).await;
            if std::mem::replace(&mut is_again, true) {
                self.state.counters().sends_again(sent);
            }
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

    /// What is known here of what is in flight.
    pub(super) fn status(&self) -> ClusterStatus {
        ClusterStatus {
            in_flight_events: EVENTS_MAX - self.events.available_permits(),
            in_flight_events_limit: EVENTS_MAX,
            in_flight_bytes: BYTES_MAX - self.bytes.available_permits(),
            in_flight_bytes_limit: BYTES_MAX,
            ..self.state.status()
        }
    }

    /// Waits until nothing is in flight any more.
    pub(super) async fn flush(&self) {
        let _ = self.events.acquire_many(EVENTS_MAX as u32).await;
    }

    /// Of each event the topic that has ended, if one has.
    fn ended_topics(&self, events: &[EncodedEvent]) -> Vec<Option<Topic>> {
        let shared = self.state.lock();
        events.iter().map(|event| shared.replica.first_ended(event).cloned()).collect()
    }

    fn prepare(&self, event: &EncodedEvent) -> Sending {
        let mut body = Vec::new();
        let max = self.stream.body_bytes_max();
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

    /// Sends what is open, in order, and waits until the brokers have said something about each. Says
    /// how many were sent.
    async fn send(&self, all: &mut [Sending], deadline: Instant) -> usize {
        if !self.stream.is_connected() || self.state.is_paused() {
            return 0;
        }
        let mut confirmations = Vec::new();
        for sending in all.iter_mut() {
            if !matches!(sending.progress, SendProgress::Refused | SendProgress::Unclear) {
                continue;
            }
            // What has found no room in the connection is not sent.
            let sent = self.stream.send(sending.attempt, sending.body.clone());
            match timeout_at(deadline, sent).await {
                Ok(Some(confirming)) => confirmations.push(async {
                    sending.confirm(confirming.await);
                }),
                // Nothing behind it is to come first.
                Ok(None) | Err(_) => break,
            }
        }
        let sent = confirmations.len();
        join_all(confirmations).await;
        sent
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
    /// It is not sent when a topic of it has ended.
    fn refuse(&mut self, ended: Option<Topic>) {
        if let Some(topic) = ended {
            self.progress = SendProgress::Done(Err(AppendError::TopicEnded { topic }));
        }
    }

    fn confirm(&mut self, confirmation: Confirmation) {
        match confirmation {
            Confirmation::Stored => self.progress = SendProgress::Stored,
            // One that may have been taken before stays so.
            Confirmation::Refused => {}
            Confirmation::Unclear => self.progress = SendProgress::Unclear,
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

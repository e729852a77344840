//! How events get to the writer, and how their publisher is answered: what waits is bounded, and nobody
//! waits for ever for a disk that does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::FileLog;
use super::writer::{AppendRequest, AppendResults};
use crate::event::EncodedEvent;
use crate::log::{AppendError, LogHealth};
use crate::logging::log_limited;

/// What an event counts for beside its bytes.
const WAITING_EVENT_BYTES: usize = 256;
/// What a topic of it counts for beside its text.
const WAITING_TOPIC_BYTES: usize = 48;
/// How long an append waits for its turn before it is refused.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long the writer may wait for the disk before appends are refused at once.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// How long a publisher waits for its answer. What the writer has not begun with is refused then; of the rest
/// nobody knows whether it is written.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);

/// What an event counts for while it waits.
fn waiting_bytes_of(event: &EncodedEvent) -> usize {
    let topics = event.topics().iter().map(|topic| topic.as_str().len() + WAITING_TOPIC_BYTES);
    event.frame_bytes() + WAITING_EVENT_BYTES + topics.sum::<usize>()
}

/// Which events of a request can be sent again without being there twice.
enum Repeatable {
    None,
    All,
    Some(Vec<bool>),
}

impl Repeatable {
    fn of(events: &[EncodedEvent]) -> Self {
        // Hardly any request has both kinds, and nothing is allocated for the others.
        match events.iter().filter(|event| event.is_repeatable()).count() {
            0 => Self::None,
            all if all == events.len() => Self::All,
            _ => Self::Some(events.iter().map(EncodedEvent::is_repeatable).collect()),
        }
    }

    fn is(&self, number: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(repeatable) => repeatable.get(number).copied().unwrap_or_default(),
        }
    }
}

impl FileLog {
    pub(super) async fn append_in_turn(&self, events: Vec<EncodedEvent>) -> AppendResults {
        let count = events.len();
        let refused = || (0..count).map(|_| Err(AppendError::Unavailable)).collect();
        if events.is_empty() {
            return Vec::new();
        }
        if let Some(stalled) = self.inner.retained.counters().at_work_for(STALLED_AFTER) {
            log_limited!(
                ERROR,
                "events are refused: the disk of the event log has not answered for {} s; see to the disk",
                stalled.as_secs()
            );
            return refused();
        }
        let repeatable = Repeatable::of(&events);
        let bytes: usize = events.iter().map(waiting_bytes_of).sum();
        let permits = u32::try_from(bytes.min(self.waiting_max())).unwrap_or(u32::MAX);
        let Some(permit) = self.wait_for_turn(permits).await else { return refused() };
        let (answer, results) = oneshot::channel();
        let request = AppendRequest { events, answer, permit: Some(permit) };
        let Ok(number) = self.inner.queue.push(request) else { return refused() };
        match timeout(ANSWER_WAIT_MAX, results).await {
            Ok(Ok(results)) => results,
            Err(_) if self.inner.queue.withdraw(number).is_some() => refused(),
            // The writer has ended in the middle of it, or it waits for the disk and may still write them.
            Ok(Err(_)) | Err(_) => (0..count)
                .map(|number| Err(AppendError::Unknown { repeatable: repeatable.is(number) }))
                .collect(),
        }
    }

    /// A part of what may wait to be written; nothing if there is none for too long.
    async fn wait_for_turn(&self, permits: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.waiting).try_acquire_many_owned(permits) {
            return Some(permit);
        }
        let waiting = Arc::clone(&self.waiting).acquire_many_owned(permits);
        timeout(TURN_WAIT_MAX, waiting).await.ok()?.ok()
    }

    /// What waits to be written, in bytes.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_max() - self.waiting.available_permits()
    }

    /// What may wait to be written, in bytes of events with what each counts for beside them.
    pub(super) fn waiting_max(&self) -> usize {
        self.inner.retained.settings().waiting_max()
    }

    /// How the log is, with what its threads cannot say while they wait for the disk.
    pub(super) fn health_now(&self) -> LogHealth {
        let health = self.inner.retained.lock().health().clone();
        let stalled = self.inner.retained.counters().at_work_for(STALLED_AFTER);
        match (health, stalled) {
            (LogHealth::Healthy | LogHealth::Full, Some(time)) => {
                LogHealth::Stalled { seconds: time.as_secs() }
            }
            (health, _) => health,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileLogSettings;
    use super::*;
    use crate::clock::Clock;
    use crate::event::{CustomId, Draft, Sequence};
    use crate::log::{Log as _, SyncMode};
    use crate::topic::Topic;

    fn event() -> EncodedEvent {
        EncodedEvent::encode(Draft::new(Topic::parse("t", 1).unwrap(), "waits".to_owned()))
    }

    #[test]
    fn each_event_of_a_request_is_known_to_be_repeatable_or_not() {
        let with = |is_repeatable: bool| {
            let draft = Draft::new(Topic::parse("t", 1).unwrap(), String::new());
            let draft = draft.identified(CustomId::parse("mine").unwrap());
            EncodedEvent::encode(if is_repeatable { draft.idempotent() } else { draft })
        };
        let requests: [&[bool]; 5] =
            [&[false], &[true], &[true, true], &[false, true, false], &[true, false]];
        for expected in requests {
            let events: Vec<_> = expected.iter().map(|&repeatable| with(repeatable)).collect();
            let repeatable = Repeatable::of(&events);
            let found: Vec<_> = (0..events.len()).map(|number| repeatable.is(number)).collect();
            assert_eq!(found, expected);
        }
    }

    #[expect(clippy::await_holding_lock, reason = "it is the test that holds the writer up")]
    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_refused_or_told_that_nobody_knows_and_the_event_may_come() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FileLogSettings {
            events_max: 10,
            bytes_max: 64 << 20,
            age_max: Duration::from_secs(60),
            memory_max: 1 << 20,
            sync: SyncMode::Always,
        };
        let log = FileLog::open(folder.path(), settings, Clock::system()).unwrap();
        // The writer gets on no more, as if the disk held it up.
        let held_up = log.inner.retained.lock();
        let mut appending = log.append(vec![event()]);
        assert!(futures_util::poll!(&mut appending).is_pending());
        while log.inner.retained.counters().at_work_for(Duration::ZERO).is_none() {
            std::thread::yield_now();
        }
        let results = appending.await;
        assert_eq!(results, [Err(AppendError::Unknown { repeatable: false })]);
        assert!(log.waiting_bytes() > 0, "it has its place until it is written");
        // The writer has the first one.
        assert_eq!(log.append(vec![event()]).await, [Err(AppendError::Unavailable)]);
        drop(held_up);
        tokio::time::resume();
        while log.bounds().head != Sequence(1) {
            std::thread::yield_now();
        }
        assert_eq!(log.append(vec![event()]).await[0].as_ref().unwrap().sequence, Sequence(2));
        assert_eq!(log.health(), LogHealth::Healthy);
    }
}

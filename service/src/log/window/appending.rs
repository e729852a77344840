//! How an event gets into the window, and what keeps it from it.

use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::Window;
use crate::event::{EncodedEvent, Event, EventId, HubId, Sequence};
use crate::log::{AppendError, Receipt};
use crate::topic::Topic;

/// An idempotent event is compared with at most so many retained ones that have its id, the earliest. There
/// is more than one only where a publisher did not publish idempotently, or where the id had become free and
/// higher limits brought back an older event that has it.
pub(in crate::log) const SAME_ID_COMPARED_MAX: usize = 8;

/// Retained events that have one id, in order.
pub(in crate::log) type EventsWithId = SmallVec<[Arc<Event>; 2]>;

/// What became of an event that was to be appended.
#[derive(Debug)]
pub(in crate::log) enum Appended {
    Now(Receipt),
    /// It is idempotent, and events with its id are retained. Whether it repeats one of them is for
    /// the caller to find out, because comparing a megabyte takes longer than anybody may hold the
    /// lock.
    IdIsTaken {
        by: EventsWithId,
        event: EncodedEvent,
    },
    /// This one of its topics has ended.
    TopicEnded(Topic),
}

impl Appended {
    pub(in crate::log) fn into_result(self) -> Result<Receipt, AppendError> {
        match self {
            Self::Now(receipt) => Ok(receipt),
            Self::IdIsTaken { by, event } => {
                let repeated = by.iter().find(|by| event.is_repeat_of(by));
                let receipt = repeated.and_then(|by| Receipt::of_repeat(&event, by.sequence()));
                receipt.ok_or(AppendError::DuplicateId)
            }
            Self::TopicEnded(topic) => Err(AppendError::TopicEnded { topic }),
        }
    }
}

impl Window {
    /// Appends an event, which was accepted at a time, behind all others.
    pub(in crate::log) fn append(
        &mut self,
        event: EncodedEvent,
        (now_ms, now): (u64, Instant),
    ) -> Appended {
        let by = self.with_id_of(&event);
        if !by.is_empty() {
            return Appended::IdIsTaken { by, event };
        }
        if let Some(topic) = self.first_ended(event.topics()) {
            return Appended::TopicEnded(topic.clone());
        }
        let accepted = (self.head_ms.max(now_ms), Some(now));
        Appended::Now(self.push(event, self.head.next(), accepted))
    }

    /// Retained events that have the id of an idempotent one, which may repeat one of them: the earliest,
    /// [`SAME_ID_COMPARED_MAX`] at most.
    pub(in crate::log) fn with_id_of(&self, event: &EncodedEvent) -> EventsWithId {
        let id = event.custom_id().filter(|_| event.is_idempotent());
        let places = id.into_iter().flat_map(|id| self.by_custom_id.all(id.as_str()));
        places.filter_map(|at| self.get(at).cloned()).take(SAME_ID_COMPARED_MAX).collect()
    }

    /// Adds the next event of the log.
    pub(in crate::log) fn push(
        &mut self,
        event: EncodedEvent,
        sequence: Sequence,
        accepted: (u64, Option<Instant>),
    ) -> Receipt {
        let custom_id = event.custom_id().cloned();
        let mut event = event.assign(sequence, accepted, self.epoch, &self.buffers);
        self.clock_steps.note(sequence, event.accepted_ms());
        self.head = sequence;
        self.head_ms = event.accepted_ms();
        if let Some(id) = &custom_id {
            self.by_custom_id.add(id.shared(), sequence);
        }
        let hub_id = HubId { epoch: self.epoch, sequence, accepted_ms: self.head_ms };
        let receipt = Receipt {
            sequence,
            id: custom_id.map_or(EventId::Hub(hub_id), EventId::Custom),
            frame_bytes: event.frame().len(),
            is_repeat: false,
        };
        self.ends += usize::from(event.ends_topic());
        if event.is_for_one_stream() {
            self.last_uncounted = self.head;
        }
        self.events_held += event.bytes_held();
        self.buffers.retain(event.buffer_held());
        let gone = self.oldest().previous().min(sequence.previous());
        self.by_topic.add(&mut event, self.kept.rules(), gone);
        self.drop_superseded_by(&event);
        self.events.push_back(Arc::new(event));
        receipt
    }
}

//! What the log's lock guards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::super::index::TopicIndex;
use super::super::{AppendError, Bounds, Page, PageBack, PageLimit, Position, ReadRange, Receipt};
use super::MemoryLogSettings;
use super::custom_ids::CustomIds;
use crate::event::{Buffers, CustomId, EncodedEvent, Epoch, Event, HubId, Sequence};
use crate::topic::Topic;

/// The retained events, and how they are found.
#[derive(Debug)]
pub(super) struct LogState {
    /// In order, without gaps; the last one is the head.
    events: VecDeque<Arc<Event>>,
    pub(super) head: Sequence,
    /// What the events hold, but for what is in the tables below.
    events_held: usize,
    pub(super) by_topic: TopicIndex,
    pub(super) by_custom_id: CustomIds,
    /// The accept time of the head, or when the log began: times never go back.
    head_ms: u64,
    /// The accept time of the last event that was evicted, or when the log began.
    start_ms: u64,
    /// It may have been evicted.
    last_for_one_stream: Sequence,
}

/// What became of an event that was to be appended.
#[derive(Debug)]
pub(super) enum Appended {
    Now(Receipt),
    /// It is idempotent, and an event with its id is retained. Whether that is the same event is for
    /// the caller to find out, because comparing a megabyte takes longer than anybody may hold the
    /// lock.
    IdIsTaken {
        by: Arc<Event>,
        event: EncodedEvent,
    },
}

impl Appended {
    pub(super) fn into_result(self) -> Result<Receipt, AppendError> {
        match self {
            Self::Now(receipt) => Ok(receipt),
            Self::IdIsTaken { by, event } if event.is_repeat_of(&by) => Ok(Receipt {
                sequence: by.sequence(),
                id: by.id().to_owned(),
                frame_bytes: by.frame().len(),
                is_repeat: true,
            }),
            Self::IdIsTaken { .. } => Err(AppendError::DuplicateId),
        }
    }
}

impl LogState {
    pub(super) fn opened_at(ms: u64) -> Self {
        Self {
            events: VecDeque::new(),
            head: Sequence(0),
            events_held: 0,
            by_topic: TopicIndex::default(),
            by_custom_id: CustomIds::default(),
            head_ms: ms,
            start_ms: ms,
            last_for_one_stream: Sequence(0),
        }
    }

    pub(super) fn bounds(&self, epoch: Epoch) -> Bounds {
        Bounds {
            epoch,
            head: self.head,
            head_ms: self.head_ms,
            oldest: self.oldest(),
            start_ms: self.start_ms,
            events: self.events.len(),
            bytes: self.bytes(),
            oldest_ms: self.events.front().map(|event| event.accepted_ms()),
            last_for_one_stream: self.last_for_one_stream,
        }
    }

    /// Everything that is held for the events.
    fn bytes(&self) -> usize {
        let list = self.events.capacity() * size_of::<Arc<Event>>();
        self.events_held + list + self.by_topic.bytes() + self.by_custom_id.bytes()
    }

    /// The oldest sequence retained; one behind the head when there is none.
    fn oldest(&self) -> Sequence {
        Sequence(self.head.0 + 1 - self.events.len() as u64)
    }

    pub(super) fn append(
        &mut self,
        event: EncodedEvent,
        (now_ms, now): (u64, Instant),
        epoch: Epoch,
        buffers: &Buffers,
    ) -> Appended {
        let custom_id = event.custom_id().map(CustomId::shared);
        if event.is_idempotent()
            && let Some(earliest) = custom_id.as_ref().and_then(|id| self.by_custom_id.earliest(id))
            && let Some(earlier) = self.get(earliest)
        {
            return Appended::IdIsTaken { by: Arc::clone(earlier), event };
        }
        self.head = self.head.next();
        self.head_ms = self.head_ms.max(now_ms);
        let mut event = event.assign(self.head, (self.head_ms, now), epoch, buffers);
        let receipt = Receipt {
            sequence: self.head,
            id: event.id().to_owned(),
            frame_bytes: event.frame().len(),
            is_repeat: false,
        };
        if event.is_for_one_stream() {
            self.last_for_one_stream = self.head;
        }
        if let Some(id) = custom_id {
            self.by_custom_id.add(id, self.head);
        }
        self.events_held += event.bytes_held();
        buffers.retain(event.buffer_held());
        self.by_topic.add(&mut event);
        self.events.push_back(Arc::new(event));
        Appended::Now(receipt)
    }

    /// Takes out what is beyond the limits, at most `count_max` events. They are to be dropped
    /// outside the lock.
    pub(super) fn evict(
        &mut self,
        settings: &MemoryLogSettings,
        now_ms: u64,
        count_max: usize,
        buffers: &Buffers,
    ) -> Vec<Arc<Event>> {
        let age_ms = u64::try_from(settings.age_max.as_millis()).unwrap_or(u64::MAX);
        let oldest_allowed_ms = now_ms.saturating_sub(age_ms);
        let mut evicted = Vec::new();
        while evicted.len() < count_max {
            let Some(oldest) = self.events.front() else { break };
            let too_many = self.events.len() > settings.events_max.max(1);
            let too_large = self.events.len() > 1 && self.bytes() > settings.bytes_max;
            let too_old = oldest.accepted_ms() < oldest_allowed_ms;
            if !(too_many || too_large || too_old) {
                break;
            }
            evicted.extend(self.evict_oldest(buffers));
        }
        if self.events.capacity() > 1_024 && self.events.len() < self.events.capacity() / 4 {
            self.events.shrink_to(self.events.len() * 2);
        }
        evicted
    }

    fn evict_oldest(&mut self, buffers: &Buffers) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.start_ms = event.accepted_ms();
        self.events_held -= event.bytes_held();
        buffers.release(event.buffer_held());
        self.by_topic.remove_oldest(&event);
        if event.has_custom_id() {
            self.by_custom_id.remove_oldest(event.id());
        }
        Some(event)
    }

    fn get(&self, sequence: Sequence) -> Option<&Arc<Event>> {
        let offset = sequence.0.checked_sub(self.oldest().0)?;
        self.events.get(usize::try_from(offset).ok()?)
    }

    /// The time at a position, where it is known.
    pub(super) fn time_at(&self, sequence: Sequence) -> Option<u64> {
        if sequence == self.head {
            return Some(self.head_ms);
        }
        if sequence == self.oldest().previous() {
            return Some(self.start_ms);
        }
        self.get(sequence).map(|event| event.accepted_ms())
    }

    pub(super) fn locate(&self, id: &str, epoch: Epoch, now_ms: u64) -> Position {
        if let Some(sequence) = self.by_custom_id.earliest(id) {
            return Position::After(sequence);
        }
        let Some(id) = HubId::parse(id) else { return Position::Unknown };
        if id.epoch == epoch && self.has_made(id) {
            return Position::After(id.sequence);
        }
        // Nothing can be known of what has not happened yet.
        if id.epoch == epoch || id.accepted_ms > self.head_ms.max(now_ms) {
            return Position::Unknown;
        }
        Position::Later(self.last_accepted_by(id.accepted_ms))
    }

    /// The time has to fit as well: two logs that began in the same second may have drawn the same
    /// epoch.
    fn has_made(&self, id: HubId) -> bool {
        match self.time_at(id.sequence) {
            Some(accepted_ms) => accepted_ms == id.accepted_ms,
            None => id.sequence < self.oldest() && id.accepted_ms <= self.start_ms,
        }
    }

    /// The last sequence that was accepted at or before a time; one before the oldest when all are
    /// later.
    fn last_accepted_by(&self, ms: u64) -> Sequence {
        let earlier = self.events.partition_point(|event| event.accepted_ms() <= ms);
        Sequence(self.oldest().0 - 1 + earlier as u64)
    }

    pub(super) fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        let sequence = self.by_topic.newest_first(topic, through).next()?;
        self.get(sequence).cloned()
    }

    pub(super) fn read_everything(&self, range: ReadRange, limit: PageLimit) -> Page {
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        let sequences = (first.0..=through.0).map(Sequence);
        self.page(sequences, range, limit)
    }

    pub(super) fn read_topics<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        // One more than fits tells a full page from the end of the range.
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range(topics, range.after, range.through, count_max);
        self.page(sequences.into_iter(), range, limit)
    }

    pub(super) fn read_everything_back(&self, range: ReadRange, limit: PageLimit) -> PageBack {
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        self.tail((first.0..=through.0).rev().map(Sequence), range, limit)
    }

    pub(super) fn read_topics_back<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> PageBack {
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range_back(topics, range.after, range.through, count_max);
        self.tail(sequences.into_iter(), range, limit)
    }

    fn tail(
        &self,
        newest_first: impl Iterator<Item = Sequence>,
        range: ReadRange,
        limit: PageLimit,
    ) -> PageBack {
        let mut tail = PageBack { events: Vec::new(), after: range.through };
        let mut bytes = 0;
        for event in newest_first.filter_map(|sequence| self.get(sequence)) {
            bytes += event.frame().len();
            let full = tail.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !tail.events.is_empty() {
                return tail;
            }
            tail.after = event.sequence().previous();
            tail.events.push(Arc::clone(event));
        }
        tail.after = range.after;
        tail
    }

    fn page(
        &self,
        sequences: impl Iterator<Item = Sequence>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        let is_truncated = range.after.next() < self.oldest() && range.after < range.through;
        let mut page = Page { events: Vec::new(), through: range.after, is_truncated };
        let mut bytes = 0;
        for event in sequences.filter_map(|sequence| self.get(sequence)) {
            bytes += event.frame().len();
            let full = page.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !page.events.is_empty() {
                return page;
            }
            page.through = event.sequence();
            page.events.push(Arc::clone(event));
        }
        page.through = range.after.max(range.through.min(self.head));
        page
    }
}

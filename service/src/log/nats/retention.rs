//! Which messages of the stream are retained, and which publishers' ids are taken, as every node has
//! to count it.
//!
//! Whether an event is a repeat is decided by each node for itself, when it reads the event. So that
//! all decide alike, wherever they began to read, the decision is a function of the messages among
//! which it falls: a message is retained at a later one if both, and all between them, are within the
//! limits; and an id is taken if *any* retained message has it, also one that was a repeat itself.
//! Nothing before the messages that are retained has a say. A node that reads at least twice what
//! is retained therefore knows all that can matter for what it shows: that is why the stream keeps
//! that much. Whether a topic has ended is decided in the same way ([`retained_ends`](super::retained_ends)).

use std::collections::VecDeque;
use std::sync::Arc;

use super::retained_ends::RetainedEnds;
use crate::event::Sequence;
use crate::memory::{SplitMap, allocated};
use crate::topic::Topic;

/// What is retained, by every node of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetainedLimits {
    /// How many messages, those that are no events included.
    pub(super) messages_max: u64,
    /// Of messages, with [`MESSAGE_OVERHEAD`] for each.
    pub(super) bytes_max: u64,
    /// A message is too old when a later one has a time so many milliseconds after its own.
    pub(super) age_max_ms: u64,
}

/// What a message counts for beside its bytes: more than the broker keeps with it, and about what a
/// node keeps with it in memory.
pub(super) const MESSAGE_OVERHEAD: u64 = 512;

/// The id that a publisher gave an event, and what to know it by.
#[derive(Clone, Debug)]
pub(super) struct PublisherId {
    pub(super) id: Arc<str>,
    pub(super) content: ContentDigest,
    /// It gives way to an earlier event with its id.
    pub(super) is_idempotent: bool,
}

/// Tells contents apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentDigest(pub(super) u128);

/// The event to which another one gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Winner {
    pub(super) sequence: Sequence,
    pub(super) content: ContentDigest,
}

/// What counts of an event.
#[derive(Debug)]
pub(super) struct CountedEvent<'a> {
    pub(super) id: Option<PublisherId>,
    pub(super) topics: &'a [Topic],
    /// It ends them.
    pub(super) ends: bool,
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    Shown,
    /// It gives way to an event with its id.
    GivesWay(Winner),
    /// Its id was that of a message that was passed over because a topic had ended. So nobody has had
    /// the event, and none has the id while that message is retained.
    IdIsSpent,
    TopicEnded(Topic),
}

/// The messages that are retained at the last one that was counted.
#[derive(Debug)]
pub(super) struct Retention {
    limits: RetainedLimits,
    messages: VecDeque<CountedMessage>,
    bytes: u64,
    /// The times that none behind them is below, in order: the first one is the lowest of all.
    lowest_times: VecDeque<(Sequence, u64)>,
    ids: SplitMap<Arc<str>, TakenId>,
    /// What the texts of the ids take.
    ids_held: usize,
    ended: RetainedEnds,
}

#[derive(Debug)]
struct CountedMessage {
    sequence: Sequence,
    bytes: u64,
    id: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug)]
struct TakenId {
    winner: Winner,
    /// A topic of it had ended, so that it is not there.
    is_spent: bool,
    /// The last message with the id: as long as that is retained the id is taken.
    last: Sequence,
}

impl Retention {
    pub(super) fn new(limits: RetainedLimits) -> Self {
        Self {
            limits,
            messages: VecDeque::new(),
            bytes: 0,
            lowest_times: VecDeque::new(),
            ids: SplitMap::default(),
            ids_held: 0,
            ended: RetainedEnds::default(),
        }
    }

    /// The first message that is retained; one behind the last when there is none.
    pub(super) fn oldest(&self) -> Option<Sequence> {
        self.messages.front().map(|message| message.sequence)
    }

    /// Counts the next message that is no event.
    pub(super) fn count(&mut self, place: (Sequence, u64), bytes: u64) {
        self.count_with_id(place, bytes, None);
    }

    /// Counts the next message, and says what becomes of its event.
    pub(super) fn count_event(
        &mut self,
        place: (Sequence, u64),
        bytes: u64,
        CountedEvent { id, topics, ends }: CountedEvent<'_>,
    ) -> Ruling {
        self.count_with_id(place, bytes, id.as_ref().map(|id| Arc::clone(&id.id)));
        let ended = self.ended.first(topics).cloned();
        let taken = id.and_then(|id| self.take(place.0, id, ended.is_some()));
        if ends {
            self.ended.add(place.0, topics);
        }
        match (taken, ended) {
            (Some(TakenId { winner, is_spent: false, .. }), _) => Ruling::GivesWay(winner),
            (_, Some(topic)) => Ruling::TopicEnded(topic),
            (Some(_), None) => Ruling::IdIsSpent,
            (None, None) => Ruling::Shown,
        }
    }

    /// The first of some topics that has ended, for an event with this id, if it is idempotent: a repeat
    /// is one all the same.
    pub(super) fn first_ended<'a>(
        &self,
        topics: &'a [Topic],
        id: Option<&str>,
    ) -> Option<&'a Topic> {
        let topic = self.ended.first(topics)?;
        let is_repeat = id.and_then(|id| self.ids.get(id)).is_some_and(|taken| !taken.is_spent);
        (!is_repeat).then_some(topic)
    }

    fn count_with_id(
        &mut self,
        (sequence, accepted_ms): (Sequence, u64),
        bytes: u64,
        id: Option<Arc<str>>,
    ) {
        let bytes = bytes + MESSAGE_OVERHEAD;
        self.bytes += bytes;
        self.note_time(sequence, accepted_ms);
        self.messages.push_back(CountedMessage { sequence, bytes, id });
        self.evict((sequence, accepted_ms));
        if let Some(oldest) = self.oldest() {
            self.ended.forget_before(oldest);
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes_held(&self) -> usize {
        self.messages.capacity() * size_of::<CountedMessage>()
            + self.lowest_times.capacity() * size_of::<(Sequence, u64)>()
            + self.ids.bytes()
            + self.ids_held
            + self.ended.bytes_held()
    }

    fn note_time(&mut self, sequence: Sequence, ms: u64) {
        while self.lowest_times.back().is_some_and(|&(_, earlier)| earlier >= ms) {
            self.lowest_times.pop_back();
        }
        self.lowest_times.push_back((sequence, ms));
    }

    fn evict(&mut self, (newest, newest_ms): (Sequence, u64)) {
        let oldest_ms = newest_ms.saturating_sub(self.limits.age_max_ms);
        // Behind the last one that is too old, whatever the clocks said before it.
        let mut too_old = Sequence(0);
        while let Some(&(sequence, _)) =
            self.lowest_times.front().filter(|&&(_, lowest)| lowest < oldest_ms)
        {
            too_old = sequence;
            self.lowest_times.pop_front();
        }
        while let Some(oldest) = self.messages.front() {
            let is_newest = oldest.sequence == newest;
            let too_many = newest.0 - oldest.sequence.0 >= self.limits.messages_max;
            let too_large = self.bytes > self.limits.bytes_max;
            if is_newest || !(too_many || too_large || oldest.sequence <= too_old) {
                break;
            }
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        let Some(message) = self.messages.pop_front() else { return };
        self.bytes -= message.bytes;
        if self.lowest_times.front().is_some_and(|&(sequence, _)| sequence == message.sequence) {
            self.lowest_times.pop_front();
        }
        let Some(id) = message.id else { return };
        if self.ids.get(&*id).is_some_and(|taken| taken.last == message.sequence) {
            self.ids.remove(&id);
            self.ids_held -= id_held(&id);
        }
    }

    fn take(&mut self, sequence: Sequence, id: PublisherId, is_spent: bool) -> Option<TakenId> {
        let PublisherId { id, content, is_idempotent } = id;
        if let Some(taken) = self.ids.get_mut(&*id) {
            taken.last = sequence;
            return is_idempotent.then_some(*taken);
        }
        self.ids_held += id_held(&id);
        let winner = Winner { sequence, content };
        self.ids.insert(id, TakenId { winner, is_spent, last: sequence });
        None
    }
}

fn id_held(id: &str) -> usize {
    allocated(2 * size_of::<usize>() + id.len())
}

//! The event log: a bounded broadcast channel that keeps what it sent.
//!
//! The hub does not know where events are kept. It talks to a [`Log`] with three abilities: append
//! drafts and get sequences, follow the head in order, and read a range that matches selectors.
//! Nothing outside assumes that an append is instantaneous, that it cannot fail, or that this
//! process is the only writer: an append is acknowledged by a future, and events are seen by
//! reading them after the head has moved, whichever process appended them.
//!
//! Following is reading. A follower keeps the sequence up to which it has read, is woken when the
//! head moves, and reads on from there: one code path whether it has caught up, is behind or
//! replays, and no event is held anywhere but in the log.

pub mod file;
mod index;
mod memory;

pub use memory::{MemoryLog, MemoryLogSettings};

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

use crate::event::{Buffers, EncodedEvent, Epoch, Event, HubId, Sequence};
use crate::topic::{SelectorSet, Topic};

/// Called after the head has moved, from whatever thread moved it, outside the log's lock.
/// It must be quick and must not call the log.
pub type OnAppend = Arc<dyn Fn() + Send + Sync>;

/// The results of an append: one a draft, in the same order.
pub type Appending<'a> =
    Pin<Box<dyn Future<Output = Vec<Result<Receipt, AppendError>>> + Send + 'a>>;

/// The ordered events that are still retained.
pub trait Log: Send + Sync + 'static {
    /// Appends events in order. When the future is done, those that succeeded are acknowledged as
    /// durably as this log makes them.
    ///
    /// Dropping the future does not take back what it has begun.
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_>;

    /// Calls `on_append` every time after the head has moved.
    fn follow(&self, on_append: OnAppend);

    /// Reads one page of the events that the filter lets through, without waiting.
    fn read(&self, range: ReadRange, filter: EventFilter<'_>, limit: PageLimit) -> Page;

    /// Reads one page of the events that the filter lets through, from the end of the range
    /// backwards, without waiting.
    fn read_back(&self, range: ReadRange, filter: EventFilter<'_>, limit: PageLimit) -> PageBack;

    /// The newest event of a topic up to `through`.
    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>>;

    /// Where a client that has seen the event with this id should go on.
    fn locate(&self, id: &str) -> Position;

    /// The id that the hub makes for a position, even where a publisher brought another: only for
    /// those retained, the head, and the one before the oldest.
    fn id_at(&self, sequence: Sequence) -> Option<HubId>;

    /// Where the bytes of its events are counted, also those that it has dropped and streams still
    /// hold.
    fn buffers(&self) -> &Buffers;

    /// What is retained now.
    fn bounds(&self) -> Bounds;
}

impl fmt::Debug for dyn Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("bounds", &self.bounds()).finish()
    }
}

/// What a publisher gets for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its position.
    pub sequence: Sequence,
    pub id: String,
    /// The length of its frame in bytes.
    pub frame_bytes: usize,
    /// It was in the log already, and has not been appended again.
    pub is_repeat: bool,
}

/// Why an event was not appended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Another event in the log has the id.
    #[error(
        "an event with other content has this id; use a new id, or leave it out. The same event with the same id may be sent again at any time"
    )]
    DuplicateId,
    /// The log cannot take events now.
    #[error("the log cannot accept events now; try again")]
    Unavailable,
}

/// Everything after one sequence and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRange {
    /// Read from behind this one.
    pub after: Sequence,
    /// Read up to and including this one.
    pub through: Sequence,
}

/// Which events of a range a reader wants.
#[derive(Clone, Copy, Debug)]
pub enum EventFilter<'a> {
    /// All of them.
    Everything,
    /// At least those that match. A log finds exact topics in its index; where there is any other
    /// selector it gives every event, and the reader has to match: that can take long, and is not
    /// done here, where it could not be cut.
    Candidates(&'a SelectorSet),
}

/// How much one page may hold, so that no reader keeps other threads waiting.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The most events returned, and the order of the most events looked at.
    pub events_max: usize,
    /// The most bytes of frames; a page has at least one event all the same.
    pub bytes_max: usize,
}

/// Some events of a range, in order.
#[derive(Debug)]
pub struct Page {
    /// The events, or candidates.
    pub events: Vec<Arc<Event>>,
    /// Everything up to here has been looked at: the next page goes on after it.
    pub through: Sequence,
    /// The log no longer had the beginning of the range.
    pub is_truncated: bool,
}

/// The end of a range, newest first.
#[derive(Debug)]
pub struct PageBack {
    /// The events, or candidates, from the newest to the oldest.
    pub events: Vec<Arc<Event>>,
    /// Everything after this one has been looked at: the next page ends here. It is the range's
    /// beginning when there is nothing left.
    pub after: Sequence,
}

/// Where a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Right after this sequence: the id says it exactly, retained or not.
    After(Sequence),
    /// The id is from another epoch: everything accepted later than it comes after this sequence,
    /// but whether something was lost in between cannot be known.
    Later(Sequence),
    /// The id means nothing to this log, or is from its future. Ids by publishers are known while
    /// they are retained, so whatever is retained came later.
    Unknown,
}

/// What a log retains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The epoch of its ids.
    pub epoch: Epoch,
    /// The last event; 0 when there never was one.
    pub head: Sequence,
    /// When that was accepted, or when the log began, in milliseconds since 1970.
    pub head_ms: u64,
    /// The oldest event retained; one behind the head when there is none.
    pub oldest: Sequence,
    /// When the event before the oldest was accepted, or when the log began, in milliseconds since
    /// 1970.
    pub start_ms: u64,
    /// How many are retained.
    pub events: usize,
    /// What they hold in memory.
    pub bytes: usize,
    /// When the oldest was accepted, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
    /// The last event that was ever [for one stream only](crate::event::Draft::for_one_stream); 0
    /// when there never was one.
    pub last_for_one_stream: Sequence,
}

impl Bounds {
    /// The place of a client that has had everything.
    #[must_use]
    pub fn head_id(&self) -> HubId {
        HubId { epoch: self.epoch, sequence: self.head, accepted_ms: self.head_ms }
    }

    /// The place before everything that is retained.
    #[must_use]
    pub fn start_id(&self) -> HubId {
        let sequence = self.oldest.previous();
        HubId { epoch: self.epoch, sequence, accepted_ms: self.start_ms }
    }
}

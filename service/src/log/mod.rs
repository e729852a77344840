//! The event log: a bounded broadcast channel that keeps what it sent.
//!
//! The hub does not know where events are kept. It talks to a [`Log`] with three abilities: append
//! drafts and get sequences, follow the head in order, and read a range that matches selectors.
//! Nothing outside assumes that an append is instantaneous, that it cannot fail, or that this
//! process is the only writer: an append is acknowledged by a future, and events are seen by
//! reading them after the head has moved, whichever process appended them.
//!
//! Sequences go up and may leave some out: a hole is told to whoever reads over it. A log may begin
//! a new epoch, in which they count anew.
//!
//! Following is reading. A follower keeps the sequence up to which it has read, is woken when the
//! head moves, and reads on from there: one code path whether it has caught up, is behind or
//! replays, and no event is held anywhere but in the log.

mod bounds;
mod cluster_status;
mod disk_status;
mod distribution;
mod file;
mod followers;
pub(crate) mod fuzzing;
mod memory;
mod nats;
mod reading;
mod record;
mod retention_rule;
#[cfg(test)]
pub(crate) mod trouble;
mod window;

#[cfg(test)]
pub(crate) use reading::ReadNow;

pub use bounds::{Bounds, Position};
pub use cluster_status::{APPEND_BOUNDS_US, AppendTimes, ClusterStatus};
pub use disk_status::{COMMIT_BOUNDS, CommitSizes, DiskStatus, SYNC_BOUNDS_US, SyncTimes};
pub use distribution::Distribution;
pub use file::{
    FileLog, FileLogSettings, FolderContents, FolderFinding, FolderProblem, FolderSize,
    InspectError, LockError, OpenError, OpenLogError, SyncMode,
};
pub use memory::{MemoryLog, MemoryLogSettings};
pub use nats::{BrokerAccess, BrokerSecret, NatsLog, NatsLogSettings, OpenNatsError};
pub use reading::{EventFilter, LogReader, Page, PageBack, PageLimit, ReadOutcome, ReadRange};
pub use retention_rule::{RetentionRule, RetentionRuleError, RetentionRules, TooManyRules};
pub use window::{KeptLimits, KeptSettings, KeptTotals};

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

use crate::event::{Buffers, EncodedEvent, Event, EventId, HubId, Sequence};
use crate::topic::{SelectorSet, Topic};

/// What has changed in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogChange {
    /// The head has moved: there are new events.
    Head,
    /// The log has begun a new epoch: sequences count anew, and nothing of the one before can be
    /// read. All streams have to end, so that their clients come back and find their places.
    Epoch,
}

/// Called after a log has changed, from whatever thread changed it, outside the log's lock.
/// It must be quick and must not call the log.
pub type OnChange = Arc<dyn Fn(LogChange) + Send + Sync>;

/// The results of an append: one a draft, in the same order.
pub type Appending<'a> =
    Pin<Box<dyn Future<Output = Vec<Result<Receipt, AppendError>>> + Send + 'a>>;

/// Where a client goes on, when that is known.
pub type Locating<'a> = Pin<Box<dyn Future<Output = Position> + Send + 'a>>;

/// A position that has yet to be found; nothing when it cannot be.
pub type Seeking<'a> = Pin<Box<dyn Future<Output = Option<Sequence>> + Send + 'a>>;
/// What has ended of some topics.
pub type FindingEnds<'a> = Pin<Box<dyn Future<Output = Vec<TopicEnd>> + Send + 'a>>;

/// A topic that has ended, and the event that ended it: the last one of the topic, for as long as that
/// is retained.
#[derive(Clone, Debug)]
pub struct TopicEnd {
    pub topic: Topic,
    pub by: Arc<Event>,
}

/// The moment in which all who follow are near.
pub type Nearing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How far those have come who follow a log.
pub trait FollowerProgress: fmt::Debug + Send + Sync {
    /// Waits until all of them are near this position.
    fn until_near(&self, head: Sequence) -> Nearing<'_>;
}

/// The end of closing a log.
pub type Flushing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The ordered events that are still retained.
///
/// Nobody sees an event before it is as durable as the log promises: neither a reader, nor the bounds,
/// nor a publisher by its receipt. Otherwise a client could hold an id that another event gets
/// after a crash.
pub trait Log: Send + Sync + 'static {
    /// Appends events in order. When the future is done, those that succeeded are as durable as
    /// this log makes them.
    ///
    /// Dropping the future does not take back what it has begun.
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_>;

    /// Calls `on_change` every time after the log has changed.
    fn follow(&self, on_change: OnChange);

    /// Reads one page of the events that the filter lets through, without waiting. It never reaches
    /// over what cannot be read.
    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page>;

    /// Reads one page of the events that the filter lets through, from the end of the range
    /// backwards, without waiting.
    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack>;

    /// The newest event of a topic up to `through`, of those in memory.
    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>>;

    /// Those of some topics that have ended, in the same order. It may take a while to find that out.
    fn ended<'a>(&'a self, topics: &'a [Topic]) -> FindingEnds<'a> {
        let end_of = |topic: &Topic| {
            let by = self.newest(topic, Sequence::MAX).filter(|newest| newest.ends_topic())?;
            Some(TopicEnd { topic: topic.clone(), by })
        };
        Box::pin(ready(topics.iter().filter_map(end_of).collect()))
    }

    /// Where a client that has seen the event with this id should go on. It may take a while to find
    /// that out.
    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a>;

    /// The last event that was accepted at or before a time, in milliseconds since 1970 (UTC); the one
    /// before the oldest when all were accepted later. It may take a while to find that out.
    fn last_accepted_by(&self, ms: u64) -> Seeking<'_>;

    /// Topics that have an event in memory, of which this is one part; nothing behind the last part.
    /// A topic that has one as long as all parts are asked for is in one of them.
    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>>;

    /// How many events a topic has, if they are all in memory, where that is known without a look at
    /// each.
    fn count_of(&self, _topic: &Topic) -> Option<TopicCount> {
        None
    }

    /// What is in memory of a topic, if there is something.
    fn topic_in_memory(&self, _topic: &Topic) -> Option<TopicInMemory> {
        None
    }

    /// The sequence before the oldest event, if rules keep something before it.
    fn kept_through(&self) -> Option<Sequence> {
        None
    }

    /// Whether a rule keeps an event beyond the bounds of the log.
    fn is_kept(&self, _sequence: Sequence) -> bool {
        false
    }

    /// Reads one page of what rules keep beyond the bounds of the log, behind a sequence, without
    /// waiting: at least the events that the selectors match.
    fn read_kept(&self, after: Sequence, _selectors: &SelectorSet, _limit: PageLimit) -> Page {
        Page { events: Vec::new(), through: after, is_truncated: false }
    }

    /// Whether it is known that nothing behind a sequence has gone of any topic that the selectors
    /// match, although the log is not bound to retain it.
    fn is_complete_after(&self, _selectors: &SelectorSet, _after: Sequence) -> bool {
        false
    }

    /// From this event on all that are retained are in memory.
    fn in_memory_from(&self) -> Sequence {
        Sequence(0)
    }

    /// The id that the hub makes for a position, even where a publisher brought another: only for
    /// those retained, the head, and the one before the oldest.
    fn id_at(&self, sequence: Sequence) -> Option<HubId>;

    /// Where the bytes of its events are counted, also those that it has dropped and streams still
    /// hold.
    fn buffers(&self) -> &Buffers;

    /// What is retained now.
    fn bounds(&self) -> Bounds;

    /// Drops what is older than it may be. Called from time to time, for a log to which nothing is
    /// appended.
    fn expire(&self) {}

    /// Whether it takes events and can be read.
    fn health(&self) -> LogHealth {
        LogHealth::Healthy
    }

    /// What it takes and does on a disk; nothing of a log that has none.
    fn disk(&self) -> Option<DiskStatus> {
        None
    }

    /// What it does among other servers; nothing of a log that is not shared.
    fn cluster(&self) -> Option<ClusterStatus> {
        None
    }

    /// Whom it waits for before it reads what others have appended. Called once, by the hub; for a
    /// log that is not shared, publishers wait and it does not.
    fn set_follower_progress(&self, _progress: Arc<dyn FollowerProgress>) {}

    /// Makes what it has taken as durable as it ever will be. Called once, when nothing is appended
    /// any more.
    fn close(&self) -> Flushing<'_> {
        Box::pin(ready(()))
    }
}

/// How a log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogHealth {
    #[default]
    Healthy,
    /// It lacks so many events that others have appended already, too many to serve anybody.
    Behind { events: u64 },
    /// What keeps its events cannot be reached, for this reason. What is in memory can be read.
    Away { why: Arc<str> },
    /// There is no room for events. What is there can be read.
    Full,
    /// Its disk has not answered for so long, and it takes no events until it does. What is in memory can be
    /// read.
    Stalled { seconds: u64 },
    /// It takes no events any more, for this reason. What is in memory can be read.
    Failed { why: Arc<str> },
}

impl LogHealth {
    /// Why nobody should be sent here, if nobody should. The subscribers of a log that is full, or whose disk
    /// does not answer, are served.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Healthy | Self::Full | Self::Stalled { .. } => None,
            Self::Behind { events } => Some(format!("the event log is {events} events behind")),
            Self::Away { why } => Some(format!("the event log cannot be reached: {why}")),
            Self::Failed { why } => Some(format!("the event log has failed: {why}")),
        }
    }
}

impl LogHealth {
    /// What is wrong with it, whether its streams are served nevertheless or not.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Full => {
                Some("the event log is full, and takes no events until there is room".to_owned())
            }
            Self::Stalled { seconds } => Some(format!(
                "the disk of the event log has not answered for {seconds} s, and events are refused until it does"
            )),
            other => other.problem(),
        }
    }
}

impl fmt::Debug for dyn Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("bounds", &self.bounds()).finish()
    }
}

/// How many events of a topic are retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicCount {
    pub events: usize,
    /// Of these, how many are not for everybody.
    pub private: usize,
}

/// What is in memory of a topic.
#[derive(Clone, Debug)]
pub struct TopicInMemory {
    pub count: TopicCount,
    /// Of the frames of its events.
    pub bytes: u64,
    pub oldest: Arc<Event>,
    pub newest: Arc<Event>,
}

/// What a publisher gets for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its position.
    pub sequence: Sequence,
    pub id: EventId,
    /// The length of its frame in bytes.
    pub frame_bytes: usize,
    /// It was in the log already, and has not been appended again.
    pub is_repeat: bool,
}

impl Receipt {
    /// For an event that repeats the one at a position; nothing for one without an id of its own, which
    /// repeats none.
    fn of_repeat(event: &EncodedEvent, sequence: Sequence) -> Option<Self> {
        let id = EventId::Custom(event.custom_id()?.clone());
        Some(Self { sequence, id, frame_bytes: event.frame_bytes(), is_repeat: true })
    }
}

/// Why an event was not appended, or is not known to be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Another event in the log has the id.
    #[error(
        "an event with other content has this id; use a new id, or leave it out. The same event with the same id may be sent again at any time"
    )]
    DuplicateId,
    /// One of its topics has ended.
    #[error(
        "the topic `{topic}` has ended, and takes no events until the one that ended it is no longer retained; publish to another topic"
    )]
    TopicEnded { topic: Topic },
    /// It is larger than this log can take.
    #[error(
        "the event has {bytes} bytes, and the event log takes at most {max}; send less, or publish a link to it"
    )]
    TooLarge { bytes: usize, max: usize },
    /// The log cannot take events now, and has not taken this one.
    #[error("the log cannot accept events now; try again")]
    Unavailable,
    /// It may have been appended, or not.
    #[error("{}", advice(*repeatable))]
    Unknown {
        /// It has an id by which the log would know it again.
        repeatable: bool,
    },
}

/// What to do about an event that may have been published.
fn advice(repeatable: bool) -> &'static str {
    if repeatable {
        "the event may have been published; send it again with the same id: it is not delivered twice"
    } else {
        "the event may have been published, and sent again it may be delivered twice; an event that is published at /events with an id of its own can always be sent again"
    }
}

impl AppendError {
    /// Sending it again may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable | Self::Unknown { .. })
    }
}

#[cfg(test)]
mod tests;

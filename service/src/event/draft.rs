//! What a publisher sends, checked.
//!
//! Every way to publish from outside (form, raw body, NDJSON) fills in [`DraftFields`]; there
//! is one place that decides what makes a good draft, and a [`Draft`] that exists is a good one.

use std::borrow::Cow;

use memchr::memchr2_iter;
use thiserror::Error;

use super::id::{CustomId, IdError, is_unseen};
use super::reserved::{ReservedName, ReservedNames};
use crate::topic::{Topic, TopicError};

/// The limits of one event.
#[derive(Clone, Copy, Debug)]
pub struct EventLimits {
    /// The longest `data`, in bytes.
    pub data_bytes_max: usize,
    /// The most topics of one event.
    pub topics_max: usize,
    /// The longest topic, in bytes.
    pub topic_bytes_max: usize,
    /// The names that it may not have.
    pub reserved: ReservedNames,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            data_bytes_max: 1 << 20,
            topics_max: 1_000,
            topic_bytes_max: 4_096,
            reserved: ReservedNames::default(),
        }
    }
}

/// The fields of an event as they came in from outside.
#[derive(Clone, Debug, Default)]
pub struct DraftFields<'a> {
    /// At least one; the first is canonical.
    pub topics: Vec<Cow<'a, str>>,
    /// May be empty, and may have several lines.
    pub data: Cow<'a, str>,
    /// The event's name; `None` and the empty string both mean an unnamed event.
    pub event_type: Option<Cow<'a, str>>,
    /// The publisher's own id.
    pub id: Option<Cow<'a, str>>,
    /// Milliseconds, as ASCII digits.
    pub retry: Option<Cow<'a, str>>,
    /// Only for subscribers with a grant.
    pub private: bool,
    /// No event follows on its topics.
    pub end: bool,
}

impl DraftFields<'_> {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that cannot be used, and what to do.
    pub fn check(self, limits: &EventLimits) -> Result<Draft, DraftError> {
        if self.topics.is_empty() {
            return Err(DraftError::NoTopic);
        }
        if self.topics.len() > limits.topics_max {
            let (count, max) = (self.topics.len(), limits.topics_max);
            return Err(DraftError::TooManyTopics { count, max });
        }
        if self.data.len() > limits.data_bytes_max {
            let (bytes, max) = (self.data.len(), limits.data_bytes_max);
            return Err(DraftError::DataTooLarge { bytes, max });
        }
        // Every line gets a `data: ` of its own, so data of line breaks alone would grow sevenfold.
        let encoded =
            self.data.len() + 7 * memchr2_iter(b'\r', b'\n', self.data.as_bytes()).count();
        if encoded > 2 * limits.data_bytes_max {
            return Err(DraftError::TooManyLines { max: limits.data_bytes_max });
        }
        let mut topics = Vec::with_capacity(self.topics.len());
        for text in &self.topics {
            let topic = Topic::parse(text, limits.topic_bytes_max)?;
            limits.reserved.check_topic(text)?;
            // A repeated topic would be indexed, and so replayed, twice. The list is short nearly
            // always; with the most topics allowed this costs a million comparisons, once.
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let event_type = self.event_type.filter(|name| !name.is_empty());
        if let Some(name) = &event_type {
            limits.reserved.check_type(name)?;
        }
        Ok(Draft {
            topics,
            data: self.data.into_owned(),
            event_type: event_type.map(|name| EventType::parse(&name)).transpose()?,
            id: self.id.map(|id| CustomId::parse(&id)).transpose()?,
            retry: self.retry.map(|digits| Retry::parse(&digits)).transpose()?,
            private: self.private,
            for_one_stream: false,
            ends_topic: self.end,
            idempotent: false,
        })
    }
}

/// A checked event that has not been accepted yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// At least one, without repeats.
    pub(super) topics: Vec<Topic>,
    pub(super) data: String,
    pub(super) event_type: Option<EventType>,
    pub(super) id: Option<CustomId>,
    pub(super) retry: Option<Retry>,
    pub(super) private: bool,
    pub(super) for_one_stream: bool,
    pub(super) ends_topic: bool,
    pub(super) idempotent: bool,
}

impl Draft {
    /// An unnamed public event on one topic.
    #[must_use]
    pub fn new(topic: Topic, data: String) -> Self {
        Self {
            topics: vec![topic],
            data,
            event_type: None,
            id: None,
            retry: None,
            private: false,
            for_one_stream: false,
            ends_topic: false,
            idempotent: false,
        }
    }

    /// Where it is to be published; the first topic is canonical.
    #[must_use]
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// It ends its topics and says nothing else.
    pub(super) fn is_end_alone(&self) -> bool {
        self.ends_topic && self.data.is_empty() && self.event_type.is_none()
    }

    /// Gives it a name.
    #[must_use]
    pub fn named(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Gives it an id in the place of one made by the hub.
    #[must_use]
    pub fn identified(mut self, id: CustomId) -> Self {
        self.id = Some(id);
        self
    }

    /// Only for subscribers with a grant for one of its topics.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Only for the stream that its topic was made for: a client that may see everything does not
    /// see it.
    #[must_use]
    pub fn for_one_stream(mut self) -> Self {
        self.private = true;
        self.for_one_stream = true;
        self
    }

    /// Sent again with the same id, it is the same event: it is not delivered twice, and an event with
    /// other content does not get the id while this one is retained. Without an id this means nothing.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The last event of its topics: nothing follows on them while it is retained, and streams that
    /// listen to nothing else end after it. Without data and without a name it is the end alone, and no
    /// client is sent an event for it.
    #[must_use]
    pub fn ending_topic(mut self) -> Self {
        self.ends_topic = true;
        self
    }
}

/// The name of an event: the browser's `addEventListener` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType(Box<str>);

impl EventType {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks a name.
    ///
    /// # Errors
    /// When it is too long or holds a character that is not seen.
    pub fn parse(text: &str) -> Result<Self, DraftError> {
        if text.len() > Self::MAX_BYTES {
            return Err(DraftError::TypeTooLong { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(DraftError::TypeControlCharacter);
        }
        if text.chars().any(is_unseen) {
            return Err(DraftError::TypeUnseenCharacter);
        }
        Ok(Self(text.into()))
    }

    /// A name that was checked when its event was published. The rules may have become stricter
    /// since: only what would break a frame is refused.
    pub(super) fn kept(text: &str) -> Option<Self> {
        Self::may_be_kept(text).then(|| Self(text.into()))
    }

    pub(super) fn may_be_kept(text: &str) -> bool {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        fits && !text.chars().any(char::is_control)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a client should wait before it reconnects, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry(u32);

impl Retry {
    /// The longest wait. Browsers keep timers in 31 bits, and a longer one fires at once.
    pub const MAX_MS: u32 = i32::MAX as u32;

    /// Reads ASCII digits.
    ///
    /// # Errors
    /// When it is anything else, or more than [`MAX_MS`](Self::MAX_MS).
    pub fn parse(digits: &str) -> Result<Self, DraftError> {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = if plain { digits.parse::<u32>().ok() } else { None };
        value.filter(|&ms| ms <= Self::MAX_MS).map(Self).ok_or(DraftError::BadRetry)
    }

    pub(super) fn of_ms(ms: u32) -> Option<Self> {
        (ms <= Self::MAX_MS).then_some(Self(ms))
    }

    pub(super) fn ms(self) -> u32 {
        self.0
    }
}

/// Why a draft cannot be published.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DraftError {
    /// There is nowhere to publish it.
    #[error("there is no topic; give at least one `topic`")]
    NoTopic,
    /// More topics than one event may have.
    #[error("{count} topics are more than one event may have; give at most {max}")]
    TooManyTopics {
        /// How many there were.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A topic cannot be used.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The data is longer than an event may be.
    #[error(
        "the data has {bytes} bytes; send at most {max}, or publish a link to it (the limit is --event-data-max)"
    )]
    DataTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// So many line breaks that the event would become much larger on the wire.
    #[error(
        "the data has too many short lines: with a `data:` for each it would be more than twice {max} bytes; send fewer at a time"
    )]
    TooManyLines {
        /// The limit of the data.
        max: usize,
    },
    /// The name is longer than a name may be.
    #[error("the type has {bytes} bytes; use at most {max}", max = EventType::MAX_BYTES)]
    TypeTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The name holds a character that could start another field of the stream.
    #[error("the type holds a control character; use printable characters only")]
    TypeControlCharacter,
    /// The name holds a character that is not seen, or that some clients take for a line break.
    #[error(
        "the type holds a format character or a separator of lines; use printable characters only"
    )]
    TypeUnseenCharacter,
    /// The name or a topic is the server's own.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// The id cannot be used.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Not a number of milliseconds.
    #[error("retry is not a number of milliseconds; use ASCII digits, at most {max}", max = Retry::MAX_MS)]
    BadRetry,
}

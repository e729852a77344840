//! What an event says, apart from its place in a log: taken out of its frame, to be kept elsewhere,
//! and made an encoded event again.
//!
//! A frame that is made again has the bytes of the first one, whatever line breaks the publisher
//! used: encoding made one kind of them.

use memchr::memchr;
use smallvec::SmallVec;
use thiserror::Error;

use super::EncodedEvent;
use super::draft::{Draft, EventType, Retry};
use super::frame::{DATA_FIELD, RETRY_FIELD, TYPE_FIELD};
use super::id::CustomId;
use crate::topic::{Topic, TopicError};

/// The texts of an event's topics. Nearly every event has one, for which nothing is allocated.
pub type TopicTexts<'a> = SmallVec<[&'a str; 2]>;

/// What an event says. It borrows from the event, or from where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventContent<'a> {
    /// At least one, without repeats; the first one is canonical.
    pub topics: TopicTexts<'a>,
    /// The id that the publisher brought.
    pub id: Option<&'a str>,
    pub event_type: Option<&'a str>,
    pub retry_ms: Option<u32>,
    pub data: EventData<'a>,
    pub private: bool,
    pub for_one_stream: bool,
    pub ends_topic: bool,
    pub idempotent: bool,
}

/// The data of an event: as it was, or still as the lines of its frame.
#[derive(Clone, Copy, Debug)]
pub enum EventData<'a> {
    Text(&'a str),
    Lines(&'a [u8]),
}

/// Why what was kept is no event. The rules are those without which a frame could not be read; they
/// are looser than those for publishers, which may have become stricter since.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ContentError {
    #[error("it has no topic")]
    NoTopic,
    #[error("the topic `{topic}` stands twice")]
    RepeatedTopic { topic: String },
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("its id is empty, too long, or holds a control character")]
    Id,
    #[error("its type is empty, too long, or holds a control character")]
    Type,
    #[error("{ms} ms is longer than a client can wait")]
    Retry { ms: u32 },
}

impl<'a> EventContent<'a> {
    /// Reads what stands in a frame behind its id.
    pub(super) fn of_frame(frame: &'a [u8], id_end: usize) -> Self {
        // Behind the id is a line break, and behind the data an empty line.
        let mut rest = &frame[id_end + 1..frame.len() - 1];
        let event_type = take_field(&mut rest, TYPE_FIELD);
        let retry = take_field(&mut rest, RETRY_FIELD);
        Self {
            topics: TopicTexts::new(),
            id: None,
            event_type,
            retry_ms: retry.and_then(|digits| digits.parse().ok()),
            data: EventData::Lines(rest),
            private: false,
            for_one_stream: false,
            ends_topic: false,
            idempotent: false,
        }
    }

    /// Whether an event can be made of it: what [`encode`](Self::encode) checks, without making one.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode).
    pub fn check(&self) -> Result<(), ContentError> {
        check_distinct(&self.topics)?;
        self.topics.iter().try_for_each(|topic| Topic::check(topic, usize::MAX))?;
        if self.event_type.is_some_and(|name| !EventType::may_be_kept(name)) {
            return Err(ContentError::Type);
        }
        if self.id.is_some_and(|id| !CustomId::may_be_kept(id)) {
            return Err(ContentError::Id);
        }
        match self.retry_ms.filter(|&ms| Retry::of_ms(ms).is_none()) {
            Some(ms) => Err(ContentError::Retry { ms }),
            None => Ok(()),
        }
    }

    /// Makes the event again.
    ///
    /// # Errors
    /// Names the first field that no event can have.
    pub fn encode(&self) -> Result<EncodedEvent, ContentError> {
        let event_type =
            self.event_type.map(|name| EventType::kept(name).ok_or(ContentError::Type));
        let id = self.id.map(|id| CustomId::kept(id).ok_or(ContentError::Id));
        let retry = self.retry_ms.map(|ms| Retry::of_ms(ms).ok_or(ContentError::Retry { ms }));
        Ok(EncodedEvent::encode(Draft {
            topics: distinct_topics(&self.topics)?,
            data: self.data.to_text(),
            event_type: event_type.transpose()?,
            id: id.transpose()?,
            retry: retry.transpose()?,
            private: self.private,
            for_one_stream: self.for_one_stream,
            ends_topic: self.ends_topic,
            idempotent: self.idempotent,
        }))
    }
}

/// A repeated topic would be in a log's index twice, and be taken out of it once.
fn check_distinct(texts: &[&str]) -> Result<(), ContentError> {
    match texts {
        [] => return Err(ContentError::NoTopic),
        [_] => return Ok(()),
        _ => {}
    }
    let mut sorted = texts.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ContentError::RepeatedTopic { topic: pair[0].to_owned() }),
        None => Ok(()),
    }
}

fn distinct_topics(texts: &[&str]) -> Result<Vec<Topic>, ContentError> {
    check_distinct(texts)?;
    let topics = texts.iter().map(|text| Ok(Topic::parse(text, usize::MAX)?));
    topics.collect()
}

/// Takes a line off the front, if it is this field.
fn take_field<'a>(rest: &mut &'a [u8], field: &[u8]) -> Option<&'a str> {
    let value = rest.strip_prefix(field)?;
    let end = memchr(b'\n', value)?;
    *rest = &value[end + 1..];
    std::str::from_utf8(&value[..end]).ok()
}

impl<'a> EventData<'a> {
    /// Its length in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            // The last line break is none of the data.
            Self::Lines(_) => self.parts().map(|line| line.len() + 1).sum::<usize>() - 1,
        }
    }

    /// Adds it to a buffer.
    pub fn put(self, buffer: &mut Vec<u8>) {
        for (index, line) in self.parts().enumerate() {
            if index > 0 {
                buffer.push(b'\n');
            }
            buffer.extend_from_slice(line);
        }
    }

    fn to_text(self) -> String {
        if let Self::Text(text) = self {
            return text.to_owned();
        }
        let mut bytes = Vec::with_capacity(self.bytes());
        self.put(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// What is joined by line breaks.
    fn parts(self) -> impl Iterator<Item = &'a [u8]> {
        let (mut rest, field) = match self {
            Self::Text(text) => (Some(text.as_bytes()), None),
            Self::Lines(lines) => {
                (Some(lines.strip_suffix(b"\n").unwrap_or(lines)), Some(DATA_FIELD))
            }
        };
        std::iter::from_fn(move || {
            let lines = rest.take()?;
            let Some(field) = field else { return Some(lines) };
            let line = match memchr(b'\n', lines) {
                Some(end) => {
                    rest = Some(&lines[end + 1..]);
                    &lines[..end]
                }
                None => lines,
            };
            Some(line.strip_prefix(field).unwrap_or(line))
        })
    }
}

impl PartialEq for EventData<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_text() == other.to_text()
    }
}

impl Eq for EventData<'_> {}

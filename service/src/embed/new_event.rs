//! An event that a program is about to publish.

use std::borrow::Cow;
use std::time::Duration;

use crate::event::{Draft, DraftError, DraftFields, EventLimits};

/// An event that is yet to be published: at least a topic. It is checked when it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it has to be published"]
pub struct NewEvent {
    topics: Vec<String>,
    data: String,
    event_type: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
    private: bool,
    ends_topic: bool,
}

impl NewEvent {
    /// A public event without data on a topic.
    pub fn on(topic: impl Into<String>) -> Self {
        Self {
            topics: vec![topic.into()],
            data: String::new(),
            event_type: None,
            id: None,
            retry: None,
            private: false,
            ends_topic: false,
        }
    }

    /// Another topic, under which it is found as well; the first one is the canonical one.
    pub fn and_on(mut self, topic: impl Into<String>) -> Self {
        self.topics.push(topic.into());
        self
    }

    /// What it says; it may have several lines.
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.data = data.into();
        self
    }

    /// Its name, to which a page listens with `addEventListener`.
    pub fn event_type(mut self, name: impl Into<String>) -> Self {
        self.event_type = Some(name.into());
        self
    }

    /// An id of your own, in the place of the hub's. Published again with it, the same event is no second
    /// one, and another event is refused, for as long as the first is retained.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How long its readers wait from now on before they reconnect, in whole milliseconds.
    pub fn retry(mut self, wait: Duration) -> Self {
        self.retry = Some(wait);
        self
    }

    /// Only readers whose token grants one of its topics see it.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// The last event of its topics: streams that listen to nothing else end after it. Without data and
    /// name it is the end alone.
    pub fn ending_topic(mut self) -> Self {
        self.ends_topic = true;
        self
    }

    pub(super) fn check(self, limits: &EventLimits) -> Result<Draft, DraftError> {
        let fields = DraftFields {
            topics: self.topics.into_iter().map(Cow::Owned).collect(),
            data: Cow::Owned(self.data),
            event_type: self.event_type.map(Cow::Owned),
            id: self.id.map(Cow::Owned),
            retry: self.retry.map(|wait| Cow::Owned(wait.as_millis().to_string())),
            private: self.private,
            end: self.ends_topic,
        };
        Ok(fields.check(limits)?.idempotent())
    }
}

//! Who may publish and subscribe what.
//!
//! Everything above asks an [`Authority`] for [`Grants`] before it does anything for a request, so
//! there is one place that decides. Today's authority is open: everybody may do everything, which
//! the configuration only allows where nobody else can reach the listener, or where it was asked
//! for in so many words.

use crate::event::Event;
use crate::topic::{Selector, SelectorSet, Topic};

/// What a request may do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grants {
    publish: Option<SelectorSet>,
    subscribe: Option<SelectorSet>,
}

impl Grants {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self { publish: Some(SelectorSet::any()), subscribe: Some(SelectorSet::any()) }
    }

    /// Private events of one topic, and nothing else: what a stream made by the server itself gets.
    /// Nobody else sees the events that are for one stream only.
    #[must_use]
    pub fn subscribe_to(topic: Topic) -> Self {
        Self { publish: None, subscribe: Some(SelectorSet::one(Selector::exact(topic))) }
    }

    /// May publish to this topic.
    #[must_use]
    pub fn may_publish(&self, topic: &str) -> bool {
        self.publish.as_ref().is_some_and(|selectors| selectors.matches(topic))
    }

    /// May see private events with one of these topics.
    #[must_use]
    pub fn may_see_private<'a>(&self, topics: impl IntoIterator<Item = &'a str>) -> bool {
        self.subscribe.as_ref().is_some_and(|selectors| selectors.matches_any(topics))
    }

    /// May see an event that is asked for.
    #[must_use]
    pub fn may_see(&self, event: &Event) -> bool {
        if event.is_for_one_stream() {
            return event.topics().iter().any(|topic| self.are_those_of(topic));
        }
        !event.is_private() || self.may_see_private(event.topics().iter().map(Topic::as_str))
    }

    /// Whether these are the grants of the stream that a topic was made for.
    fn are_those_of(&self, topic: &Topic) -> bool {
        let Some(subscribe) = &self.subscribe else { return false };
        let mut selectors = subscribe.iter();
        let only = selectors.next().and_then(Selector::exact_topic);
        self.publish.is_none() && only == Some(topic) && selectors.next().is_none()
    }

    /// May see every private event.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        self.subscribe.as_ref().is_some_and(SelectorSet::is_any)
    }
}

/// Decides what a request may do.
#[derive(Clone, Copy, Debug)]
pub enum Authority {
    /// No keys: everybody may do everything.
    Open,
}

impl Authority {
    /// The grants of a request.
    #[must_use]
    pub fn grants(&self) -> Grants {
        match self {
            Self::Open => Grants::all(),
        }
    }
}

//! What a request may do.

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

    /// Public events, and nothing else.
    #[must_use]
    pub fn public() -> Self {
        Self { publish: None, subscribe: None }
    }

    /// What a token grants: publishing to the topics of one set, and private events of the other.
    /// `None` grants nothing.
    #[must_use]
    pub fn of(publish: Option<SelectorSet>, subscribe: Option<SelectorSet>) -> Self {
        Self { publish, subscribe }
    }

    /// Private events of one topic, and nothing else: what a stream made by the server itself gets.
    /// Nobody else sees the events that are for one stream only.
    #[must_use]
    pub fn subscribe_to(topic: Topic) -> Self {
        Self { publish: None, subscribe: Some(SelectorSet::one(Selector::exact(topic))) }
    }

    /// The topics that it may publish to.
    #[must_use]
    pub fn publish_selectors(&self) -> Option<&SelectorSet> {
        self.publish.as_ref()
    }

    /// The topics whose private events it may see.
    #[must_use]
    pub fn subscribe_selectors(&self) -> Option<&SelectorSet> {
        self.subscribe.as_ref()
    }

    /// Whether an event that is asked for may be seen. A private one is for those whose selectors match
    /// one of its topics, which can take long: it is for the caller to do in parts.
    #[must_use]
    pub fn visibility(&self, event: &Event) -> Visibility<'_> {
        if event.is_for_one_stream() {
            return Visibility::Known(event.topics().iter().any(|topic| self.are_those_of(topic)));
        }
        match &self.subscribe {
            _ if !event.is_private() => Visibility::Known(true),
            None => Visibility::Known(false),
            Some(selectors) => Visibility::IfMatched(selectors),
        }
    }

    /// Whether the end of a topic may be seen that came with an event. Of a private event's topics it is
    /// told only to those whose selectors match that very one: its name is nobody else's business.
    #[must_use]
    pub fn visibility_of_end(&self, event: &Event, topic: &Topic) -> Visibility<'_> {
        match self.visibility(event) {
            Visibility::Known(true) if event.is_for_one_stream() => {
                Visibility::Known(self.are_those_of(topic))
            }
            other => other,
        }
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

/// Whether an event may be seen.
#[derive(Clone, Copy, Debug)]
pub enum Visibility<'a> {
    /// That is known.
    Known(bool),
    /// If one of its topics is matched, or the topic that it is about.
    IfMatched(&'a SelectorSet),
}

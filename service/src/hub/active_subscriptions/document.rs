//! One active subscription, as its observers see it: its topic, and the document about it.
//!
//! A selector in the notation of draft-07 is told in the form of draft-07, JSON-LD with the selector
//! as `topic`; any other in the form of 1.0, with `match_type` and `match`. What is known of a
//! subscription does not change while it is open, so its document is written once.

use std::fmt::Write as _;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::event::{Draft, EventType};
use crate::memory::allocated;
use crate::topic::{Notation, Topic};

/// Below this are the topics of events about subscriptions, and the resources with them.
pub const SUBSCRIPTIONS_PATH: &str = "/.well-known/mercure/subscriptions";

/// What the documents of draft-07 are written in.
pub const JSON_LD_CONTEXT: &str = "https://mercure.rocks/";

/// The name of the events of 1.0 about subscriptions; those of draft-07 have none.
const EVENT_TYPE: &str = "mercure";

/// All but the unreserved characters of RFC 3986, as a simple expansion of a URI Template encodes
/// them (RFC 6570, section 3.2.2).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A selector with which a stream is opened, and what its token says about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSelector {
    /// How it was written.
    pub notation: Notation,
    /// As it was written.
    pub text: String,
    /// Any JSON, for everybody who may see the subscription.
    pub payload: Option<Arc<str>>,
}

/// A subscription of an open stream.
#[derive(Debug)]
pub struct ActiveSubscription {
    notation: Notation,
    topic: Topic,
    /// The members of its document up to `active`.
    members: Box<str>,
    payload: Option<Arc<str>>,
}

/// The path of all subscriptions with a selector, and with a subscriber the topic of one.
#[must_use]
pub fn subscription_path(notation: Notation, text: &str, subscriber: Option<&str>) -> String {
    let mut path = SUBSCRIPTIONS_PATH.to_owned();
    let text = utf8_percent_encode(text, ENCODED);
    let written = match match_type(notation) {
        Some(match_type) => write!(path, "/{match_type}/{text}"),
        None => write!(path, "/{text}"),
    };
    let subscriber = subscriber.map(|name| utf8_percent_encode(name, ENCODED));
    let written = written.and_then(|()| match subscriber {
        Some(subscriber) => write!(path, "/{subscriber}"),
        None => Ok(()),
    });
    debug_assert!(written.is_ok(), "a text takes whatever is written");
    path
}

/// The name of a notation in 1.0; `None` for that of draft-07.
fn match_type(notation: Notation) -> Option<&'static str> {
    match notation {
        Notation::TopicOrTemplate => None,
        Notation::Exact => Some("exact"),
        Notation::UrlPattern => Some("urlpattern"),
    }
}

impl ActiveSubscription {
    /// The subscription of a subscriber; `None` for what is no topic, which nothing that is
    /// percent-encoded is.
    pub(super) fn new(selector: NamedSelector, subscriber: &str) -> Option<Self> {
        let NamedSelector { notation, text, payload } = selector;
        let id = subscription_path(notation, &text, Some(subscriber));
        // As long as its selector makes it, whose length was checked.
        let topic = Topic::parse(&id, usize::MAX).ok()?;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let (id, text, subscriber) = (quoted(&id), quoted(&text), quoted(subscriber));
        let members = match match_type(notation) {
            Some(match_type) => format!(
                r#""id":{id},"type":"subscription","match_type":"{match_type}","match":{text},"subscriber":{subscriber}"#
            ),
            None => {
                format!(
                    r#""id":{id},"type":"Subscription","topic":{text},"subscriber":{subscriber}"#
                )
            }
        };
        Some(Self { notation, topic, members: members.into(), payload })
    }

    /// Whether it is told in the form of draft-07.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.notation == Notation::TopicOrTemplate
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The members of its document, without the braces, for a list or with others before them.
    #[must_use]
    pub fn members(&self, is_active: bool) -> String {
        let payload = self.payload.as_deref();
        let (name, value) = payload.map_or(("", ""), |json| (r#","payload":"#, json));
        format!(r#"{},"active":{is_active}{name}{value}"#, self.members)
    }

    /// How long that is, roughly.
    pub(super) fn document_bytes(&self) -> usize {
        self.members.len() + self.payload.as_ref().map_or(0, |json| json.len()) + 32
    }

    /// What its document, its topic and its place in a table hold in memory, without the payload,
    /// which all subscriptions of a stream share.
    pub(super) fn bytes(&self) -> usize {
        // A text that is shared has two counts beside it. In a tree that is filled in any order nodes
        // are two thirds full.
        const COUNTS: usize = 2 * size_of::<usize>();
        const PLACE: usize = (size_of::<Topic>() + size_of::<usize>()) * 3 / 2;
        allocated(size_of::<Self>() + COUNTS)
            + allocated(self.topic.as_str().len() + COUNTS)
            + allocated(self.members.len())
            + PLACE
    }

    pub(super) fn payload(&self) -> Option<&Arc<str>> {
        self.payload.as_ref()
    }

    /// The event that says that it has begun or ended.
    pub(super) fn draft(&self, is_active: bool) -> Draft {
        let members = self.members(is_active);
        let (data, event_type) = if self.is_legacy() {
            (format!(r#"{{"@context":"{JSON_LD_CONTEXT}",{members}}}"#), None)
        } else {
            (format!("{{{members}}}"), EventType::parse(EVENT_TYPE).ok())
        };
        let draft = Draft::new(self.topic.clone(), data).private();
        match event_type {
            Some(event_type) => draft.named(event_type),
            None => draft,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIBER: &str = "urn:uuid:1";

    fn subscription(notation: Notation, text: &str, payload: Option<&str>) -> ActiveSubscription {
        let payload = payload.map(Arc::from);
        let selector = NamedSelector { notation, text: text.to_owned(), payload };
        ActiveSubscription::new(selector, SUBSCRIBER).unwrap()
    }

    #[test]
    fn each_variable_of_a_path_is_encoded_once_and_as_a_whole() {
        use Notation::{Exact, TopicOrTemplate, UrlPattern};
        let cases = [
            (Exact, "news", "/exact/news"),
            (Exact, "*", "/exact/%2A"),
            (Exact, "a/b?c#d e", "/exact/a%2Fb%3Fc%23d%20e"),
            (Exact, "100%25", "/exact/100%2525"),
            (Exact, "-._~", "/exact/-._~"),
            (Exact, "ü", "/exact/%C3%BC"),
            (UrlPattern, "/books/:id", "/urlpattern/%2Fbooks%2F%3Aid"),
            (TopicOrTemplate, "https://e.com/{id}", "/https%3A%2F%2Fe.com%2F%7Bid%7D"),
        ];
        for (notation, text, expected) in cases {
            let collection = format!("{SUBSCRIPTIONS_PATH}{expected}");
            assert_eq!(subscription_path(notation, text, None), collection, "{text}");
            let topic = format!("{collection}/urn%3Auuid%3A1");
            assert_eq!(subscription(notation, text, None).topic().as_str(), topic, "{text}");
        }
    }

    #[test]
    fn documents_have_the_members_of_their_dialect_and_are_json_whatever_the_selector() {
        for text in ["a", "\"\\", "\u{1F600}", "a</script>", "{x}"] {
            let current = subscription(Notation::Exact, text, Some("{\"n\": [1]}"));
            let document: serde_json::Value =
                serde_json::from_str(&format!("{{{}}}", current.members(true))).unwrap();
            let expected = serde_json::json!({
                "id": current.topic().as_str(), "type": "subscription", "match_type": "exact",
                "match": text, "subscriber": SUBSCRIBER, "active": true, "payload": {"n": [1]},
            });
            assert_eq!(document, expected);
            let legacy = subscription(Notation::TopicOrTemplate, text, None);
            let document: serde_json::Value =
                serde_json::from_str(&format!("{{{}}}", legacy.members(false))).unwrap();
            let expected = serde_json::json!({
                "id": legacy.topic().as_str(), "type": "Subscription", "topic": text,
                "subscriber": SUBSCRIBER, "active": false,
            });
            assert_eq!(document, expected);
        }
    }

    #[test]
    fn the_longest_selector_has_a_topic() {
        let text = "/".repeat(crate::topic::Selector::MAX_BYTES);
        for notation in [Notation::Exact, Notation::UrlPattern, Notation::TopicOrTemplate] {
            let id = subscription(notation, &text, None);
            assert!(id.topic().as_str().len() > 3 * text.len());
        }
    }
}

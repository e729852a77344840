//! Names that only the server itself publishes under.
//!
//! A client that subscribes to them takes what comes for the server's own statements: how many
//! subscribers there are, which they are, what was missed. So a publisher from outside may use none
//! of them, nor anything that a subscriber could take for one. Drafts that the server makes are not
//! looked at here.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// What a subscriber asks for every topic with.
const EVERY_TOPIC: &str = "*";
/// Below this the protocol has its events about subscriptions.
const HUB_PREFIX: &str = "/.well-known/mercure/";
/// Without percent-encoding, no spelling of it can do without this.
const HUB_WORD: &str = "mercure";
/// Topics of the server's own stats.
const SERVER_PREFIX: &str = "fanfare/";
const DEMONSTRATIONS_PREFIX: &str = "demo/";
/// The name of the events about subscriptions.
const HUB_TYPE: &str = "mercure";
/// How the names of the server's messages to a stream begin.
const SERVER_TYPE_PREFIX: &str = "fanfare-";

/// What a relative topic is resolved against: the hub, as the protocol says, and the root of its
/// host, as some of its clients do.
static BASES: LazyLock<Vec<Url>> = LazyLock::new(|| {
    let bases = ["http://hub.invalid/.well-known/mercure", "http://hub.invalid/"];
    bases.iter().filter_map(|base| Url::parse(base).ok()).collect()
});

/// Which names are reserved, beside those that always are.
#[derive(Clone, Copy, Debug)]
pub struct ReservedNames {
    /// Those of the demonstrations.
    pub demonstrations: bool,
}

impl Default for ReservedNames {
    fn default() -> Self {
        Self { demonstrations: true }
    }
}

/// A name that is reserved, and what to use instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReservedName {
    /// The name for all topics.
    #[error("`*` stands for every topic; publish under a name of your own")]
    EveryTopic,
    /// A topic of events about subscriptions.
    #[error(
        "topics below `/.well-known/mercure/` are the hub's, however they are written; choose a topic elsewhere, such as `https://example.com/books/1`"
    )]
    HubTopic,
    /// A topic of the server's stats.
    #[error("topics that begin with `fanfare/` are the server's; begin yours with another name")]
    ServerTopic,
    /// A topic of a demonstration.
    #[error(
        "topics that begin with `demo/` are those of the demonstrations; begin yours with another name, or start the server with --demos=false"
    )]
    DemonstrationTopic,
    /// A name of the server's own events.
    #[error(
        "the types `mercure` and `fanfare-…` are the server's own; choose another type, or leave it out"
    )]
    Type,
}

impl ReservedNames {
    /// Whether an event from outside may have this topic.
    pub(super) fn check_topic(self, topic: &str) -> Result<(), ReservedName> {
        if topic == EVERY_TOPIC {
            return Err(ReservedName::EveryTopic);
        }
        if topic.starts_with(SERVER_PREFIX) {
            return Err(ReservedName::ServerTopic);
        }
        if self.demonstrations && topic.starts_with(DEMONSTRATIONS_PREFIX) {
            return Err(ReservedName::DemonstrationTopic);
        }
        if is_below_hub(topic) {
            return Err(ReservedName::HubTopic);
        }
        Ok(())
    }

    /// Whether an event from outside may have this type. White space around it counts for nothing,
    /// because there are clients that cut it off.
    pub(super) fn check_type(self, name: &str) -> Result<(), ReservedName> {
        let name = name.trim();
        if name == HUB_TYPE || name.starts_with(SERVER_TYPE_PREFIX) {
            return Err(ReservedName::Type);
        }
        Ok(())
    }
}

/// Whether a topic leads to the hub itself, as `#general`, `mercure` and the like do when they are read
/// as references to URLs. 1.0 of the protocol reserves those, too, while clients of draft-07 have
/// always used them.
#[must_use]
pub fn is_hub(topic: &str) -> bool {
    let may_be = topic.starts_with(['?', '#']) || topic.contains('%') || topic.contains(HUB_WORD);
    let hub = BASES.first().filter(|_| may_be);
    hub.and_then(|hub| hub.join(topic).ok()).is_some_and(|url| {
        let path = percent_decode_str(url.path()).decode_utf8_lossy();
        path == HUB_PREFIX.trim_end_matches('/')
    })
}

/// Whether a topic, read as the reference to a URL, leads below the hub, on whatever host. More is
/// decoded than has to be: no honest topic differs from the hub's by that alone.
fn is_below_hub(topic: &str) -> bool {
    if !topic.contains(['%']) && !topic.contains(HUB_WORD) {
        return false;
    }
    let decoded = percent_decode_str(topic).decode_utf8_lossy();
    decoded.contains(HUB_WORD) && (leads_below_hub(topic) || leads_below_hub(&decoded))
}

fn leads_below_hub(reference: &str) -> bool {
    BASES.iter().filter_map(|base| base.join(reference).ok()).any(|url| {
        let path = percent_decode_str(url.path()).decode_utf8_lossy();
        path.starts_with(HUB_PREFIX)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(topic: &str) -> Result<(), ReservedName> {
        ReservedNames::default().check_topic(topic)
    }

    #[test]
    fn topics_below_the_hub_are_reserved_in_every_spelling() {
        let spellings = [
            "/.well-known/mercure/subscriptions/a/b",
            "/.well-known/mercure/",
            "https://example.com/.well-known/mercure/subscriptions",
            "HTTP://Example.com:8080/.well-known/mercure/x",
            "//example.com/.well-known/mercure/x",
            "any:/.well-known/mercure/x",
            "/.well-known/%6Dercure/x",
            "/%2Ewell-known/mercure%2fx",
            "/%2e%77%65ll-known/%6d%65%72%63%75%72%65/x",
            "/./.well-known/mercure/x",
            "/a/../.well-known/mercure/x",
            "/a/%2e%2E/.well-known/mercure/x",
            "/.well-known/a/../mercure/x",
            "/.well-known/mercure/../mercure/x",
            ".well-known/mercure/x",
            "mercure/x",
            "./mercure/x",
            "../.well-known/mercure/x",
            "\\.well-known\\mercure\\x",
            " /.well-known/mercure/x",
            "/.well-known%2Fmercure%2Fx",
            "/.well-known/a%2F..%2Fmercure%2Fx",
            "/.well-known/mercure/x?a#b",
        ];
        for spelling in spellings {
            assert_eq!(topic(spelling), Err(ReservedName::HubTopic), "{spelling}");
        }
    }

    #[test]
    fn topics_that_lead_elsewhere_are_free() {
        let free = [
            "mercure",
            "mercure?x",
            "#mercure/x",
            "/.well-known/mercure",
            "https://example.com/.well-known/mercure",
            "https://example.com/.well-known/mercurex/y",
            "https://example.com/?at=/.well-known/mercure/x",
            "https://example.com/a/.well-known/mercure/x",
            "/.well-known/mercure/../x",
            "/planets/mercure/x",
            "urn:mercure:x",
            "fanfare",
            "fanfares/x",
            "/fanfare/x",
            "demo",
            "demonstration/x",
            "my/demo/x",
            "100%",
        ];
        for name in free {
            assert_eq!(topic(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn topics_of_the_server_are_reserved_and_those_of_the_demonstrations_while_they_are_on() {
        assert_eq!(topic("fanfare/server"), Err(ReservedName::ServerTopic));
        assert_eq!(topic("fanfare/"), Err(ReservedName::ServerTopic));
        assert_eq!(topic("demo/time"), Err(ReservedName::DemonstrationTopic));
        let without = ReservedNames { demonstrations: false };
        assert_eq!(without.check_topic("demo/time"), Ok(()));
        assert_eq!(without.check_topic("fanfare/x"), Err(ReservedName::ServerTopic));
    }

    #[test]
    fn what_leads_to_the_hub_itself_is_told_apart() {
        for name in [
            "mercure",
            "#general",
            "?x",
            "/.well-known/mercure",
            "http://h/.well-known/mercure",
            "/.well-known/%6dercure?a",
        ] {
            assert!(is_hub(name), "{name}");
            assert_eq!(topic(name), Ok(()), "{name}");
        }
        for name in [
            "general",
            "a#b",
            "/mercure",
            "https://example.com/#a",
            "urn:mercure",
            "mercure2",
            "a?b",
        ] {
            assert!(!is_hub(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_published_to_every_topic() {
        assert_eq!(topic("*"), Err(ReservedName::EveryTopic));
        assert_eq!(topic("**"), Ok(()));
    }

    #[test]
    fn types_of_the_server_are_reserved() {
        let names = ReservedNames::default();
        for name in
            ["mercure", "fanfare-gap", "fanfare-end", "fanfare-", " mercure", "fanfare-gap "]
        {
            assert_eq!(names.check_type(name), Err(ReservedName::Type), "{name}");
        }
        for name in ["Mercure", "mercure2", "fanfare", "fanfares", "my-fanfare-gap", "message", ""]
        {
            assert_eq!(names.check_type(name), Ok(()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_topic_is_judged(name in any::<String>()) {
            let _ = topic(&name);
        }

        #[test]
        fn no_encoding_of_letters_leads_below_the_hub(encoded in proptest::collection::vec(any::<bool>(), 24)) {
            let path = "/.well-known/mercure/x/y";
            let spelt: String = path.chars().zip(encoded).map(|(c, encode)| {
                if encode && c != '/' { format!("%{:02x}", c as u32) } else { c.to_string() }
            }).collect();
            prop_assert_eq!(topic(&spelt), Err(ReservedName::HubTopic));
        }
    }
}

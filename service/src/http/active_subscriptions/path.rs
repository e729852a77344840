//! Paths of active subscriptions.

use std::borrow::Cow;

use super::super::parameters::path_part;
use super::super::problem::Problem;
use crate::hub::active_subscriptions::{SUBSCRIPTIONS_PATH, subscription_path};
use crate::topic::Notation;

/// What a path below that of all subscriptions asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AskedFor<'a> {
    Everything,
    Selector { notation: Notation, text: Cow<'a, str> },
    One { notation: Notation, text: Cow<'a, str>, subscriber: Cow<'a, str> },
}

impl<'a> AskedFor<'a> {
    /// Three parts are of 1.0, and so are two that begin with the name of a kind of selector.
    pub(super) fn parse(rest: &'a str) -> Result<Self, Problem> {
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(Problem::NotFound);
        }
        let selector = |notation, text| Ok(Self::Selector { notation, text: path_part(text)? });
        let one = |notation, text, subscriber| {
            let (text, subscriber) = (path_part(text)?, path_part(subscriber)?);
            Ok(Self::One { notation, text, subscriber })
        };
        match *parts {
            [] => Ok(Self::Everything),
            [topic] => selector(Notation::TopicOrTemplate, topic),
            [first, second] => match notation(first) {
                Some(notation) => selector(notation, second),
                None => one(Notation::TopicOrTemplate, first, second),
            },
            [match_type, text, subscriber] => match notation(match_type) {
                Some(notation) => one(notation, text, subscriber),
                None => {
                    let given = match_type.chars().take(80).collect();
                    Err(Problem::MatchType { given })
                }
            },
            _ => Err(Problem::NotFound),
        }
    }

    /// The dialect whose form it has; `None` where the path does not say.
    pub(super) fn is_legacy(&self) -> Option<bool> {
        match self {
            Self::Everything => None,
            Self::Selector { notation, .. } | Self::One { notation, .. } => {
                Some(*notation == Notation::TopicOrTemplate)
            }
        }
    }
}

/// Whether what follows in a path means the same when it is written as the hub writes it; what is
/// wrong with it otherwise. For fuzzing.
pub(in crate::http) fn is_read_as_written(rest: &str) -> Result<bool, Problem> {
    let asked = AskedFor::parse(rest)?;
    let written = match &asked {
        AskedFor::Everything => return Ok(rest.is_empty()),
        // A topic of draft-07 by the name of a kind of selector cannot be asked for with a subscriber.
        AskedFor::One { notation: Notation::TopicOrTemplate, text, .. }
            if notation(text).is_some() =>
        {
            return Ok(true);
        }
        AskedFor::Selector { notation, text } => subscription_path(*notation, text, None),
        AskedFor::One { notation, text, subscriber } => {
            subscription_path(*notation, text, Some(subscriber))
        }
    };
    let rest = written.strip_prefix(SUBSCRIPTIONS_PATH).unwrap_or_default();
    Ok(AskedFor::parse(rest)? == asked)
}

/// The kinds of selectors that 1.0 has.
fn notation(match_type: &str) -> Option<Notation> {
    match match_type {
        "exact" => Some(Notation::Exact),
        "urlpattern" => Some(Notation::UrlPattern),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_path_say_what_is_asked_for_and_in_which_dialect() {
        use Notation::{Exact, TopicOrTemplate, UrlPattern};
        let selector = |notation, text| AskedFor::Selector { notation, text: Cow::Borrowed(text) };
        let one = |notation, text, subscriber| {
            let (text, subscriber) = (Cow::Borrowed(text), Cow::Borrowed(subscriber));
            AskedFor::One { notation, text, subscriber }
        };
        let cases = [
            ("", AskedFor::Everything),
            ("/a", selector(TopicOrTemplate, "a")),
            ("/exact", selector(TopicOrTemplate, "exact")),
            ("/https%3A%2F%2Fe.com%2F%7Bid%7D", selector(TopicOrTemplate, "https://e.com/{id}")),
            ("/exact/a%2Fb", selector(Exact, "a/b")),
            ("/urlpattern/%2F%3Aid", selector(UrlPattern, "/:id")),
            ("/a/urn%3Auuid%3A1", one(TopicOrTemplate, "a", "urn:uuid:1")),
            ("/regexp/a", one(TopicOrTemplate, "regexp", "a")),
            ("/exact/100%2525/s", one(Exact, "100%25", "s")),
            ("/urlpattern/a+b/s", one(UrlPattern, "a+b", "s")),
        ];
        for (rest, expected) in cases {
            assert_eq!(AskedFor::parse(rest), Ok(expected), "{rest}");
        }
        for rest in ["/", "//", "/a/", "/exact//s", "/exact/a/s/", "/exact/a/s/t"] {
            assert_eq!(AskedFor::parse(rest), Err(Problem::NotFound), "{rest}");
        }
        let unknown = Problem::MatchType { given: "regexp".to_owned() };
        assert_eq!(AskedFor::parse("/regexp/a/s"), Err(unknown));
        assert!(matches!(AskedFor::parse("/%FF"), Err(Problem::Unreadable(_))));
    }
}

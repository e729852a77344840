//! Where a request for a stream wants to go on: the header, or a parameter for clients that cannot
//! set one, in all the spellings that they use.

use hyper::Request;

use super::parameters::Pairs;
use super::reply::Problem;
use crate::hub::Resume;

/// The header of the event stream format, and the name of ours that says the same.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// The parameter as documents write it, for errors.
const PARAMETER: &str = "lastEventID";

/// What a request says about where to go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// From where.
    pub(super) resume: Option<Resume>,
    /// There was an id, and it was empty: a client that has never had one, or that lost it.
    pub(super) was_empty: bool,
}

impl Asked {
    /// The header wins over the parameters, and of those the last; what is empty counts as none.
    pub(super) fn of<B>(request: &Request<B>, parameters: &Pairs<'_>) -> Self {
        // One that is not text names no event that we could have sent.
        let header = request.headers().get(LAST_EVENT_ID);
        let header = header.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let given = parameters.iter().filter(|(name, _)| is_last_event_id(name));
        let mut all: Vec<&str> = given.map(|(_, value)| value.as_ref()).collect();
        all.extend(header.as_deref());
        let resume = all.iter().rev().find_map(|text| Resume::parse(text));
        Self { was_empty: resume.is_none() && !all.is_empty(), resume }
    }
}

/// `lastEventID`, `lastEventId`, `Last-Event-ID`, `last_event_id`, …
fn is_last_event_id(name: &str) -> bool {
    plain(name) == plain(PARAMETER)
}

/// Refuses a name that is nearly one of those that mean something here: to leave it alone would be
/// to do something else than was asked, without a word.
pub(super) fn check_spelling(
    parameters: &Pairs<'_>,
    known: &[&'static str],
) -> Result<(), Problem> {
    for (name, _) in parameters {
        if known.contains(&name.as_ref()) || is_last_event_id(name) {
            continue;
        }
        let singular = singular(name);
        let meant =
            known.iter().chain([&PARAMETER]).find(|known| self::singular(known) == singular);
        if let Some(meant) = meant {
            let name: String = name.chars().take(80).collect();
            return Err(Problem::Unreadable(format!(
                "`{name}` is no parameter here; write `{meant}`"
            )));
        }
    }
    Ok(())
}

/// Without regard to case, `-` and `_`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

fn singular(name: &str) -> String {
    let mut plain = plain(name);
    if plain.len() > 1 && plain.ends_with('s') {
        plain.pop();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::parameters::pairs;
    use super::*;

    fn asked(header: Option<&str>, query: &str) -> Asked {
        let mut request = Request::builder();
        if let Some(header) = header {
            request = request.header("Last-Event-ID", header);
        }
        Asked::of(&request.body(()).unwrap(), &pairs(query).unwrap())
    }

    #[test]
    fn the_header_wins_then_the_last_parameter_in_whatever_spelling() {
        let after = |id: &str| Some(Resume::After(id.to_owned()));
        let cases = [
            (None, "", None),
            (None, "topic=a", None),
            (None, "lastEventID=1", after("1")),
            (None, "lastEventId=1", after("1")),
            (None, "Last-Event-ID=1", after("1")),
            (None, "last_event_id=1", after("1")),
            (None, "LASTEVENTID=1", after("1")),
            (None, "last-event-id=1&lastEventID=2", after("2")),
            (None, "lastEventID=2&lastEventId=", after("2")),
            (None, "lastEventID=e%3A1", after("e:1")),
            (None, "lastEventID=earliest", Some(Resume::Earliest)),
            (None, "lastEventID=now", Some(Resume::Now)),
            (Some("3"), "lastEventID=1", after("3")),
            (Some(""), "lastEventID=1", after("1")),
            (Some("earliest"), "", Some(Resume::Earliest)),
            (None, "event=1&id=2&last=3", None),
        ];
        for (header, query, resume) in cases {
            assert_eq!(asked(header, query), Asked { resume, was_empty: false }, "{query}");
        }
    }

    #[test]
    fn an_id_that_is_empty_is_none_and_is_noticed() {
        for (header, query) in [(None, "lastEventID="), (Some(""), ""), (Some(""), "last_event_id")]
        {
            assert_eq!(asked(header, query), Asked { resume: None, was_empty: true }, "{query}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_refused_with_the_right_one() {
        let meant = |query: &str, known: &[&'static str]| {
            let refused = check_spelling(&pairs(query).unwrap(), known).err()?;
            Some(refused.to_string().split("write ").nth(1)?.to_owned())
        };
        let known = &["topic", "type", "id"];
        let cases = [
            ("topic=a&topic=b&lastEventID=1", None),
            ("last-event-id=1&LastEventId=2", None),
            ("anything=else&Authorization=x&last=1", None),
            ("topics=a", Some("`topic`")),
            ("Topic=a", Some("`topic`")),
            ("to_pic=a", Some("`topic`")),
            ("TYPES=a", Some("`type`")),
            ("ids=1", Some("`id`")),
            ("last-event-ids=1", Some("`lastEventID`")),
            ("s=1&=2&-=3", None),
        ];
        for (query, expected) in cases {
            assert_eq!(meant(query, known).as_deref(), expected, "{query}");
        }
    }
}

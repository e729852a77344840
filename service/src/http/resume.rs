//! Where a request for a stream resumes: the header, or a parameter for clients that cannot set
//! one, in all the spellings that they use.

use hyper::HeaderMap;
use jiff::Timestamp;

use super::beginning::{self, BeginningRequest};
use super::credentials;
use super::parameters::{Pairs, check_spelling, plain};
use super::problem::Problem;
use super::tickets;
use crate::hub::Resume;

/// The header of the event stream format, and the name of ours that says the same.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// The parameter as documents write it, for errors.
const PARAMETER: &str = "lastEventID";

/// What a request says about where to resume.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ResumeRequest {
    /// From where.
    pub(super) resume: Option<Resume>,
    /// There was an id, and it was empty: a client that has never had one, or that lost it.
    pub(super) was_empty: bool,
    /// Where it begins otherwise.
    pub(super) otherwise: BeginningRequest,
}

impl ResumeRequest {
    /// The header wins over the parameters, and of several the last; what is empty counts as none.
    /// `reqwest-eventsource` adds a header to the one that its user began with.
    pub(super) fn of(headers: &HeaderMap, parameters: &Pairs<'_>) -> Result<Self, Problem> {
        // One that is not text names no event that we could have sent.
        let headers = headers.get_all(LAST_EVENT_ID).iter();
        let headers: Vec<_> =
            headers.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let given = parameters.iter().filter(|(name, _)| is_last_event_id(name));
        let mut all: Vec<&str> = given.map(|(_, value)| value.as_ref()).collect();
        all.extend(headers.iter().map(AsRef::<str>::as_ref));
        let resume = all.iter().rev().find_map(|text| Resume::parse(text));
        let otherwise = BeginningRequest::of(parameters, Timestamp::now())?;
        Ok(Self { was_empty: resume.is_none() && !all.is_empty(), resume, otherwise })
    }
}

/// `lastEventID`, `lastEventId`, `Last-Event-ID`, `last_event_id`, …
fn is_last_event_id(name: &str) -> bool {
    plain(name) == plain(PARAMETER)
}

/// What every request for a stream may say in its query.
pub(super) const STREAM_PARAMETERS: [&str; 6] = [
    PARAMETER,
    beginning::LAST,
    beginning::SINCE,
    beginning::POLL,
    credentials::PARAMETER,
    tickets::PARAMETER,
];

/// Refuses a parameter of a stream that is nearly one that means something.
pub(super) fn check_stream_spelling(
    parameters: &Pairs<'_>,
    known: &[&'static str],
) -> Result<(), Problem> {
    let names = parameters.iter().map(|(name, _)| name.as_ref());
    let known = [known, &STREAM_PARAMETERS].concat();
    check_spelling(names.filter(|name| !is_last_event_id(name)), &known)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::super::parameters::pairs;
    use super::*;

    fn requested(header: Option<&str>, query: &str) -> ResumeRequest {
        let mut request = Request::builder();
        if let Some(header) = header {
            request = request.header("Last-Event-ID", header);
        }
        ResumeRequest::of(request.body(()).unwrap().headers(), &pairs(query).unwrap()).unwrap()
    }

    #[test]
    fn of_several_headers_the_last_that_is_not_empty_wins() {
        for (headers, id) in [(["1", "2"], "2"), (["1", ""], "1")] {
            let request = Request::builder();
            let request = headers.iter().fold(request, |it, id| it.header("Last-Event-ID", *id));
            let request = request.body(()).unwrap();
            let found = ResumeRequest::of(request.headers(), &pairs("lastEventID=3").unwrap());
            assert_eq!(found.unwrap().resume, Some(Resume::After(id.to_owned())), "{headers:?}");
        }
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
            let found = requested(header, query);
            assert_eq!((found.resume, found.was_empty), (resume, false), "{query}");
        }
    }

    #[test]
    fn an_id_that_is_empty_is_none_and_is_noticed() {
        for (header, query) in [(None, "lastEventID="), (Some(""), ""), (Some(""), "last_event_id")]
        {
            let found = requested(header, query);
            assert_eq!((found.resume, found.was_empty), (None, true), "{query}");
        }
    }

    #[test]
    fn every_spelling_of_the_parameter_is_right_but_not_its_plural() {
        let cases = [
            ("topic=a&topic=b&lastEventID=1", None),
            ("last-event-id=1&LastEventId=2", None),
            ("anything=else&authorization=x&last=1", None),
            ("topic=a&Authorization=x", Some("`authorization`")),
            ("topics=a", Some("`topic`")),
            ("Last=1", Some("`last`")),
            ("polls", Some("`poll`")),
            ("sinces=1m", Some("`since`")),
            ("last-event-ids=1", Some("`lastEventID`")),
        ];
        for (query, expected) in cases {
            let refused = check_stream_spelling(&pairs(query).unwrap(), &["topic"]).err();
            let refused = refused.map(|problem| problem.to_string());
            let meant = refused.as_deref().and_then(|text| text.split("write ").nth(1));
            assert_eq!(meant, expected, "{query}");
        }
    }
}

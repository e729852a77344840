//! Everything that can be wrong with a request to the admin listener, and what is answered.

use std::time::Duration;

use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;
use thiserror::Error;

use super::response::{AdminResponse, json_response};
use super::topic_place::TopicPlaceError;
use crate::delivery::{ListPlaceError, StreamIdError};
use crate::http::own_page::ForeignPage;
use crate::logging::FilterError;
use crate::topic::TopicError;

/// The longest body of a request.
pub(super) const BODY_BYTES_MAX: usize = 4 << 10;
/// How long a body may take.
pub(super) const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Everything that can be wrong with a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum AdminProblem {
    #[error(
        "there is nothing here; try /, /status, /streams, /topics, /log-level, /metrics, /healthz or /readyz"
    )]
    NotFound,
    #[error("this has {allow} alone")]
    Method { allow: &'static str },
    #[error(transparent)]
    ForeignPage(#[from] ForeignPage),
    #[error(
        "this listener can be reached from other machines, and there is no token for it; give one with --admin-token-file, or call a listener on a loopback address"
    )]
    NotHere,
    #[error("this needs the token of --admin-token-file; send it as `Authorization: Bearer TOKEN`")]
    NoToken,
    #[error(
        "this is not the token of --admin-token-file; send that as `Authorization: Bearer TOKEN`"
    )]
    WrongToken,
    #[error("`{name}` is no parameter of this; there are {known}")]
    UnknownParameter { name: String, known: &'static str },
    #[error("`{0}` stands more than once; send it once")]
    RepeatedParameter(&'static str),
    #[error("limit is a number from 1 to {max}, such as 20")]
    Limit { max: usize },
    #[error("sort is `lag`, for those that are furthest behind; leave it out for all, in no order")]
    Sort,
    #[error("the slowest are one page, so that after has no place beside sort=lag; leave it out")]
    AfterSort,
    #[error(transparent)]
    Place(#[from] ListPlaceError),
    #[error(transparent)]
    StreamId(#[from] StreamIdError),
    #[error("there is no such stream now; GET /streams has those that there are")]
    NoStream,
    #[error(transparent)]
    TopicPlace(#[from] TopicPlaceError),
    #[error("this is no topic: {0}; write it percent-encoded, as in /topics/orders%2F42")]
    Topic(TopicError),
    #[error(
        "this is no topic: it is not UTF-8; write it percent-encoded, as in /topics/orders%2F42"
    )]
    TopicText,
    #[error("no event of this topic is in memory; GET /topics has the topics that have one")]
    NoTopic,
    #[error("the filter {0}")]
    Filter(#[from] FilterError),
    #[error(
        "this hub runs inside of a program, which decides which log lines are written; set the level there"
    )]
    LogOfProgram,
    #[error("the body is no text; send a level such as info, or a filter such as fanfare=debug")]
    NoText,
    #[error("the body has more than {BODY_BYTES_MAX} bytes, and a filter needs no more")]
    TooLarge,
    #[error("the body took longer than {} s; send it at once", BODY_TIME_MAX.as_secs())]
    SlowBody,
    #[error("the body ended too early")]
    Body,
    #[error("the delivery threads have more to do; try again in a moment")]
    Busy,
}

impl AdminProblem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoStream | Self::NoTopic => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignPage(ForeignPage::Host(_)) => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignPage(ForeignPage::Origin(_)) | Self::NotHere => StatusCode::FORBIDDEN,
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::LogOfProgram => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ForeignPage(ForeignPage::NoHost(_))
            | Self::UnknownParameter { .. }
            | Self::RepeatedParameter(_)
            | Self::Limit { .. }
            | Self::Sort
            | Self::AfterSort
            | Self::Place(_)
            | Self::TopicPlace(_)
            | Self::Topic(_)
            | Self::TopicText
            | Self::StreamId(_)
            | Self::Filter(_)
            | Self::NoText
            | Self::Body => StatusCode::BAD_REQUEST,
        }
    }

    /// What the type of its document ends with: one of `SLUGS`.
    fn slug(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NoStream => "no-stream",
            Self::Method { .. } => "method",
            Self::ForeignPage(ForeignPage::NoHost(_)) => "host",
            Self::ForeignPage(ForeignPage::Host(_)) => "foreign-host",
            Self::ForeignPage(ForeignPage::Origin(_)) => "foreign-origin",
            Self::NotHere => "not-here",
            Self::NoToken => "no-token",
            Self::WrongToken => "wrong-token",
            Self::UnknownParameter { .. }
            | Self::RepeatedParameter(_)
            | Self::Limit { .. }
            | Self::Sort
            | Self::AfterSort
            | Self::Place(_)
            | Self::TopicPlace(_) => "parameter",
            Self::Topic(_) | Self::TopicText => "topic",
            Self::NoTopic => "no-topic",
            Self::StreamId(_) => "stream-id",
            Self::Filter(_) => "filter",
            Self::LogOfProgram => "log-of-program",
            Self::NoText | Self::Body => "body",
            Self::TooLarge => "too-large",
            Self::SlowBody => "timeout",
            Self::Busy => "busy",
        }
    }

    pub(super) fn response(&self) -> AdminResponse {
        let status = self.status();
        let document = json!({
            "type": format!("urn:fanfare:problem:{}", self.slug()),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = json_response(status, "application/problem+json", &document);
        self.mark(response.headers_mut());
        response
    }

    fn mark(&self, headers: &mut HeaderMap) {
        match self {
            Self::Method { allow } => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::NoToken => {
                let challenge = HeaderValue::from_static("Bearer realm=\"fanfare-admin\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::WrongToken => {
                let challenge = HeaderValue::from_static(
                    "Bearer realm=\"fanfare-admin\", error=\"invalid_token\"",
                );
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
    }
}

/// All of them, for the document that describes them.
#[cfg(test)]
pub(super) const SLUGS: [&str; 19] = [
    "body",
    "busy",
    "filter",
    "foreign-host",
    "foreign-origin",
    "host",
    "log-of-program",
    "method",
    "no-stream",
    "no-token",
    "no-topic",
    "not-found",
    "not-here",
    "parameter",
    "stream-id",
    "timeout",
    "too-large",
    "topic",
    "wrong-token",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_problem_has_its_status_and_a_type_that_is_listed() {
        let foreign = |page| AdminProblem::ForeignPage(page);
        let cases = [
            (AdminProblem::NotFound, 404),
            (AdminProblem::Method { allow: "GET" }, 405),
            (foreign(ForeignPage::NoHost(String::new())), 400),
            (foreign(ForeignPage::Host(String::new())), 421),
            (foreign(ForeignPage::Origin(String::new())), 403),
            (AdminProblem::NotHere, 403),
            (AdminProblem::NoToken, 401),
            (AdminProblem::WrongToken, 401),
            (AdminProblem::UnknownParameter { name: String::new(), known: "limit" }, 400),
            (AdminProblem::RepeatedParameter("limit"), 400),
            (AdminProblem::Limit { max: 1 }, 400),
            (AdminProblem::Sort, 400),
            (AdminProblem::AfterSort, 400),
            (AdminProblem::Place(ListPlaceError), 400),
            (AdminProblem::StreamId(StreamIdError), 400),
            (AdminProblem::NoStream, 404),
            (AdminProblem::TopicPlace(TopicPlaceError), 400),
            (AdminProblem::Topic(TopicError::Empty), 400),
            (AdminProblem::TopicText, 400),
            (AdminProblem::NoTopic, 404),
            (AdminProblem::Filter(FilterError::Empty), 400),
            (AdminProblem::LogOfProgram, 409),
            (AdminProblem::NoText, 400),
            (AdminProblem::TooLarge, 413),
            (AdminProblem::SlowBody, 408),
            (AdminProblem::Body, 400),
            (AdminProblem::Busy, 503),
        ];
        let mut slugs = BTreeSet::new();
        for (problem, status) in cases {
            let response = problem.response();
            assert_eq!(response.status().as_u16(), status, "{problem}");
            let has = |name| response.headers().contains_key(name);
            assert_eq!(has("www-authenticate"), status == 401, "{problem}");
            assert_eq!((has("allow"), has("retry-after")), (status == 405, status == 503));
            slugs.insert(problem.slug());
        }
        assert_eq!(slugs, SLUGS.into());
    }
}

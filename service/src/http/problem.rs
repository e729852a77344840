//! Everything that can be wrong with a request, or with the server: the only map from an error to a
//! status, and to how it is counted.

use std::time::Duration;

use hyper::StatusCode;
use thiserror::Error;

use super::client_limits::ClientLimitError;
use crate::demo::NoReaders;
use crate::event::DraftError;
use crate::hub::SubscribeError;
use crate::hub::active_subscriptions::AnnounceError;
use crate::log::AppendError;
use crate::metrics::{PublishRejection, Refusal, SubscribeRejection};
use crate::topic::{SelectorError, TopicError};

/// Everything that can be wrong with a request, or with the server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Problem {
    #[error("{0}")]
    Unreadable(String),
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error(transparent)]
    Selector(#[from] SelectorError),
    #[error("{0}")]
    Topic(TopicError),
    #[error(
        "`*` stands for every topic and is none; name one, or ask for all with `*` as a selector at `/.well-known/mercure`"
    )]
    EveryTopic,
    #[error("{0}")]
    Announce(#[from] AnnounceError),
    #[error(
        "`{given}` is no kind of selector here; write `exact` or `urlpattern`, or a path with a topic and a subscriber alone"
    )]
    MatchType { given: String },
    #[error(
        "there is no such subscription now; the path without its last part lists those that there are"
    )]
    NoSubscription,
    #[error(
        "this needs a token; send it as `Authorization: Bearer TOKEN`, or make one with `fanfare token`"
    )]
    NoToken,
    #[error("{what}")]
    Authorization { what: &'static str },
    #[error(
        "the token is not accepted{}; ask for a new one (reference {reference} in the log of the server)",
        reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default()
    )]
    Token { reference: String, reason: Option<String> },
    #[error(
        "the token cannot be checked yet: the keys of its issuer have not been fetched; retry in a moment"
    )]
    KeysNotFetched,
    #[error(
        "the ticket is not accepted{}; ask for a new one with POST /tickets (reference {reference} in the log of the server)",
        reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default()
    )]
    Ticket { reference: String, reason: Option<String> },
    #[error(
        "the stream of this ticket is still open, and it opens one at a time; ask for a ticket for each stream with POST /tickets"
    )]
    TicketInUse { comes_back: bool },
    #[error("this server checks no tokens, so that streams need no ticket; subscribe without one")]
    NoTickets,
    #[error(
        "a ticket for this token would be longer than the {max} characters that a URL has room for; ask for a token with fewer grants"
    )]
    TokenTooLong { max: usize },
    #[error("no ticket can be made now ({reason}); retry later")]
    NoTicket { reason: String },
    #[error("the token grants publishing to no topic; ask for one that does")]
    NothingGranted,
    #[error("the grants do not cover the topic `{topic}`; ask for a token that does")]
    NotGranted { topic: String },
    #[error(
        "a publish with a cookie needs the `Origin` or the `Referer` of its page; send the token in the header `Authorization` from elsewhere"
    )]
    NoOrigin,
    #[error(
        "the origin `{origin}` is not on the list; start the server with --cors-origin {origin}, or publish from your own server"
    )]
    ForeignOrigin { origin: String },
    #[error(
        "the host `{host}` is not served here; call the server by a name that it has, or start it with --host {host} if this is one"
    )]
    ForeignHost { host: String },
    #[error("nothing is served at this path; `/` shows what is")]
    NotFound,
    #[error("the method is not allowed at this path, which takes {allow}")]
    Method { allow: &'static str },
    #[error("the body took longer than {seconds} s; send it faster, or in smaller parts")]
    BodyTimeout { seconds: u64 },
    #[error(
        "the line took longer than {seconds} s from its first byte; send each line at once, or in smaller parts"
    )]
    LineTimeout { seconds: u64 },
    #[error("the body ended early; send it whole")]
    BodyCut,
    #[error("{0}")]
    Append(#[from] AppendError),
    #[error("the body is larger than {max} bytes; send less, or in several requests")]
    BodyTooLarge { max: usize },
    #[error(
        "the headers are larger than {max} bytes; send fewer or shorter headers and parameters"
    )]
    HeadTooLarge { max: usize },
    #[error(
        "the target of the request is longer than {max} bytes; send fewer or shorter parameters"
    )]
    TargetTooLong { max: usize },
    #[error("the request has more than {max} headers; send fewer")]
    TooManyFields { max: usize },
    #[error("{0}")]
    Host(&'static str),
    #[error("this path reads {expected}; set the Content-Type")]
    MediaType { expected: &'static str },
    #[error(
        "a body with the Content-Encoding `{given}` is not read here; send it with gzip alone, or as it is"
    )]
    ContentCoding { given: String },
    #[error("{what}; retry later")]
    TooMany { what: &'static str },
    #[error(
        "{0}; retry later, ask for fewer topics or fewer events of each, or begin with the id of an event"
    )]
    Subscribe(#[from] SubscribeError),
    #[error("{0}; retry later")]
    ClientLimit(#[from] ClientLimitError),
    #[error(
        "you publish faster than one client may; retry in {} s, and send fewer events",
        whole_seconds(*wait)
    )]
    TooFast { wait: Duration },
    #[error(transparent)]
    NoReaders(#[from] NoReaders),
    #[error("the server is draining; retry in a moment")]
    Draining,
}

impl Problem {
    /// The problem of a connection that is not served.
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::TooMany {
            what: match refusal {
                Refusal::AddressLimit => "your address has as many connections as one may have",
                Refusal::Limit => "the server has as many connections as it may have",
            },
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Draft(DraftError::DataTooLarge { .. } | DraftError::TooManyLines { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Selector(SelectorError::BudgetExhausted)
            | Self::Announce(AnnounceError::TooMany) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unreadable(_)
            | Self::Announce(AnnounceError::TooLarge)
            | Self::MatchType { .. }
            | Self::Draft(_)
            | Self::Selector(_)
            | Self::Topic(_)
            | Self::EveryTopic
            | Self::Host(_)
            | Self::Authorization { .. }
            | Self::TokenTooLong { .. }
            | Self::BodyCut => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::Token { .. } | Self::Ticket { .. } | Self::TicketInUse { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::NothingGranted
            | Self::NotGranted { .. }
            | Self::NoOrigin
            | Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
            Self::ForeignHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound | Self::NoSubscription | Self::NoTickets => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout { .. } | Self::LineTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Append(AppendError::DuplicateId | AppendError::TopicEnded { .. })
            | Self::NoReaders(NoReaders::NoListener) => StatusCode::CONFLICT,
            Self::Append(AppendError::Unavailable | AppendError::Unknown { .. })
            | Self::Draining
            | Self::KeysNotFetched
            | Self::NoTicket { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge { .. } | Self::Append(AppendError::TooLarge { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::HeadTooLarge { .. } | Self::TooManyFields { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::TargetTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::MediaType { .. } | Self::ContentCoding { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::TooMany { .. }
            | Self::NoReaders(_)
            | Self::Subscribe(_)
            | Self::ClientLimit(_)
            | Self::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(super) fn slug(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::BodyCut => "unreadable",
            Self::Draft(_) => "event",
            Self::Selector(SelectorError::BudgetExhausted)
            | Self::Announce(AnnounceError::TooMany) => "too-many",
            Self::Selector(_) | Self::Announce(_) | Self::MatchType { .. } => "selector",
            Self::Topic(_) | Self::EveryTopic => "topic",
            Self::NoToken => "no-token",
            Self::Authorization { .. } => "authorization",
            Self::Token { .. } | Self::TokenTooLong { .. } => "token",
            Self::Ticket { .. } => "ticket",
            Self::TicketInUse { .. } => "ticket-in-use",
            Self::NoTicket { .. } => "no-ticket",
            Self::KeysNotFetched => "no-keys-yet",
            Self::NothingGranted | Self::NotGranted { .. } => "not-granted",
            Self::NoOrigin | Self::ForeignOrigin { .. } => "origin",
            Self::ForeignHost { .. } => "host",
            Self::NotFound | Self::NoSubscription | Self::NoTickets => "not-found",
            Self::Method { .. } => "method",
            Self::BodyTimeout { .. } | Self::LineTimeout { .. } => "timeout",
            Self::Append(AppendError::DuplicateId) => "duplicate-id",
            Self::Append(AppendError::TopicEnded { .. }) => "topic-ended",
            Self::Append(AppendError::TooLarge { .. }) => "event",
            Self::Append(AppendError::Unavailable) => "log-unavailable",
            Self::Append(AppendError::Unknown { .. }) => "outcome-unknown",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::HeadTooLarge { .. } => "head-too-large",
            Self::TooManyFields { .. } => "too-many-fields",
            Self::TargetTooLong { .. } => "target-too-long",
            Self::Host(_) => "bad-host",
            Self::MediaType { .. } => "media-type",
            Self::ContentCoding { .. } => "content-coding",
            Self::NoReaders(NoReaders::NoListener) => "no-plain-listener",
            Self::TooMany { .. }
            | Self::NoReaders(_)
            | Self::ClientLimit(_)
            | Self::Subscribe(_) => "too-many",
            Self::TooFast { .. } => "too-fast",
            Self::Draining => "draining",
        }
    }

    /// Coming back later helps.
    pub(super) fn is_temporary(&self) -> bool {
        if let Self::Append(error) = self {
            return error.is_temporary();
        }
        matches!(
            self,
            Self::TooMany { .. }
                | Self::NoReaders(NoReaders::OneAtATime | NoReaders::Files { .. })
                | Self::Subscribe(_)
                | Self::ClientLimit(_)
                | Self::TooFast { .. }
                | Self::Selector(SelectorError::BudgetExhausted)
                | Self::Announce(AnnounceError::TooMany)
                | Self::Draining
                | Self::KeysNotFetched
                | Self::NoTicket { .. }
                // A browser whose connection was cut may be back before the server knows of the cut.
                | Self::TicketInUse { comes_back: true }
        )
    }

    /// How a publish that failed this way is counted; `None` for what the hub has counted already.
    pub(super) fn rejection(&self) -> Option<PublishRejection> {
        match self {
            Self::Append(_) => None,
            Self::NoToken
            | Self::Authorization { .. }
            | Self::Token { .. }
            | Self::KeysNotFetched => Some(PublishRejection::Unauthorized),
            Self::NothingGranted
            | Self::NotGranted { .. }
            | Self::NoOrigin
            | Self::ForeignOrigin { .. }
            | Self::ForeignHost { .. } => Some(PublishRejection::Forbidden),
            Self::Draft(DraftError::DataTooLarge { .. } | DraftError::TooManyLines { .. })
            | Self::BodyTooLarge { .. }
            | Self::HeadTooLarge { .. }
            | Self::TooManyFields { .. }
            | Self::TargetTooLong { .. } => Some(PublishRejection::TooLarge),
            Self::BodyTimeout { .. } | Self::LineTimeout { .. } => Some(PublishRejection::Timeout),
            Self::TooMany { .. } | Self::Selector(SelectorError::BudgetExhausted) => {
                Some(PublishRejection::Busy)
            }
            Self::ClientLimit(_) | Self::TooFast { .. } => Some(PublishRejection::ClientLimit),
            Self::Draining => Some(PublishRejection::Draining),
            _ => Some(PublishRejection::Invalid),
        }
    }

    /// How a request for a stream that failed this way is counted.
    pub(super) fn subscribe_rejection(&self) -> SubscribeRejection {
        match self {
            Self::NoToken
            | Self::Authorization { .. }
            | Self::Token { .. }
            | Self::Ticket { .. }
            | Self::TicketInUse { .. }
            | Self::KeysNotFetched => SubscribeRejection::Unauthorized,
            Self::NotGranted { .. } | Self::ForeignOrigin { .. } | Self::ForeignHost { .. } => {
                SubscribeRejection::Forbidden
            }
            Self::TooMany { .. }
            | Self::Subscribe(_)
            | Self::Selector(SelectorError::BudgetExhausted)
            | Self::Announce(AnnounceError::TooMany) => SubscribeRejection::Busy,
            Self::ClientLimit(limit) => match limit {
                ClientLimitError::StreamsOfToken | ClientLimitError::SubscriptionsOfToken => {
                    SubscribeRejection::TokenLimit
                }
                ClientLimitError::StreamsOfAddress | ClientLimitError::RequestsOfAddress => {
                    SubscribeRejection::AddressLimit
                }
            },
            Self::Draining => SubscribeRejection::Draining,
            _ => SubscribeRejection::Invalid,
        }
    }
}

/// In whole seconds, one at least, after which the time is over.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Topic;

    #[test]
    fn what_the_log_says_of_an_event_has_its_status_and_is_counted_once() {
        let ended = Topic::parse("t", 1).unwrap();
        let cases = [
            (AppendError::DuplicateId, 409, "duplicate-id", false),
            (AppendError::TopicEnded { topic: ended }, 409, "topic-ended", false),
            (AppendError::TooLarge { bytes: 2, max: 1 }, 413, "event", false),
            (AppendError::Unavailable, 503, "log-unavailable", true),
            (AppendError::Unknown { repeatable: true }, 503, "outcome-unknown", true),
        ];
        for (error, status, slug, is_temporary) in cases {
            let problem = Problem::from(error);
            assert_eq!(problem.status().as_u16(), status, "{problem}");
            assert_eq!(problem.slug(), slug, "{problem}");
            assert_eq!(problem.is_temporary(), is_temporary, "{problem}");
            assert_eq!(problem.rejection(), None, "the hub counts it");
        }
    }
}

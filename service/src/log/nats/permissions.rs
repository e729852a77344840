//! What the brokers let the user of this server do. Some of it is needed only when something has failed,
//! so all of it is tried at the start: what is missing is said there, and not found in an election.

use async_nats::client::{RequestError, RequestErrorKind};
use async_nats::header::NATS_EXPECTED_STREAM;
use async_nats::{Client, Event, HeaderMap, Request, ServerError};
use futures_util::future::try_join_all;
use thiserror::Error;
use tokio::sync::watch;

/// Something that the brokers do not let this server do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denial {
    #[error("publish to `{0}`")]
    Publish(String),
    #[error("subscribe to `{0}`")]
    Subscribe(String),
}

/// The first thing that was denied on a connection, for whoever waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Denials(watch::Sender<Option<Denial>>);

impl Denials {
    pub(super) fn note(&self, event: &Event) {
        let Some(denial) = Denial::of(event) else { return };
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(denial);
            is_first
        });
    }

    pub(super) async fn first(&self) -> Denial {
        let mut changes = self.0.subscribe();
        match changes.wait_for(Option::is_some).await.map(|denial| denial.clone()) {
            Ok(Some(denial)) => denial,
            // The sender is here.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Denial {
    fn of(event: &Event) -> Option<Self> {
        let Event::ServerError(ServerError::Other(text)) = event else { return None };
        let (before, subject) = text.split_once('"')?;
        let subject = subject.split('"').next()?.to_owned();
        match before.to_ascii_lowercase().trim_end() {
            "permissions violation for publish to" => Some(Self::Publish(subject)),
            "permissions violation for subscription to" => Some(Self::Subscribe(subject)),
            _ => None,
        }
    }
}

/// What is asked of the brokers about a stream, besides making it.
const ASKED: [&str; 5] =
    ["STREAM.INFO.", "STREAM.UPDATE.", "STREAM.MSG.GET.", "CONSUMER.CREATE.", "CONSUMER.MSG.NEXT."];

/// All that a user has to be allowed, in words.
pub(super) fn needed(stream: &str, subject: &str) -> String {
    let asked = ASKED.map(|verb| format!("`$JS.API.{}`", subject_of(verb, stream, "*")));
    format!(
        "publish to {} and `{subject}`, where it makes the stream (--nats-create) to \
         `$JS.API.STREAM.CREATE.{stream}` too, and to subscribe to `_INBOX.>`",
        asked.join(", ")
    )
}

/// Uses every subject once, for something that the brokers refuse whoever asks: any answer says that the
/// subject may be used, and where it may not be none comes.
pub(super) async fn try_all(
    client: &Client,
    stream: &str,
    subject: &str,
) -> Result<(), RequestError> {
    let asked = ASKED.map(|verb| {
        let nothing = Request::new().payload("{}".into());
        (format!("$JS.API.{}", subject_of(verb, stream, "none")), nothing)
    });
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_STREAM, "none");
    let published = (subject.to_owned(), Request::new().headers(headers));
    let trying = asked.into_iter().chain([published]).map(async |(subject, request)| match client
        .send_request(subject, request)
        .await
    {
        Err(error) if error.kind() != RequestErrorKind::NoResponders => Err(error),
        _ => Ok(()),
    });
    try_join_all(trying).await.map(drop)
}

/// Behind `$JS.API.`, for a consumer of this name.
fn subject_of(verb: &str, stream: &str, consumer: &str) -> String {
    let of_consumer =
        if verb == "CONSUMER.MSG.NEXT." { format!(".{consumer}") } else { String::new() };
    format!("{verb}{stream}{of_consumer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_read_from_what_the_broker_says() {
        let publish = |subject: &str| Some(Denial::Publish(subject.to_owned()));
        let cases = [
            (r#"Permissions Violation for Publish to "a.b""#, publish("a.b")),
            (r#"permissions violation for publish to "A""#, publish("A")),
            (
                r#"Permissions Violation for Subscription to "_INBOX.x.*" using queue "q""#,
                Some(Denial::Subscribe("_INBOX.x.*".to_owned())),
            ),
            ("Stale Connection", None),
            (r#"Something else about "a.b""#, None),
        ];
        for (text, expected) in cases {
            let event = Event::ServerError(ServerError::Other(text.to_owned()));
            assert_eq!(Denial::of(&event), expected, "{text}");
        }
        assert_eq!(Denial::of(&Event::Connected), None);
    }

    #[tokio::test]
    async fn the_first_denial_is_told_whenever_somebody_asks() {
        let denials = Denials::default();
        for subject in ["a", "b"] {
            let text = format!("Permissions Violation for Publish to {subject:?}");
            denials.note(&Event::ServerError(ServerError::Other(text)));
        }
        assert_eq!(denials.first().await, Denial::Publish("a".to_owned()));
        assert_eq!(denials.clone().first().await, Denial::Publish("a".to_owned()));
    }
}

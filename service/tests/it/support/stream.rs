//! A stream of events, parsed by a library that shares no code with the server.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::{RequestBuilder, Response};
use sse_stream::{Sse, SseStream};
use tokio::time::timeout;

use super::PATIENCE;

/// One event as a client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: String,
    pub(crate) retry: Option<u64>,
}

/// An open stream.
pub(crate) struct EventStream {
    /// The answer's `Last-Event-ID`.
    pub(crate) resumed_after: Option<String>,
    events: Pin<Box<dyn Stream<Item = Result<Sse, String>> + Send>>,
}

impl EventStream {
    /// Opens it; the answer must be a stream.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        Self::from_answer(answer)
    }

    pub(crate) fn from_answer(answer: Response) -> Self {
        let header = answer.headers().get("last-event-id");
        let resumed_after = header.map(|id| id.to_str().expect("text").to_owned());
        let bytes = answer.bytes_stream().map_err(std::io::Error::other);
        let events = SseStream::from_bytes_stream(bytes.map_ok(|bytes: Bytes| bytes));
        Self { resumed_after, events: Box::pin(events.map_err(|error| error.to_string())) }
    }

    /// The next event, or the retry hint at the end; `None` when the stream has ended or was cut.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        let next = timeout(PATIENCE, self.events.next()).await.expect("an event in time");
        let event = next?.ok()?;
        Some(Received {
            id: event.id,
            event: event.event,
            data: event.data.unwrap_or_default(),
            retry: event.retry,
        })
    }

    /// The data of the next so many events.
    pub(crate) async fn data(&mut self, count: usize) -> Vec<String> {
        let mut data = Vec::new();
        while data.len() < count {
            let Some(event) = self.next().await else { panic!("ended after {data:?}") };
            data.push(event.data);
        }
        data
    }
}

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
    /// The last event id, as the standard keeps it: also that of a block without data.
    pub(crate) last_id: Option<String>,
    /// The first id that came in a block without data, and how many events had come before it.
    pub(crate) first_place: Option<(usize, String)>,
    count: usize,
    events: Pin<Box<dyn Stream<Item = Result<Sse, String>> + Send>>,
}

impl EventStream {
    /// Opens it; the answer must be a stream.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self::from_response(response)
    }

    pub(crate) fn from_response(response: Response) -> Self {
        let header = response.headers().get("last-event-id");
        assert_eq!(header, response.headers().get("mercure-last-event-id"), "both names, one id");
        let resumed_after = header.map(|id| id.to_str().expect("text").to_owned());
        let bytes = response.bytes_stream().map_err(std::io::Error::other);
        let events = SseStream::from_bytes_stream(bytes.map_ok(|bytes: Bytes| bytes));
        let events = Box::pin(events.map_err(|error| error.to_string()));
        Self { resumed_after, last_id: None, first_place: None, count: 0, events }
    }

    /// The next event, or the retry hint at the end; `None` when the stream has ended or was cut.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        loop {
            let next = timeout(PATIENCE, self.events.next()).await.expect("an event in time");
            let block = next?.ok()?;
            if block.id.is_some() {
                self.last_id.clone_from(&block.id);
            }
            // A block without data is no event.
            if block.data.is_none() && self.first_place.is_none() {
                self.first_place = block.id.clone().map(|id| (self.count, id));
            }
            self.count += usize::from(block.data.is_some());
            if block.data.is_some() || block.retry.is_some() {
                return Some(Received {
                    id: block.id,
                    event: block.event,
                    data: block.data.unwrap_or_default(),
                    retry: block.retry,
                });
            }
        }
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

//! What a server has of the topic that is published to while something fails, up to the event that is published
//! behind everything else.

use reqwest::Client;

use super::{publish, stream_after};
use crate::support::{EventStream, Program, eventually};

/// The data of the event that is the last.
pub(super) const THE_END: &str = "the end";

/// Publishes it until it is confirmed. Where it is there more than once, whoever reads stops at the first.
pub(super) async fn publish_the_end(client: &Client, node: &Program) {
    let is_confirmed = async || publish(client, node, "t", THE_END).await.0 == 200;
    eventually("the end is confirmed", is_confirmed).await;
}

/// An event as it was read.
#[derive(Debug, PartialEq)]
pub(super) struct ReadEvent {
    pub(super) id: Option<String>,
    pub(super) data: String,
}

/// All events before the last one. What the server says of itself, a gap above all, is no part of them.
pub(super) async fn until_the_end(mut stream: EventStream) -> Vec<ReadEvent> {
    let mut all = Vec::new();
    loop {
        let event = stream.next().await.expect("it goes on");
        assert_eq!(event.event, None, "{}", event.data);
        if event.data == THE_END {
            return all;
        }
        all.push(ReadEvent { id: event.id, data: event.data });
    }
}

/// The same, from the oldest event that a server has.
pub(super) async fn all_of(client: &Client, node: &Program) -> Vec<ReadEvent> {
    until_the_end(stream_after(client, node, "t", "earliest").await).await
}

pub(super) fn data_of(events: &[ReadEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.data).collect()
}

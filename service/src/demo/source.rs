//! How a source works: it rests until somebody subscribes to its topic, then publishes one event
//! after another, and rests again when the last one has gone.

use std::time::Duration;

use tokio::time::sleep;

use crate::event::{Draft, EventType};
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::topic::Topic;

/// What happens next, and when.
pub(super) trait Source: Send + 'static {
    /// Somebody has begun to look; the time until the first event.
    fn begin(&mut self) -> Duration;

    /// The next event.
    fn next(&mut self) -> Next;

    /// The time until the one after it.
    fn pause(&mut self) -> Duration;
}

/// An event of a source: its name, if it has one, and its data.
#[derive(Debug, PartialEq)]
pub(super) struct Next {
    pub(super) event_type: Option<EventType>,
    pub(super) data: String,
}

impl Next {
    pub(super) fn unnamed(data: String) -> Self {
        Self { event_type: None, data }
    }
}

/// Runs a source until the server drains.
pub(super) fn start(source: impl Source, topic: Topic, hub: &Hub, lifecycle: &Lifecycle) {
    let (hub, ended) = (hub.clone(), lifecycle.clone());
    lifecycle.tasks().spawn(async move {
        tokio::select! {
            () = run(source, topic, hub) => {}
            () = ended.draining() => {}
        }
    });
}

async fn run(mut source: impl Source, topic: Topic, hub: Hub) {
    let mut interest = hub.interest(&topic);
    loop {
        interest.some().await;
        sleep(source.begin()).await;
        while interest.is_some() {
            let Next { event_type, data } = source.next();
            let draft = Draft::new(topic.clone(), data);
            let draft = match event_type {
                Some(event_type) => draft.named(event_type),
                None => draft,
            };
            if let Err(error) = hub.publish(draft).await {
                tracing::debug!(%error, %topic, "a demonstration could not publish");
            }
            tokio::select! {
                () = sleep(source.pause()) => {}
                () = interest.none() => {}
            }
        }
    }
}

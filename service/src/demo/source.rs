//! How a source works: it rests until a client subscribes to its topic, then publishes one event
//! after another, and rests again when the last one has gone.

use std::time::Duration;

use tokio::time::sleep;

use crate::event::{Draft, EventType};
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::topic::Topic;

/// What happens next, and when.
pub(super) trait Source: Send + 'static {
    /// The first subscriber has come; the time until the first event.
    fn begin(&mut self) -> Duration;

    fn next(&mut self) -> NextEvent;

    /// The time until the one after it.
    fn pause(&mut self) -> Duration;
}

/// An event of a source: its name, if it has one, and its data.
#[derive(Debug, PartialEq)]
pub(super) struct NextEvent {
    pub(super) event_type: Option<EventType>,
    pub(super) data: String,
}

impl NextEvent {
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
            let NextEvent { event_type, data } = source.next();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::auth::Grants;
    use crate::clock::Clock;
    use crate::hub::{Beginning, SubscribeRequest, Subscription};
    use crate::log::{MemoryLog, MemoryLogSettings};
    use crate::metrics::Metrics;
    use crate::topic::{Selector, SelectorSet};

    struct EverySecond;

    impl Source for EverySecond {
        fn begin(&mut self) -> Duration {
            Duration::ZERO
        }

        fn next(&mut self) -> NextEvent {
            NextEvent::unnamed("tick".to_owned())
        }

        fn pause(&mut self) -> Duration {
            Duration::from_secs(1)
        }
    }

    fn subscribe(hub: &Hub, selectors: SelectorSet) -> Subscription {
        let request = SubscribeRequest { selectors, grants: Grants::all(), resume: None };
        hub.subscribe(request, Beginning::Next)
            .now_or_never()
            .expect("a log in memory answers at once")
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_works_only_while_somebody_asks_for_its_topic() {
        let log = MemoryLog::new(MemoryLogSettings::default(), Clock::system());
        let hub = Hub::new(Arc::new(log), Metrics::new(1));
        let topic = Topic::parse("tick", 100).unwrap();
        start(EverySecond, topic.clone(), &hub, &Lifecycle::default());
        let published = || hub.log().bounds().head.0;

        let watcher = subscribe(&hub, SelectorSet::any());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(published(), 0, "who watches everything starts nothing");

        let subscriber = subscribe(&hub, SelectorSet::one(Selector::exact(topic)));
        sleep(Duration::from_millis(2_500)).await;
        assert_eq!(published(), 3, "at once, and then every second");

        drop(subscriber);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(published(), 3);
        drop(watcher);
    }
}

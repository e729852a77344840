//! What a run tells of itself: reports as JSON on its topic, the last of them as `complete`, with which
//! the topic ends.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::event::{Draft, EventType};
use crate::hub::Hub;
use crate::topic::Topic;

/// Where a run tells of itself.
#[derive(Debug)]
pub(super) struct Reports {
    hub: Hub,
    topic: Topic,
    /// The place of the run. It is free before the end is told: whoever reads that may begin the next run at
    /// once.
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Reports {
    pub(super) fn of_run(hub: Hub, topic: Topic, place: OwnedSemaphorePermit) -> Self {
        Self { hub, topic, place: Mutex::new(Some(place)) }
    }

    pub(super) async fn tell(&self, report: &impl Serialize) {
        self.publish(self.draft(report)).await;
    }

    /// The last one; nothing comes after it.
    pub(super) async fn complete(&self, report: &impl Serialize) {
        let draft = self.draft(report);
        let draft = match EventType::parse("complete") {
            Ok(name) => draft.named(name),
            Err(_) => draft,
        };
        self.publish_last(draft).await;
    }

    /// The end alone: whoever comes back must not wait for a run that has gone.
    pub(super) async fn end(&self) {
        self.publish_last(Draft::new(self.topic.clone(), String::new())).await;
    }

    async fn publish_last(&self, draft: Draft) {
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.publish(draft.ending_topic()).await;
    }

    fn draft(&self, report: &impl Serialize) -> Draft {
        Draft::new(self.topic.clone(), serde_json::to_string(report).unwrap_or_default())
    }

    async fn publish(&self, draft: Draft) {
        if let Err(error) = self.hub.publish(draft).await {
            tracing::debug!(%error, topic = %self.topic, "a run could not tell of itself");
        }
    }
}

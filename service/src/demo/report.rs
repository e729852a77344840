//! What a run tells of itself: reports as JSON on its topic, the last of them as `complete`, with which
//! the topic ends.

use serde::Serialize;

use crate::event::{Draft, EventType};
use crate::hub::Hub;
use crate::topic::Topic;

/// Where a run tells of itself.
#[derive(Debug)]
pub(super) struct Reports {
    hub: Hub,
    topic: Topic,
}

impl Reports {
    pub(super) fn new(hub: Hub, topic: Topic) -> Self {
        Self { hub, topic }
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
        self.publish(draft.ending_topic()).await;
    }

    /// The end alone: whoever comes back must not wait for a run that has gone.
    pub(super) async fn end(&self) {
        self.publish(Draft::new(self.topic.clone(), String::new()).ending_topic()).await;
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

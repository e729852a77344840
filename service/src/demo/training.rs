//! A simulated training run: 10 epochs of 100 steps, then `complete`, and the stream ends.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::system::rounded;
use crate::event::{Draft, EventType};
use crate::hub::{Hub, Interest};
use crate::topic::Topic;

const EPOCHS: u32 = 10;
const STEPS: u32 = 100;
const BEFORE_EPOCH: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(20);

/// The subscriber follows the request at once, or it is not coming.
const SUBSCRIBER_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
struct TrainingProgress {
    epoch: u32,
    total_epochs: u32,
    progress_percent: f64,
    loss: f64,
}

/// Runs for as long as its subscriber stays.
pub(super) async fn run(hub: Hub, topic: Topic, mut interest: Interest) {
    if timeout(SUBSCRIBER_WAIT, interest.some()).await.is_err() {
        return;
    }
    tokio::select! {
        () = train(&hub, &topic) => {}
        () = interest.none() => tracing::debug!(%topic, "a training run was left"),
    }
}

async fn train(hub: &Hub, topic: &Topic) {
    // By a schedule, and not by pauses: a thousand pauses of a little too much are seconds.
    let mut due = Instant::now();
    for epoch in 1..=EPOCHS {
        due += BEFORE_EPOCH;
        for step in 1..=STEPS {
            due += STEP;
            sleep_until(due).await;
            let data = serde_json::to_string(&progress(epoch, step)).unwrap_or_default();
            publish(hub, Draft::new(topic.clone(), data), "progress").await;
        }
    }
    let complete = Draft::new(topic.clone(), "Training complete!".to_owned()).ending_topic();
    publish(hub, complete, "complete").await;
}

async fn publish(hub: &Hub, draft: Draft, name: &str) {
    let Ok(event_type) = EventType::parse(name) else { return };
    // The run is for the client that requested it, and no other may see it.
    if let Err(error) = hub.publish(draft.named(event_type).for_one_stream()).await {
        tracing::debug!(%error, "a training run could not publish");
    }
}

fn progress(epoch: u32, step: u32) -> TrainingProgress {
    let done = f64::from(step) / f64::from(STEPS);
    TrainingProgress {
        epoch,
        total_epochs: EPOCHS,
        progress_percent: rounded(done * 100.0, 1),
        loss: rounded((1.0 / f64::from(epoch)) * (1.0 - done) + 0.1, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_within_the_epoch_and_the_loss_falls() {
        let cases = [
            (1, 1, r#"{"epoch":1,"total_epochs":10,"progress_percent":1.0,"loss":1.09}"#),
            (3, 42, r#"{"epoch":3,"total_epochs":10,"progress_percent":42.0,"loss":0.2933}"#),
            (10, 100, r#"{"epoch":10,"total_epochs":10,"progress_percent":100.0,"loss":0.1}"#),
        ];
        for (epoch, step, expected) in cases {
            assert_eq!(serde_json::to_string(&progress(epoch, step)).unwrap(), expected);
        }
    }
}

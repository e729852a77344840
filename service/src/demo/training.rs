//! A simulated training run: 10 epochs of 100 steps, then `complete`, with which its topic ends.
//!
//! A client that was cut off comes back with the id of an event, which tells the run: `TOPIC/STEP`. For a
//! while the run waits for it, and a run that has ended says so for as long as its end is retained.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::system::rounded;
use super::watched_run::{WatchedEnd, while_watched};
use crate::event::{CustomId, Draft, EventType};
use crate::hub::{Hub, Interest};
use crate::topic::Topic;

/// What the topics of runs begin with.
pub(super) const TOPICS: &str = "demo/training/";
const TOPIC_BYTES_MAX: usize = 64;

const EPOCHS: u32 = 10;
const STEPS: u32 = 100;
const BEFORE_EPOCH: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(20);

#[derive(Debug, Serialize)]
struct TrainingProgress {
    epoch: u32,
    total_epochs: u32,
    progress_percent: f64,
    loss: f64,
}

/// Runs for as long as its subscriber stays.
pub(super) async fn run(hub: Hub, topic: Topic, interest: Interest) {
    if while_watched(interest, train(&hub, &topic)).await == WatchedEnd::Left {
        tracing::debug!(%topic, "a training run was left");
    }
}

/// The topic of the run that an event with this id is of.
pub(super) fn topic_of(id: &str) -> Option<Topic> {
    let (topic, step) = id.rsplit_once('/')?;
    step.parse::<u32>().ok()?;
    Topic::parse(topic, TOPIC_BYTES_MAX).ok().filter(|topic| topic.as_str().starts_with(TOPICS))
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
            let number = (epoch - 1) * STEPS + step;
            publish(hub, Draft::new(topic.clone(), data), ("progress", number)).await;
        }
    }
    let complete = Draft::new(topic.clone(), "Training complete!".to_owned()).ending_topic();
    publish(hub, complete, ("complete", EPOCHS * STEPS + 1)).await;
}

async fn publish(hub: &Hub, draft: Draft, (name, number): (&str, u32)) {
    let Ok(event_type) = EventType::parse(name) else { return };
    let id = draft.topics().first().map(|topic| format!("{topic}/{number}"));
    let Some(Ok(id)) = id.map(|id| CustomId::parse(&id)) else { return };
    // The run is for the client that requested it, and no other may see it.
    if let Err(error) = hub.publish(draft.named(event_type).identified(id).for_one_stream()).await {
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
    fn the_run_of_an_event_is_told_by_its_id() {
        let run = "demo/training/0c1fbd4d-6e9f-4f4e-8a3d-1f0a8e3f2b11";
        assert_eq!(topic_of(&format!("{run}/17")).unwrap().as_str(), run);
        for other in [run, "demo/time/3", "e:Pkck8L-------2P7UnQ8o", "/1", "", "demo/training/1/x"]
        {
            assert_eq!(topic_of(other), None, "{other}");
        }
    }

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

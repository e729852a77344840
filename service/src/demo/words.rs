//! A simulated language model that says a text word by word, each word an event; with the last word
//! the topic ends.
//!
//! A run is public and has a topic of its own, so that whoever comes late, or was cut off, reads it
//! from where he likes. It goes to its end also while nobody reads: the one reader may be the one
//! who was cut off.

use std::time::Duration;

use tokio::time::sleep;

use crate::event::Draft;
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::topic::Topic;

/// What the topics of runs begin with.
pub(super) const TOPICS: &str = "demo/words/";

/// About a hundred words, which take 25 seconds.
const TEXT: &str = "Nothing here is a real model, but all the rest is real. Every word that you read was \
    published as an event of its own, with an id, to the topic of this run. Who opens the run in the middle asks \
    for the earliest event and is given every word from the first one on; then the stream is live, without a gap \
    and without a repeat. Who is cut off comes back with the id of the last word, and hears what was said \
    meanwhile. With this word the topic ends, all readers are told, and nobody asks again.";

const BEFORE_FIRST: Duration = Duration::from_millis(400);
const WORD: Duration = Duration::from_millis(170);
const SENTENCE: Duration = Duration::from_millis(600);

/// Says the text; where the server drains before that is done, the topic ends there.
pub(super) async fn run(hub: Hub, topic: Topic, lifecycle: Lifecycle) {
    tokio::select! {
        () = say(&hub, &topic) => {}
        () = lifecycle.draining() => {
            // The end alone, without an event: readers must not wait for a run that has gone.
            publish(&hub, Draft::new(topic, String::new()).ending_topic()).await;
        }
    }
}

async fn say(hub: &Hub, topic: &Topic) {
    sleep(BEFORE_FIRST).await;
    let mut words = TEXT.split(' ').peekable();
    while let Some(word) = words.next() {
        let draft = Draft::new(topic.clone(), word.to_owned());
        let is_last = words.peek().is_none();
        publish(hub, if is_last { draft.ending_topic() } else { draft }).await;
        if !is_last {
            sleep(pause_behind(word)).await;
        }
    }
}

async fn publish(hub: &Hub, draft: Draft) {
    if let Err(error) = hub.publish(draft).await {
        tracing::debug!(%error, "a run of words could not publish");
    }
}

/// Models pause where people do.
fn pause_behind(word: &str) -> Duration {
    if word.ends_with(['.', ',', ';']) { SENTENCE } else { WORD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_empty_and_the_whole_run_is_short() {
        let words: Vec<_> = TEXT.split(' ').collect();
        assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
        let whole: Duration = words.iter().map(|word| pause_behind(word)).sum();
        assert!((15..40).contains(&whole.as_secs()), "{whole:?}");
    }
}

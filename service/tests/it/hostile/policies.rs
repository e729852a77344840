//! Readers that trickle while very many topics go by: what a policy does for them is in proportion
//! to what it hands out, and does not hold up those who keep pace.

use std::time::Duration;

use tokio::task::JoinSet;

use super::attackers::connect_with_window;
use super::{ROUNDS, Scene, subscribe};
use crate::support::{Wire, eventually};

const EVENTS: usize = 95_000;
const BATCH: usize = 2_500;
const READERS: usize = 20;
/// What the readers ask for: everything, by a name of its own, so that the policy is theirs alone.
const EVERYTHING: &str = "{+everything}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_trickle_through_very_many_topics_hold_nobody_up() {
    for policy in ["conflate", "drop-oldest"] {
        let rule = format!("{EVERYTHING}={policy}");
        let mut scene = Scene::start(&["--policy", &rule, "--lag-events", "2000"]).await;
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let socket = connect_with_window(scene.address(), 4 << 10).await;
            let mut wire = Wire::of(socket);
            wire.say(subscribe(&[EVERYTHING.to_owned()], "")).await;
            let stream = wire.stream().await;
            readers.spawn(trickle(stream));
        }
        for first in (0..EVENTS).step_by(BATCH) {
            // One topic comes again and again, so that there is something to conflate.
            let line = |number| {
                let topic = if number % 100 == 0 { 0 } else { number };
                format!("{{\"topic\":\"fill/{topic}\",\"data\":\"number {number}\"}}\n")
            };
            let lines: String = (first..first + BATCH).map(line).collect();
            let request = scene.client().post(scene.url("/events"));
            let request = request.header("content-type", "application/x-ndjson").body(lines);
            let responses = request.send().await.expect("an answer").text().await.expect("answers");
            assert!(!responses.contains("error"), "{responses:.200}");
            scene.rounds(1).await;
        }
        // Everything is in the log now, and the readers go on.
        scene.rounds(4 * ROUNDS).await;
        // A reader's kernel says late that it has room.
        eventually("the policy does something", async || {
            scene.sum("fanfare_events_dropped_total").await > 0.0
        })
        .await;
        scene.rounds(ROUNDS).await;
        scene.assert_grew_at_most(64, policy);
        scene.assert_shards_are_prompt(policy).await;
        if let Some(ended) = readers.try_join_next() {
            panic!("a reader ended: {ended:?}");
        }
    }
}

/// Reads for ever, a little at a time, and sees that events come in order and not twice.
async fn trickle(mut stream: crate::support::RawStream) {
    let mut last = None;
    while let Some(frame) = stream.frame().await {
        let number = frame.lines().find_map(|line| line.strip_prefix("data: number "));
        if let Some(number) = number.map(|number| number.parse::<u64>().expect("a number")) {
            assert!(last < Some(number), "{number} after {last:?}");
            last = Some(number);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

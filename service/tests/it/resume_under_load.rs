//! Nobody misses or repeats an event: not where replay meets live delivery while events are
//! published at full speed, and not when streams are cut at random, again and again.
//!
//! These are tests of counts and order, not of time.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{interval, timeout};

use crate::support::{EventStream, PATIENCE, TestServer};

/// Enough room for everything, so that only faults of ours can lose anything.
const ROOMY: [&str; 2] = ["--lag-events", "1000000"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_and_live_delivery_meet_without_a_gap_or_a_repeat_at_full_speed() {
    const EVENTS: usize = 20_000;
    let server = Arc::new(TestServer::start_with(&ROOMY).await);
    let publisher = tokio::spawn(publish_lines(Arc::clone(&server), EVENTS));
    let mut readers = Vec::new();
    for index in 0..20 {
        let server = Arc::clone(&server);
        readers.push(tokio::spawn(async move {
            // Each joins at another moment of the flood.
            let path = format!("/events/load?joined={index}&lastEventID=earliest");
            let mut stream = EventStream::open(server.get(&path)).await;
            let first: usize = stream.next().await.unwrap().data.parse().unwrap();
            for expected in first + 1..EVENTS {
                assert_eq!(stream.next().await.unwrap().data, expected.to_string(), "{index}");
            }
            first
        }));
        tokio::task::yield_now().await;
    }
    publisher.await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 0);
    }
}

async fn publish_lines(server: Arc<TestServer>, events: usize) {
    for batch in (0..events).collect::<Vec<_>>().chunks(500) {
        let lines: String =
            batch.iter().map(|n| format!("{{\"topic\":\"load\",\"data\":\"{n}\"}}\n")).collect();
        let request = server.post("/events").header("content-type", "application/x-ndjson");
        let response = request.body(lines).send().await.unwrap().text().await.unwrap();
        assert_eq!(response.matches("\"id\"").count(), batch.len());
    }
}

/// Subscribers of one topic, of a template, and of another topic in between, are cut after random
/// numbers of events and come back with the last id that they saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_are_cut_at_random_receive_every_event_once_and_in_order() {
    const EVENTS: usize = 4_000;
    const SUBSCRIBERS: u64 = 60;
    let server = Arc::new(TestServer::start().await);
    let start = server.publish("load/start", "start").await;
    let readers: Vec<_> = (0..SUBSCRIBERS)
        .map(|seed| tokio::spawn(read_with_cuts(Arc::clone(&server), start.clone(), seed, EVENTS)))
        .collect();
    publish_each_millisecond(&server, EVENTS).await;
    let mut cuts = 0;
    for reader in readers {
        cuts += timeout(PATIENCE, reader).await.expect("every event arrives").unwrap();
    }
    assert!(cuts > SUBSCRIBERS as usize * 3, "only {cuts} cuts: the test did not test anything");
}

/// 1,000 events a second, each followed by one that only the template matches.
async fn publish_each_millisecond(server: &TestServer, events: usize) {
    let mut ticks = interval(Duration::from_millis(10));
    for first in (0..events).step_by(10) {
        ticks.tick().await;
        let lines: String = (first..first + 10)
            .map(|n| {
                format!(
                    "{{\"topic\":\"load/main\",\"data\":\"{n}\"}}\n\
                     {{\"topic\":[\"load/other\",\"elsewhere\"],\"data\":\"other {n}\"}}\n"
                )
            })
            .collect();
        let request = server.post("/events").header("content-type", "application/x-ndjson");
        request.body(lines).send().await.unwrap().text().await.unwrap();
    }
}

/// Returns how often it was cut.
async fn read_with_cuts(server: Arc<TestServer>, start: String, seed: u64, events: usize) -> usize {
    let mut chance = SmallRng::seed_from_u64(seed);
    let sees_others = seed.is_multiple_of(3);
    let path = match seed % 3 {
        0 => "/.well-known/mercure?topic=load%2F%7Bname%7D",
        1 => "/events/load/main",
        _ => "/.well-known/mercure?topic=load%2Fmain&topic=load%2Fnobody",
    };
    let mut expected = (0..events).flat_map(|n| {
        let other = sees_others.then(|| format!("other {n}"));
        std::iter::once(n.to_string()).chain(other)
    });
    let (mut last_id, mut cuts) = (start, 0);
    let mut next = expected.next();
    while next.is_some() {
        let request = server.get(path).header("Last-Event-ID", &last_id);
        let mut stream = EventStream::open(request).await;
        for _ in 0..chance.random_range(1..=events / 4) {
            if next.is_none() {
                break;
            }
            let event = stream.next().await.expect("the stream goes on");
            assert_eq!(Some(event.data), next, "subscriber {seed} after {cuts} cuts");
            last_id = event.id.expect("every event has an id");
            next = expected.next();
        }
        cuts += 1;
    }
    cuts
}

//! Subscribers that come and go by the thousand while events flow, each in its own way and some
//! without a word: those who stay miss nothing and get nothing twice, those who go neither for as
//! long as they are there, and in the end every figure is where it belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::support::{RawStream, TestServer, Wire, eventually, stream_request};

const SUBSCRIBERS: usize = 1_000;
/// How many of them are there at a time.
const AT_A_TIME: usize = 100;
/// Who stay, over several shards and audiences.
const STAY: usize = 8;

const PATHS: [&str; 4] = [
    "/events/load",
    "/.well-known/mercure?topic=load",
    "/.well-known/mercure?topic=%7Bname%7D",
    "/.well-known/mercure?topic=load&topic=other",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stays_misses_nothing_while_a_thousand_come_and_go() {
    let flags = ["--lag-events", "1000000", "--lag-bytes", "1GiB", "--heartbeat", "0s"];
    let mut server = Arc::new(TestServer::start_with(&flags).await);
    let mut who_stay = JoinSet::new();
    for index in 0..STAY {
        let stream = RawStream::open(&server, PATHS[index % PATHS.len()]).await;
        who_stay.spawn(stay(stream));
    }
    let over = Arc::new(AtomicBool::new(false));
    let publisher = tokio::spawn(publish_until(Arc::clone(&server), Arc::clone(&over)));
    let read = Arc::new(AtomicUsize::new(0));
    let mut who_go = JoinSet::new();
    for seed in 0..AT_A_TIME {
        who_go.spawn(come_and_go(Arc::clone(&server), seed, Arc::clone(&read)));
    }
    while let Some(gone) = who_go.join_next().await {
        gone.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let published = publisher.await.unwrap();
    assert!(read.load(Ordering::Relaxed) > SUBSCRIBERS, "who goes has hardly read anything");
    while let Some(stayed) = who_stay.join_next().await {
        let (received, stream) = stayed.unwrap();
        assert_eq!(received, published);
        drop(stream);
    }
    let server = Arc::get_mut(&mut server).expect("nobody else has it");
    server.forget_connections();
    eventually("all connections are closed", async || {
        server.figure("fanfare_connections").await == 0.0
    })
    .await;
    let stats = [
        "fanfare_subscribers",
        "fanfare_streams_opened_total",
        "fanfare_streams_closed_total{reason=\"client\"}",
        "fanfare_events_published_total",
    ];
    let [left, came, went, events] = server.stats(stats).await;
    assert_eq!((left, went, events), (0.0, came, published as f64));
    // Some were gone before their request was read.
    let at_most = SUBSCRIBERS + STAY;
    assert!((at_most / 2..=at_most).contains(&(came as usize)), "{came}");
}

/// Numbers them, and says how many there are.
async fn publish_until(server: Arc<TestServer>, over: Arc<AtomicBool>) -> usize {
    let mut published = 0;
    loop {
        let last = over.load(Ordering::Relaxed);
        let mut events: Vec<_> =
            (published..published + 10).map(|number| ("load", number.to_string())).collect();
        if last {
            events.push(("load", "over".to_owned()));
        }
        published += server.publish_all(&events).await.len();
        if last {
            return published;
        }
    }
}

/// Reads to the last event, and says how many there were.
async fn stay(mut stream: RawStream) -> (usize, RawStream) {
    stream.place().await;
    let mut received = 0;
    loop {
        let data = data(&stream.frame().await.expect("the stream goes on"));
        received += 1;
        if data == "over" {
            return (received, stream);
        }
        assert_eq!(data, (received - 1).to_string());
    }
}

async fn come_and_go(server: Arc<TestServer>, seed: usize, read: Arc<AtomicUsize>) {
    let mut chance = SmallRng::seed_from_u64(seed as u64);
    for _ in 0..SUBSCRIBERS / AT_A_TIME {
        let mut wire = Wire::open(&server).await;
        wire.say(stream_request(PATHS[chance.random_range(0..PATHS.len())])).await;
        if chance.random_ratio(1, 5) {
            // Before the answer.
            if chance.random() {
                wire.reset();
            } else {
                drop(wire);
            }
            continue;
        }
        let mut stream = wire.stream().await;
        stream.place().await;
        let mut before: Option<usize> = None;
        for _ in 0..chance.random_range(0..200) {
            let frame = stream.frame().await.expect("the stream goes on");
            let number: usize = data(&frame).parse().expect("a number");
            assert!(before.is_none_or(|before| number == before + 1), "{before:?}, {number}");
            before = Some(number);
            read.fetch_add(1, Ordering::Relaxed);
        }
        if chance.random() {
            stream.reset();
        } else {
            drop(stream);
        };
    }
}

fn data(frame: &str) -> String {
    frame.trim_end().rsplit_once("\ndata: ").expect("data").1.to_owned()
}

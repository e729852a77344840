//! `kill -9` in the middle of full load, again and again: what was confirmed is there, once and in order,
//! and readers go on over it as over a pause.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::start;
use crate::support::{EventStream, client, eventually};

const PUBLISHERS: usize = 64;
const READERS: usize = 8;
const LAST: &str = "the last one";
/// Roomy, so that nothing may be missing.
const FLAGS: [&str; 8] = [
    "--retain-events",
    "10000000",
    "--retain-bytes",
    "8GiB",
    "--lag-events",
    "0",
    "--lag-bytes",
    "0",
];

/// How often the server is killed in each mode: few times, unless `CRASH_CYCLES` says more.
#[expect(clippy::disallowed_methods, reason = "the long run is this test with another number")]
fn cycles() -> usize {
    std::env::var("CRASH_CYCLES").map_or(4, |cycles| cycles.parse().expect("a number of cycles"))
}

/// What publishers and readers know of the server.
#[derive(Clone)]
struct Load {
    /// Where it listens now.
    url: watch::Receiver<String>,
    is_over: Arc<AtomicBool>,
    confirmed: Arc<AtomicUsize>,
}

impl Load {
    fn url(&self) -> String {
        self.url.borrow().clone()
    }

    /// Until the server is another one, or a moment has passed.
    async fn pause(&self) {
        let mut url = self.url.clone();
        let _ = tokio::time::timeout(Duration::from_millis(20), url.changed()).await;
    }

    /// Publishes one event after the other; what was confirmed, by data.
    async fn publish(self, publisher: usize) -> Vec<(String, String)> {
        let (client, mut confirmed) = (client(), Vec::new());
        for number in 0_usize.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let data = format!("{publisher} {number}");
            let request = client.post(format!("{}/events/load", self.url())).body(data.clone());
            let id = match request.send().await {
                Ok(response) if response.status() == 200 => response.text().await.ok(),
                Ok(_) | Err(_) => None,
            };
            match id {
                Some(id) => {
                    confirmed.push((data, id));
                    self.confirmed.fetch_add(1, Ordering::Relaxed);
                }
                None => self.pause().await,
            }
        }
        confirmed
    }

    /// Reads from the beginning to the last event, over all restarts.
    async fn read(self) -> Vec<(String, String)> {
        let (client, mut events) = (client(), Vec::new());
        let mut last_id = "earliest".to_owned();
        loop {
            let request = client.get(format!("{}/events/load", self.url()));
            let Ok(response) = request.header("Last-Event-ID", &last_id).send().await else {
                self.pause().await;
                continue;
            };
            let mut stream = EventStream::from_response(response);
            while let Some(event) = stream.next().await {
                assert_eq!(event.event, None, "no gap is told: {event:?}");
                if event.retry.is_some() && event.data.is_empty() {
                    continue;
                }
                let id = event.id.expect("an id");
                last_id.clone_from(&id);
                let is_last = event.data == LAST;
                events.push((event.data, id));
                if is_last {
                    return events;
                }
            }
        }
    }
}

/// What came of it.
struct Outcome {
    confirmed: Vec<Vec<(String, String)>>,
    read: Vec<Vec<(String, String)>>,
    opened: Vec<Duration>,
}

async fn kill_again_and_again(folder: &Path, sync: &str, cycles: usize) -> Outcome {
    let flags = [&["--sync", sync], &FLAGS[..]].concat();
    let mut random = StdRng::seed_from_u64(cycles as u64);
    let mut program = start(folder, &flags);
    let (url, watched) = watch::channel(program.url.clone());
    let load = Load {
        url: watched,
        is_over: Arc::new(AtomicBool::new(false)),
        confirmed: Arc::new(AtomicUsize::new(0)),
    };
    let publishers: Vec<JoinHandle<_>> =
        (0..PUBLISHERS).map(|publisher| tokio::spawn(load.clone().publish(publisher))).collect();
    let readers: Vec<JoinHandle<_>> =
        (0..READERS).map(|_| tokio::spawn(load.clone().read())).collect();
    let mut opened = Vec::new();
    for _ in 0..cycles {
        let enough = load.confirmed.load(Ordering::Relaxed) + random.random_range(1..400);
        eventually("events are confirmed", async || {
            load.confirmed.load(Ordering::Relaxed) >= enough
        })
        .await;
        program.signal(Signal::KILL);
        program.exit_code().await;
        let began = Instant::now();
        program = start(folder, &flags);
        opened.push(began.elapsed());
        url.send_replace(program.url.clone());
    }
    load.is_over.store(true, Ordering::Relaxed);
    let mut confirmed = Vec::new();
    for publisher in publishers {
        confirmed.push(publisher.await.unwrap());
    }
    let last = client().post(format!("{}/events/load", program.url)).body(LAST).send().await;
    assert_eq!(last.unwrap().status(), 200);
    let mut read = Vec::new();
    for reader in readers {
        read.push(reader.await.unwrap());
    }
    Outcome { confirmed, read, opened }
}

impl Outcome {
    /// Each confirmed event is there once, with the id that was answered; those of a publisher are in its
    /// order; and all readers have had the same, to the last one.
    fn check(&self, sync: &str) {
        let all = &self.read[0];
        for (reader, read) in self.read.iter().enumerate() {
            assert_eq!(read.len(), all.len(), "{sync}: reader {reader}");
            assert!(read == all, "{sync}: reader {reader} has read something else");
        }
        assert!(all.is_sorted_by(|(_, one), (_, other)| one < other), "{sync}: ids are in order");
        let mut places = HashMap::new();
        for (place, (data, id)) in all.iter().enumerate() {
            assert_eq!(places.insert(data, (place, id)), None, "{sync}: {data} is there twice");
        }
        for publisher in &self.confirmed {
            let mut before = None;
            for (data, id) in publisher {
                let found = places.get(data);
                let (place, found) = found.unwrap_or_else(|| panic!("{sync}: {data} is lost"));
                assert_eq!(*found, id, "{sync}: {data}");
                assert!(before < Some(*place), "{sync}: {data} is out of order");
                before = Some(*place);
            }
        }
    }

    fn figures(&self, sync: &str) -> String {
        let confirmed: usize = self.confirmed.iter().map(Vec::len).sum();
        let mut opened = self.opened.clone();
        opened.sort_unstable();
        format!(
            "--sync {sync}: {} kills, {confirmed} events confirmed, none lost, none twice, {} readers over all of them; started again in {:?} (median), {:?} (most)",
            opened.len(),
            self.read.len(),
            opened[opened.len() / 2],
            opened[opened.len() - 1],
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures of the long run")]
async fn kill_9_in_the_middle_of_load_loses_and_repeats_nothing_in_any_mode() {
    for sync in ["always", "interval=100ms", "never"] {
        let folder = tempfile::tempdir().unwrap();
        let outcome = kill_again_and_again(folder.path(), sync, cycles()).await;
        outcome.check(sync);
        println!("{}", outcome.figures(sync));
    }
}

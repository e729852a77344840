//! Publishers that number their events, and readers that come back, over any number of servers that
//! have the same data folder one after the other.

use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{EventStream, PATIENCE, client};

/// The topic of all of it.
const TOPIC: &str = "load";
/// How long whoever was refused waits before the next attempt.
const PAUSE: Duration = Duration::from_millis(5);
/// How long an answer may take that the server gave before it ended.
const ANSWER_AFTER_END_MAX: Duration = Duration::from_secs(1);
/// How long whoever finds nobody listening waits for the next server.
const NEXT_SERVER_WAIT_MAX: Duration = Duration::from_secs(1);

/// An event: the `number`th of its publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) publisher: usize,
    pub(super) number: u64,
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher, self.number)
    }
}

impl FromStr for Numbered {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (publisher, number) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self { publisher: publisher.parse()?, number: number.parse()? })
    }
}

/// Clients that go on until they are told to end.
pub(super) struct Load {
    url: watch::Sender<String>,
    is_over: Arc<AtomicBool>,
    confirmed: Arc<AtomicU64>,
    publishers: Vec<JoinHandle<Vec<u64>>>,
    readers: Vec<JoinHandle<Vec<Numbered>>>,
}

/// What the clients have seen.
pub(super) struct Outcome {
    /// For each publisher, the numbers that were answered with 200.
    pub(super) confirmed: Vec<Vec<u64>>,
    /// For each reader, what it got.
    pub(super) received: Vec<Vec<Numbered>>,
}

impl Load {
    /// They begin at the server with this URL.
    pub(super) fn begin(url: &str, publishers: usize, readers: usize) -> Self {
        let (url, current) = watch::channel(url.to_owned());
        let (is_over, confirmed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let publisher = |index| Publisher {
            index,
            client: client(),
            url: current.clone(),
            is_over: Arc::clone(&is_over),
            confirmed: Arc::clone(&confirmed),
        };
        let publishers = (0..publishers).map(|index| tokio::spawn(publisher(index).publish()));
        let publishers = publishers.collect();
        let readers = (0..readers).map(|_| tokio::spawn(read(current.clone()))).collect();
        Self { url, is_over, confirmed, publishers, readers }
    }

    /// The next server is there.
    pub(super) fn go_on_at(&self, url: &str) {
        self.url.send_replace(url.to_owned());
    }

    /// How many events have been confirmed so far.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// Lets publishers end what they are at, and readers read all of it.
    pub(super) async fn end(self) -> Outcome {
        self.is_over.store(true, Ordering::Relaxed);
        let mut confirmed = Vec::new();
        for publisher in self.publishers {
            confirmed.push(timeout(PATIENCE, publisher).await.expect("it ends").unwrap());
        }
        let url = self.url.borrow().clone();
        let last = super::publish(&client(), &url, TOPIC, "end").await;
        super::accepted_id(last).await;
        let mut received = Vec::new();
        for reader in self.readers {
            received.push(timeout(PATIENCE, reader).await.expect("it gets the end").unwrap());
        }
        Outcome { confirmed, received }
    }
}

struct Publisher {
    index: usize,
    client: Client,
    url: watch::Receiver<String>,
    is_over: Arc<AtomicBool>,
    confirmed: Arc<AtomicU64>,
}

impl Publisher {
    /// One event after the other; the numbers of those that were confirmed.
    ///
    /// Where the outcome is unknown, every second publisher goes on with its next number, and the others
    /// send the event again with the id that it has, until it is confirmed.
    async fn publish(mut self) -> Vec<u64> {
        let gives_ids = self.index % 2 == 1;
        let mut confirmed = Vec::new();
        for number in 1.. {
            let event = Numbered { publisher: self.index, number };
            let mut is_confirmed = self.send(event, gives_ids).await;
            while gives_ids && !is_confirmed {
                tokio::time::sleep(PAUSE).await;
                is_confirmed = self.send(event, gives_ids).await;
            }
            if is_confirmed {
                confirmed.push(number);
                self.confirmed.fetch_add(1, Ordering::Relaxed);
            } else {
                tokio::time::sleep(PAUSE).await;
            }
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        confirmed
    }

    async fn send(&mut self, event: Numbered, gives_ids: bool) -> bool {
        let url = self.url.borrow_and_update().clone();
        let id = if gives_ids { format!("?id=urn:{event}") } else { String::new() };
        let request = self.client.post(format!("{url}/events/{TOPIC}{id}"));
        let request = request.body(event.to_string());
        let Some(response) = answer(request, &mut self.url).await else { return false };
        match response.status().as_u16() {
            // Part of the answer may be missing, but it was given.
            200 => true,
            503 => false,
            other => panic!("{other} for {event}"),
        }
    }
}

/// The answer to a request, if one comes before the server ends.
async fn answer(
    request: RequestBuilder,
    current: &mut watch::Receiver<String>,
) -> Option<Response> {
    let mut answer = pin!(request.send());
    let answered = tokio::select! {
        answered = &mut answer => answered,
        // The server has ended. The client has been seen to wait on although its socket was closed.
        _ = current.changed() => timeout(ANSWER_AFTER_END_MAX, answer).await.ok()?,
    };
    match answered {
        Ok(response) => Some(response),
        Err(error) => {
            wait_if_nobody_listens(&error, current).await;
            None
        }
    }
}

/// Waits for the next server if the last one has ended. Who tries to reach its port again and again is
/// at some time given the same port for its own side, and is then connected to itself.
async fn wait_if_nobody_listens(error: &reqwest::Error, current: &mut watch::Receiver<String>) {
    if error.is_connect() {
        // It may have come while this request waited, and then nothing changes any more.
        let _ = timeout(NEXT_SERVER_WAIT_MAX, current.changed()).await;
    }
}

/// Reads from the oldest event to the end, over any number of streams.
async fn read(mut current: watch::Receiver<String>) -> Vec<Numbered> {
    let client = client();
    let mut received = Vec::new();
    let mut last_id = "earliest".to_owned();
    loop {
        let url = current.borrow_and_update().clone();
        let request = client.get(format!("{url}/events/{TOPIC}")).header("Last-Event-ID", &last_id);
        let Some(response) = answer(request, &mut current).await else { continue };
        if response.status() == 503 {
            // It drains.
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        assert_eq!(response.status(), 200);
        let mut stream = EventStream::from_response(response);
        while let Some(event) = stream.next().await {
            assert_eq!(event.event, None, "after {last_id}: {}", event.data);
            match event.data.as_str() {
                "end" => return received,
                // The farewell of a server that drains.
                "" => {}
                data => received.push(data.parse().unwrap_or_else(|_| panic!("{data:?}"))),
            }
        }
        last_id = stream.last_id.unwrap_or(last_id);
    }
}

/// What is retained, from the oldest event to the end.
pub(super) async fn retained(url: &str) -> Vec<Numbered> {
    let data = super::retained(&client(), url, TOPIC, "end").await;
    let events = &data[..data.len() - 1];
    events.iter().map(|data| data.parse().unwrap_or_else(|_| panic!("{data:?}"))).collect()
}

/// How many events that were confirmed are missing from what was received, and how many are there
/// again, or behind a later one of their publisher.
pub(super) fn lost_and_repeated(confirmed: &[Vec<u64>], received: &[Numbered]) -> (usize, usize) {
    let mut by_publisher = vec![Vec::new(); confirmed.len()];
    let mut repeated = 0;
    for event in received {
        let numbers: &mut Vec<u64> = &mut by_publisher[event.publisher];
        match numbers.last() {
            Some(&last) if event.number <= last => repeated += 1,
            _ => numbers.push(event.number),
        }
    }
    let is_lost = |numbers: &Vec<u64>, number: &&u64| numbers.binary_search(number).is_err();
    let lost = confirmed.iter().zip(&by_publisher).map(|(confirmed, received)| {
        confirmed.iter().filter(|number| is_lost(received, number)).count()
    });
    (lost.sum(), repeated)
}

#[test]
fn what_is_lost_and_what_is_repeated_is_counted() {
    let received = |text: &str| -> Vec<Numbered> {
        text.split(' ').map(|event| event.parse().unwrap()).collect()
    };
    let confirmed = [vec![1, 2, 4], vec![1]];
    let cases = [
        ("0/1 1/1 0/2 0/4", (0, 0)),
        ("0/1 0/2 0/3 0/4 1/1 1/2", (0, 0)),
        ("0/1 0/4 1/1", (1, 0)),
        ("0/1 0/2 0/4", (1, 0)),
        ("0/1 0/2 0/2 0/4 1/1", (0, 1)),
        ("0/1 0/4 0/2 1/1", (1, 1)),
    ];
    for (text, expected) in cases {
        assert_eq!(lost_and_repeated(&confirmed, &received(text)), expected, "{text}");
    }
}

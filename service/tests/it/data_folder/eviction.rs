//! The oldest segments are removed while clients read what is in them.

use std::net::SocketAddr;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{accepted_id, flags};
use crate::support::{PATIENCE, Program, Wire, client};

/// Segments of 3 MiB. The newest 16 MiB of events are in memory, too.
const LITTLE: [&str; 8] = [
    "--retain-bytes",
    "24MiB",
    "--retain-memory",
    "16MiB",
    "--lag-events",
    "50",
    "--send-buffer",
    "4KiB",
];
/// More than three times what is retained.
const EVENTS: u64 = 10_000;
const DATA_BYTES: usize = 8_000;
/// How many lines a request has.
const BATCH: u64 = 50;
const READERS: u64 = 5;
/// The window of a reader's socket, so that the system does not read on its behalf.
const WINDOW: u32 = 64 << 10;

/// What a reader has had so far.
#[derive(Debug, Default)]
struct Seen {
    /// The id of the last event.
    id: Option<String>,
    /// The number of it.
    number: u64,
    /// It was told that some are missing behind that event.
    gap: bool,
    /// How many events it has had.
    received: u64,
    /// How many events it has not had since its first.
    missed: u64,
}

impl Seen {
    fn is_complete(&self) -> bool {
        self.number == EVENTS
    }

    fn frame(&mut self, frame: &str) {
        // The first one stands behind the comment that a stream begins with.
        let frame = frame.strip_prefix(":\n").unwrap_or(frame);
        if frame.starts_with("event: fanfare-gap\n") {
            self.gap = true;
        } else if frame.contains("\ndata: ") {
            self.event(frame);
        }
        // Everything else is a place, a heartbeat, or when to come back.
    }

    fn event(&mut self, frame: &str) {
        let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
        let data = field("data: ").and_then(|data| data.split(' ').next()?.parse().ok());
        let number: u64 = data.unwrap_or_else(|| panic!("not ours: {frame}"));
        let missed = number.checked_sub(self.number + 1).expect("each once and in order");
        let gap = std::mem::take(&mut self.gap);
        if self.received > 0 {
            assert_eq!(missed > 0, gap, "{missed} missed behind {}, told: {gap}", self.number);
            self.missed += missed;
        }
        self.id = field("id: ").map(str::to_owned);
        self.number = number;
        self.received += 1;
    }
}

/// Reads everything from the oldest event to the last, over any number of streams, at most one event for
/// every `of_each` that have been published.
async fn read_slowly(
    address: SocketAddr,
    of_each: u64,
    mut published: watch::Receiver<u64>,
) -> Seen {
    let mut seen = Seen::default();
    while !seen.is_complete() {
        let mut wire = Wire::open_at_with_window(address, WINDOW).await;
        let after = seen.id.as_deref().unwrap_or("earliest");
        let head = "GET /events/t HTTP/1.1\r\nhost: localhost\r\nlast-event-id";
        wire.say(format!("{head}: {after}\r\n\r\n")).await;
        let mut stream = wire.stream().await;
        seen.gap = false;
        while !seen.is_complete()
            && let Some(frame) = stream.frame().await
        {
            seen.frame(&frame);
            let enough = (seen.received * of_each).min(EVENTS);
            published.wait_for(|published| *published >= enough).await.expect("it goes on");
        }
    }
    seen
}

async fn publish_all(url: &str, published: &watch::Sender<u64>) {
    let client = client();
    for first in (1..=EVENTS).step_by(BATCH as usize) {
        let line = |number| {
            let data = format!("{number} {}", "x".repeat(DATA_BYTES));
            json!({ "topic": "t", "data": data }).to_string()
        };
        let lines: Vec<_> = (first..first + BATCH).map(line).collect();
        let request = client.post(format!("{url}/events")).body(lines.join("\n"));
        let request = request.header("content-type", "application/x-ndjson");
        let answer = accepted_id(request.send().await.expect("an answer")).await;
        let accepted = answer.lines().filter(|line| line.contains("\"id\":")).count();
        assert_eq!(accepted as u64, BATCH, "{answer}");
        published.send_modify(|published| *published += BATCH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_what_is_being_removed_has_each_event_once_or_is_told_of_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Program::start(&flags(folder.path(), &LITTLE));
    let address: SocketAddr = server.address().parse().expect("an address");
    let (published, watching) = watch::channel(0);
    let readers: Vec<_> = (1..=READERS)
        .map(|of_each| tokio::spawn(read_slowly(address, of_each, watching.clone())))
        .collect();
    publish_all(&server.url, &published).await;
    let mut missed = 0;
    for reader in readers {
        let seen = timeout(2 * PATIENCE, reader).await.expect("it gets on");
        missed += seen.expect("it reads to the end").missed;
    }
    assert!(missed > 0, "nothing was removed before a reader had it");
    assert!(server.figure("fanfare_storage_pages_read_total").await > 0.0, "the disk was read");
    assert_eq!(server.figure("fanfare_storage_unreadable_total").await, 0.0);
}

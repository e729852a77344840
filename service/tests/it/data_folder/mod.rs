//! With a data folder nothing that was confirmed is lost, however the process ends, and clients go on
//! after their last id with nothing missing and nothing twice.

mod commands;
mod crashes;
mod crashes_verified;
mod eviction;
#[cfg(target_os = "linux")]
mod failing_disks;
mod load;
#[cfg(target_os = "linux")]
mod process_limits;
mod restarts;
#[cfg(target_os = "linux")]
mod slow_disks;
#[cfg(target_os = "linux")]
mod unwritable;

/// What there is of a topic, wherever its events are.
mod topics;

use std::path::Path;

use reqwest::{Client, Response};
use tokio::time::timeout;

use crate::support::{EventStream, PATIENCE};

/// The flags of a server that has this folder, no events but those of the test, and no window in which it
/// drains.
fn flags<'a>(folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    flags_with_window("0s", folder, more)
}

/// The same with a window.
fn flags_with_window<'a>(window: &'a str, folder: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let folder = folder.to_str().expect("text");
    let fixed = ["--drain-window", window, "--demos=false", "--data-dir", folder];
    [&fixed, more].concat()
}

async fn publish(client: &Client, url: &str, path: &str, data: &str) -> Response {
    let request = client.post(format!("{url}/events/{path}")).body(data.to_owned());
    request.send().await.expect("an answer")
}

/// The id that an accepted event got.
async fn accepted_id(response: Response) -> String {
    let status = response.status();
    let body = response.text().await.expect("a body");
    assert_eq!(status, 200, "{body}");
    body
}

/// The data of all that is retained of a topic, from the oldest event up to this data.
async fn retained(client: &Client, url: &str, topic: &str, through: &str) -> Vec<String> {
    let request = client.get(format!("{url}/events/{topic}?lastEventID=earliest"));
    let mut stream = EventStream::open(request).await;
    let mut data = Vec::new();
    while data.last().is_none_or(|last| last != through) {
        let event = stream.next().await.unwrap_or_else(|| panic!("it ended after {data:?}"));
        assert_eq!(event.event, None, "{}", event.data);
        data.push(event.data);
    }
    data
}

/// A stream begins, and has heartbeats.
#[cfg(target_os = "linux")]
async fn still_lives(client: &Client, url: &str) {
    let mut response = client.get(format!("{url}/events/t")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    for _ in 0..4 {
        let chunk = timeout(PATIENCE, response.chunk()).await.expect("a heartbeat");
        assert!(chunk.unwrap().is_some(), "it goes on");
    }
}

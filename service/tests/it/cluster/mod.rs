//! Servers that share their event log on NATS JetStream: what is published at one is delivered by all,
//! with the same ids and bytes, and nothing that was confirmed is lost or doubled.

mod access;
mod brokers;
mod elections;
mod faults;
mod one_hub;
mod other_streams;
mod partitions;
mod permissions;
mod proxy;
mod reading;
mod refusals;
mod slow_brokers;
mod watched;

use reqwest::Client;

use crate::support::{EventStream, Program};
use brokers::Brokers;

const FIXED: [&str; 4] = ["--drain-window", "0s", "--demos=false", "--nats-create"];

/// A server on brokers of which one copy is enough.
fn start(brokers: &Brokers, more: &[&str]) -> Program {
    let urls = brokers.urls();
    let flags = [&FIXED[..], &["--nats-unsafe", "--nats", &urls], more].concat();
    Program::start(&flags)
}

async fn publish(client: &Client, node: &Program, path: &str, data: &str) -> (u16, String) {
    let request = client.post(format!("{}/events/{path}", node.url)).body(data.to_owned());
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

async fn stream_after(client: &Client, node: &Program, topic: &str, id: &str) -> EventStream {
    EventStream::open(client.get(format!("{}/events/{topic}?lastEventID={id}", node.url))).await
}

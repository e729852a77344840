//! What the tests share: a real server, a client with a parser that nobody here wrote, and one that
//! is nothing but a socket.

mod chunks;
mod http2;
mod ports;
mod program;
mod server;
mod stream;
mod wire;

pub(crate) use chunks::Chunks;
pub(crate) use http2::{Http2, Http2Stream};
pub(crate) use ports::{own_address, own_port};
pub(crate) use program::{LogLines, PROGRAM, Program};
pub(crate) use server::{TestServer, client, form, frame};
pub(crate) use stream::{EventStream, Received};
pub(crate) use wire::{RawResponse, RawStream, Wire, stream_request};

use std::time::Duration;

/// How long anything may take before a test gives up: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, looking every few milliseconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

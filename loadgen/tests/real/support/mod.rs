//! What the tests share: a real server, the program under test, and what a run must fulfil.
//!
//! No crate of the server is used: its program is built and started, and asked over its sockets as
//! anybody could, so that nothing that both sides believe by sharing code can hide a mistake.

mod farewell;
mod proxy;
mod ran;
mod runner;
mod server;
mod stub;
mod tls;

pub(crate) use farewell::Farewell;
pub(crate) use proxy::Proxy;
pub(crate) use ran::Ran;
pub(crate) use runner::{loadgen, scratch, start, start_with};
pub(crate) use server::Fanfare;
pub(crate) use stub::Stub;
pub(crate) use tls::{TlsFront, write_other_certificate};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, looking every few milliseconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

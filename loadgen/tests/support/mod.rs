//! What both binaries of tests share: running the program under test, and reading what it left
//! behind.

pub(crate) mod page;
pub(crate) mod program;
pub(crate) mod ran;

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, looking every few milliseconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

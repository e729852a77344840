//! What all tests share: programs of this workspace, requests to them, the repository's files, waiting.

pub(crate) mod client;
#[path = "../../../../../service/tests/it/support/ports.rs"]
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod program;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, looking every few milliseconds.
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, holds);
}

/// The same for what takes longer.
pub(crate) fn eventually_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A path of the repository, from its root.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

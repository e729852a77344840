//! What the tests share: the server that makes mistakes, the program under test, and what a run says
//! of itself.
//!
//! Runs spend most of their time waiting, so the cases of a table run at the same time.

mod program;
mod ran;
mod stub;

use std::thread;
use std::time::{Duration, Instant};

pub(crate) use program::{loadgen, start};
pub(crate) use ran::Ran;
pub(crate) use stub::{
    Act, Answers, Cut, Door, Ending, Event, Frame, Full, Mischief, Pieces, Place, Refusal, Stub,
    Wire,
};

/// How far the server is from its subscribers unless a test says otherwise. A run is valid when the
/// generator's own lateness is small beside the latency that it measured: over a long way, a machine
/// that is busy with other things seldom makes one invalid.
pub(crate) const WAY: Duration = Duration::from_millis(300);

/// Tries all cases of a table at the same time; each must hold.
pub(crate) fn each<T: Sync>(cases: &[T], holds: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| holds(case));
        }
    });
}

/// How long anything may take before a test gives up: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds, looking every few milliseconds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

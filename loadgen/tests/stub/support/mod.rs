//! What the tests share: the server that makes mistakes, the program under test, and what a run
//! says of itself.
//!
//! Runs spend most of their time waiting, so the cases of a table run at the same time.

mod ran;
mod stub;

use std::thread;
use std::time::Duration;

pub(crate) use crate::common::eventually;
pub(crate) use crate::common::program::{loadgen, start};
pub(crate) use crate::common::ran::Ran;
pub(crate) use stub::{
    Admission, Cut, Ending, Event, EventFault, Faults, Format, Frame, Pieces, Place,
    PublishResponses, Rejection, Stub, WhenSlow,
};

/// How far the server is from its subscribers unless a test says otherwise. A run is valid when the
/// generator's own lateness is small beside the latency that it measured: over a long way, a
/// machine that is busy with other things seldom makes one invalid.
pub(crate) const LATENCY: Duration = Duration::from_millis(300);

/// Tries all cases of a table at the same time; each must hold.
pub(crate) fn each<T: Sync>(cases: &[T], holds: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| holds(case));
        }
    });
}

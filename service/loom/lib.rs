//! What threads share in the delivery plane, checked in every order that can happen.
//!
//! The very files of the server are compiled here against the types of `loom`, which runs a test
//! again and again until it has tried every interleaving, and every value that a weak memory could
//! show. A crate of its own, because the usual way (`--cfg loom`) changes tokio as well, and then
//! nothing else of the server builds.

#[cfg(test)]
mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[cfg(test)]
#[path = "../src/delivery/wake_once.rs"]
mod wake_once;

#[cfg(test)]
#[path = "../src/delivery/slot_cell.rs"]
mod slot_cell;

/// The cell for one segment.
#[cfg(test)]
mod slot_cell_tests;
/// Waking a thread once.
#[cfg(test)]
mod wake_once_tests;

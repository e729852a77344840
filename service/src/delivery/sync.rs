//! What threads share in here. The checks of interleavings compile the files that use it against
//! types that try every order.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};

//! Wakes a thread that waits, once, however many other threads ask for it.
//!
//! A write to an eventfd costs a system call; most of the time another thread has written already
//! and the thread has yet to wake. The first call wakes it, the others only look.

use super::sync::{AtomicBool, Ordering};

/// What wakes one thread; `W` is its waker.
#[derive(Debug)]
pub(super) struct WakeOnce<W> {
    is_woken: AtomicBool,
    waker: W,
}

impl<W> WakeOnce<W> {
    pub(super) fn new(waker: W) -> Self {
        Self { is_woken: AtomicBool::new(false), waker }
    }

    /// Wakes the thread by `wake`, unless it has been woken since it last looked. The thread sees
    /// what was written before this call after it has called [`WakeOnce::rearm`].
    pub(super) fn wake(&self, wake: impl FnOnce(&W)) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            wake(&self.waker);
        }
    }

    /// To be called by the thread before it looks at what it is woken for: a call of
    /// [`WakeOnce::wake`] after this wakes it once more.
    ///
    /// A swap and not a store: it reads what the last call of `wake` wrote, and so sees everything
    /// that was done before. A store could become visible after the look that follows it, and a
    /// wake in between would be lost.
    pub(super) fn rearm(&self) {
        self.is_woken.swap(false, Ordering::AcqRel);
    }
}

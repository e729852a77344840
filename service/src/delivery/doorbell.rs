//! A bell that is rung by many and heard by one thread, with one wake-up however often it is rung.
//!
//! Ringing an eventfd costs a system call; most of the time somebody else has rung already and the
//! sleeper has yet to wake. Whoever rings first wakes it, the others only look.

use super::sync::{AtomicBool, Ordering};

/// The bell of one thread; `W` wakes it.
#[derive(Debug)]
pub(super) struct Doorbell<W> {
    rung: AtomicBool,
    wake: W,
}

impl<W> Doorbell<W> {
    pub(super) fn new(wake: W) -> Self {
        Self { rung: AtomicBool::new(false), wake }
    }

    /// Wakes the thread by `wake`, unless it has been rung since it last looked. What was written
    /// before is seen by the thread after it has heard the bell.
    pub(super) fn ring(&self, wake: impl FnOnce(&W)) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            wake(&self.wake);
        }
    }

    /// To be called before looking at what the bell is for: whoever rings later wakes once more.
    ///
    /// A swap and not a store: it reads what the last ringer wrote, and so sees everything that was
    /// done before. A store could become visible after the look that follows it, and a ring in
    /// between would be lost.
    pub(super) fn hear(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
}

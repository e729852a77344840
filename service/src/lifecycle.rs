//! What the whole server is doing: starting, serving, draining, closed, or being force-closed.
//!
//! It only ever moves forward. Draining asks all connections to end in order, and lasts as long as
//! its window: meanwhile the listeners stay open, because clients whose streams have ended come
//! back within it and have to be sent a time to try again. Closing ends the listeners and what
//! carries nothing; force-closing is for connections that did not end in the time they had.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What asked the server to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// A supervisor, such as systemd or a container engine: clients may still be sent here until
    /// its proxies have noticed.
    Requested,
    /// A person at a keyboard, who waits for it.
    Interrupted,
}

/// A handle to the state of the server; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    serving: Arc<AtomicBool>,
    drain: CancellationToken,
    close: CancellationToken,
    force_close: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Everything is built and the ports are open.
    pub fn set_serving(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// Whether new work is welcome: built, and not draining.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.serving.load(Ordering::Acquire) && !self.is_draining()
    }

    /// Asks all connections to end in order.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Whether the end has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Waits until the end begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// The window of the drain is over: no more connections are accepted.
    pub fn close(&self) {
        self.close.cancel();
    }

    /// Waits until the window of the drain is over.
    pub async fn closing(&self) {
        self.close.cancelled().await;
    }

    /// Ends what is still there.
    pub fn force_close(&self) {
        self.force_close.cancel();
    }

    /// Waits until what is still there has to end at once.
    pub async fn force_closing(&self) {
        self.force_close.cancelled().await;
    }

    /// The tasks that a drain waits for: connections and what they began.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}

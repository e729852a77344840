//! The control of a run over its reading threads. They poll it once in a pass, so a change needs no
//! wake-up; publishing is announced ahead of its start.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::Moment;
use crate::subscriber::Published;

/// The control of all reading threads of a process.
#[derive(Debug)]
pub(crate) struct Control {
    start: AtomicU64,
    published: OnceLock<Published>,
    stop: AtomicBool,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            start: AtomicU64::new(Moment::NEVER.0),
            published: OnceLock::new(),
            stop: AtomicBool::new(false),
        }
    }
}

impl Control {
    pub(crate) fn begin(&self, at: Moment) {
        self.start.store(at.0, Ordering::Release);
    }

    /// The start of publishing; [`Moment::NEVER`] before it is known.
    pub(crate) fn start(&self) -> Moment {
        Moment(self.start.load(Ordering::Acquire))
    }

    pub(crate) fn finish(&self, published: Published) {
        // A second one would say the same.
        let _ = self.published.set(published);
    }

    /// What has been published, once publishing has ended.
    pub(crate) fn published(&self) -> Option<&Published> {
        self.published.get()
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

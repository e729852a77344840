//! Who is told when a log has changed.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{LogChange, OnChange};

/// The followers of a log.
#[derive(Default)]
pub(super) struct Followers(RwLock<Vec<OnChange>>);

impl Followers {
    pub(super) fn add(&self, on_change: OnChange) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(on_change);
    }

    /// Tells all of them, outside of the log's lock.
    pub(super) fn notify(&self, change: LogChange) {
        for notify in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            notify(change);
        }
    }
}

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "{count} followers")
    }
}

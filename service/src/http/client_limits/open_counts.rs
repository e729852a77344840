//! How many streams each client has open.
//!
//! There is an entry only for a client that has one, so that the table is bounded by what is open.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each client has open, by what it is counted by.
#[derive(Debug)]
pub(super) struct OpenCounts<K: Hash + Eq + Copy> {
    streams_max: AtomicUsize,
    subscriptions_max: Option<usize>,
    open: Mutex<HashMap<K, Usage>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    streams: usize,
    subscriptions: usize,
}

/// What a client has too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Streams,
    Subscriptions,
}

/// Counts for a client until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct CountPermit<K: Hash + Eq + Copy> {
    counts: Arc<OpenCounts<K>>,
    client: K,
    subscriptions: usize,
}

impl<K: Hash + Eq + Copy> OpenCounts<K> {
    pub(super) fn new(streams_max: usize, subscriptions_max: Option<usize>) -> Self {
        let streams_max = AtomicUsize::new(streams_max);
        Self { streams_max, subscriptions_max, open: Mutex::default() }
    }

    /// Another limit from now on. What is open stays, also when it is more than that.
    pub(super) fn limit(&self, streams_max: usize) {
        self.streams_max.store(streams_max, Ordering::Relaxed);
    }

    /// Whether anything is limited, and so has to be counted.
    pub(super) fn is_limited(&self) -> bool {
        self.streams_max.load(Ordering::Relaxed) < usize::MAX || self.subscriptions_max.is_some()
    }

    /// Counts one more, with so many selectors, if the limits allow it.
    pub(super) fn enter(
        self: &Arc<Self>,
        client: K,
        subscriptions: usize,
    ) -> Result<CountPermit<K>, Share> {
        let mut open = self.lock();
        let mut usage = open.get(&client).copied().unwrap_or_default();
        usage.streams += 1;
        usage.subscriptions += subscriptions;
        if usage.streams > self.streams_max.load(Ordering::Relaxed) {
            return Err(Share::Streams);
        }
        if self.subscriptions_max.is_some_and(|max| usage.subscriptions > max) {
            return Err(Share::Subscriptions);
        }
        open.insert(client, usage);
        Ok(CountPermit { counts: Arc::clone(self), client, subscriptions })
    }

    /// How many have something open.
    pub(super) fn clients(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Usage>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Copy> Drop for CountPermit<K> {
    fn drop(&mut self) {
        let mut open = self.counts.lock();
        let Some(usage) = open.get_mut(&self.client) else { return };
        usage.streams -= 1;
        usage.subscriptions -= self.subscriptions;
        if usage.streams == 0 {
            open.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_so_many_and_gets_its_places_back() {
        let counts = Arc::new(OpenCounts::new(2, None));
        let first = counts.enter('a', 0).unwrap();
        let second = counts.enter('a', 0).unwrap();
        assert_eq!(counts.enter('a', 0).unwrap_err(), Share::Streams);
        let other = counts.enter('b', 0).unwrap();
        assert_eq!(counts.clients(), 2);
        drop(first);
        let third = counts.enter('a', 0).unwrap();
        drop((second, third, other));
        assert_eq!(counts.clients(), 0, "nothing is kept of who has left");
    }

    #[test]
    fn the_selectors_of_all_streams_of_a_client_count_together() {
        let counts = Arc::new(OpenCounts::new(usize::MAX, Some(10)));
        let first = counts.enter('a', 7).unwrap();
        assert_eq!(counts.enter('a', 4).unwrap_err(), Share::Subscriptions);
        let second = counts.enter('a', 3).unwrap();
        assert_eq!(counts.enter('a', 1).unwrap_err(), Share::Subscriptions);
        drop(first);
        drop(counts.enter('a', 7).unwrap());
        drop(second);
        assert_eq!(counts.enter('a', 11).unwrap_err(), Share::Subscriptions);
        assert_eq!(counts.clients(), 0, "who was refused leaves nothing behind");
    }
}

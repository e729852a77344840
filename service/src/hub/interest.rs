//! How many subscribers a topic has, so that sources can stop working when there are none.
//!
//! A source watches its topic; a subscription enters and, when it ends, leaves. Only watched topics
//! are counted, and only the server's own sources watch, so the work of a subscription is a handful
//! of comparisons whatever the number of subscribers.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;

use crate::topic::{SelectorSet, Topic};

/// The topics that sources watch.
#[derive(Debug, Default)]
pub(super) struct Interests {
    watched: Mutex<Vec<Weak<Watched>>>,
}

#[derive(Debug)]
struct Watched {
    topic: Topic,
    subscribers: watch::Sender<usize>,
}

/// How many subscribers a topic has, as it changes.
#[derive(Debug)]
pub struct Interest {
    // Keeps the entry alive; without it subscribers are no longer counted.
    _watched: Arc<Watched>,
    subscribers: watch::Receiver<usize>,
}

/// Counts as one subscriber of each watched topic that it names, until it is dropped.
#[derive(Debug, Default)]
pub struct InterestGuard {
    topics: Box<[Arc<Watched>]>,
}

impl Interests {
    pub(super) fn watch(&self, topic: &Topic) -> Interest {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|entry| entry.strong_count() > 0);
        let known = all.iter().filter_map(Weak::upgrade).find(|entry| entry.topic == *topic);
        let watched = known.unwrap_or_else(|| {
            let entry =
                Arc::new(Watched { topic: topic.clone(), subscribers: watch::Sender::new(0) });
            all.push(Arc::downgrade(&entry));
            entry
        });
        Interest { subscribers: watched.subscribers.subscribe(), _watched: watched }
    }

    pub(super) fn enter(&self, selectors: &SelectorSet) -> InterestGuard {
        let all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let live = all.iter().filter_map(Weak::upgrade);
        let topics: Box<[_]> = live.filter(|entry| asks_for(selectors, &entry.topic)).collect();
        drop(all);
        for entry in &topics {
            entry.subscribers.send_modify(|count| *count += 1);
        }
        InterestGuard { topics }
    }
}

/// Only a subscriber that names a topic asks for it. One that watches many topics with a pattern
/// wants to see what happens, not to make something happen.
fn asks_for(selectors: &SelectorSet, topic: &Topic) -> bool {
    selectors.iter().any(|selector| selector.exact_topic() == Some(topic))
}

impl Drop for InterestGuard {
    fn drop(&mut self) {
        for entry in &self.topics {
            entry.subscribers.send_modify(|count| *count -= 1);
        }
    }
}

impl Interest {
    /// Whether there is a subscriber now.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self.subscribers.borrow() > 0
    }

    /// Waits until there is a subscriber.
    pub async fn some(&mut self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.subscribers.wait_for(|&count| count > 0).await;
    }

    /// Waits until there is no subscriber any more.
    pub async fn none(&mut self) {
        let _ = self.subscribers.wait_for(|&count| count == 0).await;
    }
}

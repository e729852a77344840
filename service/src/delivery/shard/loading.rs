//! Subscribers whose next events are not in memory: they wait, and nothing waits with them, until
//! the log says that it is worth while to read again.
//!
//! All that wait for the same page read it once. Whoever leaves meanwhile is found to have left
//! when the page comes.

use super::super::keys::{PageKey, SubscriberKey};
use super::super::mailbox::LoadedPart;
use super::Shard;
use super::budget::{self, Budget};
use crate::memory::SplitMap;

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct LoadingPages {
    waiting: SplitMap<PageKey, Vec<SubscriberKey>>,
    /// Those whose page may be there.
    loaded: Vec<Vec<SubscriberKey>>,
    /// What the shard itself reads next is being loaded.
    head: bool,
}

impl LoadingPages {
    /// Whether others wait for a page already.
    pub(super) fn is_loading(&self, page: PageKey) -> bool {
        self.waiting.contains_key(&page)
    }

    /// Whether the shard itself waits.
    pub(super) fn is_loading_head(&self) -> bool {
        self.head
    }

    pub(super) fn wait_for_head(&mut self) {
        self.head = true;
    }

    /// Something may be there now.
    pub(super) fn has_loaded(&mut self, part: LoadedPart) {
        match part {
            LoadedPart::Head => self.head = false,
            LoadedPart::Page(page) => self.loaded.extend(self.waiting.remove(&page)),
        }
    }

    fn next_loaded(&mut self) -> Option<SubscriberKey> {
        loop {
            match self.loaded.last_mut()?.pop() {
                Some(key) => return Some(key),
                None => self.loaded.pop(),
            };
        }
    }
}

impl Shard {
    /// A subscriber waits for its page from now on.
    pub(super) fn wait_for_page(&mut self, key: SubscriberKey) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        subscriber.set_loading(true);
        let page = (subscriber.audience(), subscriber.cursor());
        let Some(waiting) = self.loading.waiting.get_mut(&page) else {
            self.loading.waiting.insert(page, vec![key]);
            return;
        };
        if waiting.len() == waiting.capacity() {
            // Clients that come and go while a page does not come leave nothing behind.
            waiting.retain(|&key| self.subscribers.contains_key(key));
        }
        waiting.push(key);
    }

    /// Goes on noting subscribers as having something to read; true when there are more.
    pub(super) fn take_loaded(&mut self, budget: &mut Budget) -> bool {
        while budget.is_left() {
            let Some(key) = self.loading.next_loaded() else { return false };
            budget.spend(budget::LOOK);
            if let Some(subscriber) = self.subscribers.get_mut(key) {
                subscriber.set_loading(false);
                self.behind.push_back(key);
            }
        }
        true
    }
}

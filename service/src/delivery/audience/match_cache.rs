//! Which patterns match a topic, remembered: most topics come again.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::AudienceKey;
use crate::memory::allocated;
use crate::topic::Topic;

/// What the cache of one shard may take, in bytes.
const BYTES_MAX: u64 = 4 << 20;

/// How many topics there is room for from the start; more makes the table grow.
const ENTRIES: usize = 1_024;

/// The audiences whose patterns match a topic, by topic.
#[derive(Debug)]
pub(super) struct MatchCache {
    matches: Cache<Topic, Arc<[AudienceKey]>, MatchWeight>,
}

/// Weighs an entry by what it takes in memory: the text of the topic, which may have no other
/// owner, the list, and the place in the cache (measured: about 100 bytes).
#[derive(Clone, Debug)]
struct MatchWeight;

impl Weighter<Topic, Arc<[AudienceKey]>> for MatchWeight {
    fn weight(&self, topic: &Topic, keys: &Arc<[AudienceKey]>) -> u64 {
        const PLACE: usize = 100;
        const COUNTS: usize = 2 * size_of::<usize>();
        let text = allocated(COUNTS + topic.as_str().len());
        (PLACE + text + allocated(COUNTS + size_of_val(&**keys))) as u64
    }
}

impl Default for MatchCache {
    fn default() -> Self {
        Self { matches: Cache::with_weighter(ENTRIES, BYTES_MAX, MatchWeight) }
    }
}

impl MatchCache {
    pub(super) fn get(&self, topic: &Topic) -> Option<Arc<[AudienceKey]>> {
        self.matches.get(topic).cloned()
    }

    pub(super) fn insert(&mut self, topic: &Topic, keys: &Arc<[AudienceKey]>) {
        self.matches.insert(topic.clone(), Arc::clone(keys));
    }

    /// A pattern has come or gone.
    pub(super) fn clear(&mut self) {
        self.matches.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.matches.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.matches.weight()
    }
}

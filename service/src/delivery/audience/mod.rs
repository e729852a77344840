//! Audiences: all subscribers of a shard with the same selectors and the same grants. An event is
//! matched once for each audience, however many belong to it.
//!
//! Exact topics are found in a map. Patterns are matched once a topic, and what they matched is
//! remembered in a cache, bounded in bytes, that is emptied whenever a pattern comes or goes; so a
//! hundred thousand private topics cost a map entry each, and do not disturb the cache.
//!
//! An event may have a thousand topics, and meet thousands of patterns. So finding its audiences
//! can be cut at every pattern and every audience, and goes on where it was when the same event is
//! brought again, even if audiences have come and gone meanwhile.

mod assigning;
mod key_set;
mod match_cache;
mod topic_ends;
mod walk;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use slotmap::SlotMap;

use super::backpressure::{BackpressurePolicy, Lag, Policies};
use super::budget::{self, Budget};
use super::keys::{AudienceKey, SubscriberKey};
use crate::auth::Grants;
use crate::event::{Event, Sequence};
use crate::memory::SplitMap;
use crate::topic::{SelectorSet, Topic};
use assigning::Assigning;
use key_set::KeySet;
use match_cache::MatchCache;
use topic_ends::TopicEnds;
pub(super) use walk::Walk;

/// All subscribers with the same selectors and grants.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) selectors: SelectorSet,
    pub(super) grants: Grants,
    pub(super) policy: BackpressurePolicy,
    pub(super) members: Vec<SubscriberKey>,
    /// The last event that matched: a subscriber whose cursor is here or further has caught up.
    pub(super) last: Sequence,
    /// Everything that matched since the audience began.
    pub(super) total: Lag,
    /// What matched in the pass that is going on.
    pub(super) pending: Vec<Arc<Event>>,
    pub(super) pending_bytes: usize,
    /// What has ended of its topics; boxed, because hardly any has.
    ends: Option<Box<TopicEnds>>,
    /// Where it stands in `Audiences::order`.
    order_index: usize,
}

/// How many audiences an event goes to, and how much that leaves pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) audiences: usize,
    /// What is pending now for the one of them that has most.
    pub(super) fullest_bytes: usize,
}

impl Audience {
    /// Which of the events that its selectors match its members may see.
    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Everything that matched, with what is still to be handed out in this pass.
    pub(super) fn total_seen(&self) -> Lag {
        Lag {
            events: self.total.events + self.pending.len() as u64,
            bytes: self.total.bytes + self.pending_bytes as u64,
        }
    }

    /// The last event that has been found for it.
    pub(super) fn newest(&self) -> Sequence {
        self.pending.last().map_or(self.last, |event| event.sequence())
    }

    /// Whether a member whose cursor is here has had everything that has been found for its
    /// audience.
    pub(super) fn has_no_more_after(&self, cursor: Sequence) -> bool {
        cursor >= self.last && self.pending.is_empty()
    }
}

/// The audiences of a shard, and how to find those of an event.
#[derive(Debug)]
pub(super) struct Audiences {
    policies: Policies,
    all: SlotMap<AudienceKey, Audience>,
    by_terms: SplitMap<(SelectorSet, Grants), AudienceKey>,
    /// All of them once more, for walks that may be cut.
    order: Vec<AudienceKey>,
    by_topic: SplitMap<Topic, KeySet>,
    /// Audiences with a selector that is not an exact topic.
    patterns: BTreeSet<AudienceKey>,
    /// Which of `patterns` match a topic.
    matched: MatchCache,
    /// The event whose audiences are being found, if that was cut.
    assigning: Option<Assigning>,
}

impl Audiences {
    pub(super) fn new(policies: Policies) -> Self {
        Self {
            policies,
            all: SlotMap::with_key(),
            by_terms: SplitMap::default(),
            order: Vec::new(),
            by_topic: SplitMap::default(),
            patterns: BTreeSet::new(),
            matched: MatchCache::default(),
            assigning: None,
        }
    }

    pub(super) fn get(&self, key: AudienceKey) -> Option<&Audience> {
        self.all.get(key)
    }

    pub(super) fn get_mut(&mut self, key: AudienceKey) -> Option<&mut Audience> {
        self.all.get_mut(key)
    }

    /// How many members audiences have that name a topic, from a bound on; and where to go on, if the
    /// budget is spent before that is known of all.
    pub(super) fn members_of(
        &self,
        topic: &Topic,
        from: Bound<AudienceKey>,
        budget: &mut Budget,
    ) -> (u64, Option<Bound<AudienceKey>>) {
        let mut members = 0;
        let Some(keys) = self.by_topic.get(topic) else { return (members, None) };
        for key in keys.from(from) {
            members += self.all.get(key).map_or(0, |audience| audience.members.len() as u64);
            if !budget.spend(budget::LOOK) {
                return (members, Some(Bound::Excluded(key)));
            }
        }
        (members, None)
    }

    #[cfg(test)]
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Audience> {
        self.all.values_mut()
    }

    /// What the cache takes in memory.
    pub(super) fn match_cache_bytes(&self) -> u64 {
        self.matched.bytes()
    }

    /// The event whose audiences were being found is none of this log any more.
    pub(super) fn forget_cut_event(&mut self) {
        self.assigning = None;
    }

    /// The audience with these terms. A new one has everything up to `seen`, or up to the event
    /// whose audiences are being found: its members read that from the log.
    pub(super) fn enter(
        &mut self,
        selectors: SelectorSet,
        grants: Grants,
        seen: Sequence,
    ) -> AudienceKey {
        if let Some(&key) = self.by_terms.get(&(selectors.clone(), grants.clone())) {
            return key;
        }
        let assigning = self.assigning.as_ref().map(Assigning::sequence);
        let key = self.all.insert(Audience {
            selectors: selectors.clone(),
            grants: grants.clone(),
            policy: self.policies.of(&selectors),
            members: Vec::new(),
            last: assigning.unwrap_or(seen).max(seen),
            total: Lag::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            ends: None,
            order_index: self.order.len(),
        });
        self.order.push(key);
        match selectors.exact_topics() {
            Some(topics) => {
                for topic in topics {
                    match self.by_topic.get_mut(topic) {
                        Some(keys) => keys.insert(key),
                        None => {
                            self.by_topic.insert(topic.clone(), KeySet::One(key));
                        }
                    }
                }
            }
            None => {
                self.patterns.insert(key);
                self.matched.clear();
                if let Some(assigning) = &mut self.assigning {
                    assigning.pattern_came();
                }
            }
        }
        self.by_terms.insert((selectors, grants), key);
        key
    }

    /// Forgets an audience that has no members any more.
    pub(super) fn leave(&mut self, key: AudienceKey) {
        let Some(audience) = self.all.remove(key) else { return };
        self.order.swap_remove(audience.order_index);
        if let Some(&moved) = self.order.get(audience.order_index) {
            self.all[moved].order_index = audience.order_index;
        }
        match audience.selectors.exact_topics() {
            Some(topics) => {
                for topic in topics {
                    if self.by_topic.get_mut(topic).is_some_and(|keys| keys.remove(key)) {
                        self.by_topic.remove(topic);
                    }
                }
            }
            None => {
                self.patterns.remove(&key);
                self.matched.clear();
            }
        }
        self.by_terms.remove(&(audience.selectors, audience.grants));
    }
}

#[cfg(test)]
mod tests;

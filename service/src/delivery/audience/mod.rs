//! Audiences: all subscribers of a shard with the same selectors and the same grants. An event is
//! matched once for each audience, however many belong to it.
//!
//! Exact topics are found in a map. Patterns are matched once a topic, and what they matched is
//! remembered in a bounded cache that is emptied whenever a pattern comes or goes; so a hundred
//! thousand private topics cost a map entry each, and do not disturb the cache.

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::unsync::Cache;
use slotmap::{SlotMap, new_key_type};

use super::policy::{Lag, Policies, Policy};
use super::subscriber::SubscriberKey;
use crate::auth::Grants;
use crate::event::{Event, Sequence};
use crate::topic::{SelectorSet, Topic};

new_key_type! {
    /// Names an audience within its shard.
    pub(super) struct AudienceKey;
}

/// How many topics the cache remembers the matching patterns of.
const CACHED_TOPICS_MAX: usize = 16_384;

/// All subscribers with the same selectors and grants.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) selectors: SelectorSet,
    pub(super) grants: Grants,
    pub(super) policy: Policy,
    pub(super) members: Vec<SubscriberKey>,
    /// The last event that matched: whoever's cursor is here or further is level.
    pub(super) last: Sequence,
    /// Everything that matched since the audience began.
    pub(super) total: Lag,
    /// What matched in the pass that is going on.
    pub(super) pending: Vec<Arc<Event>>,
    pub(super) pending_bytes: usize,
}

/// To whom an event goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Assignment {
    /// To how many audiences.
    pub(super) audiences: usize,
    /// What is pending now for that of them which has most.
    pub(super) fullest_bytes: usize,
}

impl Audience {
    /// Whether its members may see an event that its selectors match.
    pub(super) fn may_see(&self, event: &Event) -> bool {
        !event.is_private() || self.grants.may_see_private(event.topics().iter().map(Topic::as_str))
    }

    /// A stream that listens to one topic only ends when the topic does.
    pub(super) fn ends_with(&self, event: &Event) -> bool {
        event.ends_topic()
            && self
                .selectors
                .exact_topics()
                .is_some_and(|mut topics| topics.all(|topic| event.topics().contains(topic)))
    }
}

/// The audiences of a shard, and how to find those of an event.
#[derive(Debug)]
pub(super) struct Audiences {
    policies: Policies,
    all: SlotMap<AudienceKey, Audience>,
    by_terms: HashMap<(SelectorSet, Grants), AudienceKey>,
    by_topic: HashMap<Topic, Vec<AudienceKey>>,
    /// Audiences with a selector that is not an exact topic.
    patterns: Vec<AudienceKey>,
    /// Which of `patterns` match a topic.
    matched: Cache<Topic, Arc<[AudienceKey]>>,
}

impl Audiences {
    pub(super) fn new(policies: Policies) -> Self {
        Self {
            policies,
            all: SlotMap::with_key(),
            by_terms: HashMap::new(),
            by_topic: HashMap::new(),
            patterns: Vec::new(),
            matched: Cache::new(CACHED_TOPICS_MAX),
        }
    }

    pub(super) fn get(&self, key: AudienceKey) -> Option<&Audience> {
        self.all.get(key)
    }

    pub(super) fn get_mut(&mut self, key: AudienceKey) -> Option<&mut Audience> {
        self.all.get_mut(key)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Audience> {
        self.all.values_mut()
    }

    /// The audience with these terms; a new one is level with `seen`.
    pub(super) fn enter(
        &mut self,
        selectors: SelectorSet,
        grants: Grants,
        seen: Sequence,
    ) -> AudienceKey {
        if let Some(&key) = self.by_terms.get(&(selectors.clone(), grants.clone())) {
            return key;
        }
        let key = self.all.insert(Audience {
            selectors: selectors.clone(),
            grants: grants.clone(),
            policy: self.policies.of(&selectors),
            members: Vec::new(),
            last: seen,
            total: Lag::default(),
            pending: Vec::new(),
            pending_bytes: 0,
        });
        match selectors.exact_topics() {
            Some(topics) => {
                for topic in topics {
                    self.by_topic.entry(topic.clone()).or_default().push(key);
                }
            }
            None => {
                self.patterns.push(key);
                self.matched.clear();
            }
        }
        self.by_terms.insert((selectors, grants), key);
        key
    }

    /// Forgets an audience that has no members any more.
    pub(super) fn leave(&mut self, key: AudienceKey) {
        let Some(audience) = self.all.remove(key) else { return };
        match audience.selectors.exact_topics() {
            Some(topics) => {
                for topic in topics {
                    let Some(keys) = self.by_topic.get_mut(topic) else { continue };
                    keys.retain(|&other| other != key);
                    if keys.is_empty() {
                        self.by_topic.remove(topic);
                    }
                }
            }
            None => {
                self.patterns.retain(|&other| other != key);
                self.matched.clear();
            }
        }
        self.by_terms.remove(&(audience.selectors, audience.grants));
    }

    /// Adds `event` to the pending ones of every audience that is to see it; those that had none
    /// before are added to `touched`.
    pub(super) fn assign(
        &mut self,
        event: &Arc<Event>,
        touched: &mut Vec<AudienceKey>,
    ) -> Assignment {
        let mut to = Assignment::default();
        for topic in event.topics() {
            if let Some(keys) = self.by_topic.get(topic) {
                assign_to(&mut self.all, keys, event, touched, &mut to);
            }
            if self.patterns.is_empty() {
                continue;
            }
            let keys = match self.matched.get(topic) {
                Some(keys) => Arc::clone(keys),
                None => self.match_patterns(topic),
            };
            assign_to(&mut self.all, &keys, event, touched, &mut to);
        }
        to
    }

    fn match_patterns(&mut self, topic: &Topic) -> Arc<[AudienceKey]> {
        let matches = |key: &&AudienceKey| {
            self.all.get(**key).is_some_and(|audience| audience.selectors.matches(topic.as_str()))
        };
        let keys: Arc<[AudienceKey]> = self.patterns.iter().filter(matches).copied().collect();
        self.matched.insert(topic.clone(), Arc::clone(&keys));
        keys
    }
}

fn assign_to(
    all: &mut SlotMap<AudienceKey, Audience>,
    keys: &[AudienceKey],
    event: &Arc<Event>,
    touched: &mut Vec<AudienceKey>,
    to: &mut Assignment,
) {
    for &key in keys {
        let Some(audience) = all.get_mut(key) else { continue };
        // Another topic of the same event may have brought it here already.
        let newest = audience.pending.last().map(|pending| pending.sequence());
        if newest == Some(event.sequence()) || !audience.may_see(event) {
            continue;
        }
        if newest.is_none() {
            touched.push(key);
        }
        audience.pending.push(Arc::clone(event));
        audience.pending_bytes += event.frame().len();
        to.audiences += 1;
        to.fullest_bytes = to.fullest_bytes.max(audience.pending_bytes);
    }
}

#[cfg(test)]
mod tests;

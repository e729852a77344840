//! Events that rules keep beyond the bounds of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::retention_rule::{RetentionRule, RetentionRules, RuleSet};
use crate::event::{Event, Sequence};

/// What an event takes in the tables here, in bytes, whatever it holds itself: its places in two
/// B-trees, which are at least half full.
const ENTRY_BYTES: usize = 96;

/// What is kept beyond the bounds of the log.
#[derive(Clone, Debug, Default)]
pub struct KeptSettings {
    /// By which rules.
    pub rules: RetentionRules,
    /// How much at most.
    pub limits: KeptLimits,
}

/// What is kept at most beyond the bounds of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptLimits {
    /// The most topics that events are kept of.
    pub topics_max: usize,
    /// The most bytes that they may hold, with what is kept for them.
    pub bytes_max: usize,
}

/// What rules keep beyond the bounds of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptTotals {
    /// How many events.
    pub events: usize,
    /// How many topics they have.
    pub topics: usize,
    /// What they hold in memory, with the index of their topics.
    pub bytes: usize,
    /// How many rules would have kept, and the limits of memory and topics have not.
    pub dropped: u64,
}

/// Events before the oldest of a window that a rule holds.
#[derive(Debug)]
pub(super) struct KeptEvents {
    rules: RetentionRules,
    limits: KeptLimits,
    events: BTreeMap<Sequence, Arc<Event>>,
    /// Of each rule that has a bound of time or of number: what it holds.
    of_rules: Box<[BTreeSet<Sequence>]>,
    /// Those that went, until somebody can drop them where nobody waits for that.
    gone: Vec<Arc<Event>>,
    events_held: usize,
    topics: usize,
    topics_held: usize,
    dropped: u64,
}

/// An event to which a bound says that it is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PastBound {
    /// That of a rule; another one may still hold it.
    OfRule(Sequence),
    /// That of all.
    OfAll(Sequence),
}

impl Default for KeptEvents {
    fn default() -> Self {
        Self::new(KeptSettings::default())
    }
}

impl KeptEvents {
    pub(super) fn new(KeptSettings { rules, limits }: KeptSettings) -> Self {
        Self {
            of_rules: rules.all().iter().map(|_| BTreeSet::new()).collect(),
            rules,
            limits,
            events: BTreeMap::new(),
            gone: Vec::new(),
            events_held: 0,
            topics: 0,
            topics_held: 0,
            dropped: 0,
        }
    }

    pub(super) fn rules(&self) -> &RetentionRules {
        &self.rules
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.limits.bytes_max
    }

    pub(super) fn no_room_for(&mut self, count: u64) {
        self.dropped += count;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn totals(&self) -> KeptTotals {
        KeptTotals {
            events: self.events.len(),
            topics: self.topics,
            bytes: self.events_held + self.topics_held,
            dropped: self.dropped,
        }
    }

    /// What the index holds for the topics of which events are kept.
    pub(super) fn topics_held(&self) -> usize {
        self.topics_held
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&Arc<Event>> {
        self.events.get(&sequence)
    }

    /// Those behind a sequence and through another, in order.
    pub(super) fn range(
        &self,
        after: Sequence,
        through: Sequence,
    ) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        // A range that ends before it begins would panic.
        let behind = through.max(after).next();
        self.events.range(after.next()..behind).map(|(_, event)| event)
    }

    /// Of some rules those that keep an event of this time.
    pub(super) fn young_enough(&self, set: RuleSet, accepted_ms: u64, now_ms: u64) -> RuleSet {
        let young =
            self.rules.each_of(set).filter(|(_, rule)| accepted_ms >= rule.oldest_ms(now_ms));
        young.fold(RuleSet::default(), |set, (number, _)| set.with(RuleSet::of(number)))
    }

    /// Keeps an event, which these rules hold.
    pub(super) fn add(&mut self, event: &Arc<Event>, holding: RuleSet) {
        for (number, rule) in self.rules.each_of(holding) {
            if is_bounded(rule) {
                self.of_rules[number].insert(event.sequence());
            }
        }
        self.events_held += event.bytes_held() + ENTRY_BYTES;
        self.events.insert(event.sequence(), Arc::clone(event));
    }

    /// Whether one of some rules holds it still. The others hold it no longer.
    pub(super) fn is_still_held(&mut self, sequence: Sequence, set: RuleSet) -> bool {
        let mut is_held = false;
        for (number, rule) in self.rules.all().iter().enumerate() {
            match set.has(number) {
                true if is_bounded(rule) => is_held |= self.of_rules[number].contains(&sequence),
                true => is_held = true,
                false => drop(self.of_rules[number].remove(&sequence)),
            }
        }
        is_held
    }

    /// The next one that is beyond a bound, at a time in milliseconds since 1970; beyond those of number and
    /// bytes only if they count. A rule whose bound that is holds it no longer.
    pub(super) fn next_past_bound(&mut self, now_ms: u64, counts: bool) -> Option<PastBound> {
        let rules = self.rules.all().iter().enumerate();
        for (number, rule) in rules.filter(|(_, rule)| is_bounded(rule)) {
            let held = &mut self.of_rules[number];
            let Some(first) = held.first().copied() else { continue };
            let too_many = counts && rule.events_max.is_some_and(|max| held.len() > max);
            let oldest_ms = rule.oldest_ms(now_ms);
            let is_old =
                self.events.get(&first).is_none_or(|event| event.accepted_ms() < oldest_ms);
            if too_many || is_old {
                held.pop_first();
                return Some(PastBound::OfRule(first));
            }
        }
        let is_beyond = self.topics > self.limits.topics_max
            || self.events_held + self.topics_held > self.limits.bytes_max;
        let (first, _) = self.events.first_key_value().filter(|_| is_beyond && counts)?;
        Some(PastBound::OfAll(*first))
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, sequence: Sequence, for_room: bool) -> Option<Arc<Event>> {
        let event = self.events.remove(&sequence)?;
        for held in &mut self.of_rules {
            held.remove(&sequence);
        }
        self.events_held -= event.bytes_held() + ENTRY_BYTES;
        self.dropped += u64::from(for_room);
        self.gone.push(Arc::clone(&event));
        Some(event)
    }

    /// An event is kept of a topic of which none was, for which the index holds so much.
    pub(super) fn topic_came(&mut self, held: usize) {
        self.topics += 1;
        self.topics_held += held;
    }

    /// No event is kept of it any more.
    pub(super) fn topic_went(&mut self, held: usize) {
        self.topics -= 1;
        self.topics_held -= held;
    }

    /// What has gone since this was asked last.
    pub(super) fn take_gone(&mut self) -> Vec<Arc<Event>> {
        std::mem::take(&mut self.gone)
    }
}

/// Whether a rule lets an event go that stays among the newest of its topic.
fn is_bounded(rule: &RetentionRule) -> bool {
    rule.age_max.is_some() || rule.events_max.is_some()
}

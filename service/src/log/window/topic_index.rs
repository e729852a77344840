//! From topic to sequences: what makes replaying an exact topic cost what it returns, and not what
//! the log holds.
//!
//! Sequences of a topic are in order. The log evicts from its front, so the event that goes is at the
//! front of each of its topics too, unless a rule keeps older ones.

use std::collections::{BinaryHeap, VecDeque};

use super::super::retention_rule::{RetentionRules, RuleSet};
use crate::event::{Event, Sequence};
use crate::log::TopicCount;
use crate::memory::{SplitMap, allocated};
use crate::topic::Topic;

/// The sequences of each topic that has a retained event.
#[derive(Debug, Default)]
pub(super) struct TopicIndex {
    entries: SplitMap<Topic, TopicEntry>,
    /// What the entries hold beside the tables.
    held: usize,
}

#[derive(Debug)]
struct TopicEntry {
    /// The same as the key, so that events can share its text.
    topic: Topic,
    sequences: VecDeque<Sequence>,
    /// How many of them are not for everybody. The log has no more events than fit into 32 bits.
    private: u32,
    /// How many of them a rule keeps beyond the bounds of the log.
    kept: u32,
    /// Of their frames. Kept here, because a sum over the events of a busy topic would hold the lock.
    bytes: u64,
    /// Only of a topic that rules are for.
    ruled: Option<Box<RuledTopic>>,
}

/// What is known of a topic that rules are for.
#[derive(Debug)]
struct RuledTopic {
    rules: RuleSet,
    /// No event of the topic behind this one has gone.
    complete_after: Sequence,
}

impl TopicEntry {
    fn of(topic: &Topic, sequence: Sequence, private: u32, bytes: u64) -> Self {
        let sequences = VecDeque::from([sequence]);
        Self { topic: topic.clone(), sequences, private, kept: 0, bytes, ruled: None }
    }

    fn held(&self) -> usize {
        // The text stands behind the two counts of an `Arc`.
        let text = allocated(2 * size_of::<usize>() + self.topic.as_str().len());
        let ruled = if self.ruled.is_some() { allocated(size_of::<RuledTopic>()) } else { 0 };
        text + allocated(self.sequences.capacity() * size_of::<Sequence>()) + ruled
    }

    /// Takes away an event, and what was counted of it; `is_gone` if it is retained nowhere else.
    fn remove(&mut self, event: &Event, is_gone: bool) {
        let list = &mut self.sequences;
        match list.front() {
            Some(front) if *front == event.sequence() => {
                list.pop_front();
            }
            _ => match list.binary_search(&event.sequence()) {
                Ok(at) => drop(list.remove(at)),
                Err(_) => return,
            },
        }
        self.private -= u32::from(!event.is_for_everybody());
        self.bytes -= event.frame().len() as u64;
        if list.capacity() > 64 && list.len() < list.capacity() / 4 {
            // A topic that was busy once does not keep its space for ever.
            list.shrink_to(list.len() * 2);
        }
        if let Some(ruled) = self.ruled.as_mut().filter(|_| is_gone) {
            ruled.complete_after = ruled.complete_after.max(event.sequence());
        }
    }

    /// How many of its events are newer than one.
    fn newer_than(&self, sequence: Sequence) -> usize {
        self.sequences.len() - self.sequences.partition_point(|&at| at <= sequence)
    }
}

/// What the index takes for a topic with one event, but for its list.
fn base_bytes(topic: &Topic) -> usize {
    let text = allocated(2 * size_of::<usize>() + topic.as_str().len());
    // Of the places of a table an eighth stays free at least, and half of them after it has grown.
    text + allocated(size_of::<RuledTopic>()) + 3 * size_of::<(Topic, TopicEntry)>() / 2
}

impl TopicIndex {
    /// Adds the newest event, whose topics share the texts of the index from now on. `complete_after` is
    /// the last event that has gone.
    pub(super) fn add(
        &mut self,
        event: &mut Event,
        rules: &RetentionRules,
        complete_after: Sequence,
    ) {
        let sequence = event.sequence();
        let private = u32::from(!event.is_for_everybody());
        let bytes = event.frame().len() as u64;
        for topic in event.topics_mut() {
            match self.entries.get_mut(topic) {
                Some(entry) => {
                    self.held -= entry.held();
                    entry.sequences.push_back(sequence);
                    entry.private += private;
                    entry.bytes += bytes;
                    self.held += entry.held();
                    *topic = entry.topic.clone();
                }
                None => {
                    let mut entry = TopicEntry::of(topic, sequence, private, bytes);
                    let rules = if rules.is_empty() { RuleSet::default() } else { rules.of(topic) };
                    if !rules.is_empty() {
                        entry.ruled = Some(Box::new(RuledTopic { rules, complete_after }));
                    }
                    self.held += entry.held();
                    self.entries.insert(topic.clone(), entry);
                }
            }
        }
    }

    /// Takes an event away; `is_gone` if it is retained nowhere else.
    pub(super) fn remove(&mut self, event: &Event, is_gone: bool) {
        for topic in event.topics() {
            let Some(entry) = self.entries.get_mut(topic) else { continue };
            self.held -= entry.held();
            entry.remove(event, is_gone);
            if entry.sequences.is_empty() {
                self.entries.remove(topic);
            } else {
                self.held += entry.held();
            }
        }
    }

    /// Adds an event of before the others. `complete_after` is the last event that may have gone of a topic
    /// that has none here.
    pub(super) fn insert(
        &mut self,
        event: &Event,
        rules: &RetentionRules,
        complete_after: Sequence,
    ) {
        let sequence = event.sequence();
        let private = u32::from(!event.is_for_everybody());
        let bytes = event.frame().len() as u64;
        for topic in event.topics() {
            if let Some(entry) = self.entries.get_mut(topic) {
                self.held -= entry.held();
                let at = entry.sequences.partition_point(|&other| other < sequence);
                entry.sequences.insert(at, sequence);
                entry.private += private;
                entry.bytes += bytes;
                self.held += entry.held();
                continue;
            }
            let mut entry = TopicEntry::of(topic, sequence, private, bytes);
            let rules = rules.of(topic);
            entry.ruled =
                (!rules.is_empty()).then(|| Box::new(RuledTopic { rules, complete_after }));
            self.held += entry.held();
            self.entries.insert(topic.clone(), entry);
        }
    }

    /// The topics of an event share the texts of the index from now on.
    pub(super) fn share_texts(&self, event: &mut Event) {
        for topic in event.topics_mut() {
            if let Some(entry) = self.entries.get(topic) {
                *topic = entry.topic.clone();
            }
        }
    }

    /// An event of a topic has gone that was not here.
    pub(super) fn note_gone(&mut self, topic: &Topic, sequence: Sequence) {
        let ruled = self.entries.get_mut(topic).and_then(|entry| entry.ruled.as_mut());
        if let Some(ruled) = ruled {
            ruled.complete_after = ruled.complete_after.max(sequence);
        }
    }

    /// The rules for its topics of which an event is among as many newest as the rule wants.
    pub(super) fn rules_for(&self, event: &Event, rules: &RetentionRules) -> RuleSet {
        let mut all = RuleSet::default();
        for entry in event.topics().iter().filter_map(|topic| self.entries.get(topic)) {
            let Some(ruled) = &entry.ruled else { continue };
            let newer = entry.newer_than(event.sequence());
            for (number, rule) in rules.each_of(ruled.rules) {
                if rule.newest.is_none_or(|newest| newer < newest.get()) {
                    all = all.with(RuleSet::of(number));
                }
            }
        }
        all
    }

    /// The events that are no longer among as many newest of a topic as a rule wants, now that this one
    /// has been added.
    pub(super) fn superseded_by(&self, event: &Event, rules: &RetentionRules) -> Vec<Sequence> {
        let mut superseded = Vec::new();
        for entry in event.topics().iter().filter_map(|topic| self.entries.get(topic)) {
            let Some(ruled) = entry.ruled.as_ref().filter(|_| entry.kept > 0) else { continue };
            let newest = rules.each_of(ruled.rules).filter_map(|(_, rule)| rule.newest);
            let at =
                newest.filter_map(|newest| entry.sequences.len().checked_sub(newest.get() + 1));
            superseded.extend(at.map(|at| entry.sequences[at]));
        }
        superseded.sort_unstable();
        superseded.dedup();
        superseded
    }

    /// An event is kept beyond the bounds of the log: calls `on_first` for each of its topics of which
    /// none was, with what the index takes for it.
    pub(super) fn keep(&mut self, event: &Event, mut on_first: impl FnMut(usize)) {
        for topic in event.topics() {
            let Some(entry) = self.entries.get_mut(topic) else { continue };
            entry.kept += 1;
            if entry.kept == 1 {
                on_first(base_bytes(topic));
            }
        }
    }

    /// One that was kept goes: calls `on_last` for each of its topics of which none is left.
    pub(super) fn remove_kept(&mut self, event: &Event, mut on_last: impl FnMut(usize)) {
        for topic in event.topics() {
            let Some(entry) = self.entries.get_mut(topic) else { continue };
            entry.kept -= 1;
            if entry.kept == 0 {
                on_last(base_bytes(topic));
            }
        }
        self.remove(event, true);
    }

    /// The last event that may have gone of a topic, where rules are for it.
    pub(super) fn complete_after(&self, topic: &Topic) -> Option<Sequence> {
        Some(self.entries.get(topic)?.ruled.as_ref()?.complete_after)
    }

    /// What the index takes in memory, the texts of topics included.
    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes() + self.held
    }

    /// The topics in one part of the table, of which each has its own; nothing behind the last part.
    pub(super) fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        Some(self.entries.keys_in_part(part)?.cloned().collect())
    }

    /// How many events a topic has.
    pub(super) fn count_of(&self, topic: &Topic) -> TopicCount {
        let Some(entry) = self.entries.get(topic) else { return TopicCount::default() };
        TopicCount { events: entry.sequences.len(), private: entry.private as usize }
    }

    /// The bytes of its frames, and the oldest and the newest of a topic.
    pub(super) fn held_of(&self, topic: &Topic) -> Option<(u64, Sequence, Sequence)> {
        let entry = self.entries.get(topic)?;
        Some((entry.bytes, *entry.sequences.front()?, *entry.sequences.back()?))
    }

    /// The sequences of a topic up to one, newest first.
    pub(super) fn newest_first(
        &self,
        topic: &Topic,
        through: Sequence,
    ) -> impl Iterator<Item = Sequence> {
        let list = self.entries.get(topic).map(|entry| &entry.sequences);
        list.into_iter().flat_map(move |list| {
            let end = list.partition_point(|&sequence| sequence <= through);
            list.range(..end).rev().copied()
        })
    }

    /// The sequences of some topics within `after..=through`, merged in order, each once, at most
    /// `count_max`. The cost is that of the result, times the logarithm of the number of topics.
    pub(super) fn range<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        after: Sequence,
        through: Sequence,
        count_max: usize,
    ) -> Vec<Sequence> {
        let lists = topics.filter_map(|topic| self.entries.get(topic)).map(|entry| {
            let list = &entry.sequences;
            let start = list.partition_point(|&sequence| sequence <= after);
            list.range(start..).copied().take_while(move |&sequence| sequence <= through)
        });
        // The heap gives its greatest first.
        merge(lists.collect(), std::cmp::Reverse, |reversed| reversed.0, count_max)
    }

    /// The same from the end: newest first.
    pub(super) fn range_back<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        after: Sequence,
        through: Sequence,
        count_max: usize,
    ) -> Vec<Sequence> {
        let lists = topics.filter_map(|topic| self.entries.get(topic)).map(|entry| {
            let list = &entry.sequences;
            let end = list.partition_point(|&sequence| sequence <= through);
            list.range(..end).rev().copied().take_while(move |&sequence| sequence > after)
        });
        merge(lists.collect(), |sequence| sequence, |sequence| sequence, count_max)
    }

    /// How many topics have a retained event.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Merges lists that are in order, each sequence once; `rank` makes what comes first the greatest.
fn merge<I: Iterator<Item = Sequence>, R: Ord + Copy>(
    mut lists: Vec<I>,
    rank: impl Fn(Sequence) -> R,
    unrank: impl Fn(R) -> Sequence,
    count_max: usize,
) -> Vec<Sequence> {
    // Nearly every subscriber has one topic.
    if let [list] = &mut lists[..] {
        return list.take(count_max).collect();
    }
    let mut heads: BinaryHeap<(R, usize)> = lists
        .iter_mut()
        .enumerate()
        .filter_map(|(index, list)| Some((rank(list.next()?), index)))
        .collect();
    let mut merged: Vec<Sequence> = Vec::new();
    while let Some((head, index)) = heads.pop() {
        if let Some(next) = lists[index].next() {
            heads.push((rank(next), index));
        }
        let sequence = unrank(head);
        if merged.last() != Some(&sequence) {
            if merged.len() == count_max {
                break;
            }
            merged.push(sequence);
        }
    }
    merged
}

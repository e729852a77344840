//! From topic to sequences: what makes replaying an exact topic cost what it returns, and not what
//! the log holds.
//!
//! Sequences of a topic are kept in order. The log evicts from its front, so the event that goes
//! is always at the front of each of its topics too.

use std::collections::{BinaryHeap, VecDeque};

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
    /// Of their frames. Kept here, because a sum over the events of a busy topic would hold the lock.
    bytes: u64,
}

impl TopicEntry {
    fn of(topic: &Topic, sequence: Sequence, private: u32, bytes: u64) -> Self {
        Self { topic: topic.clone(), sequences: VecDeque::from([sequence]), private, bytes }
    }

    fn held(&self) -> usize {
        // The text stands behind the two counts of an `Arc`.
        let text = allocated(2 * size_of::<usize>() + self.topic.as_str().len());
        text + allocated(self.sequences.capacity() * size_of::<Sequence>())
    }
}

impl TopicIndex {
    /// Adds the newest event, whose topics share the texts of the index from now on.
    pub(super) fn add(&mut self, event: &mut Event) {
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
                    let entry = TopicEntry::of(topic, sequence, private, bytes);
                    self.held += entry.held();
                    self.entries.insert(topic.clone(), entry);
                }
            }
        }
    }

    /// Takes the oldest event away.
    pub(super) fn remove_oldest(&mut self, event: &Event) {
        for topic in event.topics() {
            let Some(entry) = self.entries.get_mut(topic) else { continue };
            self.held -= entry.held();
            entry.private -= u32::from(!event.is_for_everybody());
            entry.bytes -= event.frame().len() as u64;
            let list = &mut entry.sequences;
            list.pop_front();
            if list.is_empty() {
                self.entries.remove(topic);
                continue;
            }
            if list.capacity() > 64 && list.len() < list.capacity() / 4 {
                // A topic that was busy once does not keep its space for ever.
                list.shrink_to(list.len() * 2);
            }
            self.held += entry.held();
        }
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

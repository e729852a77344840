//! From topic to sequences: what makes replaying an exact topic cost what it returns, and not what
//! the log holds.
//!
//! Sequences of a topic are kept in order. The log evicts from its front, so the event that goes
//! is always at the front of each of its topics too.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::iter::Peekable;

use crate::event::{Event, Sequence};
use crate::topic::Topic;

/// The sequences of each topic that has a retained event.
#[derive(Debug, Default)]
pub(super) struct TopicIndex {
    sequences: HashMap<Topic, VecDeque<Sequence>>,
}

impl TopicIndex {
    /// Adds the newest event.
    pub(super) fn add(&mut self, event: &Event) {
        for topic in event.topics() {
            match self.sequences.get_mut(topic) {
                Some(list) => list.push_back(event.sequence()),
                None => {
                    self.sequences.insert(topic.clone(), VecDeque::from([event.sequence()]));
                }
            }
        }
    }

    /// Takes the oldest event away.
    pub(super) fn remove_oldest(&mut self, event: &Event) {
        for topic in event.topics() {
            let Some(list) = self.sequences.get_mut(topic) else { continue };
            list.pop_front();
            if list.is_empty() {
                self.sequences.remove(topic);
            } else if list.capacity() > 64 && list.len() < list.capacity() / 4 {
                // A topic that was busy once does not keep its space for ever.
                list.shrink_to(list.len() * 2);
            }
        }
    }

    /// The sequences of some topics within `after..=through`, merged in order, each once, at most
    /// `count_max`. The cost is that of the result times the number of topics.
    pub(super) fn range<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        after: Sequence,
        through: Sequence,
        count_max: usize,
    ) -> Vec<Sequence> {
        let lists = topics.filter_map(|topic| self.sequences.get(topic)).map(|list| {
            let start = list.partition_point(|&sequence| sequence <= after);
            list.range(start..).copied().take_while(|&sequence| sequence <= through).peekable()
        });
        merge(lists.collect(), Ordering::Less, count_max)
    }

    /// The same from the end: newest first.
    pub(super) fn range_back<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        after: Sequence,
        through: Sequence,
        count_max: usize,
    ) -> Vec<Sequence> {
        let lists = topics.filter_map(|topic| self.sequences.get(topic)).map(|list| {
            let end = list.partition_point(|&sequence| sequence <= through);
            let newest_first = list.range(..end).rev().copied();
            newest_first.take_while(|&sequence| sequence > after).peekable()
        });
        merge(lists.collect(), Ordering::Greater, count_max)
    }

    /// How many topics have a retained event.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sequences.len()
    }
}

/// Merges lists that are in order, each sequence once; `first` is how what comes first compares.
fn merge<I: Iterator<Item = Sequence>>(
    mut lists: Vec<Peekable<I>>,
    first: Ordering,
    count_max: usize,
) -> Vec<Sequence> {
    let mut merged = Vec::new();
    while merged.len() < count_max {
        let heads = lists.iter_mut().filter_map(|list| list.peek().copied());
        let Some(next) = heads.reduce(|a, b| if b.cmp(&a) == first { b } else { a }) else { break };
        for list in &mut lists {
            list.next_if_eq(&next);
        }
        merged.push(next);
    }
    merged
}

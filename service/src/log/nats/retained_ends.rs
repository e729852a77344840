//! Topics that are ended by a message which is retained.
//!
//! As with ids, any such message has a say, also one that is passed over itself. Were it otherwise,
//! whether a message is shown would depend on whether an earlier one was, and so on, back to before what
//! a node has read; and nodes would not decide alike.

use std::collections::VecDeque;

use crate::event::Sequence;
use crate::memory::{SplitMap, allocated};
use crate::topic::Topic;

#[derive(Debug, Default)]
pub(super) struct RetainedEnds {
    /// The last message that ends it.
    by_topic: SplitMap<Topic, Sequence>,
    /// In order.
    ends: VecDeque<(Sequence, Box<[Topic]>)>,
    /// What the texts and lists of topics take.
    held: usize,
}

impl RetainedEnds {
    /// The first of some topics that has ended.
    pub(super) fn first<'a>(&self, topics: &'a [Topic]) -> Option<&'a Topic> {
        if self.ends.is_empty() {
            return None;
        }
        topics.iter().find(|topic| self.by_topic.get(*topic).is_some())
    }

    /// The newest message ends these.
    pub(super) fn add(&mut self, sequence: Sequence, topics: &[Topic]) {
        for topic in topics {
            self.by_topic.insert(topic.clone(), sequence);
        }
        self.held += held(topics);
        self.ends.push_back((sequence, topics.into()));
    }

    /// Messages before this one are not retained any more.
    pub(super) fn forget_before(&mut self, oldest: Sequence) {
        while let Some((sequence, topics)) =
            self.ends.pop_front_if(|(sequence, _)| *sequence < oldest)
        {
            for topic in &topics {
                if self.by_topic.get(topic) == Some(&sequence) {
                    self.by_topic.remove(topic);
                }
            }
            self.held -= held(&topics);
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes_held(&self) -> usize {
        let list = self.ends.capacity() * size_of::<(Sequence, Box<[Topic]>)>();
        self.by_topic.bytes() + list + self.held
    }
}

fn held(topics: &[Topic]) -> usize {
    let text = |topic: &Topic| allocated(2 * size_of::<usize>() + topic.as_str().len());
    allocated(size_of_val(topics)) + topics.iter().map(text).sum::<usize>()
}

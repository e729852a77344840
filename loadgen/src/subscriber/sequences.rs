//! Without publishers of its own, loadgen may find any number of writers on a stream: other load
//! generators, each a run of its own, over several publishers and topics. Each of them counts from
//! 0 for each publisher and topic, so one sequence is known by all three; here it gets a small
//! number.

use std::collections::HashMap;

use crate::payload::Stamp;

/// Sequences that a subscriber tells apart; events of further ones arrive and are not verified.
const MOST: usize = 1024;

/// Run, publisher and topic.
type SequenceKey = (u32, u8, u32);

/// The sequences that a subscriber has seen, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    known: HashMap<SequenceKey, u16>,
    /// Most streams have one writer, and a lookup for each event would be a tenth of its cost.
    last: Option<(SequenceKey, u16)>,
}

impl Sequences {
    /// The number of the sequence that an event is of; nothing when there are too many.
    pub(super) fn of(&mut self, stamp: &Stamp) -> Option<u16> {
        let key = (stamp.run, stamp.publisher, stamp.topic);
        if let Some((last, number)) = self.last
            && last == key
        {
            return Some(number);
        }
        let next = self.known.len();
        let number = match self.known.get(&key) {
            Some(number) => *number,
            None if next >= MOST => return None,
            None => {
                let number = u16::try_from(next).ok()?;
                self.known.insert(key, number);
                number
            }
        };
        self.last = Some((key, number));
        Some(number)
    }

    /// What the writer of a sequence is called in words: its publisher, and more where that is not
    /// all.
    pub(super) fn name(&self, number: u16) -> String {
        let key = self.known.iter().find(|(_, known)| **known == number).map(|(key, _)| *key);
        match key {
            Some((run, publisher, topic)) => format!("{publisher} of run {run:08x}, topic {topic}"),
            None => number.to_string(),
        }
    }
}

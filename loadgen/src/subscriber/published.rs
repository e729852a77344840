//! What has been published, as far as checking a subscriber needs it: how many events of each
//! publisher and topic, and which of them were never accepted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What has been published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    publishers: usize,
    /// By topic, then by publisher.
    counts: Vec<u64>,
    /// The same without those at the end that were not accepted: what is worth waiting for.
    awaited: Vec<u64>,
    /// Publishers and sequences that were refused, or without a response, by topic.
    unaccepted: HashMap<u32, Vec<(u8, u64)>>,
}

impl Published {
    pub(crate) fn new(publishers: usize, topics: u32) -> Self {
        let counts = vec![0; publishers * topics as usize];
        Self { publishers, awaited: counts.clone(), counts, unaccepted: HashMap::new() }
    }

    /// Takes up what one publisher has published: how many events of each topic, and what was not
    /// accepted. Publishers come in the order of their numbers.
    pub(crate) fn add_publisher(
        &mut self,
        publisher: u8,
        counts: &[u64],
        unaccepted: &[(u32, u64)],
    ) {
        for (topic, count) in counts.iter().enumerate() {
            let place = topic * self.publishers + usize::from(publisher);
            for all in [&mut self.counts, &mut self.awaited] {
                if let Some(here) = all.get_mut(place) {
                    *here = *count;
                }
            }
        }
        let mut backwards = unaccepted.to_vec();
        backwards.sort_unstable_by(|one, other| other.cmp(one));
        for &(topic, sequence) in backwards.iter().rev() {
            self.unaccepted.entry(topic).or_default().push((publisher, sequence));
        }
        for (topic, sequence) in backwards {
            let place = topic as usize * self.publishers + usize::from(publisher);
            if let Some(awaited) = self.awaited.get_mut(place)
                && *awaited == sequence + 1
            {
                *awaited = sequence;
            }
        }
    }

    /// How many events of a topic each publisher has published.
    pub(crate) fn counts(&self, topic: u32) -> &[u64] {
        let from = topic as usize * self.publishers;
        self.counts.get(from..from + self.publishers).unwrap_or_default()
    }

    /// Up to where each publisher's events of a topic may still come.
    pub(crate) fn awaited(&self, topic: u32) -> &[u64] {
        let from = topic as usize * self.publishers;
        self.awaited.get(from..from + self.publishers).unwrap_or_default()
    }

    /// The publishers and sequences of a topic that do not count as missing when they have not
    /// arrived, in order.
    pub(crate) fn unaccepted(&self, topic: u32) -> &[(u8, u64)] {
        self.unaccepted.get(&topic).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_at_the_end_is_not_waited_for() {
        let mut published = Published::new(2, 2);
        published.add_publisher(0, &[5, 1], &[(0, 4), (0, 3), (0, 1), (1, 0)]);
        published.add_publisher(1, &[2, 2], &[(0, 0)]);
        assert_eq!(published.counts(0), [5, 2]);
        assert_eq!(published.awaited(0), [3, 2]);
        assert_eq!(published.awaited(1), [0, 2]);
        assert_eq!(published.unaccepted(0), [(0, 1), (0, 3), (0, 4), (1, 0)]);
    }
}

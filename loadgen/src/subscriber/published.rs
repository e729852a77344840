//! What has been published, as far as a subscriber's account needs it: how many events of each lane
//! and topic, and which of them were never accepted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What has been published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    lanes: usize,
    /// By topic, then by lane.
    counts: Vec<u64>,
    /// The same without those at the end that were not accepted: what is worth waiting for.
    awaited: Vec<u64>,
    /// Lanes and sequences that were refused, or whose fate nobody knows, by topic.
    unaccepted: HashMap<u32, Vec<(u8, u64)>>,
}

impl Published {
    pub(crate) fn new(lanes: usize, topics: u32) -> Self {
        let counts = vec![0; lanes * topics as usize];
        Self { lanes, awaited: counts.clone(), counts, unaccepted: HashMap::new() }
    }

    /// Takes up what one lane has published: how many events of each topic, and what was not accepted.
    pub(crate) fn add_lane(&mut self, lane: u8, counts: &[u64], unaccepted: &[(u32, u64)]) {
        for (topic, count) in counts.iter().enumerate() {
            let place = topic * self.lanes + usize::from(lane);
            for all in [&mut self.counts, &mut self.awaited] {
                if let Some(here) = all.get_mut(place) {
                    *here = *count;
                }
            }
        }
        let mut backwards = unaccepted.to_vec();
        backwards.sort_unstable_by(|one, other| other.cmp(one));
        for (topic, sequence) in backwards {
            let place = topic as usize * self.lanes + usize::from(lane);
            if let Some(awaited) = self.awaited.get_mut(place)
                && *awaited == sequence + 1
            {
                *awaited = sequence;
            }
            self.unaccepted.entry(topic).or_default().push((lane, sequence));
        }
    }

    /// How many events of a topic each lane has published.
    pub(crate) fn lanes(&self, topic: u32) -> &[u64] {
        let from = topic as usize * self.lanes;
        self.counts.get(from..from + self.lanes).unwrap_or_default()
    }

    /// Up to where each lane's events of a topic may still come.
    pub(crate) fn awaited(&self, topic: u32) -> &[u64] {
        let from = topic as usize * self.lanes;
        self.awaited.get(from..from + self.lanes).unwrap_or_default()
    }

    /// The lanes and sequences of a topic that are not missing when they are not there.
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
        published.add_lane(0, &[5, 1], &[(0, 4), (0, 3), (0, 1), (1, 0)]);
        published.add_lane(1, &[2, 2], &[]);
        assert_eq!(published.lanes(0), [5, 2]);
        assert_eq!(published.awaited(0), [3, 2]);
        assert_eq!(published.awaited(1), [0, 2]);
        assert_eq!(published.unaccepted(0), [(0, 4), (0, 3), (0, 1)]);
    }
}

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
    /// Lanes and sequences that were refused, or whose fate nobody knows, by topic.
    excused: HashMap<u32, Vec<(u8, u64)>>,
}

impl Published {
    pub(crate) fn new(lanes: usize, topics: u32) -> Self {
        Self { lanes, counts: vec![0; lanes * topics as usize], excused: HashMap::new() }
    }

    /// Takes up what one lane has published: how many events of each topic, and what was not accepted.
    pub(crate) fn add_lane(&mut self, lane: u8, counts: &[u64], excused: &[(u32, u64)]) {
        for (topic, count) in counts.iter().enumerate() {
            if let Some(place) = self.counts.get_mut(topic * self.lanes + usize::from(lane)) {
                *place = *count;
            }
        }
        for (topic, sequence) in excused {
            self.excused.entry(*topic).or_default().push((lane, *sequence));
        }
    }

    /// How many events of a topic each lane has published.
    pub(crate) fn lanes(&self, topic: u32) -> &[u64] {
        let from = topic as usize * self.lanes;
        self.counts.get(from..from + self.lanes).unwrap_or_default()
    }

    /// The lanes and sequences of a topic that are not missing when they are not there.
    pub(crate) fn excused(&self, topic: u32) -> &[(u8, u64)] {
        self.excused.get(&topic).map_or(&[], Vec::as_slice)
    }
}

//! How single events reached their subscribers: the first, the median, the last. Percentiles over
//! deliveries hide an event in a hundred that takes ten times as long until all have it.
//!
//! Following every event would cost a lookup a delivery and a histogram an event, so a sample is
//! followed, chosen by the event's number: all workers choose the same without a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Compact;
use crate::clock::Moment;
use crate::payload::Stamp;

/// Events that are followed at most, whatever the sample says.
const MOST: usize = 4096;

/// An event: its publisher, topic and sequence.
pub(crate) type EventKey = (u8, u32, u64);

/// Which events are followed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Follow {
    /// One in so many; at least 1.
    pub(crate) every: u64,
    /// Over how many topics events are spread.
    pub(crate) topics: u64,
}

impl Follow {
    fn includes(self, stamp: &Stamp) -> bool {
        let number = stamp.sequence.wrapping_mul(self.topics).wrapping_add(u64::from(stamp.topic));
        self.every <= 1 || number.is_multiple_of(self.every)
    }
}

/// How an event has reached subscribers so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) due: Moment,
    pub(crate) latency: Compact,
}

/// The events that are followed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Completions {
    /// A sequence of pairs, because keys of JSON are texts.
    #[serde(with = "pairs")]
    events: BTreeMap<EventKey, Reach>,
}

impl Completions {
    pub(crate) fn record(&mut self, follow: Follow, stamp: &Stamp, latency: u64) {
        if !follow.includes(stamp) {
            return;
        }
        let key = (stamp.publisher, stamp.topic, stamp.sequence);
        if let Some(reach) = self.events.get_mut(&key) {
            reach.latency.record(latency);
        } else if self.events.len() < MOST {
            let mut reach = Reach { due: stamp.due, latency: Compact::default() };
            reach.latency.record(latency);
            self.events.insert(key, reach);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, theirs) in &other.events {
            let mine = self.events.entry(*key);
            let mine =
                mine.or_insert_with(|| Reach { due: theirs.due, latency: Compact::default() });
            mine.latency.merge(&theirs.latency);
        }
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = (EventKey, &Reach)> {
        self.events.iter().map(|(key, reach)| (*key, reach))
    }
}

mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{EventKey, Reach};

    pub(super) fn serialize<S: Serializer>(
        events: &BTreeMap<EventKey, Reach>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(events)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<EventKey, Reach>, D::Error> {
        Ok(Vec::<(EventKey, Reach)>::deserialize(deserializer)?.into_iter().collect())
    }
}

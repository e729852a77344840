//! The hub of a run's own: a log in memory, and one shard, whose policies go by the topic.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::auth::Grants;
use crate::clock::Clock;
use crate::delivery::{
    BackpressurePolicy, Delivery, DeliverySettings, LagLimit, Policies, PolicyRule, SlotReader,
};
use crate::event::{DraftFields, EventLimits};
use crate::hub::{Beginning, Hub, Resume, SubscribeRequest};
use crate::log::{MemoryLog, MemoryLogSettings};
use crate::metrics::Metrics;
use crate::topic::{Selector, SelectorSet, Topic};

/// How far behind a reader may be before its policy acts, in events.
pub(super) const LAG_MAX: u64 = 50;

/// What the data of an event is filled up to, in bytes. A stream is given at most 64 KiB at a time, so
/// that a slow reader has some eight events in hand, and not all that there are.
const DATA_BYTES: usize = 8_000;

/// More than all events of a run.
const LOG_BYTES_MAX: usize = 16 << 20;

/// Each event is of as many topics as `conflate` keeps events of.
const SYMBOLS: [&str; 4] = ["a", "b", "c", "d"];

/// The readers, by what their topics begin with.
pub(super) const READERS: [(&str, Option<BackpressurePolicy>); 5] = [
    ("fast", None),
    ("disconnect", Some(BackpressurePolicy::Disconnect)),
    ("drop-oldest", Some(BackpressurePolicy::DropOldest)),
    ("conflate", Some(BackpressurePolicy::Conflate)),
    ("catch-up", Some(BackpressurePolicy::CatchUp)),
];

/// The hub of a run, until it is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    hub: Hub,
    delivery: Delivery,
}

impl Stage {
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn open() -> io::Result<Self> {
        // Nothing of it is in the metrics of the server.
        let metrics = Metrics::new(1);
        let log = MemoryLogSettings { bytes_max: LOG_BYTES_MAX, ..MemoryLogSettings::default() };
        let hub = Hub::new(Arc::new(MemoryLog::new(log, Clock::system())), metrics.clone());
        let settings = DeliverySettings {
            shards: 1,
            lag: LagLimit { events_max: LAG_MAX, bytes_max: u64::MAX },
            policies: Policies::new(rules()),
            heartbeat: Duration::ZERO,
            ..DeliverySettings::default()
        };
        // The thread ends by itself when it is told to stop.
        let (delivery, _threads) = Delivery::start(&hub, &settings, &metrics)?;
        Ok(Self { hub, delivery })
    }

    /// Publishes an event for all readers: one, of a topic of each.
    pub(super) async fn publish(&self, number: u64) {
        let symbol = SYMBOLS[usize::try_from(number).unwrap_or_default() % SYMBOLS.len()];
        let fields = DraftFields {
            topics: READERS.iter().map(|(reader, _)| name(reader, symbol).into()).collect(),
            data: format!("{number:<DATA_BYTES$}").into(),
            ..DraftFields::default()
        };
        if let Ok(draft) = fields.check(&EventLimits::default()) {
            // A log in memory takes everything.
            let _ = self.hub.publish(draft).await;
        }
    }

    /// Opens a stream of a reader's topics, behind the event with this id if it has one.
    pub(super) async fn subscribe(
        &self,
        reader: &str,
        last_id: Option<&str>,
    ) -> Option<SlotReader> {
        let topics = SYMBOLS.map(|symbol| Selector::exact(topic(reader, symbol)));
        let request = SubscribeRequest {
            selectors: SelectorSet::new(topics).ok()?,
            grants: Grants::all(),
            resume: last_id.map(|id| Resume::After(id.to_owned())),
        };
        let subscription = self.hub.subscribe(request, Beginning::Everything).await.ok()?;
        // What is cut is only ever the stream.
        self.delivery.subscribe_body(subscription, Bytes::from_static(b":\n\n"), Box::new(|_| ()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.delivery.stop();
    }
}

fn rules() -> impl Iterator<Item = PolicyRule> {
    let rule = |(reader, policy): (&str, Option<BackpressurePolicy>)| {
        format!("{reader}/*={}", policy?).parse().ok()
    };
    READERS.into_iter().filter_map(rule)
}

fn name(reader: &str, symbol: &str) -> String {
    format!("{reader}/{symbol}")
}

fn topic(reader: &str, symbol: &str) -> Topic {
    #[expect(clippy::unwrap_used, reason = "the names are constants of this file")]
    Topic::parse(&name(reader, symbol), 64).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_rule_for_each_policy() {
        assert_eq!(rules().count(), BackpressurePolicy::ALL.len());
    }
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::auth::Visibility;
use crate::clock::Clock;
use crate::event::{Buffers, DraftFields, Epoch, Event, EventLimits, HubId};
use crate::log::{
    Appending, Bounds, EventFilter, KeptTotals, Locating, LogReader, MemoryLog, MemoryLogSettings,
    OnChange, Page, PageBack, PageLimit, Position, ReadOutcome, ReadRange,
};
use crate::metrics::Snapshot;
use crate::topic::{MatchProgress, Selector};

/// What streams begin with.
mod beginnings;
/// Which subscribers count as interest in a topic.
mod interest;
/// Those that rules keep among them.
mod kept;
/// Where streams begin, of events on disk.
mod on_disk;
mod publish;
/// Subscribing, and where it begins.
mod subscribe;

/// A hub over a log with a clock that stands still until it is moved.
struct Stage {
    hub: Hub,
    metrics: Metrics,
    now_ms: Arc<AtomicU64>,
    log: Arc<MemoryLog>,
}

fn stage(events_max: usize) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    let age_max = Duration::from_secs(60);
    let settings = MemoryLogSettings { events_max, age_max, ..MemoryLogSettings::default() };
    let log = Arc::new(MemoryLog::new(settings, clock));
    let metrics = Metrics::new(1);
    Stage { hub: Hub::new(log.clone(), metrics.clone()), metrics, now_ms, log }
}

impl Stage {
    fn set_clock(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// Publishes so many events, and says what their ids are.
    fn publish(&self, count: usize) -> Vec<String> {
        let receipts = publish_all(&self.hub, vec![draft("t", None); count]);
        receipts.into_iter().map(|receipt| receipt.unwrap().id.to_string()).collect()
    }

    fn subscribe(&self, resume: Option<Resume>) -> Subscription {
        subscribe(&self.hub, request("*", resume))
    }

    fn resume_after(&self, id: &str) -> Subscription {
        self.subscribe(Some(Resume::After(id.to_owned())))
    }

    fn figure(&self, series: &str) -> u64 {
        let text = self.metrics.render(&Snapshot::default());
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }
}

fn subscribe(hub: &Hub, request: SubscribeRequest) -> Subscription {
    hub.subscribe(request, Beginning::Next)
        .now_or_never()
        .expect("a log in memory answers at once")
        .unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn draft(topic: &str, id: Option<&str>) -> Draft {
    let fields = DraftFields {
        topics: vec![topic.into()],
        id: id.map(Into::into),
        data: "d".into(),
        ..DraftFields::default()
    };
    fields.check(&EventLimits::default()).unwrap()
}

fn publish_all(hub: &Hub, drafts: Vec<Draft>) -> Vec<Result<Receipt, AppendError>> {
    hub.publish_all(PublishSource::Raw, drafts)
        .now_or_never()
        .expect("a log in memory answers at once")
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

fn request(selector: &str, resume: Option<Resume>) -> SubscribeRequest {
    SubscribeRequest { selectors: set(&[selector]), grants: Grants::all(), resume }
}

/// An id as a log of another epoch would have made it.
fn id_of_another_epoch(accepted_ms: u64) -> String {
    HubId { epoch: Epoch::begun_at(0, 1), sequence: Sequence(1), accepted_ms }.to_string()
}

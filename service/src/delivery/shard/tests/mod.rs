//! A shard without its thread: what happens outside is posted to its mailbox, and the test calls
//! each pass. Its time stands still but for the ticks that a test makes pass.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::{LagLimit, NewSubscriber, Policies};
use super::gather::GATHERED_MAX;
use super::*;
use crate::auth::Grants;
use crate::clock::Clock;
use crate::event::{Draft, DraftFields, EncodedEvent, EventLimits};
use crate::hub::{Beginning, Hub, Resume, SubscribeRequest, Subscription};
use crate::log::{EventFilter, LogChange, MemoryLog, MemoryLogSettings, ReadNow as _, ReadRange};
use crate::metrics::{Metrics, Snapshot};
use crate::topic::{Selector, SelectorSet, Topic};

/// Whatever happens in whatever order.
mod any_order;
mod drain;
/// The seam between replay and live.
mod every_order;
mod heartbeats;
/// What streams begin with that do not begin with everything.
mod initial_replay;
/// Looking at them, and ending one.
mod listing;
mod live;
/// Coming and going.
mod membership;
/// Streams that hold too much beyond the log.
mod output_buffers;
/// Where a stream can be resumed.
mod places;
/// The sink of the tests.
mod reader;
/// From replay to live.
mod replay;
/// Leaving events out.
mod skip;
/// Full sinks, the lag limit, and what the log has passed.
mod slow_readers;
/// The end of a topic.
mod topic_end;
/// A log made of trouble.
mod trouble;

use reader::{End, Reader};

/// A hub, a log with a clock moved by hand, and one shard.
struct Stage<L = MemoryLog> {
    hub: Hub,
    log: Arc<L>,
    now_ms: Arc<AtomicU64>,
    metrics: Metrics,
    mailbox: Arc<Mailbox>,
    shard: Shard,
}

/// What clients of closed streams are sent: with one value to draw from, it is known.
fn retry_hint() -> Option<End> {
    Some(End::Finished(Bytes::from_static(b"retry: 7\n\n")))
}

fn no_limits() -> (DeliverySettings, MemoryLogSettings) {
    let delivery = DeliverySettings {
        shards: 1,
        lag: LagLimit { events_max: u64::MAX, bytes_max: u64::MAX },
        policies: Policies::default(),
        heartbeat: Duration::ZERO,
        age_max: Duration::ZERO,
        retry_ms: 7..=7,
        output_buffers_max: usize::MAX,
    };
    (delivery, MemoryLogSettings::default())
}

fn stage() -> Stage {
    let (delivery, log) = no_limits();
    stage_with(delivery, log)
}

fn stage_with_lag_limit(events_max: u64, bytes_max: u64) -> Stage {
    let (delivery, log) = no_limits();
    let lag = LagLimit { events_max, bytes_max };
    stage_with(DeliverySettings { lag, ..delivery }, log)
}

fn stage_with_policy(rule: &str, events_max: u64) -> Stage {
    let (delivery, log) = no_limits();
    let lag = LagLimit { events_max, bytes_max: u64::MAX };
    let policies = Policies::new([rule.parse().unwrap()]);
    stage_with(DeliverySettings { lag, policies, ..delivery }, log)
}

fn stage_with_log_of(events_max: usize) -> Stage {
    let (delivery, log) = no_limits();
    stage_with(delivery, MemoryLogSettings { events_max, ..log })
}

fn stage_with(settings: DeliverySettings, log: MemoryLogSettings) -> Stage {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    Stage { now_ms, ..stage_over(MemoryLog::new(log, clock), settings) }
}

fn stage_over<L: Log>(log: L, settings: DeliverySettings) -> Stage<L> {
    let log = Arc::new(log);
    let metrics = Metrics::new(1);
    let hub = Hub::new(log.clone(), metrics.clone());
    let stats = Arc::clone(&metrics.shards()[0]);
    let (mut shard, mailbox) = Shard::new(log.clone(), settings, stats).unwrap();
    // It begins tomorrow, so no tick goes by of itself.
    shard.began = Instant::now() + Duration::from_secs(24 * 60 * 60);
    // An iteration does all that it may, however slow the machine is.
    shard.allowance = Allowance::Time(Duration::from_secs(24 * 60 * 60));
    let now_ms = Arc::default();
    Stage { hub, log, now_ms, metrics, mailbox, shard }
}

impl<L: Log> Stage<L> {
    fn publish(&self, topic: &str) -> u64 {
        self.publish_draft(draft(&[topic], false))
    }

    fn publish_times(&self, topic: &str, count: usize) {
        for _ in 0..count {
            self.publish(topic);
        }
    }

    fn publish_draft(&self, draft: Draft) -> u64 {
        let receipt = self.hub.publish(draft).now_or_never().unwrap();
        receipt.unwrap().sequence.0
    }

    fn subscribe(&self, selectors: &[&str], resume: Option<Resume>) -> Subscription {
        let request = SubscribeRequest { selectors: set(selectors), grants: Grants::all(), resume };
        self.hub.subscribe(request, Beginning::Next).now_or_never().unwrap().unwrap()
    }

    /// Sends a subscriber on its way to the shard.
    fn post(&self, subscription: Subscription, reader: &Reader) {
        let new_subscriber = NewSubscriber { subscription, sink: Box::new(reader.clone()) };
        self.mailbox.post(Notice::Join(Box::new(new_subscriber)));
    }

    /// A live subscriber whose sink is never full; the shard has not delivered it yet.
    fn join(&self, selectors: &[&str]) -> Reader {
        let reader = Reader::with_room(usize::MAX);
        self.post(self.subscribe(selectors, None), &reader);
        reader
    }

    /// One that resumes from the earliest event that is retained.
    fn join_from_earliest(&self, selectors: &[&str], room: usize) -> Reader {
        let reader = Reader::with_room(room);
        self.post(self.subscribe(selectors, Some(Resume::Earliest)), &reader);
        reader
    }

    /// Makes passes until there is nothing left to do.
    fn settle(&mut self) {
        while self.shard.iterate() {}
    }

    /// A sink that was full takes so many segments more.
    fn make_room(&self, reader: &Reader, segments: usize) {
        let wants_wakeup = reader.change(|reading| {
            reading.room = segments;
            std::mem::take(&mut reading.wants_wakeup)
        });
        if wants_wakeup {
            self.mailbox.post(Notice::Ready(reader.key()));
        }
    }

    fn leave(&self, reader: &Reader) {
        reader.change(|reading| reading.gone = true);
        self.mailbox.post(Notice::Gone(reader.key()));
    }

    /// Moves the time on, tick by tick, up to this one.
    fn at(&mut self, tick: Tick) {
        let mut due = Vec::new();
        while self.shard.deadlines.advance(tick, &mut due) {
            for key in due.drain(..) {
                self.shard.on_deadline(key);
            }
        }
    }

    fn figure(&self, series: &str) -> u64 {
        let text = self.metrics.render(&Snapshot::default());
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }

    fn ended(&self, reason: &str) -> u64 {
        self.figure(&format!("fanfare_streams_closed_total{{reason=\"{reason}\"}}"))
    }

    fn subscribers(&self) -> u64 {
        self.metrics.shards()[0].subscribers()
    }

    fn audiences(&mut self) -> usize {
        self.shard.audiences.values_mut().count()
    }
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn set(selectors: &[&str]) -> SelectorSet {
    SelectorSet::new(selectors.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
}

fn draft(topics: &[&str], private: bool) -> Draft {
    let topics = topics.iter().map(|&topic| topic.into()).collect();
    let fields = DraftFields { topics, private, data: "d".into(), ..DraftFields::default() };
    fields.check(&EventLimits::default()).unwrap()
}

/// Heartbeats after 100 ticks.
fn stage_with_heartbeat() -> Stage {
    let (delivery, log) = no_limits();
    stage_with(DeliverySettings { heartbeat: TICK * 100, ..delivery }, log)
}

fn draft_frame_bytes() -> u64 {
    let receipt = stage().hub.publish(draft(&["a"], false)).now_or_never().unwrap();
    receipt.unwrap().frame_bytes as u64
}

//! A shard without its thread: what happens outside is posted to its mailbox, and it is told when
//! to make a pass. Its time stands still but for the ticks that a test lets go by.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use mio::Registry;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::batch::Batch;
use super::super::sink::{Offer, Sent, Sink};
use super::super::{LagLimit, NewSubscriber, Policies};
use super::gather::GATHERED_MAX;
use super::*;
use crate::auth::Grants;
use crate::clock::Clock;
use crate::event::{Draft, DraftFields, EventLimits, HEARTBEAT, HubId};
use crate::hub::{Hub, Resume, SubscribeRequest, Subscription};
use crate::log::{EventFilter, MemoryLog, MemoryLogSettings, ReadRange};
use crate::metrics::{Metrics, Snapshot};
use crate::topic::{Selector, SelectorSet, Topic};

/// Whatever happens in whatever order.
mod any_order;
/// Draining.
mod drain;
/// The seam between replay and live.
mod every_order;
/// Heartbeats and ages.
mod heartbeats;
/// Live delivery.
mod live;
/// Coming and going.
mod membership;
/// Those who hold too much beyond the log.
mod output_buffers;
/// Where a stream can be resumed.
mod places;
/// From replay to live.
mod replay;
/// Leaving events out.
mod skip;
/// Full sinks, the lag limit, and what the log has passed.
mod slow_readers;
/// The end of a topic.
mod topic_end;

/// A sink that writes down what it is given, and the test's view of it.
#[derive(Clone, Debug)]
struct Reader(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    key: Option<SubscriberKey>,
    segments: Vec<Bytes>,
    /// How many segments it takes before it is full.
    room: usize,
    /// Of the next batch it takes so many bytes, modulo its length, and is full then.
    cut: Option<usize>,
    /// It says once that it would take something, and then does not.
    fickle: bool,
    /// It has not always taken everything.
    was_full: bool,
    /// It has said that it is full, and is to tell when it is not.
    wants_wakeup: bool,
    gone: bool,
    /// What whoever carries it has yet to send, in bytes.
    held: usize,
    /// Somebody carries it.
    polled: bool,
    end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Finished(Bytes),
    Aborted,
    Disconnected,
}

impl Reading {
    /// Takes nothing now, and is to tell when it does.
    fn refuse(&mut self) -> Offer {
        self.wants_wakeup = true;
        self.was_full = true;
        Offer::Full
    }
}

impl Reader {
    fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            key: None,
            segments: Vec::new(),
            room,
            cut: None,
            fickle: false,
            was_full: false,
            wants_wakeup: false,
            gone: false,
            held: 0,
            polled: false,
            end: None,
        })))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Reading) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// A full sink has yet to be rid of its last bytes.
    fn continue_reading(&self) -> Finish {
        self.change(|reading| {
            let is_done = if reading.polled { reading.held == 0 } else { reading.room > 0 };
            if is_done { Finish::Done } else { Finish::Pending }
        })
    }

    /// Takes some frames, if there is room.
    fn take(&mut self, frames: &Bytes) -> Offer {
        let offer = self.readiness();
        if offer != Offer::Taken {
            return offer;
        }
        assert!(!frames.is_empty(), "nothing is not a segment");
        self.change(|reading| {
            if std::mem::take(&mut reading.fickle) {
                return reading.refuse();
            }
            reading.room -= 1;
            reading.segments.push(frames.clone());
            Offer::Taken
        })
    }

    /// Whether the shard still holds the sink.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn fill(&self) {
        self.change(|reading| reading.room = 0);
    }

    fn cut_after(&self, bytes: usize) {
        self.change(|reading| reading.cut = Some(bytes));
    }

    fn be_fickle(&self) {
        self.change(|reading| reading.fickle = true);
    }

    fn key(&self) -> SubscriberKey {
        self.change(|reading| reading.key).unwrap()
    }

    fn bytes(&self) -> Vec<Bytes> {
        self.change(|reading| reading.segments.clone())
    }

    fn end(&self) -> Option<End> {
        self.change(|reading| reading.end.clone())
    }

    /// What each segment holds, as words: `2 3` are two events, by their sequences.
    fn segments(&self) -> Vec<String> {
        self.bytes().iter().map(in_words).collect()
    }

    /// The sequences of all events, in whatever segments they came.
    fn sequences(&self) -> Vec<u64> {
        self.segments().join(" ").split_whitespace().map(|word| word.parse().unwrap()).collect()
    }
}

fn in_words(segment: &Bytes) -> String {
    if *segment == HEARTBEAT {
        return "heartbeat".to_owned();
    }
    let text = std::str::from_utf8(segment).unwrap();
    if let Some(id) = text.strip_prefix("id: ").and_then(|text| text.strip_suffix("\n\n"))
        && !id.contains('\n')
    {
        return format!("at-{}", sequence_in(id));
    }
    let frames = text.strip_suffix("\n\n").expect("a segment is whole frames").split("\n\n");
    frames.map(frame_in_words).collect::<Vec<_>>().join(" ")
}

fn frame_in_words(frame: &str) -> String {
    if let Some(json) = frame.strip_prefix("event: fanfare-gap\ndata: ") {
        let gap: serde_json::Value = serde_json::from_str(json).unwrap();
        let place = |field: &str| gap[field].as_str().map_or("?".to_owned(), sequence_in);
        return format!(
            "(missed {} after {} before {})",
            gap["missed"],
            place("after"),
            place("before")
        );
    }
    sequence_in(frame.lines().next().unwrap().strip_prefix("id: ").unwrap())
}

fn sequence_in(id: &str) -> String {
    HubId::parse(id).map_or_else(|| id.to_owned(), |id| id.sequence.to_string())
}

impl Sink for Reader {
    fn attach(&mut self, key: SubscriberKey, _: &Registry) -> io::Result<()> {
        self.change(|reading| reading.key = Some(key));
        Ok(())
    }

    fn readiness(&mut self) -> Offer {
        self.change(|reading| {
            assert_eq!(reading.end, None, "nothing is asked of a stream that has ended");
            if reading.gone {
                Offer::Closed
            } else if reading.room > 0 {
                Offer::Taken
            } else {
                reading.refuse()
            }
        })
    }

    fn offer(&mut self, block: &Block) -> Offer {
        self.take(block.frame())
    }

    fn offer_batch(&mut self, batch: &Batch) -> Sent {
        let cut = self.change(|reading| (reading.room > 0).then(|| reading.cut.take()).flatten());
        let taken = cut.map_or(usize::MAX, |cut| 1 + cut % batch.chunks().len());
        if taken >= batch.chunks().len() {
            return self.take(batch.frames()).into();
        }
        let through = batch.part(taken).through;
        let (_, bytes) = batch.measure_through(through);
        match self.take(&batch.frames().slice(..bytes as usize)) {
            Offer::Taken => {
                self.change(|reading| {
                    reading.room = 0;
                    reading.refuse()
                });
                Sent::Through(through)
            }
            other => other.into(),
        }
    }

    fn finish(&mut self, retry_hint: &Bytes) -> Finish {
        self.change(|reading| {
            assert_eq!(reading.end, None, "a stream ends once");
            reading.end = Some(End::Finished(retry_hint.clone()));
        });
        self.continue_reading()
    }

    fn continue_close(&mut self) -> Finish {
        self.continue_reading()
    }

    fn is_polled(&self) -> bool {
        self.change(|reading| reading.polled)
    }

    fn held(&self) -> usize {
        self.change(|reading| reading.held)
    }

    fn abort(&mut self, _: &Bytes) {
        self.change(|reading| {
            assert!(reading.end.is_none() || reading.polled, "a stream ends once");
            reading.end = Some(End::Aborted);
        });
    }

    fn disconnect(&mut self) {
        self.change(|reading| {
            assert_eq!(reading.end, Some(End::Aborted), "the stream is ended first");
            reading.end = Some(End::Disconnected);
        });
    }
}

/// A hub, a log with a clock moved by hand, and one shard.
struct Stage {
    hub: Hub,
    log: Arc<MemoryLog>,
    now_ms: Arc<AtomicU64>,
    metrics: Metrics,
    mailbox: Arc<Mailbox>,
    shard: Shard,
}

/// What clients of closed streams are told: with one value to draw from, it is known.
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
    let log = Arc::new(MemoryLog::new(log, clock));
    let metrics = Metrics::new(1);
    let hub = Hub::new(log.clone(), metrics.clone());
    let stats = Arc::clone(&metrics.shards()[0]);
    let (mut shard, mailbox) = Shard::new(log.clone(), settings, stats).unwrap();
    // It begins tomorrow, so no tick goes by of itself.
    shard.began = Instant::now() + Duration::from_secs(24 * 60 * 60);
    // An iteration does all that it may, however slow the machine is.
    shard.allowance = Allowance::Time(Duration::from_secs(24 * 60 * 60));
    Stage { hub, log, now_ms, metrics, mailbox, shard }
}

impl Stage {
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
        self.hub.subscribe(request)
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

    /// One that wants everything that is retained.
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

    /// Lets the ticks go by up to this one.
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

//! The shards as threads.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_util::FutureExt as _;
use mio::Registry;

use super::batch::Batch;
use super::keys::SubscriberKey;
use super::sink::{Finish, Offer, Sent};
use super::*;
use crate::auth::Grants;
use crate::clock::Clock;
use crate::event::{Block, Draft};
use crate::hub::{Beginning, SubscribeRequest};
use crate::log::{MemoryLog, MemoryLogSettings};
use crate::metrics::Snapshot;
use crate::topic::{SelectorSet, Topic};

/// A sink with a defect.
#[derive(Debug)]
struct Defective;

impl Sink for Defective {
    fn attach(&mut self, _: SubscriberKey, _: &Registry) -> io::Result<()> {
        Ok(())
    }

    fn readiness(&mut self) -> Offer {
        Offer::Taken
    }

    fn offer(&mut self, _: &Block) -> Offer {
        panic!("a defect, as the test wants it")
    }

    fn offer_batch(&mut self, _: &Batch) -> Sent {
        panic!("a defect, as the test wants it")
    }

    fn finish(&mut self, _: &Bytes) -> Finish {
        Finish::Done
    }

    fn abort(&mut self, _: &Bytes) {}
}

struct Stage {
    hub: Hub,
    metrics: Metrics,
    delivery: Delivery,
    _threads: DeliveryThreads,
}

fn stage(shards: usize) -> Stage {
    let metrics = Metrics::new(shards);
    let log = Arc::new(MemoryLog::new(MemoryLogSettings::default(), Clock::system()));
    let hub = Hub::new(log, metrics.clone());
    let settings = DeliverySettings { shards, ..DeliverySettings::default() };
    let (delivery, threads) = Delivery::start(&hub, &settings, &metrics).unwrap();
    Stage { hub, metrics, delivery, _threads: threads }
}

impl Stage {
    fn subscription(&self) -> Subscription {
        let (selectors, grants) = (SelectorSet::any(), Grants::all());
        let request = SubscribeRequest { selectors, grants, resume: None };
        self.hub.subscribe(request, Beginning::Next).now_or_never().unwrap().unwrap()
    }

    fn publish(&self, data: &str) {
        let draft = Draft::new(Topic::parse("t", 100).unwrap(), data.to_owned());
        self.hub.publish(draft).now_or_never().unwrap().unwrap();
    }

    fn open(&self) -> SlotReader {
        let opening = Bytes::from_static(b":\n");
        self.delivery.subscribe_body(self.subscription(), opening, Box::new(|_| ())).unwrap()
    }
}

/// Waits for a thread, with far more patience than it needs.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::yield_now();
    }
}

/// The next segment that is not a comment; `None` at the end.
fn next(reader: &mut SlotReader) -> Option<Bytes> {
    let mut context = Context::from_waker(Waker::noop());
    let mut segment = None;
    eventually("a segment", || match reader.poll_next(&mut context) {
        Poll::Ready(Some(Ok(bytes))) if bytes.starts_with(b":") => false,
        Poll::Ready(other) => {
            segment = other.map(|segment| segment.expect("a stream that is not cut"));
            true
        }
        Poll::Pending => false,
    });
    segment
}

#[test]
fn a_shard_that_panics_takes_its_own_streams_and_nothing_else_and_it_shows() {
    let stage = stage(2);
    // They go to one shard each.
    let mut first = stage.open();
    stage.delivery.shards[1].join(stage.subscription(), Defective);
    assert!(stage.metrics.all_shards_run());
    stage.publish("one");
    eventually("the shard has ended", || !stage.metrics.all_shards_run());
    assert!(next(&mut first).unwrap().ends_with(b"data: one\n\n"));

    stage.publish("two");
    assert!(next(&mut first).unwrap().ends_with(b"data: two\n\n"));
    let mut later: Vec<_> = (0..3).map(|_| stage.open()).collect();
    stage.publish("three");
    for reader in later.iter_mut().chain([&mut first]) {
        assert!(next(reader).unwrap().ends_with(b"data: three\n\n"));
    }
    let stats = stage.metrics.render(&Snapshot::default());
    let failed = "fanfare_streams_closed_total{reason=\"failed\"} 1";
    for line in ["fanfare_shards_failed 1", "fanfare_subscribers 4", failed] {
        assert!(stats.contains(&format!("\n{line}\n")), "{line} in {stats}");
    }
    stage.delivery.stop();
}

#[test]
fn when_every_shard_has_ended_a_stream_ends_at_once() {
    let stage = stage(1);
    stage.delivery.shards[0].join(stage.subscription(), Defective);
    let mut reader = stage.open();
    stage.publish("one");
    eventually("the shard has ended", || !stage.metrics.all_shards_run());
    while next(&mut reader).is_some() {}
    let nobody =
        stage.delivery.subscribe_body(stage.subscription(), Bytes::new(), Box::new(|_| ()));
    assert!(nobody.is_none());
}

//! From a publish to every subscriber's slot, in memory, without sockets: one event, by number of
//! subscribers of its topic, by how far they are, and by what else is subscribed.

use std::hint::black_box;
use std::task::{Context, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::auth::Grants;
use fanfare::delivery::{Delivery, DeliverySettings, LagLimit, SlotReader};
use fanfare::event::HEARTBEAT;
use fanfare::hub::{Beginning, Hub, SubscribeRequest};
use fanfare::metrics::Metrics;
use fanfare::topic::{Selector, SelectorSet};
use fanfare_benches::{at_once, draft, log, topic};

/// One shard and its subscribers, none of which is ever too slow.
struct Plane {
    hub: Hub,
    delivery: Delivery,
    readers: Vec<SlotReader>,
}

impl Plane {
    fn start() -> Self {
        let lag = LagLimit { events_max: u64::MAX, bytes_max: u64::MAX };
        let settings = DeliverySettings { shards: 1, lag, ..DeliverySettings::default() };
        let metrics = Metrics::new(settings.shards);
        let hub = Hub::new(log(100_000), metrics.clone());
        #[expect(clippy::unwrap_used, reason = "a bench cannot go on without its thread")]
        let (delivery, _threads) = Delivery::start(&hub, &settings, &metrics).unwrap();
        Self { hub, delivery, readers: Vec::new() }
    }

    fn subscribe(&mut self, selector: Selector) {
        let selectors = SelectorSet::one(selector);
        let request = SubscribeRequest { selectors, grants: Grants::all(), resume: None };
        let Ok(subscription) = at_once(self.hub.subscribe(request, Beginning::Next)) else {
            return;
        };
        let reader = self.delivery.subscribe_body(subscription, HEARTBEAT, Box::new(|_| ()));
        self.readers.extend(reader);
    }

    fn subscribe_topic(&mut self, text: &str) {
        self.subscribe(Selector::exact(topic(text)));
    }

    /// Publishes, and waits until the shard has served every subscriber that takes it.
    fn publish(&self, text: &str) {
        let publish = self.hub.publish(draft(&topic(text), 150));
        let mut publish = std::pin::pin!(publish);
        let _ = black_box(publish.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        let head = self.hub.log().bounds().head;
        while self.delivery.seen_by_all() < head {
            std::hint::spin_loop();
        }
    }

    /// Takes one segment from each of some readers, which must come.
    fn take(&mut self, readers: std::ops::Range<usize>) {
        let mut context = Context::from_waker(Waker::noop());
        for reader in &mut self.readers[readers] {
            while reader.poll_next(&mut context).is_pending() {
                std::hint::spin_loop();
            }
        }
    }
}

fn by_subscribers(c: &mut Criterion) {
    let mut group = c.benchmark_group("deliver/subscribers");
    for count in [1, 1_000, 10_000] {
        let mut plane = Plane::start();
        (0..count).for_each(|_| plane.subscribe_topic("hot"));
        plane.take(0..count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                plane.publish("hot");
                plane.take(0..count);
            });
        });
        plane.delivery.stop();
    }
    group.finish();
}

/// A pass over 10,000: every subscriber takes it; one in a hundred never does; every subscriber is
/// an event behind and is served from the log.
fn by_readiness(c: &mut Criterion) {
    const COUNT: usize = 10_000;
    let mut group = c.benchmark_group("pass/10,000 subscribers");
    group.throughput(Throughput::Elements(COUNT as u64));
    for (name, blocked) in [("all level", 0), ("1 % blocked", COUNT / 100)] {
        let mut plane = Plane::start();
        (0..COUNT).for_each(|_| plane.subscribe_topic("hot"));
        plane.take(0..COUNT);
        group.bench_function(name, |b| {
            b.iter(|| {
                plane.publish("hot");
                plane.take(blocked..COUNT);
            });
        });
        plane.delivery.stop();
    }
    let mut plane = Plane::start();
    (0..COUNT).for_each(|_| plane.subscribe_topic("hot"));
    plane.take(0..COUNT);
    group.bench_function("all behind", |b| {
        b.iter(|| {
            plane.publish("hot");
            // No reader has taken the first when the second comes.
            plane.publish("hot");
            plane.take(0..COUNT);
            plane.take(0..COUNT);
        });
    });
    plane.delivery.stop();
    group.finish();
}

/// One subscriber of the event's topic beside so many audiences of other topics.
fn by_audiences(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish/audiences");
    for count in [0, 100, 10_000] {
        let mut plane = Plane::start();
        plane.subscribe_topic("hot");
        (0..count).for_each(|index| plane.subscribe_topic(&format!("cold/{index}")));
        plane.take(0..1);
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                plane.publish("hot");
                plane.take(0..1);
            });
        });
        plane.delivery.stop();
    }
    group.finish();
}

/// Finding the audiences of an event: among 100,000 topics; among 1,000 templates, for a topic that
/// was matched before and for new ones.
fn by_selectors(c: &mut Criterion) {
    let mut group = c.benchmark_group("match");
    let mut plane = Plane::start();
    (0..100_000).for_each(|index| plane.subscribe_topic(&format!("t/{index}")));
    plane.take(500..501);
    group.bench_function("100,000 topics", |b| {
        b.iter(|| {
            plane.publish("t/500");
            plane.take(500..501);
        });
    });
    plane.delivery.stop();
    let mut plane = Plane::start();
    for index in 0..1_000 {
        #[expect(clippy::unwrap_used, reason = "it is a good template")]
        plane.subscribe(Selector::parse(&format!("https://example.com/{index}/{{id}}")).unwrap());
    }
    plane.take(0..1_000);
    group.bench_function("1,000 templates, known topic", |b| {
        b.iter(|| {
            plane.publish("https://example.com/500/x");
            plane.take(500..501);
        });
    });
    let mut next = 0;
    group.bench_function("1,000 templates, new topic", |b| {
        b.iter(|| {
            next += 1;
            plane.publish(&format!("https://example.com/500/{next}"));
            plane.take(500..501);
        });
    });
    plane.delivery.stop();
    group.finish();
}

criterion_group!(benches, by_subscribers, by_readiness, by_audiences, by_selectors);
criterion_main!(benches);

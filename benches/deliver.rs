//! From a publish to every subscriber's body, without sockets: one event, by number of subscribers
//! of its topic, and by number of other topics that have one.

use std::hint::black_box;
use std::task::{Context, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::auth::Grants;
use fanfare::delivery::{Delivery, DeliverySettings, SlotReader};
use fanfare::event::HEARTBEAT;
use fanfare::hub::{Hub, SubscribeRequest};
use fanfare::metrics::Metrics;
use fanfare::topic::{Selector, SelectorSet};
use fanfare_benches::{draft, log, topic};

struct Plane {
    hub: Hub,
    delivery: Delivery,
    readers: Vec<SlotReader>,
}

impl Plane {
    fn start() -> Self {
        let settings = DeliverySettings { shards: 1, ..DeliverySettings::default() };
        let metrics = Metrics::new(settings.shards);
        let hub = Hub::new(log(100_000), metrics.clone());
        #[expect(clippy::unwrap_used, reason = "a bench cannot go on without its thread")]
        let (delivery, _threads) = Delivery::start(&hub, &settings, &metrics).unwrap();
        Self { hub, delivery, readers: Vec::new() }
    }

    fn subscribe(&mut self, text: &str) {
        let selectors = SelectorSet::one(Selector::exact(topic(text)));
        let request = SubscribeRequest { selectors, grants: Grants::all(), resume: None };
        let subscription = self.hub.subscribe(request);
        let reader = self.delivery.subscribe_body(subscription, HEARTBEAT, Box::new(|| ()));
        self.readers.extend(reader);
    }

    /// Publishes, waits until the shard has served everybody, and empties their slots.
    fn publish(&mut self, readers: usize) {
        let publish = self.hub.publish(draft(&topic("hot"), 150));
        let mut publish = std::pin::pin!(publish);
        let mut context = Context::from_waker(Waker::noop());
        let _ = black_box(publish.as_mut().poll(&mut context));
        let head = self.hub.log().extent().head;
        while self.delivery.seen_by_all() < head {
            std::hint::spin_loop();
        }
        for reader in &mut self.readers[..readers] {
            while reader.poll_next(&mut context).is_ready() {}
        }
    }
}

fn by_subscribers(c: &mut Criterion) {
    let mut group = c.benchmark_group("deliver/subscribers");
    for count in [1, 1_000, 10_000] {
        let mut plane = Plane::start();
        (0..count).for_each(|_| plane.subscribe("hot"));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| plane.publish(count));
        });
        plane.delivery.stop();
    }
    group.finish();
}

fn by_audiences(c: &mut Criterion) {
    let mut group = c.benchmark_group("deliver/other audiences");
    for count in [0, 10_000] {
        let mut plane = Plane::start();
        plane.subscribe("hot");
        (0..count).for_each(|index| plane.subscribe(&format!("cold/{index}")));
        group.bench_function(BenchmarkId::from_parameter(count), |b| b.iter(|| plane.publish(1)));
        plane.delivery.stop();
    }
    group.finish();
}

criterion_group!(benches, by_subscribers, by_audiences);
criterion_main!(benches);

//! Finding what a stream begins with that asks for the newest event of each topic: by how many topics there
//! are of the 100,000 events that are retained, and how it asks for them.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fanfare::auth::Grants;
use fanfare::hub::{Beginning, Hub, SubscribeRequest, Subscription};
use fanfare::metrics::Metrics;
use fanfare::topic::{Selector, SelectorSet};
use fanfare_benches::{fill, log, topic};

const EVENTS: usize = 100_000;

/// A search lets others run; here is nobody else.
fn subscribe(hub: &Hub, selectors: &SelectorSet, beginning: Beginning) -> Option<Subscription> {
    let request =
        SubscribeRequest { selectors: selectors.clone(), grants: Grants::all(), resume: None };
    let mut subscribing = pin!(hub.subscribe(request, beginning));
    loop {
        let polled = subscribing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(subscribed) = polled {
            return subscribed.ok();
        }
    }
}

fn begin(c: &mut Criterion) {
    let newest = Beginning::Newest { count: std::num::NonZeroUsize::MIN, since_ms: None };
    let mut group = c.benchmark_group("begin with the newest of");
    for topics in [1, 100, 10_000, 100_000] {
        let log = log(EVENTS);
        fill(&log, EVENTS, topics);
        let hub = Hub::new(log, Metrics::new(1));
        let exact = |count: usize| {
            SelectorSet::new((0..count).map(|index| Selector::exact(topic(&format!("t/{index}")))))
        };
        let kinds = [
            ("`*`", Ok(SelectorSet::any())),
            ("`t/{x}`", Selector::parse("t/{x}").map(SelectorSet::one)),
            ("one topic", exact(1)),
            ("100 topics", exact(topics.min(100))),
        ];
        for (name, selectors) in kinds {
            let Ok(selectors) = selectors else { continue };
            group.bench_function(BenchmarkId::new(name, format!("of {topics}")), |b| {
                b.iter(|| black_box(subscribe(&hub, &selectors, newest)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, begin);
criterion_main!(benches);

//! The log in memory: appending to it when it is full, by number of topics; reading a page from
//! either end, by how much else it holds; finding the place of an id.

use std::hint::black_box;
use std::task::Waker;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::event::{EncodedEvent, Sequence};
use fanfare::log::{EventFilter, Log, LogReader, PageLimit, ReadRange};
use fanfare::topic::{Selector, SelectorSet};
use fanfare_benches::{at_once, draft, fill, log, topic};

const EVENTS: usize = 100_000;
const EVERYTHING: ReadRange = ReadRange { after: Sequence(0), through: Sequence(u64::MAX) };
const PAGE: PageLimit = PageLimit { events_max: 100, bytes_max: usize::MAX };

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append/topics");
    group.throughput(Throughput::Elements(1));
    for topics in [1, 1_000, 100_000] {
        let log = log(EVENTS);
        fill(&log, EVENTS, topics);
        let names: Vec<_> = (0..topics).map(|index| topic(&format!("t/{index}"))).collect();
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(topics), |b| {
            b.iter_batched(
                || {
                    next = (next + 1) % topics;
                    vec![EncodedEvent::encode(draft(&names[next], 150))]
                },
                |events| drop(black_box(log.append(events))),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// One that is never woken: everything is in memory.
fn reader(log: &impl Log) -> LogReader<'static> {
    LogReader { epoch: log.bounds().epoch, waker: &|| Waker::noop().clone() }
}

/// A hundred events of one topic out of all; then by template, which has to look at each.
fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read/topics");
    for topics in [1, 100, 1_000] {
        let log = log(EVENTS);
        fill(&log, EVENTS, topics);
        let exact = SelectorSet::one(Selector::exact(topic("t/0")));
        group.bench_function(BenchmarkId::from_parameter(topics), |b| {
            b.iter(|| {
                black_box(log.read(
                    &reader(&*log),
                    EVERYTHING,
                    EventFilter::Candidates(&exact),
                    PAGE,
                ))
            });
        });
    }
    group.finish();
}

/// Where a client goes on, by an id of the server's own, and by one that it does not know.
fn locate(c: &mut Criterion) {
    let mut group = c.benchmark_group("locate");
    let log = log(EVENTS);
    fill(&log, EVENTS, 100);
    let middle = ReadRange { after: Sequence(EVENTS as u64 / 2), ..EVERYTHING };
    let page = log.read(&reader(&*log), middle, EventFilter::Everything, PAGE).ready();
    let own = page
        .as_ref()
        .and_then(|page| page.events.first())
        .map(|event| event.id().to_owned())
        .unwrap_or_default();
    for (name, id) in [("own id", own.as_str()), ("unknown id", "order-4711")] {
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| black_box(at_once(log.locate(black_box(id)))));
        });
    }
    group.finish();
}

/// The newest hundred of a topic, as a slow reader that is skipped ahead needs them.
fn read_back(c: &mut Criterion) {
    let mut group = c.benchmark_group("read back/topics");
    for topics in [1, 1_000] {
        let log = log(EVENTS);
        fill(&log, EVENTS, topics);
        let exact = SelectorSet::one(Selector::exact(topic("t/0")));
        group.bench_function(BenchmarkId::from_parameter(topics), |b| {
            b.iter(|| {
                black_box(log.read_back(
                    &reader(&*log),
                    EVERYTHING,
                    EventFilter::Candidates(&exact),
                    PAGE,
                ))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, append, read, locate, read_back);
criterion_main!(benches);

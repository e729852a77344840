//! A draft to its frame, by size and by number of lines.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::event::{Buffers, Draft, EncodedEvent, Epoch, Sequence};
use fanfare_benches::topic;

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let topic = topic("bench");
    for (name, data) in [
        ("150B", "x".repeat(150)),
        ("1KiB", "x".repeat(1 << 10)),
        ("1KiB/40 lines", "xxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(40)),
        ("1MiB", "x".repeat(1 << 20)),
    ] {
        group.throughput(Throughput::Bytes(data.len() as u64));
        let draft = Draft::new(topic.clone(), data);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter_batched(
                || draft.clone(),
                |draft| black_box(EncodedEvent::encode(draft)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// What is left to do under the log's lock.
fn number(c: &mut Criterion) {
    let draft = Draft::new(topic("bench"), "x".repeat(150));
    let now = std::time::Instant::now();
    let (epoch, buffers) = (Epoch::begun_at(1_700_000_000_000, 5), Buffers::default());
    c.bench_function("number", |b| {
        b.iter_batched(
            || EncodedEvent::encode(draft.clone()),
            |event| black_box(event.assign(Sequence(7), (1_700_000_000_000, now), epoch, &buffers)),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, encode, number);
criterion_main!(benches);

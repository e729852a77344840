//! Selectors: compiling one, and matching a topic, by kind.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fanfare::topic::Selector;

const KINDS: [(&str, &str); 4] = [
    ("exact", "https://example.com/books/42"),
    ("any", "*"),
    ("template", "https://example.com/books/{id}"),
    ("template with a query", "https://example.com{/path*}{?a,b,c}"),
];

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for (kind, text) in KINDS {
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| black_box(Selector::parse(black_box(text))));
        });
    }
    group.finish();
}

fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("match");
    for (kind, text) in KINDS {
        let Ok(selector) = Selector::parse(text) else { continue };
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| black_box(selector.matches(black_box("https://example.com/books/42"))));
        });
    }
    group.finish();
}

criterion_group!(benches, compile, matching);
criterion_main!(benches);

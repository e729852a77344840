//! Selectors: compiling one, and matching a topic, by kind.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare::topic::{MatchProgress, Notation, Selector, SelectorCompiler, SelectorSet, Topic};

const KINDS: [(&str, &str); 4] = [
    ("exact", "https://example.com/books/42"),
    ("any", "*"),
    ("template", "https://example.com/books/{id}"),
    ("template with a query", "https://example.com{/path*}{?a,b,c}"),
];

/// URL patterns from cheap to dear: the last ones are what an anonymous subscriber may cost at most.
const URL_PATTERNS: [(&str, &str); 6] = [
    ("URL pattern", "https://example.com/books/:id"),
    ("URL pattern of wildcards", "*://*:*/*\\?*#*"),
    ("URL pattern with an optional group", "https://example.com/books{/:id}?"),
    ("URL pattern of many groups", "https://:a.:b.:c/:d/:e/:f/:g/:h\\?:i&:j#:k"),
    ("URL pattern with an expression", "https://example.com/books/([a-z0-9]{1,60})"),
    ("URL pattern refused", "https://example.com/(.*a.{20})/(.*a.{20})\\?(.*a.{20})"),
];

/// Templates by how much there is to compile, the most that is accepted and what is refused too.
fn templates() -> Vec<(&'static str, String)> {
    let names = |count: usize| (0..count).map(|n| format!("name{n}")).collect::<Vec<_>>().join(",");
    vec![
        ("template path", "https://example.com{/path*}".to_owned()),
        ("template prefix", "{x:80}".to_owned()),
        ("template query of 20", format!("{{?{}}}", names(20))),
        ("template query of 60", format!("{{&{}}}", names(60))),
        ("template refused at once", "{x:9999}".to_owned()),
        ("template refused late", "{+x}a{y:60}c{+w}".to_owned()),
        ("template refused long", format!("{{+x}}{}{{y}}", "a".repeat(480))),
    ]
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    let kinds = KINDS.map(|(kind, text)| (kind, text.to_owned()));
    for (kind, text) in kinds.into_iter().chain(templates()) {
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| black_box(Selector::parse(black_box(&text))));
        });
    }
    let compiler = SelectorCompiler::new(1 << 20, <_>::default());
    for (kind, text) in URL_PATTERNS {
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            // With no room it is compiled each time, and refused at the end.
            let compiler = SelectorCompiler::new(0, <_>::default());
            b.iter(|| black_box(compiler.compile(Notation::UrlPattern, black_box(text))).is_ok());
        });
    }
    let kept = compiler.compile(Notation::TopicOrTemplate, KINDS[2].1);
    group.bench_function(BenchmarkId::from_parameter("template that is known"), |b| {
        b.iter(|| black_box(compiler.known(Notation::TopicOrTemplate, black_box(KINDS[2].1))));
    });
    drop(kept);
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
    let compiler = SelectorCompiler::new(1 << 20, <_>::default());
    for (kind, text) in URL_PATTERNS {
        let Ok(selector) = compiler.compile(Notation::UrlPattern, text) else { continue };
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| black_box(selector.matches(black_box("https://example.com/books/42"))));
        });
        let topics: Vec<_> =
            (0..20_000).map(|n| format!("https://example.com/books/{n}")).collect();
        let mut next = topics.iter().cycle();
        group.bench_function(BenchmarkId::new("topics not seen lately", kind), |b| {
            b.iter(|| black_box(next.next().map(|topic| selector.matches(topic))));
        });
    }
    group.finish();
}

/// What a byte costs when a topic is looked at to its end.
fn long_topics(c: &mut Criterion) {
    let mut group = c.benchmark_group("match a long topic");
    for (kind, text, part) in [
        ("template of one variable", "{x}", "abcdefgh"),
        ("template of lists", "{/a*}{?b*}", "/abcdefg"),
        ("template of many ways", "{a*}{b*}{c*}{d*}{e*}{f*}{g*}{h*}", "a=a,b=b,"),
        ("template of reserved", "{+a}/x{+b}/y{+c}", "/x/y/z/w"),
    ] {
        let Ok(selector) = Selector::parse(text) else { continue };
        let topic = part.repeat(512);
        group.throughput(Throughput::Bytes(topic.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| black_box(selector.matches(black_box(&topic))));
        });
    }
    group.finish();
}

/// A thousand selectors, none of which match.
fn sets(c: &mut Criterion) {
    let mut group = c.benchmark_group("match a set of 1000");
    let Ok(topic) = Topic::parse("https://example.com/books/42", 100) else { return };
    for (kind, suffix) in [("exact", ""), ("template", "{x}")] {
        let selectors = (0..1_000).filter_map(|n| Selector::parse(&format!("/{n}/{suffix}")).ok());
        let Ok(set) = SelectorSet::new(selectors) else { continue };
        let topics = [topic.clone()];
        group.bench_function(BenchmarkId::from_parameter(kind), |b| {
            b.iter(|| {
                let (mut progress, mut steps) = (MatchProgress::default(), usize::MAX);
                black_box(set.match_within(black_box(&topics), &mut progress, &mut steps))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compile, matching, long_topics, sets);
criterion_main!(benches);

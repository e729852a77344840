//! The load generator's reading of a stream: parsing alone, and with the payload that is verified,
//! by size of the data and by how the bytes are cut into reads.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fanfare_loadgen::clock::{ClockId, Moment};
use fanfare_loadgen::payload::{self, Stamp};
use fanfare_loadgen::sse::Parser;

const EVENTS: u64 = 1000;

/// So many events with payloads of this size.
fn stream(size: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut bytes = Vec::new();
    for sequence in 0..EVENTS {
        let due = Moment(1_000_000_000 + sequence);
        let stamp =
            Stamp { run: 7, clock: ClockId(1), publisher: 0, topic: 0, sequence, due, sent: due };
        payload::write(&stamp, size, &mut payload);
        bytes.extend_from_slice(format!("id: 0190a5b2-7c1e:{sequence}\ndata: ").as_bytes());
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(b"\n\n");
    }
    bytes
}

fn read(c: &mut Criterion) {
    for (what, verifies) in [("parse", false), ("parse and verify", true)] {
        let mut group = c.benchmark_group(what);
        group.throughput(Throughput::Elements(EVENTS));
        for (name, size, cut) in [
            ("150B in 64KiB reads", 150, 64 << 10),
            ("150B in 1400B reads", 150, 1400),
            ("150B one a read", 150, 0),
            ("1KiB in 64KiB reads", 1 << 10, 64 << 10),
        ] {
            let stream = stream(size);
            let cut = if cut == 0 { stream.len() / EVENTS as usize } else { cut };
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                let mut parser = Parser::default();
                b.iter(|| {
                    for piece in stream.chunks(cut) {
                        let read = parser.feed(black_box(piece), |event| {
                            if verifies {
                                let _ = black_box(payload::read(event.data));
                            } else {
                                black_box(event);
                            }
                        });
                        black_box(read.is_ok());
                    }
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, read);
criterion_main!(benches);

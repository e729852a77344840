//! Registering series with the exporter, and writing those that it cannot hold.
//!
//! The exporter's counters are whole numbers. Seconds are counted here as they are, and written
//! beside its output.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// A name and what it means.
pub(super) type Named = (&'static str, &'static str);

pub(super) fn described(name: &'static str, help: &'static str) -> Counter {
    describe_counter!(name, help);
    counter!(name)
}

pub(super) fn described_gauge(name: &'static str, help: &'static str) -> Gauge {
    describe_gauge!(name, help);
    gauge!(name)
}

/// A count that is read here as well: a counter of the exporter only goes up, and cannot be read.
#[derive(Debug, Default)]
pub(super) struct ReadableCount(AtomicU64);

impl ReadableCount {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The sum of counts, one for each value of a label.
pub(super) fn sum_of(counts: &[ReadableCount]) -> u64 {
    counts.iter().map(ReadableCount::get).sum()
}

/// Brings the counters of the exporter up to date.
pub(super) fn show(counts: &[ReadableCount], counters: &[Counter]) {
    for (count, counter) in counts.iter().zip(counters) {
        counter.absolute(count.get());
    }
}

/// One counter for each value of a label.
pub(super) fn counters<const N: usize>(
    (name, help): Named,
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    describe_counter!(name, help);
    values.map(|value| counter!(name, label => value))
}

/// One gauge for each value of a label.
pub(super) fn gauges<const N: usize>(
    (name, help): Named,
    label: &'static str,
    values: [&'static str; N],
) -> [Gauge; N] {
    describe_gauge!(name, help);
    values.map(|value| gauge!(name, label => value))
}

/// Writes a counter that has parts of whole numbers.
pub(super) fn write_counter(text: &mut String, (name, help): Named, value: f64) {
    write_figure(text, (name, help), "counter", value);
}

pub(super) fn write_gauge(text: &mut String, (name, help): Named, value: f64) {
    write_figure(text, (name, help), "gauge", value);
}

fn write_figure(text: &mut String, (name, help): Named, kind: &str, value: f64) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}

//! What a reading thread shows while it works: for the live view, and for the conductor to know when
//! all are connected and when everything has arrived.

use std::mem;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::measure::{Compact, Counts, events_in};

/// A thread's gauges. Written a few times a second, so a lock costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Gauges(Mutex<Progress>);

/// How far the work has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) connected: u64,
    pub(crate) gave_up: u64,
    /// Streams that are open now.
    pub(crate) open: u64,
    /// Events that were parsed.
    received: u64,
    parsed_bytes: u64,
    counted_bytes: u64,
    pub(crate) failures: u64,
    pub(crate) reconnects: u64,
    pub(crate) wrong: u64,
    /// Events that have been published and not arrived; nothing before publishing has ended.
    pub(crate) behind: Option<u64>,
    /// Subscribers that are between two streams and will come back.
    pub(crate) absent: u64,
    /// Latencies since the last reading.
    pub(crate) latency: Compact,
    /// Resident memory of the process.
    pub(crate) memory: u64,
    /// How much of it came since the crew started.
    pub(crate) grown: u64,
}

impl Progress {
    /// All together.
    pub(crate) fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.reduce(|sum, next| sum.add(&next)).unwrap_or_default()
    }

    fn add(mut self, other: &Self) -> Self {
        self.connected += other.connected;
        self.gave_up += other.gave_up;
        self.open += other.open;
        self.received += other.received;
        self.parsed_bytes += other.parsed_bytes;
        self.counted_bytes += other.counted_bytes;
        self.failures += other.failures;
        self.reconnects += other.reconnects;
        self.wrong += other.wrong;
        self.absent += other.absent;
        self.behind = self.behind.zip(other.behind).map(|(mine, theirs)| mine + theirs);
        self.latency.merge(&other.latency);
        self.memory += other.memory;
        self.grown += other.grown;
        self
    }

    /// Events that have arrived at those that read as fast as they can, with an estimate of those in
    /// streams that are not parsed, as the result has them.
    pub(crate) fn deliveries(&self) -> u64 {
        self.received + events_in(self.counted_bytes, self.received, self.parsed_bytes)
    }

    /// Of the books of a thread.
    pub(crate) fn of(counts: &Counts, failures: u64, open: u64) -> Self {
        let wrong = counts.duplicates
            + counts.reordered
            + counts.corrupted
            + counts.wrong_topic
            + counts.broken_streams;
        Self {
            connected: counts.connected,
            gave_up: counts.gave_up,
            open,
            received: counts.received,
            parsed_bytes: counts.parsed_bytes,
            counted_bytes: counts.counted_bytes,
            failures,
            reconnects: counts.reconnects,
            wrong,
            ..Self::default()
        }
    }
}

impl Gauges {
    /// Shows new figures; latencies are added to those that nobody has read yet.
    pub(crate) fn show(&self, mut progress: Progress) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.latency.merge(&shown.latency);
        *shown = progress;
    }

    /// Reads the figures, and takes the latencies away.
    pub(crate) fn read(&self) -> Progress {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latency = mem::take(&mut shown.latency);
        let mut progress = shown.clone();
        progress.latency = latency;
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_those_that_were_parsed_and_those_that_were_counted() {
        let worker = |received, parsed_bytes, counted_bytes| {
            let counts = Counts { received, parsed_bytes, counted_bytes, ..Counts::default() };
            Progress::of(&counts, 0, 0)
        };
        assert_eq!(worker(7, 1400, 0).deliveries(), 7);
        // A worker without a subscriber that is parsed knows by the others.
        let all = Progress::sum([worker(10, 1000, 9000), worker(0, 0, 10_000)].into_iter());
        assert_eq!(all.deliveries(), 10 + 190);
    }
}

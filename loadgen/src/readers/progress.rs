//! The progress of a reading thread: for the live view, and for the run to know when all
//! subscribers are connected and when everything has arrived.

use std::mem;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::measure::{Compact, Counts, Recorder, Timed, events_in};

/// The progress that a reading thread publishes. Written a few times a second, so a lock costs
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct SharedProgress(Mutex<Progress>);

/// How far the work has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    /// Streams that are open now.
    pub(crate) open: u64,
    /// Attempts that failed.
    pub(crate) failures: u64,
    /// Streams that the server ended or that failed, of fast subscribers.
    pub(crate) disconnects: u64,
    /// Events that have been published and not arrived; nothing before publishing has ended.
    pub(crate) behind: Option<u64>,
    /// Subscribers that are between two streams and will come back.
    pub(crate) absent: u64,
    /// Latencies since the last reading.
    pub(crate) latency: Compact,
    /// All latencies so far, when metrics are exported.
    pub(crate) timed: Timed,
    /// Resident memory of the process.
    pub(crate) memory: u64,
    /// How much of it was added since the reading threads started.
    pub(crate) grown: u64,
}

impl Progress {
    /// All together.
    pub(crate) fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.reduce(|sum, next| sum.add(&next)).unwrap_or_default()
    }

    fn add(mut self, other: &Self) -> Self {
        self.counts.merge(&other.counts);
        self.open += other.open;
        self.failures += other.failures;
        self.disconnects += other.disconnects;
        self.absent += other.absent;
        self.behind = self.behind.zip(other.behind).map(|(mine, theirs)| mine + theirs);
        self.latency.merge(&other.latency);
        self.timed.merge(&other.timed);
        self.memory += other.memory;
        self.grown += other.grown;
        self
    }

    /// Events that have arrived at fast subscribers, with an estimate of those in
    /// streams that are not parsed, as the result has them.
    pub(crate) fn deliveries(&self) -> u64 {
        let Counts { received, counted_bytes, parsed_bytes, .. } = self.counts;
        received + events_in(counted_bytes, received, parsed_bytes)
    }

    /// Deliveries that are known to be wrong already.
    pub(crate) fn wrong(&self) -> u64 {
        let counts = &self.counts;
        counts.duplicates
            + counts.reordered
            + counts.corrupted
            + counts.wrong_topic
            + counts.broken_streams
    }

    /// Of what one thread, or all of them together, recorded.
    pub(crate) fn of(recorder: &Recorder, open: u64) -> Self {
        let counts = recorder.counts;
        Self {
            counts,
            open,
            failures: recorder.failures.values().sum(),
            disconnects: counts.closed_by_server + recorder.errors.values().sum::<u64>(),
            timed: recorder.timed.unwrap_or_default(),
            ..Self::default()
        }
    }
}

impl SharedProgress {
    /// Publishes new values; latencies are added to those that have not been taken yet.
    pub(crate) fn publish(&self, mut progress: Progress) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.latency.merge(&shown.latency);
        *shown = progress;
    }

    /// Takes the values, and the latencies out of them.
    pub(crate) fn take(&self) -> Progress {
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
            let mut recorder = Recorder::default();
            recorder.counts = counts;
            Progress::of(&recorder, 0)
        };
        assert_eq!(worker(7, 1400, 0).deliveries(), 7);
        // A worker without a subscriber that is parsed knows by the others.
        let all = Progress::sum([worker(10, 1000, 9000), worker(0, 0, 10_000)].into_iter());
        assert_eq!(all.deliveries(), 10 + 190);
    }
}

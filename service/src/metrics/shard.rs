//! What one shard counts, in plain atomics of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::add;
use super::histogram::{CountHistogram, TimeHistogram};
use super::iteration::Iterations;
use super::labels::{EndReason, Skip};

/// What one shard counts. It alone writes, so nothing is contended; others only read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardStats {
    pub(super) joined: AtomicU64,
    pub(super) left: [AtomicU64; EndReason::ALL.len()],
    pub(super) delivered: AtomicU64,
    pub(super) delivered_bytes: AtomicU64,
    pub(super) replayed: AtomicU64,
    pub(super) heartbeats: AtomicU64,
    pub(super) gap_notices: AtomicU64,
    pub(super) skips: [AtomicU64; Skip::ALL.len()],
    pub(super) skipped_events: [AtomicU64; Skip::ALL.len()],
    pub(super) blocked: AtomicU64,
    pub(super) lagging: [AtomicU64; LAGS.len()],
    pub(super) lag_events_max: AtomicU64,
    pub(super) lag_bytes_max: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) busy_ns: AtomicU64,
    pub(super) match_cache_bytes: AtomicU64,
    pub(super) iterations: Iterations,
    pub(super) write_events: CountHistogram,
    pub(super) delivery_times: TimeHistogram,
    pub(super) event_times: TimeHistogram,
    pub(super) pass_times: TimeHistogram,
}

/// How far behind a reader that takes nothing is, in events: the values of a label, and their
/// bounds.
pub(super) const LAGS: [(&str, u64); 5] =
    [("10", 10), ("100", 100), ("1000", 1_000), ("10000", 10_000), ("more", u64::MAX)];

/// How far behind subscribers with full sinks are.
#[derive(Debug, Default)]
pub(crate) struct LagSample {
    counts: [u64; LAGS.len()],
    events_max: u64,
    bytes_max: u64,
}

impl LagSample {
    pub(crate) fn add(&mut self, events: u64, bytes: u64) {
        self.counts[LAGS.partition_point(|&(_, bound)| bound < events)] += 1;
        self.events_max = self.events_max.max(events);
        self.bytes_max = self.bytes_max.max(bytes);
    }
}

impl ShardStats {
    pub(crate) fn joined(&self) {
        add(&self.joined, 1);
    }

    pub(crate) fn left(&self, reason: EndReason) {
        add(&self.left[reason as usize], 1);
    }

    fn delivered(&self, events: u64, bytes: u64) {
        add(&self.delivered, events);
        add(&self.delivered_bytes, bytes);
    }

    pub(crate) fn heartbeat(&self) {
        add(&self.heartbeats, 1);
    }

    pub(crate) fn gap_notified(&self) {
        add(&self.gap_notices, 1);
    }

    pub(crate) fn skipped(&self, skip: Skip, events: u64) {
        add(&self.skips[skip as usize], 1);
        add(&self.skipped_events[skip as usize], events);
        self.gap_notified();
    }

    /// So many writes of so many events each.
    pub(crate) fn wrote(&self, writes: u64, events: u64, bytes: u64) {
        if writes > 0 {
            self.delivered(writes * events, writes * bytes);
            self.write_events.counted(events, writes);
        }
    }

    /// So many events were read from the log for one subscriber.
    pub(crate) fn replayed(&self, events: u64) {
        add(&self.replayed, events);
    }

    /// The shard begins to work after it has waited.
    pub(crate) fn begin_iteration(&self) -> Instant {
        self.iterations.begin()
    }

    /// It has done what it could, and waits.
    pub(crate) fn end_iteration(&self, began: Instant) {
        let time = self.iterations.end(began);
        // Iterations may be shorter than a microsecond, and very many.
        add(&self.busy_ns, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What the shard remembers of which patterns match which topics, in bytes.
    pub(crate) fn match_cache(&self, bytes: u64) {
        self.match_cache_bytes.store(bytes, Ordering::Relaxed);
    }

    /// So many subscribers were handed an event so long after it was accepted.
    pub(crate) fn delivery_took(&self, time: Duration, deliveries: u64) {
        self.delivery_times.took(time, deliveries);
    }

    /// All subscribers that had caught up have been handed an event, so long after it was accepted.
    pub(crate) fn event_took(&self, time: Duration) {
        self.event_times.took(time, 1);
    }

    pub(crate) fn pass_took(&self, time: Duration) {
        self.pass_times.took(time, 1);
    }

    pub(crate) fn blocked(&self, subscribers: usize) {
        self.blocked.store(subscribers as u64, Ordering::Relaxed);
    }

    pub(crate) fn lags(&self, sample: &LagSample) {
        for (gauge, count) in self.lagging.iter().zip(sample.counts) {
            gauge.store(count, Ordering::Relaxed);
        }
        self.lag_events_max.store(sample.events_max, Ordering::Relaxed);
        self.lag_bytes_max.store(sample.bytes_max, Ordering::Relaxed);
    }

    /// The shard has ended without being stopped, and with it so many streams.
    pub(crate) fn failed(&self, streams: usize) {
        self.failed.store(1, Ordering::Relaxed);
        add(&self.left[EndReason::Failed as usize], streams as u64);
        self.blocked(0);
        self.lags(&LagSample::default());
    }

    /// How many subscribers it has now.
    #[must_use]
    pub fn subscribers(&self) -> u64 {
        let left: u64 = self.left.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        self.joined.load(Ordering::Relaxed).saturating_sub(left)
    }
}

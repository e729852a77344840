//! Histograms with the few fixed bounds of exported metrics, which are those of the server's own:
//! so both can be laid over each other. A result has finer ones ([`super::Durations`]); from their
//! three digits it could not be seen exactly on which side of a bound a value lies.
//!
//! Bounds at least double, so an octave of values holds one of them at most: the octave and one
//! comparison give the bucket, which takes a nanosecond where a search would take several.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The upper bounds in nanoseconds, each part of its bucket: 50 µs to 10 s. Above is one more
/// bucket.
pub(crate) const BOUNDS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// For each power of two, how many bounds lie below it.
const BELOW: [u8; 64] = {
    let mut below = [0; 64];
    let mut octave = 0;
    while octave < below.len() {
        let mut bound = 0;
        while bound < BOUNDS.len() && BOUNDS[bound] < 1 << octave {
            bound += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 16")]
        let bound = bound as u8;
        below[octave] = bound;
        octave += 1;
    }
    below
};

fn place(nanos: u64) -> usize {
    let first = usize::from(BELOW[nanos.max(1).ilog2() as usize]);
    first + usize::from(BOUNDS.get(first).is_some_and(|bound| nanos > *bound))
}

/// Durations of one thread, or of several added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Buckets {
    /// Of each bucket alone, and not of those below it.
    pub(crate) counts: [u64; BUCKETS],
    /// Nanoseconds.
    pub(crate) sum: u64,
}

impl Buckets {
    pub(crate) fn record(&mut self, nanos: u64) {
        self.counts[place(nanos)] += 1;
        self.sum = self.sum.saturating_add(nanos);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// Durations that several threads record, some thousands a second: each on its own, so a reading
/// may see the count of a duration that is in flight and not yet its part of the sum.
#[derive(Debug, Default)]
pub(crate) struct SharedBuckets {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl SharedBuckets {
    pub(crate) fn record(&self, nanos: u64) {
        self.counts[place(nanos)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Buckets {
        Buckets {
            counts: std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed)),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// The latencies of deliveries that are exported while a run goes on.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timed {
    /// From when an event was due.
    pub(crate) delivery: Buckets,
    /// From when its publish call began.
    pub(crate) from_send: Buckets,
}

impl Timed {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.delivery.merge(&other.delivery);
        self.from_send.merge(&other.from_send);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_falls_into_the_bucket_that_a_search_finds(octave in 0_u32..64, low: u64) {
            let nanos = (1 << octave) | (low & ((1 << octave) - 1));
            prop_assert_eq!(place(nanos), BOUNDS.partition_point(|bound| *bound < nanos));
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_more_to_the_next() {
        for (bucket, bound) in BOUNDS.into_iter().enumerate() {
            assert_eq!((place(bound), place(bound + 1)), (bucket, bucket + 1), "{bound}");
        }
        assert_eq!((place(0), place(u64::MAX)), (0, BOUNDS.len()));
    }

    #[test]
    fn what_threads_recorded_is_added_up() {
        let shared = SharedBuckets::default();
        shared.record(60_000);
        let mut all = shared.read();
        let mut own = Buckets::default();
        own.record(60_000);
        own.record(20_000_000_000);
        all.merge(&own);
        assert_eq!((all.counts[1], all.counts[BOUNDS.len()]), (2, 1));
        assert_eq!(all.counts.iter().sum::<u64>(), 3);
        assert_eq!(all.sum, 20_000_120_000);
    }
}

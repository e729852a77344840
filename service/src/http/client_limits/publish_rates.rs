//! How fast each client may publish: a token bucket for each, of which one number is kept, the
//! moment at which it is full again (GCRA, the generic cell rate algorithm of ATM).
//!
//! The crate `governor` does the same, but keeps every client that it ever saw until it is told to
//! look through all of them. Here the table has a size, and forgets those seen once first, then those
//! not seen for long: their buckets are full when they come back.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

/// How many clients of a kind are remembered: some 8 MiB when they all are there.
const CLIENTS_MAX: usize = 1 << 16;

/// How many there is room for from the start; more makes the table grow.
const CLIENTS: usize = 256;

/// How fast a client may publish, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishRate {
    /// The time for one event.
    pub interval: Duration,
    /// How many events may come at once after a pause.
    pub burst: u32,
}

impl PublishRate {
    /// How many clients of a kind are remembered.
    pub const CLIENTS_MAX: usize = CLIENTS_MAX;
}

/// The buckets of all clients of a kind.
pub(super) struct PublishRates<K: Hash + Eq> {
    /// In nanoseconds.
    interval: u64,
    /// How long an empty bucket takes to fill.
    fill_time: u64,
    /// When each is full again, in nanoseconds since `began`.
    full_at: Cache<K, Arc<AtomicU64>>,
    began: Instant,
}

impl<K: Hash + Eq + Copy> PublishRates<K> {
    pub(super) fn new(rate: PublishRate) -> Self {
        let interval = nanoseconds(rate.interval).max(1);
        let weighter = quick_cache::UnitWeighter;
        Self {
            interval,
            fill_time: interval.saturating_mul(u64::from(rate.burst.max(1))),
            full_at: Cache::with_weighter(CLIENTS, CLIENTS_MAX as u64, weighter),
            began: Instant::now(),
        }
    }

    /// Takes as many of `wanted` events as there are, one at least; or says how long until there is
    /// one.
    pub(super) fn take(&self, client: K, wanted: usize, now: Instant) -> Result<usize, Duration> {
        let now = nanoseconds(now.saturating_duration_since(self.began));
        let bucket = self.bucket(client);
        let mut known = bucket.load(Ordering::Relaxed);
        loop {
            let full_at = known.max(now);
            let left = now.saturating_add(self.fill_time).saturating_sub(full_at) / self.interval;
            if left == 0 {
                let one_at = full_at.saturating_add(self.interval).saturating_sub(self.fill_time);
                return Err(Duration::from_nanos(one_at.saturating_sub(now)));
            }
            let taken = left.min(wanted as u64);
            let next = full_at.saturating_add(taken * self.interval);
            let result =
                bucket.compare_exchange_weak(known, next, Ordering::Relaxed, Ordering::Relaxed);
            match result {
                Ok(_) => return Ok(usize::try_from(taken).unwrap_or(wanted)),
                Err(changed) => known = changed,
            }
        }
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&self, client: K, events: usize) {
        if events > 0 {
            let time = (events as u64).saturating_mul(self.interval);
            let bucket = self.bucket(client);
            let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                Some(full_at.saturating_sub(time))
            });
        }
    }

    /// How many clients are remembered.
    pub(super) fn clients(&self) -> usize {
        self.full_at.len()
    }

    fn bucket(&self, client: K) -> Arc<AtomicU64> {
        if let Some(bucket) = self.full_at.get(&client) {
            return bucket;
        }
        let make = || Ok::<_, std::convert::Infallible>(Arc::default());
        match self.full_at.get_or_insert_with(&client, make) {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<K: Hash + Eq> std::fmt::Debug for PublishRates<K> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PublishRates")
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rates(interval: Duration, burst: u32) -> PublishRates<u32> {
        PublishRates::new(PublishRate { interval, burst })
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_each_interval() {
        let (rates, mut now) = (rates(SECOND, 3), Instant::now());
        assert_eq!(rates.take(1, 1, now), Ok(1));
        assert_eq!(rates.take(1, 9, now), Ok(2), "as many as there are");
        assert_eq!(rates.take(1, 1, now), Err(SECOND));
        assert_eq!(rates.take(2, 1, now), Ok(1), "others have their own");
        now += SECOND / 4;
        assert_eq!(rates.take(1, 1, now), Err(SECOND * 3 / 4));
        now += SECOND * 3 / 4;
        assert_eq!(rates.take(1, 2, now), Ok(1));
        assert_eq!(rates.take(1, 1, now), Err(SECOND));
        now += SECOND * 100;
        assert_eq!(rates.take(1, 9, now), Ok(3), "a pause fills it, and no more");
    }

    #[test]
    fn in_the_long_run_nobody_exceeds_the_rate() {
        let (rates, began) = (rates(SECOND / 10, 20), Instant::now());
        let mut taken = 0;
        for step in 0..10_000 {
            taken += rates.take(1, 1, began + step * SECOND / 1_000).unwrap_or(0);
        }
        assert_eq!(taken, 20 + 99);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_nothing_more() {
        let (rates, now) = (rates(SECOND, 3), Instant::now());
        assert_eq!(rates.take(1, 3, now), Ok(3));
        rates.give_back(1, 2);
        assert_eq!(rates.take(1, 3, now), Ok(2));
        rates.give_back(2, 1_000);
        assert_eq!(rates.take(2, 9, now), Ok(3));
    }

    #[test]
    fn a_million_clients_stay_within_the_bound_and_one_that_goes_on_is_not_forgotten() {
        let (rates, now) = (rates(SECOND, 2), Instant::now());
        let mut allowed = 0;
        for stranger in 1..=1_000_000 {
            let _ = rates.take(stranger, 1, now);
            if stranger % 1_000 == 0 {
                allowed += rates.take(0, 1, now).unwrap_or(0);
            }
        }
        assert!(rates.clients() <= CLIENTS_MAX, "{}", rates.clients());
        assert!(rates.clients() >= CLIENTS_MAX / 2, "{}", rates.clients());
        assert_eq!(allowed, 2);
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let (rates, now) = (rates(SECOND, 1_000), Instant::now());
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..1_000).filter(|_| rates.take(1, 1, now).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }
}

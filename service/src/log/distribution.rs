//! How often something was how large.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often something was how large, by the bounds of its kind. The last count has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution<const N: usize> {
    pub counts: [u64; N],
    /// Of all values.
    pub sum: u64,
}

impl<const N: usize> Default for Distribution<N> {
    fn default() -> Self {
        Self { counts: [0; N], sum: 0 }
    }
}

/// The same while it is counted, by any number of threads.
#[derive(Debug)]
pub(super) struct AtomicDistribution<const N: usize> {
    counts: [AtomicU64; N],
    sum: AtomicU64,
}

impl<const N: usize> Default for AtomicDistribution<N> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> AtomicDistribution<N> {
    pub(super) fn add(&self, bounds: &[u64], value: u64) {
        let at = bounds.partition_point(|&bound| bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Distribution<N> {
        Distribution {
            counts: std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed)),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

//! A small histogram of durations, for one second or one event: 64 buckets for each doubling, so
//! values are exact to 1.6 %. It takes only the memory between its smallest and its largest value,
//! where an HDR histogram takes all of its range: a run keeps thousands of these.

use serde::{Deserialize, Serialize};

/// Buckets for each doubling.
const PER_OCTAVE: u64 = 64;

/// Durations below a bucket's worth of this many nanoseconds are not told apart.
const UNIT_BITS: u32 = 10;

/// Durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compact {
    count: u64,
    min: u64,
    max: u64,
    /// The number of the first bucket.
    base: usize,
    buckets: Vec<u32>,
}

impl Compact {
    pub(crate) fn record(&mut self, nanos: u64) {
        if self.count == 0 {
            self.min = nanos;
        }
        self.count += 1;
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
        let bucket = self.bucket(number(nanos));
        *bucket = bucket.saturating_add(1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        for (place, count) in other.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            let bucket = self.bucket(other.base + place);
            *bucket = bucket.saturating_add(*count);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn min(&self) -> u64 {
        self.min
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The value that this share of the durations does not exceed; 0 when there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the count"
        )]
        let rank = ((quantile * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return middle(self.base + place).clamp(self.min, self.max);
            }
        }
        self.max
    }

    fn bucket(&mut self, number: usize) -> &mut u32 {
        if self.buckets.is_empty() {
            self.base = number;
        }
        if number < self.base {
            let more = self.base - number;
            self.buckets.splice(0..0, std::iter::repeat_n(0, more));
            self.base = number;
        }
        let place = number - self.base;
        if place >= self.buckets.len() {
            self.buckets.resize(place + 1, 0);
        }
        &mut self.buckets[place]
    }
}

fn number(nanos: u64) -> usize {
    let units = nanos >> UNIT_BITS;
    if units < PER_OCTAVE {
        return units as usize;
    }
    let shift = u64::from(units.ilog2() - PER_OCTAVE.ilog2());
    (shift * PER_OCTAVE + (units >> shift)) as usize
}

fn middle(number: usize) -> u64 {
    let number = number as u64;
    if number < PER_OCTAVE {
        return (number << UNIT_BITS) + (1 << (UNIT_BITS - 1));
    }
    let shift = number / PER_OCTAVE - 1;
    let units = number - shift * PER_OCTAVE;
    ((units << shift) << UNIT_BITS) + (1 << (UNIT_BITS - 1) << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_known_to_two_percent_or_a_microsecond(nanos in 0_u64..1 << 40) {
            let found = middle(number(nanos));
            prop_assert!(found.abs_diff(nanos) <= (nanos / 50).max(1_024), "{nanos} as {found}");
        }

        #[test]
        fn merging_is_recording_both(
            left in proptest::collection::vec(0_u64..1 << 40, 0..50),
            right in proptest::collection::vec(0_u64..1 << 40, 0..50),
        ) {
            let of = |values: &[u64]| {
                let mut compact = Compact::default();
                values.iter().for_each(|value| compact.record(*value));
                compact
            };
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let both = of(&[left, right].concat());
            prop_assert_eq!(merged.count(), both.count());
            prop_assert_eq!(merged.max(), both.max());
            for quantile in [0.01, 0.5, 0.99, 1.0] {
                prop_assert_eq!(merged.quantile(quantile), both.quantile(quantile));
            }
        }
    }

    #[test]
    fn numbers_rise_with_values() {
        let mut last = 0;
        for nanos in (0..1 << 20).step_by(512) {
            assert!(number(nanos) == last || number(nanos) == last + 1, "{nanos}");
            last = number(nanos);
        }
    }
}

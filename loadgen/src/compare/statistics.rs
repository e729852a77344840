//! The statistics of a comparison: pure functions over slices, without any word about load tests.
//!
//! Medians, not means: one run that the machine disturbed must not decide. Resampling, not a
//! t-test: latencies are skewed and may be infinite. Every random choice comes from a fixed seed,
//! so that two readers of the same files see the same figures.
//!
//! No function averages infinities of opposite sign, so none of them returns NaN for values >= 0.

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// Resamples of a bootstrap: enough that the ends of a 95 % interval rest on 50 of them each.
pub(super) const RESAMPLES: usize = 2_000;

/// The most splits that are looked at. Up to ten values, all splits are fewer than this.
const SPLITS: usize = 200;

/// Up to so many values every split into halves is tried (126 of ten values).
const ALL_SPLITS_UP_TO: usize = 10;

/// Arbitrary, but the same for ever.
const SEED: u64 = 0x5eed_fa9f;

/// The generator that every random choice is taken from. Xoshiro, because `StdRng` may become
/// another algorithm with a new version of its crate, and then old files would compare differently.
pub(super) fn generator() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(SEED)
}

/// The value below which this share of the values lies, interpolated; nothing of no values.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, share)
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The median distance from the median: a spread that one wild value does not stretch.
pub(super) fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    // Equal infinities are no distance apart, though their difference is NaN.
    let distance = |value: &f64| if *value == middle { 0.0 } else { (value - middle).abs() };
    median(&values.iter().map(distance).collect::<Vec<f64>>())
}

/// ln(b/a) of values >= 0: 0 when both are equal, also when both are 0 or infinite.
pub(super) fn log_ratio(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (b / a).ln() }
}

/// ln of the ratio of the medians.
pub(super) fn log_ratio_of_medians(a: &[f64], b: &[f64]) -> Option<f64> {
    Some(log_ratio(median(a)?, median(b)?))
}

/// The middle 95 % of what the log ratio of medians becomes when both sides are drawn anew.
/// `draw_a` and `draw_b` fill their buffer with a resample.
pub(super) fn bootstrap(
    mut draw_a: impl FnMut(&mut Xoshiro256PlusPlus, &mut Vec<f64>),
    mut draw_b: impl FnMut(&mut Xoshiro256PlusPlus, &mut Vec<f64>),
) -> Option<(f64, f64)> {
    let mut random = generator();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            draw_a(&mut random, &mut a);
            draw_b(&mut random, &mut b);
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            Some(log_ratio(quantile_of_sorted(&a, 0.5)?, quantile_of_sorted(&b, 0.5)?))
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    Some((quantile_of_sorted(&ratios, 0.025)?, quantile_of_sorted(&ratios, 0.975)?))
}

/// Draws as many values as there are, each by itself, with repetition.
pub(super) fn draw(values: &[f64], random: &mut Xoshiro256PlusPlus, into: &mut Vec<f64>) {
    into.clear();
    if !values.is_empty() {
        into.extend((0..values.len()).map(|_| values[random.random_range(0..values.len())]));
    }
}

/// Draws as many values as there are, in stretches of neighbours. Values of a series resemble their
/// neighbours; drawn singly, they would seem to say more than they do.
pub(super) fn draw_blocks(
    values: &[f64],
    block: usize,
    random: &mut Xoshiro256PlusPlus,
    into: &mut Vec<f64>,
) {
    into.clear();
    let block = block.clamp(1, values.len().max(1));
    while into.len() < values.len() {
        let start = random.random_range(0..=values.len() - block);
        into.extend_from_slice(&values[start..start + block]);
    }
    into.truncate(values.len());
}

/// How far apart the medians of two halves of the same values lie: the 95th percentile of
/// |ln ratio| over all splits, or over 200 random ones when there are more. Nothing of fewer than
/// two values.
pub(super) fn noise_of_halves(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let ratios: Vec<f64> = splits(values)
        .iter()
        .filter_map(|(left, right)| log_ratio_of_medians(left, right))
        .map(f64::abs)
        .collect();
    quantile(&ratios, 0.95)
}

/// How far apart the medians of the odd and of the even blocks of a series lie, as |ln ratio|.
pub(super) fn noise_of_blocks(values: &[f64], block: usize) -> Option<f64> {
    let every_other = |first: usize| -> Vec<f64> {
        values.chunks(block.max(1)).skip(first).step_by(2).flatten().copied().collect()
    };
    log_ratio_of_medians(&every_other(0), &every_other(1)).map(f64::abs)
}

/// Splits into halves; with an odd number, the second half has one value more.
fn splits(values: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let half = values.len() / 2;
    if values.len() <= ALL_SPLITS_UP_TO {
        return (0_u32..1 << values.len())
            .filter(|chosen| chosen.count_ones() as usize == half)
            // With halves of equal size each split would come twice, once from either side.
            .filter(|chosen| half * 2 < values.len() || chosen & 1 == 1)
            .map(|chosen| split(values, chosen))
            .collect();
    }
    let mut random = generator();
    let mut shuffled = values.to_vec();
    (0..SPLITS)
        .map(|_| {
            shuffled.shuffle(&mut random);
            (shuffled[..half].to_vec(), shuffled[half..].to_vec())
        })
        .collect()
}

fn split(values: &[f64], chosen: u32) -> (Vec<f64>, Vec<f64>) {
    let (left, right): (Vec<_>, Vec<_>) =
        values.iter().enumerate().partition(|(at, _)| chosen >> at & 1 == 1);
    let plain = |side: Vec<(usize, &f64)>| side.into_iter().map(|(_, value)| *value).collect();
    (plain(left), plain(right))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a slice: not negative, and far below 2^52"
)]
fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let part = position - position.floor();
    if low == high || part == 0.0 {
        return Some(low);
    }
    // Between a number and infinity there is no middle; the nearer of the two is taken.
    if low.is_infinite() || high.is_infinite() {
        return Some(if part < 0.5 { low } else { high });
    }
    Some(low + (high - low) * part)
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;

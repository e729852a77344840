//! Tests of the statistics: tables of known values, a known distribution whose result is in the
//! textbooks, and properties that hold for all values, among them that infinity, which stands for
//! events that never arrived, never becomes NaN.

use proptest::prelude::*;
use rand_distr::{Distribution, Normal};

use super::*;

const INF: f64 = f64::INFINITY;

#[test]
fn quantiles_lie_between_the_values() {
    for (values, share, expected) in [
        (&[][..], 0.5, None),
        (&[7.0], 0.99, Some(7.0)),
        (&[3.0, 1.0, 2.0], 0.5, Some(2.0)),
        (&[4.0, 1.0, 2.0, 3.0], 0.5, Some(2.5)),
        (&[0.0, 10.0], 0.25, Some(2.5)),
        (&[1.0, 2.0, 3.0], 0.0, Some(1.0)),
        (&[1.0, 2.0, 3.0], 1.0, Some(3.0)),
        (&[1.0, INF], 0.5, Some(INF)),
        (&[1.0, INF, INF], 0.5, Some(INF)),
        (&[-INF, INF], 0.25, Some(-INF)),
        (&[1.0, 2.0, INF], 0.5, Some(2.0)),
    ] {
        assert_eq!(quantile(values, share), expected, "{values:?} {share}");
    }
}

#[test]
fn the_absolute_deviation_ignores_one_wild_value() {
    for (values, expected) in [
        (&[][..], None),
        (&[5.0], Some(0.0)),
        (&[1.0, 2.0, 3.0, 4.0, 1000.0], Some(1.0)),
        (&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0], Some(1.0)),
        (&[INF, INF, 1.0], Some(0.0)),
    ] {
        assert_eq!(median_absolute_deviation(values), expected, "{values:?}");
    }
}

#[test]
fn a_ratio_of_equal_values_is_one_whatever_they_are() {
    for (a, b, expected) in [
        (2.0, 2.0, 0.0),
        (0.0, 0.0, 0.0),
        (INF, INF, 0.0),
        (0.0, 1.0, INF),
        (1.0, 0.0, -INF),
        (1.0, INF, INF),
        (1.0, std::f64::consts::E, 1.0),
    ] {
        assert!(log_ratio(a, b) == expected, "{a} {b}: {}", log_ratio(a, b));
    }
}

#[test]
fn every_split_into_halves_comes_once_while_they_are_few() {
    for (values, count) in
        [(2, 1), (3, 3), (4, 3), (5, 10), (7, 35), (10, 126), (11, 200), (40, 200)]
    {
        let values: Vec<f64> = (0..values).map(f64::from).collect();
        let found = splits(&values);
        assert_eq!(found.len(), count, "{} values", values.len());
        for (left, right) in found {
            assert!(right.len() - left.len() <= 1);
            assert_eq!(left.len() + right.len(), values.len());
        }
    }
}

#[test]
fn the_noise_of_two_values_is_their_ratio() {
    let noise = noise_of_halves(&[10.0, 11.0]).expect("two");
    assert!((noise - 1.1_f64.ln()).abs() < 1e-12);
    assert_eq!(noise_of_halves(&[10.0]), None);
    assert_eq!(noise_of_halves(&[0.0, 0.0, 0.0]), Some(0.0));
}

#[test]
fn the_noise_of_blocks_is_that_of_the_odd_against_the_even() {
    let series = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0];
    let noise = noise_of_blocks(&series, 2).expect("four blocks");
    assert!((noise - 2_f64.ln()).abs() < 1e-12);
    assert_eq!(noise_of_blocks(&series[..2], 2), None, "one block has nothing to compare with");
}

#[test]
fn a_bootstrap_of_many_normal_values_covers_what_theory_says() {
    // The standard error of a median of n normal values is 1.2533 sigma / sqrt(n).
    let mut random = generator();
    let normal = Normal::new(100.0, 10.0).expect("a deviation");
    let mut sample = || (0..400).map(|_| normal.sample(&mut random)).collect::<Vec<f64>>();
    let (a, b) = (sample(), sample());
    let (low, high) = bootstrap(|r, into| draw(&a, r, into), |r, into| draw(&b, r, into))
        .expect("there are values");
    let expected = 2.0 * 1.96 * 1.2533 * 0.1 / 20.0 * 2_f64.sqrt();
    assert!((high - low) > expected * 0.75 && (high - low) < expected * 1.33, "{low} {high}");
}

#[test]
fn blocks_keep_neighbours_together() {
    let values: Vec<f64> = (0..50).map(f64::from).collect();
    let mut drawn = Vec::new();
    draw_blocks(&values, 5, &mut generator(), &mut drawn);
    assert_eq!(drawn.len(), 50);
    for block in drawn.chunks(5) {
        assert!(block.windows(2).all(|pair| pair[1] - pair[0] == 1.0), "{block:?}");
    }
    draw_blocks(&values[..3], 5, &mut generator(), &mut drawn);
    assert_eq!(drawn, values[..3], "a series shorter than a block is one block");
    draw_blocks(&[], 5, &mut generator(), &mut drawn);
    assert!(drawn.is_empty());
}

#[test]
fn the_same_values_give_the_same_interval_every_time() {
    let values = [9.0, 10.0, 11.0, 10.5, 9.5];
    let once = || bootstrap(|r, into| draw(&values, r, into), |r, into| draw(&values, r, into));
    assert_eq!(once(), once());
}

proptest! {
    #[test]
    fn a_median_lies_within_its_values_and_ignores_their_order(
        mut values in prop::collection::vec(0.0..1e9_f64, 1..40),
    ) {
        let found = median(&values).expect("values");
        let least = values.iter().copied().fold(INF, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        prop_assert!((least..=most).contains(&found));
        values.reverse();
        prop_assert_eq!(median(&values), Some(found));
    }

    #[test]
    fn nothing_is_ever_not_a_number(
        values in prop::collection::vec(prop_oneof![Just(0.0), Just(INF), 0.0..1e9_f64], 2..15),
    ) {
        prop_assert!(!median(&values).expect("values").is_nan());
        prop_assert!(!median_absolute_deviation(&values).expect("values").is_nan());
        prop_assert!(!noise_of_halves(&values).expect("values").is_nan());
        let both = || |r: &mut Xoshiro256PlusPlus, into: &mut Vec<f64>| draw(&values, r, into);
        let (low, high) = bootstrap(both(), both()).expect("values");
        prop_assert!(low <= high);
    }

    #[test]
    fn scaling_all_values_scales_no_noise(
        values in prop::collection::vec(1.0..1e6_f64, 2..12), scale in 0.01..100.0_f64,
    ) {
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        let (plain, scaled) = (noise_of_halves(&values), noise_of_halves(&scaled));
        prop_assert!((plain.expect("two") - scaled.expect("two")).abs() < 1e-9);
    }
}

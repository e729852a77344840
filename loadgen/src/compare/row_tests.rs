//! Tests of the verdict: what is always found, what is never claimed, and how often chance alone is
//! called a change. The rates are those that the sentence about weak evidence states; a change of
//! the rule of the verdict must look at them again.

use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Normal};

use super::*;
use crate::compare::statistics::generator;

fn subject(better: Direction) -> Subject {
    Subject {
        figure: "delivery.p99".to_owned(),
        label: "delivery p99".to_owned(),
        unit: Unit::Duration,
        better,
    }
}

fn verdict(a: &[f64], b: &[f64]) -> Judgement {
    over_runs(subject(Direction::Lower), a, b).verdict
}

/// Draws values around 100, so far apart.
fn noisy(noise: f64) -> impl FnMut(usize) -> Vec<f64> {
    let mut random = generator();
    let normal = Normal::new(100.0, 100.0 * noise).expect("a deviation");
    move |count| (0..count).map(|_| normal.sample(&mut random)).collect()
}

#[test]
fn the_direction_decides_what_better_means() {
    let low = [10.0, 10.1, 9.9, 10.0, 10.2];
    let high = [12.0, 12.1, 11.9, 12.0, 12.2];
    for (better, a, b, expected) in [
        (Direction::Lower, low, high, Judgement::Worse),
        (Direction::Lower, high, low, Judgement::Better),
        (Direction::Higher, low, high, Judgement::Better),
        (Direction::Higher, high, low, Judgement::Worse),
        (Direction::Lower, low, low, Judgement::NoDetectableChange),
    ] {
        assert_eq!(over_runs(subject(better), &a, &b).verdict, expected, "{better:?} {a:?} {b:?}");
    }
}

#[test]
fn few_runs_are_used_and_called_few() {
    let of = |a: &[f64], b: &[f64]| {
        let row = over_runs(subject(Direction::Lower), a, b);
        (row.verdict, row.evidence)
    };
    let five = [10.0, 10.1, 9.9, 10.0, 10.2];
    assert_eq!(of(&five, &five), (Judgement::NoDetectableChange, Evidence::Runs));
    assert_eq!(of(&five[..3], &[20.0, 21.0]), (Judgement::Worse, Evidence::FewRuns));
    assert_eq!(of(&five, &[20.0]), (Judgement::TooFewRuns, Evidence::TooLittle));
    assert_eq!(of(&five, &[]), (Judgement::TooFewRuns, Evidence::TooLittle));
}

#[test]
fn events_that_never_arrive_are_worse_than_any_time() {
    let finite = [10.0, 11.0, 10.5, 10.2, 10.8];
    let never = [f64::INFINITY; 5];
    assert_eq!(verdict(&finite, &never), Judgement::Worse);
    assert_eq!(verdict(&never, &finite), Judgement::Better);
    assert_eq!(verdict(&never, &never), Judgement::NoDetectableChange);
}

#[test]
fn a_side_that_differs_from_itself_as_much_hides_the_difference() {
    let restless = [10.0, 20.0, 11.0, 19.0, 10.5, 19.5];
    let quiet = [21.0, 21.1, 20.9, 21.0, 21.2, 21.1];
    assert_eq!(verdict(&restless, &quiet), Judgement::NoDetectableChange);
}

#[test]
fn half_as_much_again_is_always_found_in_seven_runs_with_two_per_cent_noise() {
    let mut draw = noisy(0.02);
    for trial in 0..50 {
        let (a, b) = (draw(7), draw(7));
        let scaled: Vec<f64> = b.iter().map(|value| value * 1.5).collect();
        assert_eq!(verdict(&a, &scaled), Judgement::Worse, "trial {trial}");
        assert_eq!(verdict(&scaled, &a), Judgement::Better, "trial {trial}");
    }
}

#[test]
fn chance_is_rarely_called_a_change() {
    // The most that may be wrong, of 200. What is said of few runs rests on the first three.
    for (runs, most) in [(2, 60), (3, 20), (4, 16), (5, 15), (7, 15), (10, 15)] {
        let mut draw = noisy(0.05);
        let called = |_: &usize| verdict(&draw(runs), &draw(runs)) != Judgement::NoDetectableChange;
        let wrong = (0..200_usize).filter(called).count();
        assert!(wrong <= most, "{wrong} of 200 trials with {runs} runs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_runs_in_another_order_never_differ(
        values in prop::collection::vec(
            prop_oneof![9 => 0.1..1e6_f64, 1 => Just(f64::INFINITY)],
            2..13,
        ),
    ) {
        let mut shuffled = values.clone();
        shuffled.shuffle(&mut generator());
        prop_assert_eq!(verdict(&values, &shuffled), Judgement::NoDetectableChange);
    }

    #[test]
    fn exchanging_a_and_b_inverts_the_ratio(
        a in prop::collection::vec(1.0..100.0_f64, 5..8),
        b in prop::collection::vec(1.0..100.0_f64, 5..8),
    ) {
        let there = over_runs(subject(Direction::Lower), &a, &b).ratio.expect("values");
        let back = over_runs(subject(Direction::Lower), &b, &a).ratio.expect("values");
        prop_assert!((there * back - 1.0).abs() < 1e-9);
    }
}

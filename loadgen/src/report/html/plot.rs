//! Scales, ticks and paths: the arithmetic of a plot, without any markup.
//!
//! Positions are shares of the plot's width and height, so that a drawing can be as wide as its
//! reader's screen. Paths are written in a square of `SIDE` units that the drawing stretches.

/// Units of a side of the square that paths are written in.
pub(super) const SIDE: f64 = 1000.0;

/// From how many times the smallest value on a scale is logarithmic.
const WIDE: f64 = 20.0;

/// A scale from its first value to its last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Equal steps are equally far apart.
    Linear(f64, f64),
    /// Equal factors are equally far apart.
    Log(f64, f64),
}

impl Scale {
    /// From zero to a round number that is not less than any value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        if most <= 0.0 {
            return Self::Linear(0.0, 1.0);
        }
        let step = step(most / 4.0);
        Self::Linear(0.0, (most / step).ceil() * step)
    }

    /// Logarithmic when the values span more than a factor of twenty, otherwise from zero.
    pub(super) fn of_durations(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.clone().filter(|value| *value > 0.0 && value.is_finite());
        let least = positive.clone().fold(f64::INFINITY, f64::min);
        let most = positive.fold(0.0, f64::max);
        if most > least * WIDE {
            Self::Log(round_down(least), round_up(most))
        } else {
            Self::from_zero(values)
        }
    }

    /// Where a value lies, from 0 at the beginning to 1 at the end; the nearer end when outside.
    pub(super) fn share(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(from, to) => (value - from) / (to - from),
            Self::Log(from, to) => (value.max(from) / from).ln() / (to / from).ln(),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// The round values to write beside it, about five.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(from, to) => multiples(from, to, step((to - from) / 5.0)),
            Self::Log(from, to) => powers(from, to),
        }
    }
}

/// Round times within so many seconds.
pub(super) fn time_ticks(seconds: f64) -> Vec<f64> {
    const STEPS: [f64; 15] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 14_400.0,
    ];
    let step = STEPS.into_iter().find(|step| seconds / step <= 7.0).unwrap_or(86_400.0);
    multiples(0.0, seconds, step)
}

/// A line through points given in shares, broken where one is absent.
pub(super) fn line(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut within = false;
    let mut points = points.peekable();
    while let Some(point) = points.next() {
        let alone = !within && points.peek().is_none_or(Option::is_none);
        match point {
            Some((x, y)) if alone => path += &format!("M{}h6", place((x - 3.0 / SIDE, y))),
            Some(point) if within => path += &format!("L{}", place(point)),
            Some(point) => path += &format!("M{}", place(point)),
            None => {}
        }
        within = point.is_some();
    }
    path
}

/// The area between two lines over the same places.
pub(super) fn band(lower: &[(f64, f64)], upper: &[(f64, f64)]) -> String {
    let outline = upper.iter().chain(lower.iter().rev());
    let corners: Vec<String> = outline.map(|point| place(*point)).collect();
    if corners.is_empty() { String::new() } else { format!("M{}Z", corners.join("L")) }
}

/// A bar from the ground.
pub(super) fn bar(from: f64, to: f64, height: f64) -> String {
    band(&[(from, 0.0), (to, 0.0)], &[(from, height), (to, height)])
}

fn place((x, y): (f64, f64)) -> String {
    format!("{:.1} {:.1}", x * SIDE, (1.0 - y) * SIDE)
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below this.
fn step(at_least: f64) -> f64 {
    let power = 10_f64.powf(at_least.log10().floor());
    let found = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= at_least * 0.999);
    found.unwrap_or(10.0) * power
}

fn round_up(value: f64) -> f64 {
    step(value)
}

fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let found = [5.0, 2.0, 1.0].into_iter().find(|factor| factor * power <= value * 1.001);
    found.unwrap_or(1.0) * power
}

fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut at = (from / step).ceil();
    while at * step <= to + step * 1e-6 && ticks.len() < 50 {
        ticks.push(at * step);
        at += 1.0;
    }
    ticks
}

/// Powers of ten; and, over few of them, their doubles and halves too.
fn powers(from: f64, to: f64) -> Vec<f64> {
    let factors: &[f64] = if to / from > 200.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let all = (first..=last).flat_map(|power| factors.iter().map(move |f| f * 10_f64.powi(power)));
    all.filter(|tick| *tick >= from * 0.999 && *tick <= to * 1.001).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_logarithmic_only_when_the_values_span_much() {
        let near = [1.0, 19.0];
        assert_eq!(Scale::of_durations(near.into_iter()), Scale::Linear(0.0, 20.0));
        let far = [0.3, 700.0];
        assert_eq!(Scale::of_durations(far.into_iter()), Scale::Log(0.2, 1000.0));
    }

    #[test]
    fn no_values_or_only_zeros_still_make_a_scale() {
        for values in [&[][..], &[0.0, 0.0]] {
            let scale = Scale::of_durations(values.iter().copied());
            assert!(scale.share(0.0).abs() < 1e-9);
            assert!(!scale.ticks().is_empty());
        }
        assert!(Scale::Linear(3.0, 3.0).share(3.0).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(Scale::Linear(0.0, 100.0).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::from_zero([980_635.0].into_iter()).ticks().len(), 6);
        let decades = Scale::Log(0.1, 1000.0).ticks();
        assert_eq!(decades.len(), 5, "{decades:?}");
        for seconds in [1.0, 59.0, 600.0, 90_000.0] {
            assert!(time_ticks(seconds).len() <= 8);
            assert!(time_ticks(seconds).len() >= 2);
        }
    }

    #[test]
    fn equal_factors_are_equally_far_apart_on_a_logarithmic_scale() {
        let scale = Scale::Log(1.0, 100.0);
        assert!((scale.share(10.0) - 0.5).abs() < 1e-9);
        assert!(scale.share(0.0).abs() < 1e-9);
        assert!((scale.share(1e9) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value_and_a_lone_point_is_a_dash() {
        let path = line([Some((0.0, 0.0)), Some((0.5, 1.0)), None, Some((1.0, 0.5))].into_iter());
        assert_eq!(path, "M0.0 1000.0L500.0 0.0M997.0 500.0h6");
    }

    #[test]
    fn a_band_goes_there_above_and_back_below() {
        let path = band(&[(0.0, 0.0), (1.0, 0.0)], &[(0.0, 1.0), (1.0, 1.0)]);
        assert_eq!(path, "M0.0 0.0L1000.0 0.0L1000.0 1000.0L0.0 1000.0Z");
    }
}

//! The words in the cells of a comparison, the same for a terminal and for a page: three
//! significant digits, because no load test knows more, and one unit for both sides of a row, so
//! that the eye can compare.

use super::row::{ComparedFigure, Judgement, Spread};
use crate::slo::{Unit, percent};

/// What stands for a value that was not measured.
const ABSENT: &str = "-";

/// The figure with the unit of its row.
pub(super) fn label(row: &ComparedFigure) -> String {
    let (unit, _) = step(row);
    if unit.is_empty() { row.label.clone() } else { format!("{}, {unit}", row.label) }
}

/// The median of A and of B.
pub(super) fn medians(row: &ComparedFigure) -> (String, String) {
    both(row, |spread| spread.median)
}

/// The smallest and the largest of A and of B.
pub(super) fn ranges(row: &ComparedFigure) -> (String, String) {
    let ((a_min, b_min), (a_max, b_max)) = (both(row, |s| s.min), both(row, |s| s.max));
    (range(&a_min, &a_max), range(&b_min, &b_max))
}

/// The median absolute deviation of A and of B.
pub(super) fn deviations(row: &ComparedFigure) -> (String, String) {
    both(row, |spread| spread.deviation)
}

/// The median of B by that of A.
pub(super) fn ratio(row: &ComparedFigure) -> String {
    row.ratio.map_or_else(|| ABSENT.to_owned(), times)
}

/// The 95 % interval of that ratio.
pub(super) fn interval(row: &ComparedFigure) -> String {
    row.interval
        .map_or_else(|| ABSENT.to_owned(), |(low, high)| format!("{}–{}", times(low), times(high)))
}

/// What a difference must exceed.
pub(super) fn noise(row: &ComparedFigure) -> String {
    row.noise().map_or_else(|| ABSENT.to_owned(), share)
}

/// The verdict in full.
pub(super) fn verdict(change: Judgement) -> &'static str {
    match change {
        Judgement::Better => "better",
        Judgement::Worse => "worse",
        Judgement::NoDetectableChange => "no detectable change",
        Judgement::TooFewRuns => "too few runs",
    }
}

/// A share as a percentage with as few digits as it deserves.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        p if p.is_infinite() => "inf".to_owned(),
        p if p >= 1000.0 => ">999 %".to_owned(),
        p if p >= 9.95 => format!("{percent:.0} %"),
        p if p >= 0.05 => format!("{percent:.1} %"),
        _ => "0 %".to_owned(),
    }
}

fn both(row: &ComparedFigure, of: fn(&Spread) -> f64) -> (String, String) {
    let (_, size) = step(row);
    let cell = |spread: Option<&Spread>| {
        spread.map(of).map_or_else(|| ABSENT.to_owned(), |value| number(row.unit, value, size))
    };
    (cell(row.a.as_ref()), cell(row.b.as_ref()))
}

/// The unit that fits the smaller of the two medians: the larger one then keeps its digits too.
fn step(row: &ComparedFigure) -> (&'static str, f64) {
    let medians = [&row.a, &row.b].into_iter().flatten().map(|spread| spread.median);
    let smallest = medians.filter(|median| median.is_finite()).fold(f64::INFINITY, f64::min);
    row.unit.step(smallest)
}

fn range(min: &str, max: &str) -> String {
    if min == max { String::new() } else { format!("{min}–{max}") }
}

fn number(unit: Unit, value: f64, size: f64) -> String {
    if value.is_infinite() {
        return "never".to_owned();
    }
    // Lost events show in the third decimal of a percentage, which three digits would hide.
    if unit == Unit::Share {
        return percent(value);
    }
    digits(value / size)
}

fn digits(value: f64) -> String {
    match value {
        v if v >= 99_999.5 => format!("{v:.1e}"),
        v if v >= 99.95 || v == 0.0 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.9995 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

fn times(ratio: f64) -> String {
    match ratio {
        r if r.is_infinite() => "inf".to_owned(),
        r if r >= 999.5 => ">999".to_owned(),
        r if r >= 99.95 => format!("{r:.0}"),
        r if r >= 9.995 => format!("{r:.1}"),
        r => format!("{r:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_stay_narrow() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.012"),
            (1.234, "1.23"),
            (9.999, "10.0"),
            (12.34, "12.3"),
            (99.99, "100"),
            (12_345.0, "12345"),
            (1_234_567.0, "1.2e6"),
        ] {
            assert_eq!(digits(value), text, "{value}");
        }
        assert_eq!(number(Unit::Duration, f64::INFINITY, 1.0), "never");
        assert_eq!(number(Unit::Share, 0.999_98, 0.01), "99.998");
    }

    #[test]
    fn ratios_and_shares_stay_narrow() {
        for (ratio, text) in [
            (0.0, "0.000"),
            (0.8779, "0.878"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1e9, ">999"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(times(ratio), text, "{ratio}");
        }
        for (value, text) in [
            (0.0, "0 %"),
            (0.042, "4.2 %"),
            (0.12, "12 %"),
            (99.0, ">999 %"),
            (f64::INFINITY, "inf"),
            (-0.123, "-12 %"),
        ] {
            assert_eq!(share(value), text, "{value}");
        }
    }
}

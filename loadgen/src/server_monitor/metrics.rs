//! The difference of two readings of a metrics page in the text format of Prometheus.

use std::collections::HashMap;

use crate::result::MetricChange;

/// Series that are kept.
const MOST: usize = 1000;

/// The series whose figures differ, in the order of the later page.
pub(crate) fn changes(before: &str, after: &str) -> Vec<MetricChange> {
    let earlier: HashMap<&str, f64> = series(before).collect();
    let change = |(series, after): (&str, f64)| {
        let before = earlier.get(series).copied().unwrap_or(0.0);
        let changed =
            before.to_bits() != after.to_bits() && after.is_finite() && before.is_finite();
        changed.then(|| MetricChange { series: series.to_owned(), before, after })
    };
    series(after).filter_map(change).take(MOST).collect()
}

/// Names with labels, and figures; a time stamp behind a figure is passed over.
fn series(page: &str) -> impl Iterator<Item = (&str, f64)> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let end = line.rfind('}').map_or_else(|| line.find(' '), |brace| Some(brace + 1))?;
        let (series, figures) = line.split_at(end);
        Some((series, figures.split_whitespace().next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_kept_and_new_series_begin_at_nothing() {
        let before = "# TYPE a counter\na 1\nb{x=\"} 1\"} 2\nsame 7\n";
        let after =
            "# TYPE a counter\na 3 1700000000\nb{x=\"} 1\"} 2.5\nsame 7\nnew{y=\"z\"} 4\nbad NaN\n";
        let found: Vec<_> =
            changes(before, after).into_iter().map(|c| (c.series, c.before, c.after)).collect();
        let wanted = [("a", 1.0, 3.0), ("b{x=\"} 1\"}", 2.0, 2.5), ("new{y=\"z\"}", 0.0, 4.0)];
        assert_eq!(found, wanted.map(|(name, before, after)| (name.to_owned(), before, after)));
    }
}

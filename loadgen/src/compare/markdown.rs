//! A comparison for a page: the same figures as in a terminal, with deviations and full verdicts,
//! for which a page has the room. The sentence comes first, because a page is often read no further
//! than that.

use std::fmt::Write as _;

use super::cells;
use super::row::ComparedFigure;
use super::{Comparison, Side};

/// The whole.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("**{}**\n\n", comparison.summary);
    text += &side("A", &comparison.a);
    text += &side("B", &comparison.b);
    text += "\n| figure | A median (range, ±MAD) | B median (range, ±MAD) | B/A | 95 % interval \
             | noise | verdict |\n|---|---:|---:|---:|---:|---:|---|\n";
    comparison.rows.iter().for_each(|row| text += &line(row));
    if !comparison.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &comparison.warnings {
        let _ = writeln!(text, "- {}", plain(warning));
    }
    text
}

fn line(row: &ComparedFigure) -> String {
    let ((a, b), (range_a, range_b)) = (cells::medians(row), cells::ranges(row));
    let (deviation_a, deviation_b) = cells::deviations(row);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        cells::label(row),
        spread(&a, &range_a, &deviation_a),
        spread(&b, &range_b, &deviation_b),
        cells::ratio(row),
        cells::interval(row),
        cells::noise(row),
        cells::verdict(row.verdict),
    )
}

/// Without a range there is nothing to be spread over.
fn spread(median: &str, range: &str, deviation: &str) -> String {
    if range.is_empty() { median.to_owned() } else { format!("{median} ({range}, ±{deviation})") }
}

fn side(name: &str, side: &Side) -> String {
    let left_out = match side.left_out {
        0 => String::new(),
        some => format!(", {some} left out"),
    };
    let runs = super::accept::runs(side.runs);
    format!("- {name}: `{}`, {runs}{left_out}\n", plain(&side.label))
}

/// Text from files must not open a table cell or a code span of its own.
fn plain(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('`', "'").replace('|', "\\|")
}

//! A comparison for a terminal.
//!
//! At most 110 columns, so that it survives a split window and a mail. The verdict is said shorter
//! here than elsewhere for that, and deviations are left to the other forms.

use super::cells;
use super::row::{ComparedFigure, Judgement};
use super::{Comparison, Side};

/// The widest line.
pub(super) const WIDTH: usize = 110;

/// Between two columns.
const GAP: &str = "  ";

const HEADINGS: [&str; 7] =
    ["figure", "A median, range", "B median, range", "B/A", "95 %", "noise", "change"];

/// The whole.
pub(super) fn text(comparison: &Comparison) -> String {
    let cells: Vec<[String; 7]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(comparison.rows.iter().map(line))
        .collect();
    let mut lines = vec![side("A", &comparison.a), side("B", &comparison.b), String::new()];
    lines.extend(aligned(&cells));
    lines.push(String::new());
    lines.push(comparison.summary.clone());
    lines.extend(comparison.warnings.iter().map(|warning| format!("note: {warning}")));
    let mut text: String = lines.iter().flat_map(|line| wrapped(line)).collect();
    text.push_str(&wrapped(NOISE).concat());
    text
}

const NOISE: &str = "noise: the larger of A against A and B against B; \
                     a change exceeds it, and its interval excludes 1";

fn line(row: &ComparedFigure) -> [String; 7] {
    let ((a, b), (range_a, range_b)) = (cells::medians(row), cells::ranges(row));
    let verdict = match row.verdict {
        Judgement::NoDetectableChange => "none detected",
        other => cells::verdict(other),
    };
    [
        cells::label(row),
        format!("{a} {range_a}").trim_end().to_owned(),
        format!("{b} {range_b}").trim_end().to_owned(),
        cells::ratio(row),
        cells::interval(row),
        cells::noise(row),
        verdict.to_owned(),
    ]
}

fn side(name: &str, side: &Side) -> String {
    let runs = super::accept::runs(side.runs);
    match side.left_out {
        0 => format!("{name}: {}, {runs}", side.label),
        left_out => format!("{name}: {}, {runs}, {left_out} left out", side.label),
    }
}

fn aligned(cells: &[[String; 7]]) -> Vec<String> {
    let width = |column: usize| cells.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..7).map(|column| width(column).unwrap_or(0)).collect();
    let pad = |line: &[String; 7]| {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        padded.join(GAP).trim_end().to_owned()
    };
    cells.iter().map(pad).collect()
}

/// Lines of at most 110 columns, broken between words; a longer word, such as a path, is cut.
/// Lines that fit are kept as they are, with the spaces of a table.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    if line.chars().count() <= WIDTH {
        return vec![format!("{line}\n")];
    }
    // A number is not parted from its percent sign.
    let glued = line.replace(" %", "\u{a0}%");
    for word in glued.split(' ') {
        let word: String = word.chars().take(WIDTH - 2).collect();
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > WIDTH {
            lines.push("  ".to_owned() + &word);
        } else if let Some(open) = lines.last_mut() {
            let space = if open.is_empty() { "" } else { " " };
            *open += &format!("{space}{word}");
        }
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ") + "\n").collect()
}

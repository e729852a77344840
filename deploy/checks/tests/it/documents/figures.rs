//! Figures of speed and memory stand in one place, `docs/benchmarks.md`, where their runs, their
//! spread and their marks are. Others lead there, or reckon with what is written there.

use super::markdown::documents;
use crate::support::text;

/// Units of what was measured, with the space before them.
const UNITS: [&str; 9] =
    [" ns", " µs", " ms", " B", " bytes", " KiB", " MiB", " GiB", " M deliveries"];

#[test]
fn the_first_page_leads_to_the_figures_and_has_none_of_its_own() {
    let page = documents().into_iter().find(|document| document.path == "README.md").unwrap();
    let prose: Vec<&str> = page.text.split("```").step_by(2).collect();
    for unit in UNITS {
        let figures = numbers_before(&prose.join(""), unit);
        assert!(figures.is_empty(), "{figures:?}{unit}: figures belong into docs/benchmarks.md");
    }
    assert!(page.links().contains(&"docs/benchmarks.md"));
}

#[test]
fn sizing_reckons_with_figures_that_were_measured() {
    let operations = text("docs/operations.md");
    let sizing = operations.split_once("\n## Sizing\n").expect("a section").1;
    let sizing = sizing.split_once("\n## ").expect("the next one").0;
    let benchmarks = text("docs/benchmarks.md");
    let mut checked = 0;
    for unit in [" µs", " B"] {
        let measured = numbers_before(&benchmarks, unit);
        for row in sizing.lines().filter(|line| line.starts_with("| ") && line.contains(" × ")) {
            let factors =
                row.split(" × ").skip(1).flat_map(|rest| numbers_before(first_words(rest), unit));
            // The bytes of an event on the wire are counted and not measured.
            for factor in factors.filter(|_| !row.starts_with("| network")) {
                let known = measured.iter().any(|figure| rounds_to(figure, &factor));
                assert!(known, "{row}: no {factor}{unit} in docs/benchmarks.md");
                checked += 1;
            }
        }
    }
    assert!(checked >= 5, "{checked}");
}

/// The number and its unit.
fn first_words(text: &str) -> &str {
    let end = text.match_indices(' ').nth(1).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// The numbers that stand before a unit, as they are written.
fn numbers_before(text: &str, unit: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    for (at, _) in text.match_indices(unit) {
        let ends = text[at + unit.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
        let digits = text[..at].chars().rev().take_while(|&c| is_part(c)).collect::<String>();
        if ends && digits.chars().any(|c| c.is_ascii_digit()) {
            numbers.push(digits.chars().rev().collect());
        }
    }
    numbers
}

fn rounds_to(figure: &str, written: &str) -> bool {
    let decimals = written.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let figure: Option<f64> = figure.replace(',', "").parse().ok();
    figure.is_some_and(|figure| format!("{figure:.decimals$}") == written)
}

/// A client that nobody tells about gaps shows something wrong without knowing it.
#[test]
fn the_first_page_shows_how_a_page_hears_of_gaps() {
    let lines = text("README.md");
    let script = lines.split_once("```js\n").expect("a script").1;
    let script = script.split_once("```").expect("its end").0;
    assert!(script.contains("addEventListener(\"fanfare-gap\""), "{script}");
}

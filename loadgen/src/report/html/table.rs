//! Tables: rows with a head each, and the percentiles of durations in a row each.
//!
//! Every table can be scrolled sideways by itself, also with the keyboard, so that a narrow screen
//! never has to scroll the page.

use maud::{Markup, html};

use crate::numbers;
use crate::report::wording;
use crate::result::{Distribution, QUANTILES, Reached};

/// From how many letters on a fact takes up two places.
const LONG: usize = 34;

/// A row: what it is about, and its cells.
pub(super) type TableRow = (String, Vec<String>);

/// A table of figures; nothing when there are no rows.
pub(super) fn figures_table(caption: &str, head: &[String], rows: &[TableRow]) -> Markup {
    table("figures", caption, head, rows)
}

/// A table of words; nothing when there are no rows.
pub(super) fn words_table(caption: &str, head: &[&str], rows: &[TableRow]) -> Markup {
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    table("words", caption, &head, rows)
}

/// The percentiles of durations, a row each, for those that there are.
pub(super) fn percentiles(caption: &str, rows: &[(&str, Option<&Distribution>)]) -> Markup {
    let rows: Vec<TableRow> = rows
        .iter()
        .filter_map(|(name, distribution)| Some(percentile_row(name, (*distribution)?)))
        .collect();
    percentile_rows(caption, &rows)
}

/// The same of rows that are already there.
pub(super) fn percentile_rows(caption: &str, rows: &[TableRow]) -> Markup {
    let quantiles = QUANTILES.into_iter().map(wording::quantile);
    let head: Vec<String> =
        [String::new()].into_iter().chain(quantiles).chain(["values".to_owned()]).collect();
    table("figures percentiles", caption, &head, rows)
}

/// A row of it.
pub(super) fn percentile_row(name: &str, distribution: &Distribution) -> TableRow {
    let cells = QUANTILES.iter().map(|quantile| wording::percentile(distribution, *quantile));
    (name.to_owned(), cells.chain([numbers::count(distribution.count)]).collect())
}

/// A row of percentiles some of which are infinite.
pub(super) fn reached_row(name: &str, reached: &[Reached]) -> TableRow {
    let cells = QUANTILES.iter().map(|quantile| wording::reached(reached, *quantile));
    (name.to_owned(), cells.chain([String::new()]).collect())
}

/// Facts with a name each, where a table of two columns would be mostly empty.
pub(super) fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl.facts-list {
                @for (name, fact) in facts {
                    div.long[fact.chars().count() > LONG] { dt { (name) } dd { (fact) } }
                }
            }
        }
    }
}

fn table(look: &str, caption: &str, head: &[String], rows: &[TableRow]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div.scroll tabindex="0" role="region" aria-label=(caption) {
                table class=(look) {
                    caption { (caption) }
                    @if head.iter().any(|name| !name.is_empty()) {
                        thead { tr { @for name in head {
                            @if name.is_empty() { td {} } @else { th scope="col" { (name) } }
                        } } }
                    }
                    tbody { @for (name, cells) in rows {
                        tr { th scope="row" { (name) } @for cell in cells { td { (cell) } } }
                    } }
                }
            }
        }
    }
}

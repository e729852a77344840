//! What was found wrong, what was done to the streams, and whether the goals were met.
//!
//! Every count stands beside its meaning, and counts that are nothing stay in the table: that nothing
//! was out of order is a finding as well.

use maud::{Markup, html};

use crate::report::{figures, wording};
use crate::result::Run;

use super::table::{self, Row};

/// The head of the table of examples.
const EXAMPLE: [&str; 3] = ["Kind", "Subscriber", "What was seen"];

pub(super) fn correctness(run: &Run) -> Markup {
    let counts = wording::correctness(run);
    let is_faultless = counts.iter().all(|counted| !counted.fault || counted.count == 0);
    let example = |finding: &crate::result::Finding| -> Row {
        let cells = vec![figures::count(finding.subscriber), finding.what.clone()];
        (finding.kind.clone(), cells)
    };
    let examples: Vec<Row> = run.correctness.examples.iter().map(example).collect();
    html! {
        section {
            h3 { "Correctness" }
            @if is_faultless { p.remark { (capital(&wording::faultless(run))) "." } }
            div.scroll tabindex="0" role="region" aria-label="Counts of events" {
                table.counts {
                    caption { "Events, over all subscribers" }
                    thead { tr {
                        th scope="col" { "What" } th scope="col" { "How many" }
                        th scope="col" { "What it means" }
                    } }
                    tbody { @for counted in counts {
                        tr.bad[counted.fault && counted.count > 0].nothing[counted.count == 0] {
                            th scope="row" { (capital(counted.name)) }
                            td { (counted.figure()) }
                            td {
                                (capital(counted.meaning)) "."
                                @if !counted.fault { " Not held against the server." }
                            }
                        }
                    } }
                }
            }
            (table::words_table("The first few", &EXAMPLE, &examples))
        }
    }
}

pub(super) fn trouble(run: &Run) -> Markup {
    let trouble = &run.trouble;
    let counts = [
        ("Cut in order (FIN)", trouble.cut_fin),
        ("Cut by a reset (RST)", trouble.cut_rst),
        ("Of these, in storms", trouble.cut_in_storm),
        ("Closed by the server, unasked", trouble.closed_by_server),
        ("Ended because their topics have", trouble.ended),
        ("Came back", trouble.reconnects),
        ("Waits that were lengthened", trouble.lengthened),
        ("With the id of their last event", trouble.resumed),
        ("Did not come back", trouble.away),
    ];
    let counts = counts.into_iter().filter(|(_, n)| *n > 0);
    let mut rows: Vec<(&str, String)> = counts.map(|(name, n)| (name, figures::count(n))).collect();
    if !trouble.errors.is_empty() {
        rows.push(("Failed on the way", wording::kinds(&trouble.errors)));
    }
    let classes: Vec<Row> = trouble
        .classes
        .iter()
        .map(|(name, class)| {
            (capital(name), vec![wording::class(name, class, &run.subscribers.protocol)])
        })
        .collect();
    html! {
        @if !rows.is_empty() || !classes.is_empty() {
            section {
                h3 { "Trouble" }
                (table::facts(&rows))
                (table::percentiles("How long it lasted", &[
                    ("Reconnecting", trouble.reconnect.as_ref()),
                    ("From the cut to the first byte", trouble.outage.as_ref()),
                ]))
                (table::words_table("Subscribers with a handicap", &[], &classes))
            }
        }
    }
}

pub(super) fn goals(run: &Run) -> Markup {
    html! {
        @if !run.goals.is_empty() {
            section {
                h3 { "Goals" }
                div.scroll tabindex="0" role="region" aria-label="Goals" {
                    table.words {
                        caption { "What the run was asked to keep" }
                        thead { tr {
                            th scope="col" { "Goal" } th scope="col" { "Measured" }
                            th scope="col" { "Met" }
                        } }
                        tbody { @for goal in &run.goals {
                            tr.bad[!goal.met] {
                                th scope="row" { code { (goal.expression) } }
                                td { (goal.measured.as_deref().unwrap_or("could not be measured")) }
                                td { @if goal.met { "✓ met" } @else { "✗ missed" } }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

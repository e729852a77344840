//! What was found wrong, what was done to the streams, and whether the SLOs were met.
//!
//! Every count stands beside its meaning, and counts that are nothing stay in the table: that
//! nothing was out of order is a finding as well.

use maud::{Markup, html};

use crate::numbers;
use crate::report::wording;
use crate::result::Run;

use super::table::{self, TableRow};

/// The head of the table of examples.
const EXAMPLE: [&str; 3] = ["Kind", "Subscriber", "What was seen"];

pub(super) fn correctness(run: &Run) -> Markup {
    let counts = wording::correctness(run);
    let is_faultless = counts.iter().all(|counted| !counted.fault || counted.count == 0);
    let example = |finding: &crate::result::Finding| -> TableRow {
        let cells = vec![numbers::count(finding.subscriber), finding.what.clone()];
        (finding.kind.clone(), cells)
    };
    let examples: Vec<TableRow> = run.correctness.examples.iter().map(example).collect();
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

pub(super) fn faults(run: &Run) -> Markup {
    let faults = &run.faults;
    let counts = [
        ("Disconnected in order (FIN)", faults.cut_fin),
        ("Disconnected by a reset (RST)", faults.cut_rst),
        ("Of these, in reconnect storms", faults.cut_in_storm),
        ("Closed by the server unexpectedly", faults.closed_by_server),
        ("Closed because their topics had ended", faults.ended),
        ("Reconnected", faults.reconnects),
        ("Reconnect delays that were lengthened", faults.lengthened),
        ("Resumed after their last event", faults.resumed),
        ("Did not reconnect", faults.away),
    ];
    let counts = counts.into_iter().filter(|(_, n)| *n > 0);
    let mut rows: Vec<(&str, String)> = counts.map(|(name, n)| (name, numbers::count(n))).collect();
    if !faults.errors.is_empty() {
        rows.push(("Failed on the way", wording::kinds(&faults.errors)));
    }
    if let Some(recovery) = faults.recovery_ms {
        rows.push(("From the first reconnection until all had caught up", numbers::ms(recovery)));
    }
    if let Some(silence) = faults.longest_silence_ms.filter(|_| !rows.is_empty()) {
        rows.push(("Longest time in which a subscriber got no event", numbers::ms(silence)));
    }
    let classes: Vec<TableRow> = faults
        .classes
        .iter()
        .map(|(name, class)| {
            (capital(name), vec![wording::class(name, class, &run.subscribers.protocol)])
        })
        .collect();
    html! {
        @if !rows.is_empty() || !classes.is_empty() {
            section {
                h3 { "Injected faults and disconnects" }
                (table::facts(&rows))
                (table::percentiles("How long it lasted", &[
                    ("Reconnecting", faults.reconnect.as_ref()),
                    ("From the end of a stream to the first byte of the next", faults.outage.as_ref()),
                    ("From an attempt until everything missed had arrived", faults.catch_up.as_ref()),
                ]))
                (table::words_table("Subscribers that read slowly or not at all", &[], &classes))
            }
        }
    }
}

pub(super) fn slos(run: &Run) -> Markup {
    html! {
        @if !run.slos.is_empty() {
            section {
                h3 { "SLOs" }
                div.scroll tabindex="0" role="region" aria-label="SLOs" {
                    table.words {
                        caption { "Service level objectives of the run" }
                        thead { tr {
                            th scope="col" { "SLO" } th scope="col" { "Measured" }
                            th scope="col" { "Met" }
                        } }
                        tbody { @for slo in &run.slos {
                            tr.bad[!slo.met] {
                                th scope="row" { code { (slo.expression) } }
                                td { (slo.measured.as_deref().unwrap_or("could not be measured")) }
                                td { @if slo.met { "✓ met" } @else { "✗ missed" } }
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

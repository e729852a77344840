//! One HTML file that holds everything: it opens from a disk, in a mail or on a server of builds,
//! needs no network, and can be read without its script.
//!
//! `chart` and `plot` draw, `charts` decides what; the other files here are the sections of a run.
//! Whatever comes from outside is text to maud, which escapes it. The policy in the head makes the
//! browser refuse to load anything, should a name ever get through.

mod chart;
mod charts;
mod cost;
mod delivery;
mod findings;
mod plot;
mod run;
mod settings;
mod table;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::result::{ResultFile, Run};

use super::runs::KeyFigures;
use super::wording;
use crate::numbers;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("hover.js");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// All runs of a file; only the last is unfolded.
pub(crate) fn html(file: &ResultFile) -> String {
    let last = file.runs.len().saturating_sub(1);
    let name = file.runs.last().map_or("No runs", |run| run.name.as_str());
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (name) " · load test" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (masthead(name, file.runs.last()))
                    @if file.runs.len() > 1 { (comparison(&file.runs)) }
                    @for (at, run) in file.runs.iter().enumerate() {
                        @if file.runs.len() > 1 {
                            details.run open[at == last] {
                                summary {
                                    "Run " (at + 1) ": " (wording::outcome(run.verdict.outcome))
                                    span { (run.started_at) }
                                }
                                (run::section(run))
                            }
                        } @else {
                            (run::section(run))
                        }
                    }
                    @if !file.runs.is_empty() { (settings::how_to_read()) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn masthead(name: &str, run: Option<&Run>) -> Markup {
    markup! {
        header {
            p.eyebrow { "Load test of Server-Sent Events" }
            h1 { (name) }
            @if let Some(run) = run {
                @if let Some(about) = &run.about { p.about { (about) } }
                p.facts {
                    span { time datetime=(run.started_at) { (run.started_at) } }
                    @if !run.subscribers.protocol.is_empty() { span { (run.subscribers.protocol) } }
                    @if let Some(server) = &run.subscribers.server_header { span { (server) } }
                    @if run.environment.loopback { span.tag { "loopback" } }
                }
            }
        }
    }
}

fn comparison(runs: &[Run]) -> Markup {
    let keys: Vec<KeyFigures> = runs.iter().map(KeyFigures::of).collect();
    let mut rows: Vec<table::TableRow> =
        keys.iter().enumerate().map(|(at, key)| row(&format!("Run {}", at + 1), key)).collect();
    rows.push(row("Median", &KeyFigures::median(&keys)));
    let head =
        ["", "Verdict", "Deliveries/s", "p50", "p99", "Delivery ratio", "Server CPU/delivery"]
            .map(str::to_owned);
    markup! {
        section.runs {
            h2 { "All runs" }
            (table::figures_table("Runs of this scenario, and their median", &head, &rows))
        }
    }
}

fn row(name: &str, key: &KeyFigures) -> table::TableRow {
    let or_absent = |figure: Option<String>| figure.unwrap_or_else(|| numbers::ABSENT.to_owned());
    let cells = vec![
        key.outcome.map_or("", wording::outcome).to_owned(),
        or_absent(key.per_second.map(numbers::number)),
        numbers::ms_or_absent(key.p50_ms),
        numbers::ms_or_absent(key.p99_ms),
        or_absent(key.reach.map(numbers::percent)),
        or_absent(key.server_cpu_us.map(|us| format!("{} µs", numbers::number(us)))),
    ];
    (name.to_owned(), cells)
}

#[cfg(test)]
mod tests;

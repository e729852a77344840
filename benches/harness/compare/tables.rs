//! The table of each shape, in Markdown, and below it in words which runs did not pass.

use crate::compare::figures::{accepted, cpu, memory, p99, p99_if_kept_up};
use crate::compare::rows::absent_rows;
use crate::compare::session::Session;
use crate::compare::shapes::{BROADCAST, THROUGHPUT};
use crate::format::{bytes, count, median, number, ranged};
use crate::markdown::{header, row};
use crate::result::RunResult;
use crate::summary::{Outcome, Pick, spread};

/// A column: its heading and what stands in it for a server's rounds.
struct Column {
    heading: String,
    cell: fn(&[Option<&RunResult>]) -> String,
}

/// The table of a shape, and below it which runs did not pass.
pub(crate) fn shape(session: &Session, name: &str) -> String {
    let mut runs = session.runs.iter().filter(|measured| measured.shape == name);
    let Some(first) = runs.next().map(|measured| &measured.result) else {
        return String::new();
    };
    let columns = columns(name, first);
    let mut headings = vec!["server".to_owned()];
    headings.extend(columns.iter().map(|column| column.heading.clone()));
    headings.push("loadgen says".to_owned());
    let mut lines = header(&headings);
    for server in session.present() {
        let rounds = session.rounds_of(&server.name, name);
        let mut cells = vec![server.title.clone()];
        cells.extend(columns.iter().map(|column| (column.cell)(&rounds)));
        cells.push(Outcome::said(&rounds));
        lines.push(row(&cells));
    }
    lines.extend(absent_rows(session, columns.len() + 1));
    let requested = session.shapes.iter().find(|requested| requested.name == name);
    let command = requested.map_or_else(String::new, |requested| requested.command.clone());
    let mut text = format!("### {}\n\n`{command}`\n\n{}\n", title(name, first), lines.join("\n"));
    let remarks = remarks(session, name);
    if !remarks.is_empty() {
        text.push_str(&format!("\n{}\n", remarks.join("\n")));
    }
    text
}

fn title(name: &str, run: &RunResult) -> String {
    let subscribers = count(run.requested);
    let rate = run.requested_rate.map_or_else(String::new, count);
    match name {
        BROADCAST => format!("{subscribers} subscribers, {rate} events a second"),
        THROUGHPUT => format!(
            "{subscribers} subscribers, one waiting publisher, up to {rate} events a second"
        ),
        _ => format!("{subscribers} idle subscribers"),
    }
}

fn columns(name: &str, first: &RunResult) -> Vec<Column> {
    let column = |heading: &str, cell| Column { heading: heading.to_owned(), cell };
    let of = |heading: &str, requested: Option<f64>, cell| {
        let requested =
            requested.map_or_else(String::new, |requested| format!(", of {}", count(requested)));
        Column { heading: format!("{heading}{requested}"), cell }
    };
    let deliveries = of("deliveries a second", first.requested_deliveries(), |rounds| {
        // The last event is due before the last second is over, which makes it look like more.
        let pick: Pick = |f| Some(f.deliveries_per_second.min(f.requested_deliveries()?));
        median(spread(rounds, pick), "", count)
    });
    let cpu = column("CPU a delivery", |rounds| ranged(spread(rounds, cpu), "µs", number));
    let p50 = column("p50", |rounds| median(spread(rounds, |f| f.p50_ms), "ms", number));
    let p99 = column("p99", |rounds| ranged(spread(rounds, p99), "ms", number));
    let p99_if_kept_up =
        column("p99", |rounds| ranged(spread(rounds, p99_if_kept_up), "ms", number));
    match name {
        BROADCAST => vec![deliveries, cpu, p50, p99],
        THROUGHPUT => vec![
            of("events accepted a second", first.requested_rate, |rounds| {
                ranged(spread(rounds, accepted), "", count)
            }),
            deliveries,
            cpu,
            p99_if_kept_up,
        ],
        _ => vec![
            column("memory a subscriber", |rounds| ranged(spread(rounds, memory), "", bytes)),
            column("empty server", |rounds| median(spread(rounds, |f| f.memory_empty), "", bytes)),
            column("with all", |rounds| median(spread(rounds, |f| f.memory_connected), "", bytes)),
            of("connected", Some(first.requested), |rounds| {
                median(spread(rounds, |f| Some(f.connected)), "", count)
            }),
            column("in", |rounds| median(spread(rounds, |f| Some(f.ramp_seconds)), "s", number)),
            column("CPU a connection", |rounds| {
                median(spread(rounds, |f| f.cpu_us_per_connection), "µs", number)
            }),
        ],
    }
}

/// Why runs did not pass, or have no figures.
fn remarks(session: &Session, shape: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for server in session.present() {
        let rounds = session.rounds_of(&server.name, shape);
        if let Some(outcome) = Outcome::of(&rounds).filter(|outcome| !outcome.is_pass()) {
            // Without the advice, which is for the caller of loadgen.
            let reasons = outcome.reasons.iter();
            let reasons: Vec<_> =
                reasons.filter_map(|reason| reason.split("; try ").next()).collect();
            lines.push(format!("- {}: {}", server.title, reasons.join("; ")));
        }
        let failures = session.failures.iter();
        for failure in failures.filter(|t| t.server == server.name && t.shape == shape) {
            // What was said to the terminal may name folders; the page only says that it failed.
            lines.push(format!("- {}: round {} could not be run", server.title, failure.round));
        }
    }
    lines
}

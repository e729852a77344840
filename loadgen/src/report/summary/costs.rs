//! What the generator itself used, and what the server used.
//!
//! A generator that is short of CPU measures itself, so its own use is never left out. The server's
//! is there only when it was requested.

use crate::numbers;
use crate::report::terminal::Sheet;
use crate::result::{Own, Run, ServerProcess};

/// Both, a paragraph each.
pub(super) fn costs(sheet: &mut Sheet, run: &Run) {
    sheet.entry("Generator", &generator(&run.own));
    let Some(server) = &run.server else { return };
    if let Some(found) = &server.process {
        sheet.entry("Server", &process(found));
    }
    for note in &server.notes {
        sheet.entry("", note);
    }
}

fn generator(own: &Own) -> String {
    let mut parts = Vec::new();
    if !own.workers.is_empty() {
        let most = own.workers.iter().map(|worker| worker.cpu).fold(0.0, f64::max);
        parts.push(format!(
            "{}, the busiest used {} of a core",
            numbers::quantity(own.workers.len() as u64, "worker"),
            numbers::percent(most)
        ));
    }
    if let Some(lag) = &own.reading_lag {
        let lag = numbers::ms(lag.at(0.99));
        parts.push(format!("data waited {lag} to be read (p99)"));
    }
    if own.memory > 0 {
        parts.push(numbers::size(own.memory));
    }
    parts.join("; ")
}

fn process(process: &ServerProcess) -> String {
    let each = |us: Option<f64>, of: &str| Some(format!("{} µs {of}", numbers::number(us?)));
    let memory = process.memory_per_subscriber;
    let parts = [
        Some(format!("{} of CPU", numbers::seconds(process.cpu_seconds))),
        each(process.cpu_us_per_delivery, "a delivery"),
        each(process.cpu_us_per_connection, "a connection"),
        Some(format!("{} at the end", numbers::size(process.memory_after))),
        memory.map(|bytes| format!("{} a subscriber", numbers::bytes(bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

//! Where the figures come from: the machine and the day, and the servers with versions and
//! commands.

use crate::compare::session::Session;
use crate::format::NOTHING;
use crate::machine;
use crate::markdown::{header, row};

/// Versions and commands of all servers, and why some are absent.
pub(crate) fn servers(session: &Session) -> String {
    let headings = ["server", "version", "started with"].map(str::to_owned);
    let mut lines = header(&headings);
    for server in &session.servers {
        let version = server.version.clone().unwrap_or_else(|| NOTHING.to_owned());
        let command = match &server.absent {
            Some(reason) => format!("absent: {reason}"),
            None => format!("`{}`", server.command),
        };
        lines.push(row(&[server.title.clone(), version, command]));
    }
    lines.join("\n")
}

/// The machine, the date, and how often.
pub(crate) fn machine(session: &Session) -> String {
    let Some(first) = session.runs.first().map(|measured| &measured.result) else {
        return String::new();
    };
    let (day, machine) = (machine::day(first), machine::describe(&first.machine));
    let rounds = machine::rounds(session.rounds as usize);
    format!("{day}, {rounds} in turn; {machine}.")
}

//! What rows of all tables have in common: the mark of figures that are not of fine runs alone, and
//! the rows of servers that were not there.

use crate::compare::session::Session;
use crate::markdown::row;
use crate::result::RunResult;

/// A dagger where a figure is not of fine runs alone.
pub(crate) fn mark(rounds: &[Option<&RunResult>]) -> &'static str {
    if rounds.iter().flatten().all(|run| run.is_pass()) { "" } else { " †" }
}

pub(crate) fn absent_rows(session: &Session, columns: usize) -> impl Iterator<Item = String> {
    session.servers.iter().filter(|server| server.absent.is_some()).map(move |server| {
        let mut cells = vec![server.title.clone(), "absent".to_owned()];
        cells.resize(columns + 1, String::new());
        row(&cells)
    })
}

//! What the last comparison says of Fanfare beside others, for the targets that are set beside
//! them.

use crate::compare::competitors::FANFARE;
use crate::compare::figures::{cpu, p99};
use crate::compare::files::Files;
use crate::compare::ratios::{Beside, beside_best, beside_floor};
use crate::compare::session::{self, Session};
use crate::compare::shapes::BROADCAST;
use crate::places::Places;
use crate::result::RunResult;

/// Fanfare with many subscribers, beside others in the same rounds.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) cpu_beside_floor: Option<Beside>,
    pub(crate) p99_beside_floor: Option<Beside>,
    pub(crate) p99_beside_best: Option<Beside>,
    pub(crate) runs: Vec<RunResult>,
    pub(crate) version: Option<String>,
    /// How loadgen was called.
    pub(crate) command: String,
}

/// Of the last whole comparison; nothing when there was none.
pub(crate) fn last(places: &Places) -> Option<Standing> {
    of(&session::read(&Files::of(places, false).results).ok()?)
}

/// Of a comparison; nothing when Fanfare did not take part with many subscribers.
pub(crate) fn of(session: &Session) -> Option<Standing> {
    let runs = session.rounds_of(FANFARE, BROADCAST).into_iter().flatten().cloned().collect();
    let ours = session.servers.iter().find(|server| server.name == FANFARE)?;
    let shape = session.shapes.iter().find(|shape| shape.name == BROADCAST)?;
    Some(Standing {
        cpu_beside_floor: beside_floor(session, BROADCAST, cpu),
        p99_beside_floor: beside_floor(session, BROADCAST, p99),
        p99_beside_best: beside_best(session, BROADCAST, p99),
        runs,
        version: ours.version.clone(),
        command: shape.command.clone(),
    })
}

//! Ratios: Fanfare beside each of the others, taken within each round first.

use crate::compare::competitors::{FANFARE, FLOOR};
use crate::compare::figures::{accepted, cpu, memory, p99};
use crate::compare::rows::{absent_rows, mark};
use crate::compare::session::{Participant, Session};
use crate::compare::shapes::{BROADCAST, IDLE, THROUGHPUT};
use crate::format::{number, ranged};
use crate::markdown::{header, row};
use crate::summary::{Pick, Spread, ratio, spread};

/// A ratio column: its heading, the shape and the figure.
const RATIOS: [(&str, &str, Pick); 5] = [
    ("CPU a delivery, many subscribers", BROADCAST, cpu),
    ("p99, many subscribers", BROADCAST, p99),
    ("events accepted, one publisher", THROUGHPUT, accepted),
    ("CPU a delivery, one publisher", THROUGHPUT, cpu),
    ("memory of an idle subscriber", IDLE, memory),
];

/// How many times as much as Fanfare each of the others has.
pub(crate) fn ratios(session: &Session) -> String {
    let mut headings = vec!["server".to_owned()];
    headings.extend(RATIOS.map(|(heading, ..)| heading.to_owned()));
    let mut lines = header(&headings);
    for server in session.present() {
        let mut cells = vec![server.title.clone()];
        for (_, shape, pick) in RATIOS {
            let rounds = session.rounds_of(&server.name, shape);
            let found = ratio(&rounds, &session.rounds_of(FANFARE, shape), pick);
            let text =
                if server.name == FANFARE { "1".into() } else { ranged(found, "×", number) };
            let mark = if found.is_some() { mark(&rounds) } else { "" };
            cells.push(format!("{text}{mark}"));
        }
        lines.push(row(&cells));
    }
    lines.extend(absent_rows(session, RATIOS.len()));
    lines.join("\n")
}

/// Fanfare beside the floor and the best of the others, one sentence a figure.
pub(crate) fn sentences(session: &Session) -> String {
    let lines = [
        ("CPU a delivery to many subscribers", beside_floor(session, BROADCAST, cpu)),
        ("CPU a delivery to many subscribers", beside_best(session, BROADCAST, cpu)),
        ("p99 of a delivery to many subscribers", beside_best(session, BROADCAST, p99)),
        ("memory of an idle subscriber", beside_best(session, IDLE, memory)),
    ];
    let lines = lines.into_iter().filter_map(|(what, beside)| {
        let Beside { ratio, other } = beside?;
        Some(format!("- {what}: {} that of {other}", ranged(Some(ratio), "×", number)))
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return "Fanfare was not measured beside others.".to_owned();
    }
    let intro =
        "Fanfare, beside the bare loop of `send` and the best of the other servers in that figure:";
    format!("{intro}\n\n{}", lines.join("\n"))
}

/// How many times what another server has Fanfare has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beside {
    pub(crate) ratio: Spread,
    /// The title of the other.
    pub(crate) other: String,
}

/// Beside the bare loop.
pub(crate) fn beside_floor(session: &Session, shape: &str, pick: Pick) -> Option<Beside> {
    let floor = session.present().find(|server| server.name == FLOOR)?;
    beside(session, shape, pick, floor)
}

/// Beside the best of the other servers in that figure.
pub(crate) fn beside_best(session: &Session, shape: &str, pick: Pick) -> Option<Beside> {
    beside(session, shape, pick, best(session, shape, pick)?)
}

fn beside(session: &Session, shape: &str, pick: Pick, other: &Participant) -> Option<Beside> {
    let ours = session.rounds_of(FANFARE, shape);
    let ratio = ratio(&ours, &session.rounds_of(&other.name, shape), pick)?;
    Some(Beside { ratio, other: other.title.clone() })
}

/// The server with the least of a figure, Fanfare and the floor left out.
fn best<'a>(session: &'a Session, shape: &str, pick: Pick) -> Option<&'a Participant> {
    let others = session.present().filter(|server| server.name != FANFARE && server.name != FLOOR);
    let with = others.filter_map(|server| {
        Some((server, spread(&session.rounds_of(&server.name, shape), pick)?.median))
    });
    with.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(server, _)| server)
}

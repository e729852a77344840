//! The tables, in Markdown: ratios to Fanfare first, then what was measured in each shape, and what
//! was not fine or not there, in words.

use crate::competitors::{FANFARE, FLOOR};
use crate::figures::Figures;
use crate::format::{NOTHING, bytes, count, median, number, ranged};
use crate::session::{Entrant, Session};
use crate::shapes::{BROADCAST, IDLE, THROUGHPUT};
use crate::summary::{Outcome, Pick, Spread, ratio, spread};

/// A column: its heading and what stands in it for a server's rounds.
struct Column {
    heading: String,
    cell: fn(&[Option<&Figures>]) -> String,
}

/// A ratio column: its heading, the shape and the figure.
const RATIOS: [(&str, &str, Pick); 5] = [
    ("CPU a delivery, many subscribers", BROADCAST, cpu),
    ("p99, many subscribers", BROADCAST, p99),
    ("events accepted, one publisher", THROUGHPUT, accepted),
    ("CPU a delivery, one publisher", THROUGHPUT, cpu),
    ("memory of an idle subscriber", IDLE, memory),
];

pub(crate) fn cpu(figures: &Figures) -> Option<f64> {
    figures.cpu_us_per_delivery
}

pub(crate) fn p99(figures: &Figures) -> Option<f64> {
    figures.p99_ms
}

pub(crate) fn memory(figures: &Figures) -> Option<f64> {
    figures.memory_per_subscriber
}

/// Of a server that does not keep up, the latency says how long the run was and nothing else.
fn p99_if_kept_up(figures: &Figures) -> Option<f64> {
    let kept_up = figures.accepted_rate? >= 0.99 * figures.asked_rate?;
    figures.p99_ms.filter(|_| kept_up)
}

fn accepted(figures: &Figures) -> Option<f64> {
    figures.accepted_rate
}

/// Servers that took part.
pub(crate) fn present(session: &Session) -> impl Iterator<Item = &Entrant> {
    session.servers.iter().filter(|server| server.absent.is_none())
}

/// How many times as much as Fanfare each of the others has.
pub(crate) fn ratios(session: &Session) -> String {
    let headings = RATIOS.iter().map(|(heading, ..)| (*heading).to_owned());
    let mut lines = header(std::iter::once("server".to_owned()).chain(headings));
    for server in present(session) {
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
    let beside = |what: &str, shape: &str, pick: Pick, other: Option<&Entrant>| {
        let other = other?;
        let ours = session.rounds_of(FANFARE, shape);
        let found = ratio(&ours, &session.rounds_of(&other.name, shape), pick)?;
        Some(format!("- {what}: {} that of {}", ranged(Some(found), "×", number), other.title))
    };
    let floor = present(session).find(|server| server.name == FLOOR);
    let best = |shape, pick| best(session, shape, pick);
    let lines = [
        beside("CPU a delivery to many subscribers", BROADCAST, cpu, floor),
        beside("CPU a delivery to many subscribers", BROADCAST, cpu, best(BROADCAST, cpu)),
        beside("p99 of a delivery to many subscribers", BROADCAST, p99, best(BROADCAST, p99)),
        beside("memory of an idle subscriber", IDLE, memory, best(IDLE, memory)),
    ];
    let lines: Vec<_> = lines.into_iter().flatten().collect();
    if lines.is_empty() {
        return "Fanfare was not measured beside others.".to_owned();
    }
    let intro =
        "Fanfare, beside the bare loop of `send` and the best of the other servers in that figure:";
    format!("{intro}\n\n{}", lines.join("\n"))
}

/// The server with the least of a figure, Fanfare and the floor left out.
fn best<'a>(session: &'a Session, shape: &str, pick: Pick) -> Option<&'a Entrant> {
    let others = present(session).filter(|server| server.name != FANFARE && server.name != FLOOR);
    let with = others.filter_map(|server| {
        Some((server, spread(&session.rounds_of(&server.name, shape), pick)?.median))
    });
    with.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(server, _)| server)
}

/// The table of a shape, and below it what was not fine.
pub(crate) fn shape(session: &Session, name: &str) -> String {
    let all: Vec<_> = session.figures.iter().filter(|m| m.shape == name).collect();
    let Some(first) = all.first().map(|measured| &measured.figures) else {
        return String::new();
    };
    let columns = columns(name, first);
    let headings = columns.iter().map(|column| column.heading.clone());
    let headings = std::iter::once("server".to_owned()).chain(headings);
    let mut lines = header(headings.chain(["loadgen says".to_owned()]));
    for server in present(session) {
        let rounds = session.rounds_of(&server.name, name);
        let mut cells = vec![server.title.clone()];
        cells.extend(columns.iter().map(|column| (column.cell)(&rounds)));
        cells.push(says(&rounds));
        lines.push(row(&cells));
    }
    lines.extend(absent_rows(session, columns.len() + 1));
    let asked = session.shapes.iter().find(|asked| asked.name == name);
    let command = asked.map_or_else(String::new, |asked| asked.command.clone());
    let mut text = format!("### {}\n\n`{command}`\n\n{}\n", title(name, first), lines.join("\n"));
    let remarks = remarks(session, name);
    if !remarks.is_empty() {
        text.push_str(&format!("\n{}\n", remarks.join("\n")));
    }
    text
}

fn title(name: &str, figures: &Figures) -> String {
    let subscribers = count(figures.asked);
    let rate = figures.asked_rate.map_or_else(String::new, count);
    match name {
        BROADCAST => format!("{subscribers} subscribers, {rate} events a second"),
        THROUGHPUT => format!(
            "{subscribers} subscribers, one waiting publisher, up to {rate} events a second"
        ),
        _ => format!("{subscribers} idle subscribers"),
    }
}

fn columns(name: &str, first: &Figures) -> Vec<Column> {
    let column = |heading: &str, cell| Column { heading: heading.to_owned(), cell };
    let of = |heading: &str, asked: Option<f64>, cell| {
        let asked = asked.map_or_else(String::new, |asked| format!(", of {}", count(asked)));
        Column { heading: format!("{heading}{asked}"), cell }
    };
    let deliveries = of("deliveries a second", first.asked_deliveries(), |rounds| {
        // The last event is due before the last second is over, which makes it look like more.
        let pick: Pick = |f| Some(f.deliveries_per_second.min(f.asked_deliveries()?));
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
            of("events accepted a second", first.asked_rate, |rounds| {
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
            of("connected", Some(first.asked), |rounds| {
                median(spread(rounds, |f| Some(f.connected)), "", count)
            }),
            column("in", |rounds| median(spread(rounds, |f| Some(f.ramp_seconds)), "s", number)),
            column("CPU a connection", |rounds| {
                median(spread(rounds, |f| f.cpu_us_per_connection), "µs", number)
            }),
        ],
    }
}

/// What loadgen thinks of the rounds.
fn says(rounds: &[Option<&Figures>]) -> String {
    match Outcome::of(rounds) {
        None => "no result".to_owned(),
        Some(outcome) if outcome.is_fine() => "fine".to_owned(),
        Some(outcome) if outcome.of == 1 => outcome.name.to_uppercase(),
        Some(outcome) => {
            format!("{} {} of {}", outcome.name.to_uppercase(), outcome.rounds, outcome.of)
        }
    }
}

/// A dagger where a figure is not of fine runs alone.
pub(crate) fn mark(rounds: &[Option<&Figures>]) -> &'static str {
    if rounds.iter().flatten().all(|figures| figures.is_fine()) { "" } else { " †" }
}

/// Why runs were not fine, or have no figures.
fn remarks(session: &Session, shape: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for server in present(session) {
        let rounds = session.rounds_of(&server.name, shape);
        if let Some(outcome) = Outcome::of(&rounds).filter(|outcome| !outcome.is_fine()) {
            // Without the advice, which is for whoever called loadgen.
            let reasons = outcome.reasons.iter();
            let reasons: Vec<_> =
                reasons.filter_map(|reason| reason.split("; try ").next()).collect();
            lines.push(format!("- {}: {}", server.title, reasons.join("; ")));
        }
        let troubles = session.troubles.iter();
        for trouble in troubles.filter(|t| t.server == server.name && t.shape == shape) {
            // What was said to the terminal may name folders; the page only says that it failed.
            lines.push(format!("- {}: round {} could not be run", server.title, trouble.round));
        }
    }
    lines
}

/// Versions and commands of all servers, and why some are absent.
pub(crate) fn servers(session: &Session) -> String {
    let headings = ["server", "version", "started with"].map(str::to_owned);
    let mut lines = header(headings.into_iter());
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
    let Some(first) = session.figures.first().map(|measured| &measured.figures) else {
        return String::new();
    };
    let machine = &first.machine;
    let day = first.started_at.split('T').next().unwrap_or_default();
    let rounds = if session.rounds == 1 {
        "1 round".to_owned()
    } else {
        format!("{} rounds", session.rounds)
    };
    format!(
        "{day}, {rounds} in turn; {} cores of {}, {} GiB, {}, everything on this machine over loopback; \
         loadgen {}.",
        machine.cores,
        machine.cpu,
        number(machine.memory as f64 / (1_u64 << 30) as f64),
        machine.kernel,
        machine.loadgen
    )
}

fn absent_rows(session: &Session, columns: usize) -> impl Iterator<Item = String> {
    session.servers.iter().filter(|server| server.absent.is_some()).map(move |server| {
        let mut cells = vec![server.title.clone(), "absent".to_owned()];
        cells.resize(columns + 1, String::new());
        row(&cells)
    })
}

fn header(headings: impl Iterator<Item = String>) -> Vec<String> {
    let headings: Vec<_> = headings.collect();
    vec![row(&headings), format!("|{}", "---|".repeat(headings.len()))]
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// What a bar chart shows: title, median and label of each server that has the figure.
pub(crate) fn bars(
    session: &Session,
    shape: &str,
    pick: Pick,
    label: fn(Option<Spread>) -> String,
) -> Vec<(Entrant, f64, String)> {
    let mut bars: Vec<_> = present(session)
        .filter_map(|server| {
            let rounds = session.rounds_of(&server.name, shape);
            let found = spread(&rounds, pick).filter(|found| found.median.is_finite())?;
            Some((server.clone(), found.median, format!("{}{}", label(Some(found)), mark(&rounds))))
        })
        .collect();
    bars.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    bars
}

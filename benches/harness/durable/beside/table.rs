//! The table in Markdown: a row for each server, medians of the rounds, and beside it versions, commands
//! and what went wrong.

use super::measure::{Measured, ServerRuns};
use super::publishing::{Confirmed, Publishing};
use crate::format::{NOTHING, count, median, number, ranged};
use crate::machine;
use crate::markdown::{Marks, header, row};
use crate::summary::Spread;

pub(super) const MARKS: Marks = Marks {
    begin: "<!-- what follows is replaced by `make durable ARGS=\"--competitors --write\"` -->",
    end: "<!-- what is replaced by `make durable ARGS=\"--competitors --write\"` ends here -->",
};

/// Everything between the marks.
pub(super) fn generated(measured: &Measured) -> String {
    let [loadgen, nats] = Publishing::shown(measured.plan.seconds);
    let calls = format!(
        "Each run of loadgen, of which several share more than 256 publishers: `{loadgen}`, with the flags of \
         the server's form; of NATS: `{nats}`."
    );
    let remarks: Vec<_> = measured.remarks.iter().map(|remark| format!("- {remark}")).collect();
    let mut parts =
        vec![origin(measured), figures(measured), remarks.join("\n"), calls, servers(measured)];
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn origin(measured: &Measured) -> String {
    let rounds = machine::rounds(measured.plan.rounds as usize);
    let (seconds, file_system) = (measured.plan.seconds, &measured.file_system);
    let how =
        format!("{rounds} of {seconds} s in turn, every folder on the same disk ({file_system})");
    match &measured.origin {
        Some((day, machine)) => format!("{day}, {how}; {}.", machine::describe(machine)),
        None => format!("{how}."),
    }
}

fn figures(measured: &Measured) -> String {
    let mut headings = vec!["server".to_owned(), "when it answers, an event is".to_owned()];
    headings.push("by".to_owned());
    for publishers in &measured.plan.publishers {
        let publishers = match publishers {
            1 => "1 publisher".to_owned(),
            several => format!("{} publishers", count(*several as f64)),
        };
        headings.extend([format!("{publishers}: events/s"), "p50 / p99".to_owned()]);
    }
    let mut lines = header(&headings);
    lines.extend(measured.servers.iter().map(|runs| line(runs, headings.len())));
    lines.join("\n")
}

fn line(runs: &ServerRuns, columns: usize) -> String {
    let server = runs.server;
    let mut cells =
        [server.title, server.promise, server.product.protocol()].map(str::to_owned).to_vec();
    if runs.command.is_err() {
        cells.push("absent".to_owned());
        cells.resize(columns, String::new());
        return row(&cells);
    }
    for rounds in &runs.rounds {
        let of = |pick: fn(&Confirmed) -> f64| Spread::of(rounds.iter().map(pick));
        let milliseconds = |pick| median(of(pick), "", number);
        cells.push(ranged(of(|round| round.per_second), "", count));
        cells.push(match rounds.is_empty() {
            true => NOTHING.to_owned(),
            false => {
                let p99 = milliseconds(|round| round.p99_ms);
                format!("{} / {p99} ms", milliseconds(|round| round.p50_ms))
            }
        });
    }
    row(&cells)
}

fn servers(measured: &Measured) -> String {
    let mut lines = header(&["server", "version", "started with"].map(str::to_owned));
    for runs in &measured.servers {
        let command = match &runs.command {
            Ok(command) => format!("`{command}`"),
            Err(reason) => format!("absent: {reason}"),
        };
        let version = runs.version.clone().unwrap_or_else(|| NOTHING.to_owned());
        lines.push(row(&[runs.server.title.to_owned(), version, command]));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::measure::Plan;
    use super::super::servers::ALL;
    use super::*;

    fn confirmed(per_second: f64) -> Confirmed {
        Confirmed { per_second, p50_ms: 0.1, p99_ms: 1.25 }
    }

    fn measured() -> Measured {
        let runs = |place: usize, command: Result<&str, &str>, rounds| ServerRuns {
            server: ALL[place],
            version: command.is_ok().then(|| "1.2".to_owned()),
            command: command.map(str::to_owned).map_err(str::to_owned),
            rounds,
        };
        let of = |rates: &[f64]| rates.iter().copied().map(confirmed).collect::<Vec<_>>();
        let rounds = vec![of(&[8_000.0, 10_000.0, 9_000.0]), of(&[30_000.0])];
        let plan = Plan { rounds: 3, seconds: 5, publishers: vec![1, 1_024], ..Plan::default() };
        Measured {
            plan,
            file_system: "ext4".to_owned(),
            servers: vec![
                runs(0, Ok("fanfare --data-dir FOLDER"), rounds),
                runs(3, Err("no Go"), vec![Vec::new(), Vec::new()]),
                runs(6, Ok("nats-server"), vec![Vec::new(), Vec::new()]),
            ],
            remarks: vec!["64 waiting, 2/3 mercure: 3 refused".to_owned()],
            ..Measured::default()
        }
    }

    #[test]
    fn a_row_has_medians_and_hides_neither_the_absent_nor_what_failed() {
        let text = generated(&measured());
        for line in [
            "3 rounds of 5 s in turn, every folder on the same disk (ext4).",
            "| server | when it answers, an event is | by | 1 publisher: events/s | p50 / p99 | 1,024 publishers: events/s | p50 / p99 |",
            "| Fanfare, `--sync always` | synced | HTTP | 9,000 (8,000–10,000) | 0.10 / 1.25 ms | 30,000 | 0.10 / 1.25 ms |",
            "| Mercure hub, Bolt | synced, a transaction each | HTTP | absent |  |  |  |",
            "| NATS JetStream, `sync_interval: always` | synced, one by one | NATS | – | – | – | – |",
            "- 64 waiting, 2/3 mercure: 3 refused\n",
            "| Fanfare, `--sync always` | 1.2 | `fanfare --data-dir FOLDER` |",
            "| Mercure hub, Bolt | – | absent: no Go |",
            "`loadgen run -c 0 --publishers N --rate max ",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }

    #[test]
    fn the_page_in_the_repository_has_the_marks_and_a_row_of_every_server() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let page = fs::read_to_string(page).expect("the page");
        MARKS.replace(&page, "").expect("its marks");
        for server in ALL {
            let cells = format!("| {} | {} | ", server.title, server.promise);
            assert!(page.contains(&cells), "no row begins with {cells}");
        }
    }
}

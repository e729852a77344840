//! The table in Markdown: a row for each kind, medians, and the median of the ratios to plain HTTP/1.1 of
//! the same server in the same round.

use crate::format::{NOTHING, bytes, median, number};
use crate::machine;
use crate::markdown::{header, row};
use crate::result::RunResult;
use crate::secured::kinds::{BROADCAST, Load, SILENT};
use crate::secured::measure::{KindRuns, Measured};
use crate::summary::{Outcome, Pick, ratio, spread};

type Rounds<'a> = Vec<Option<&'a RunResult>>;

/// The machine and the day, the commands, and a row a kind.
pub(crate) fn generated(measured: &Measured, loads: &[Load]) -> String {
    let mut runs = measured.kinds.iter().flat_map(|kind| kind.loads.iter().flatten().flatten());
    let Some(first) = runs.next() else { return "Nothing was measured.\n".to_owned() };
    let version = measured.version.as_deref().unwrap_or("of an unknown version");
    let rounds = machine::rounds(measured.rounds as usize);
    let (day, machine) = (machine::day(first), machine::describe(&first.machine));
    let headings = [
        "server",
        "memory a stream",
        "of plain",
        "CPU to begin one",
        "of plain",
        "CPU a delivery",
        "of plain",
        "p99",
        "loadgen says",
    ];
    let mut lines = header(&headings.map(str::to_owned));
    lines.extend(measured.kinds.iter().map(|runs| line(runs, measured, loads)));
    let commands: Vec<_> = loads
        .iter()
        .map(|load| {
            let publish = if load.publishes { " --publish URL" } else { "" };
            format!(
                "{}: `loadgen run {} --http VERSION --subscribe URL{publish} --server-pid PID`",
                load.name, load.flags
            )
        })
        .collect();
    format!(
        "{day}, {rounds} in turn; {machine}, Fanfare {version}.\n\n{}\n\n{}\n\nMemory and the CPU to begin a \
         stream are of `{SILENT}`, the rest is of `{BROADCAST}`. HTTP/2 has 100 streams on a connection. A ratio is \
         the median of those of each round to plain HTTP/1.1 of the same server.\n",
        commands.join("\n\n"),
        lines.join("\n")
    )
}

fn line(runs: &KindRuns, measured: &Measured, loads: &[Load]) -> String {
    let plain = measured.kinds.iter().find(|other| {
        let kind = other.kind;
        kind.program == runs.kind.program && !kind.is_secured && kind.http == "1.1"
    });
    let (silent, broadcast) = (rounds(runs, loads, SILENT), rounds(runs, loads, BROADCAST));
    let of_plain = |load: &str, mine: &Rounds<'_>, pick: Pick| {
        let plain = plain.map(|plain| rounds(plain, loads, load)).unwrap_or_default();
        let ratio = ratio(mine, &plain, pick);
        ratio.map_or(NOTHING.to_owned(), |ratio| format!("{:.2} x", ratio.median))
    };
    let memory: Pick = |run| run.memory_per_subscriber;
    let begin: Pick = |run| run.cpu_us_per_connection;
    let delivery: Pick = |run| run.cpu_us_per_delivery;
    row(&[
        runs.kind.name.to_owned(),
        median(spread(&silent, memory), "", bytes),
        of_plain(SILENT, &silent, memory),
        median(spread(&silent, begin), "µs", number),
        of_plain(SILENT, &silent, begin),
        median(spread(&broadcast, delivery), "µs", number),
        of_plain(BROADCAST, &broadcast, delivery),
        median(spread(&broadcast, |run| run.p99_ms), "ms", number),
        said(&silent, &broadcast),
    ])
}

fn rounds<'a>(runs: &'a KindRuns, loads: &[Load], name: &str) -> Rounds<'a> {
    let place = loads.iter().position(|load| load.name == name);
    let results = place.and_then(|place| runs.loads.get(place));
    results.into_iter().flatten().map(Option::as_ref).collect()
}

fn said(silent: &Rounds<'_>, broadcast: &Rounds<'_>) -> String {
    let (silent, broadcast) = (Outcome::said(silent), Outcome::said(broadcast));
    if silent == broadcast { silent } else { format!("{silent}; {broadcast}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secured::kinds::KINDS;

    fn run(memory: f64, cpu: f64) -> Option<RunResult> {
        Some(RunResult {
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            memory_per_subscriber: Some(memory),
            cpu_us_per_connection: Some(10.0 * cpu),
            cpu_us_per_delivery: Some(cpu),
            p99_ms: Some(25.0),
            outcome: "fine".to_owned(),
            ..RunResult::default()
        })
    }

    #[test]
    fn a_row_has_medians_and_ratios_to_plain_http_of_the_same_server() {
        let loads = Load::all(true);
        let of = |number: usize, memory: f64, cpu: [f64; 2]| KindRuns {
            kind: KINDS[number],
            loads: vec![
                cpu.map(|cpu| run(memory, cpu)).into(),
                cpu.map(|cpu| run(memory, cpu)).into(),
            ],
        };
        // The machine became twice as slow after the first round; the ratio did not change.
        let mut kinds = vec![of(0, 2_048.0, [1.0, 2.0]), of(1, 20_480.0, [3.0, 6.0])];
        kinds.push(KindRuns { kind: KINDS[5], loads: vec![vec![None], vec![None]] });
        let text = generated(&Measured { version: None, rounds: 2, kinds }, &loads);
        for line in [
            "2026-01-02, 2 rounds in turn; ",
            "silent: `loadgen run -c 400 ",
            "| fanfare-http1 | 2.00 KiB | 1.00 x | 15.0 µs | 1.00 x | 1.50 µs | 1.00 x | 25.0 ms | PASS |",
            "| fanfare-https1 | 20.0 KiB | 10.00 x | 45.0 µs | 3.00 x | 4.50 µs | 3.00 x | 25.0 ms | PASS |",
            "| nchan-https1 | – | – | – | – | – | – | – | no result |",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
}

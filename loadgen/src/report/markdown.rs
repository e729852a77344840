//! Markdown for a pull request: the verdict in a line, one compact table, the rest to unfold.
//!
//! With several runs there is a row for each and one for the median. Names are escaped, so that
//! none can break the table or smuggle in markup.

use std::fmt::Write as _;

use crate::result::{ResultFile, Run};

use super::runs::KeyFigures;
use super::wording;
use crate::numbers;

/// All runs of a file. What is said at length is said of the worst, the last of those as bad: a
/// good run does not undo a bad one.
pub(crate) fn markdown(file: &ResultFile) -> String {
    let numbered = file.runs.iter().enumerate();
    let Some((at, worst)) = numbered.max_by_key(|(_, run)| run.verdict.outcome) else {
        return "No runs in this file.\n".to_owned();
    };
    let mut text = heading(worst);
    if file.runs.len() > 1 {
        let _ = writeln!(text, "This is run {} of {}.\n", at + 1, file.runs.len());
    }
    table(&mut text, file, worst);
    correctness(&mut text, worst);
    slos(&mut text, worst);
    details(&mut text, worst);
    text
}

fn heading(run: &Run) -> String {
    let verdict = &run.verdict;
    let mut text = format!(
        "### {} {}: {}\n\n{} (exit code {})\n\n",
        wording::sign(verdict.outcome),
        escaped(&run.name),
        wording::outcome(verdict.outcome),
        escaped(&verdict.headline),
        verdict.exit_code,
    );
    for reason in &verdict.reasons {
        let _ = writeln!(text, "- {}", escaped(reason));
    }
    text + if verdict.reasons.is_empty() { "" } else { "\n" }
}

fn table(text: &mut String, file: &ResultFile, worst: &Run) {
    let keys: Vec<KeyFigures> = file.runs.iter().map(KeyFigures::of).collect();
    let cpu = keys.iter().any(|key| key.server_cpu_us.is_some());
    text.push_str("| Run | Verdict | Deliveries/s | p50 | p99 | Delivery ratio |");
    text.push_str(if cpu { " Server CPU/delivery |\n" } else { "\n" });
    text.push_str("|:--|:--|--:|--:|--:|--:|");
    text.push_str(if cpu { "--:|\n" } else { "\n" });
    for (at, key) in keys.iter().enumerate() {
        row(text, &(at + 1).to_string(), key, cpu);
    }
    if keys.len() > 1 {
        row(text, "median", &KeyFigures::median(&keys), cpu);
    }
    if file.runs.iter().any(|run| run.environment.loopback) {
        text.push_str(
            "\nMeasured over loopback: no network between, and the server and loadgen share the CPU.\n",
        );
    }
    if let Some(sentence) = wording::difference(worst) {
        let _ = writeln!(text, "\n{sentence}");
    }
}

fn row(text: &mut String, name: &str, key: &KeyFigures, cpu: bool) {
    let or_absent = |figure: Option<String>| figure.unwrap_or_else(|| numbers::ABSENT.to_owned());
    let _ = write!(
        text,
        "| {name} | {} | {} | {} | {} | {} |",
        key.outcome.map_or("", wording::outcome),
        or_absent(key.per_second.map(numbers::number)),
        numbers::ms_or_absent(key.p50_ms),
        numbers::ms_or_absent(key.p99_ms),
        or_absent(key.reach.map(numbers::percent)),
    );
    if cpu {
        let us = key.server_cpu_us.map(|us| format!("{} µs", numbers::number(us)));
        let _ = write!(text, " {} |", or_absent(us));
    }
    text.push('\n');
}

fn correctness(text: &mut String, run: &Run) {
    let counts = wording::correctness(run);
    let is_faultless = counts.iter().all(|counted| !counted.fault || counted.count == 0);
    let found: Vec<String> = counts
        .iter()
        .filter(|counted| counted.count > 0)
        .map(|counted| {
            let weight = if counted.fault { "**" } else { "" };
            format!("{weight}{} {}{weight}", numbers::count(counted.count), counted.name)
        })
        .collect();
    let mut found = found;
    if is_faultless {
        found.insert(0, escaped(&wording::faultless(run)));
    }
    let found = found.join(", ");
    let _ = writeln!(text, "\nCorrectness: {found}.");
}

fn slos(text: &mut String, run: &Run) {
    if run.slos.is_empty() {
        return;
    }
    text.push_str("\n| SLO | Measured | |\n|:--|:--|:--|\n");
    for slo in &run.slos {
        let measured = slo.measured.as_deref().unwrap_or("could not be measured");
        let met = if slo.met { "✓ met" } else { "✗ missed" };
        let _ = writeln!(text, "| {} | {} | {met} |", escaped(&slo.expression), escaped(measured));
    }
}

fn details(text: &mut String, run: &Run) {
    let machine = &run.environment;
    let facts = [
        ("loadgen", machine.loadgen.clone()),
        ("command", machine.command.join(" ")),
        (
            "CPU",
            match machine.cores {
                0 => machine.cpu.clone(),
                cores => format!("{} ({} usable)", machine.cpu, numbers::quantity(cores, "core")),
            },
        ),
        ("memory", if machine.memory > 0 { numbers::size(machine.memory) } else { String::new() }),
        ("kernel", machine.kernel.clone()),
        ("clock", run.delivery.clock.clone()),
        ("server", run.subscribers.server_header.clone().unwrap_or_default()),
    ];
    text.push_str("\n<details><summary>Environment</summary>\n\n| | |\n|:--|:--|\n");
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let _ = writeln!(text, "| {name} | {} |", escaped(fact));
    }
    text.push_str("\n</details>\n\n<details><summary>Settings</summary>\n\n| | |\n|:--|:--|\n");
    for (name, value) in &run.settings {
        let _ = writeln!(text, "| {} | {} |", escaped(name), escaped(&value.to_string()));
    }
    text.push_str("\n</details>\n");
}

/// As text that Markdown shows letter by letter, on one line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '#' | '!' => {
                safe.push('\\');
                safe.push(letter);
            }
            // A mention would notify the account of that name.
            '@' => safe.push_str("&#64;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_first_line_is_the_verdict() {
        let text = markdown(&sample::file(1));
        assert!(text.starts_with("### ✗ "), "{text}");
        assert!(
            text.lines().next().is_some_and(|line| line.ends_with("FAIL: wrong deliveries")),
            "{text}"
        );
    }

    #[test]
    fn a_good_run_does_not_undo_a_bad_one() {
        let mut file = sample::file(2);
        file.runs.reverse();
        let text = markdown(&file);
        assert!(
            text.lines().next().is_some_and(|line| line.ends_with("FAIL: wrong deliveries")),
            "{text}"
        );
        assert!(text.contains("This is run 1 of 2."), "{text}");
    }

    #[test]
    fn several_runs_have_a_row_each_and_a_median() {
        let text = markdown(&sample::file(3));
        for row in ["| 1 |", "| 2 |", "| 3 |", "| median |"] {
            assert_eq!(text.lines().filter(|line| line.starts_with(row)).count(), 1, "{text}");
        }
        assert!(!markdown(&sample::file(1)).contains("median"));
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        let text = markdown(&sample::file(2));
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut head = None;
        for line in text.lines() {
            head = line.starts_with('|').then(|| head.unwrap_or_else(|| cells(line)));
            assert!(head.is_none_or(|head| head == cells(line)), "{line}");
        }
    }

    #[test]
    fn a_name_cannot_smuggle_in_markup() {
        let mut file = sample::file(1);
        file.runs[0].name = "a|b\n<img src=x> @someone".to_owned();
        let text = markdown(&file);
        assert!(text.contains("a\\|b &lt;img src=x&gt; &#64;someone"), "{text}");
    }

    #[test]
    fn a_file_without_runs_says_so() {
        assert!(markdown(&sample::file(0)).contains("No runs"));
    }

    #[test]
    fn a_run_in_which_nothing_happened_does_not_panic() {
        let text = markdown(&ResultFile { schema: String::new(), runs: vec![sample::empty()] });
        assert!(text.contains("Correctness"));
    }
}

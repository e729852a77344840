//! The table of the targets in Markdown, with the machine, the day and the commands.

use crate::format::NOTHING;
use crate::markdown::{Marks, header, row};
use crate::targets::row::{Origin, Row};

pub(crate) const MARKS: Marks = Marks {
    begin: "<!-- what follows is replaced by `make targets ARGS=--write` -->",
    end: "<!-- what is replaced by `make targets ARGS=--write` ends here -->",
};

/// Everything between the marks.
pub(crate) fn generated(rows: &[Row]) -> String {
    let mut parts = vec![table(rows), places(rows), remarks(rows), servers(rows), commands(rows)];
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn table(rows: &[Row]) -> String {
    let headings = ["", "what", "goal", "measured", "", "on"].map(str::to_owned);
    let mut lines = header(&headings);
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

fn line(target: &Row) -> String {
    let (measured, reached) = match (&target.finding, &target.origin) {
        (Some(finding), _) => {
            let reached = if finding.is_reached { "reached" } else { "missed" };
            (finding.measured.as_str(), reached)
        }
        (None, Some(_)) => ("no such figure in the results", NOTHING),
        (None, None) => ("not measured", NOTHING),
    };
    let day = target.origin.as_ref().map_or(NOTHING, |origin| origin.day.as_str());
    row(&[target.name, target.what, target.goal, measured, reached, day].map(str::to_owned))
}

/// Where it was measured; which targets where, when there are several places.
fn places(rows: &[Row]) -> String {
    let places = grouped(rows, |origin| Some(origin.place.clone()));
    said(&places, "Measured on ", "")
}

fn servers(rows: &[Row]) -> String {
    let servers = grouped(rows, |origin| Some(format!("`{}`", origin.server.clone()?)));
    said(&servers, "The server is started with ", " for each run. Each run of loadgen:")
}

/// One value is said in a sentence; several are a list that says which targets have which.
fn said(groups: &[(String, Vec<&str>)], before: &str, after: &str) -> String {
    match groups {
        [] => String::new(),
        [(value, _)] if after.is_empty() => format!("{before}{value}."),
        [(value, _)] => format!("{before}{value}{after}"),
        several => {
            let lines =
                several.iter().map(|(value, names)| format!("- {}: {value}", names.join(", ")));
            format!("{}\n\n{}", before.trim_end(), lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The values that rows have, with the targets that have them.
fn grouped(
    rows: &[Row],
    value: impl Fn(&Origin) -> Option<String>,
) -> Vec<(String, Vec<&'static str>)> {
    let mut groups: Vec<(String, Vec<&'static str>)> = Vec::new();
    for row in rows {
        let Some(value) = row.origin.as_ref().and_then(&value) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, names)) if names.contains(&row.name) => {}
            Some((_, names)) => names.push(row.name),
            None => groups.push((value, vec![row.name])),
        }
    }
    groups
}

fn remarks(rows: &[Row]) -> String {
    let lines = rows.iter().filter_map(|row| {
        let remark = row.origin.as_ref()?.remark.as_ref()?;
        Some(format!("- {}: {remark}", row.name))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn commands(rows: &[Row]) -> String {
    // The loads of the comparison stand with its tables.
    let own = rows.iter().filter(|row| row.origin.as_ref().is_some_and(|o| o.server.is_some()));
    let lines = own.flat_map(|row| {
        let commands = row.origin.iter().flat_map(|origin| &origin.commands);
        commands.map(|command| format!("- {}: `{command}`", row.name))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::judge::Finding;

    fn target(name: &'static str, is_reached: bool, place: &str) -> Row {
        Row {
            name,
            what: "what it is",
            goal: "at most 1",
            finding: Some(Finding { measured: "0.9".to_owned(), is_reached }),
            origin: Some(Origin {
                day: "2026-01-02".to_owned(),
                place: place.to_owned(),
                server: Some("fanfare --listen PORT".to_owned()),
                commands: vec!["loadgen run -c 1".to_owned()],
                remark: (!is_reached).then(|| "loadgen says INVALID: late".to_owned()),
            }),
        }
    }

    #[test]
    fn a_table_says_what_when_where_and_how() {
        let unmeasured = Row { finding: None, origin: None, ..target("P9", true, "") };
        let rows = [target("P5", true, "a machine"), target("P6", false, "a machine"), unmeasured];
        assert_eq!(
            generated(&rows),
            "|  | what | goal | measured |  | on |\n\
             |---|---|---|---|---|---|\n\
             | P5 | what it is | at most 1 | 0.9 | reached | 2026-01-02 |\n\
             | P6 | what it is | at most 1 | 0.9 | missed | 2026-01-02 |\n\
             | P9 | what it is | at most 1 | not measured | – | – |\n\n\
             Measured on a machine.\n\n\
             - P6: loadgen says INVALID: late\n\n\
             The server is started with `fanfare --listen PORT` for each run. Each run of loadgen:\n\n\
             - P5: `loadgen run -c 1`\n\
             - P6: `loadgen run -c 1`"
        );
    }

    #[test]
    fn machines_that_differ_are_told_apart() {
        let rows =
            [target("P5", true, "one"), target("P6", true, "another"), target("P7", true, "one")];
        assert_eq!(places(&rows), "Measured on\n\n- P5, P7: one\n- P6: another");
    }
}

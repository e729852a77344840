//! Results for people, for documents and for programs.

use serde_json::json;

use crate::catalogue::{Requirement, Way};
use crate::outcome::Outcome;
use crate::suite::Line;

fn sums(lines: &[Line]) -> String {
    let count = |word| lines.iter().filter(|line| line.outcome.word() == word).count();
    format!(
        "{} pass, {} fail, {} skipped, {} not testable from outside",
        count("pass"),
        count("fail"),
        count("skipped"),
        count("not testable")
    )
}

/// One line a requirement; what failed has its exchange below it.
pub fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for Line { requirement, outcome, check } in lines {
        let word = outcome.word();
        let keyword = requirement.obligation.word();
        out.push_str(&format!(
            "{word:<13} {:<8} {keyword:<7} {}\n",
            requirement.id, requirement.statement
        ));
        let indent = " ".repeat(14);
        match outcome {
            Outcome::Fail(finding) => {
                out.push_str(&format!("{indent}check     {}\n", check.unwrap_or_default()));
                out.push_str(&format!("{indent}sent      {}\n", finding.sent));
                out.push_str(&format!("{indent}expected  {}\n", finding.expected));
                out.push_str(&format!("{indent}got       {}\n", finding.came));
            }
            Outcome::Skipped { why } | Outcome::NotTestable { why } => {
                out.push_str(&format!("{indent}{why}\n"));
            }
            Outcome::Pass => {}
        }
    }
    out.push_str(&format!("\n{}\n", sums(lines)));
    out
}

/// A table that is the same for every run with the same results.
pub fn markdown(lines: &[Line]) -> String {
    let mut out = format!("{}.\n\n", sums(lines));
    out.push_str(
        "| requirement | level | section | what is demanded | result |\n|---|---|---|---|---|\n",
    );
    for Line { requirement, outcome, .. } in lines {
        let result = match outcome {
            Outcome::Skipped { why } | Outcome::NotTestable { why } => {
                format!("{}: {why}", outcome.word())
            }
            _ => outcome.word().to_owned(),
        };
        out.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            requirement.id,
            requirement.obligation.word(),
            requirement.section,
            requirement.statement,
            result.replace('|', "\\|")
        ));
    }
    out
}

pub fn json(lines: &[Line]) -> String {
    let results: Vec<_> = lines
        .iter()
        .map(|Line { requirement, outcome, check }| {
            let mut result = serde_json::to_value(outcome).unwrap_or_default();
            result["id"] = json!(requirement.id);
            result["level"] = json!(requirement.obligation.word());
            result["section"] = json!(requirement.section);
            result["statement"] = json!(requirement.statement);
            result["check"] = json!(check);
            result
        })
        .collect();
    format!("{}\n", json!({ "results": results }))
}

/// What there is to run, with nothing sent.
pub fn list(requirements: impl Iterator<Item = &'static Requirement>) -> String {
    let mut out = String::new();
    for requirement in requirements {
        let keyword = requirement.obligation.word();
        out.push_str(&format!(
            "{:<8} {keyword:<7} [{}] {}\n",
            requirement.id, requirement.section, requirement.statement
        ));
        match requirement.way {
            Way::Checks(checks) => {
                for check in checks {
                    out.push_str(&format!("{}{}\n", " ".repeat(17), check.name));
                }
            }
            Way::NotTestable(why) => {
                out.push_str(&format!("{}not testable: {why}\n", " ".repeat(17)));
            }
        }
    }
    out
}

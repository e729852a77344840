//! A target with what was found, and where it was found.

use std::path::Path;

use crate::compare::Standing;
use crate::machine;
use crate::result::RunResult;
use crate::summary::Outcome;
use crate::targets::judge::Finding;
use crate::targets::record;
use crate::targets::target::{PublishTarget, Runs, Source, Target};

/// What the table shows of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) goal: &'static str,
    /// Nothing when the results lack the figure.
    pub(crate) finding: Option<Finding>,
    /// Nothing when it was not measured.
    pub(crate) origin: Option<Origin>,
}

/// Where and how it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    pub(crate) day: String,
    /// The machine and the version.
    pub(crate) place: String,
    /// How the server was started; nothing when the comparison says it.
    pub(crate) server: Option<String>,
    /// How loadgen was called, each once.
    pub(crate) commands: Vec<String>,
    /// Why a run did not pass, in loadgen's words.
    pub(crate) remark: Option<String>,
}

/// The row of a target, from the files of its runs or from the last comparison.
pub(crate) fn of(
    target: &Target,
    results: &Path,
    standing: Option<&Standing>,
) -> anyhow::Result<Row> {
    let (finding, origin) = match &target.source {
        Source::Comparison(judge) => {
            let origin = standing.and_then(|standing| {
                let commands = std::slice::from_ref(&standing.command);
                origin(&standing.runs, standing.version.as_deref(), None, commands)
            });
            (standing.and_then(judge), origin)
        }
        Source::Runs(Runs { judge, .. }) | Source::Publishing(PublishTarget { judge, .. }) => {
            match record::read(results, target.key)? {
                None => (None, None),
                Some((record, evidence)) => {
                    let (version, server) = (record.version.as_deref(), Some(record.server));
                    let origin = origin(&evidence.runs, version, server, &record.commands);
                    (judge(&evidence), origin)
                }
            }
        }
    };
    Ok(Row { name: target.key, what: target.what, goal: target.goal, finding, origin })
}

fn origin(
    runs: &[RunResult],
    version: Option<&str>,
    server: Option<String>,
    commands: &[String],
) -> Option<Origin> {
    let first = runs.first()?;
    let version = version.unwrap_or("of an unknown version");
    let mut commands = commands.to_vec();
    // Rounds in turn repeat them.
    let mut seen = std::collections::BTreeSet::new();
    commands.retain(|command| seen.insert(command.clone()));
    Some(Origin {
        day: machine::day(first).to_owned(),
        place: format!("{}, Fanfare {version}", machine::describe(&first.machine)),
        server,
        commands,
        remark: remark(runs),
    })
}

fn remark(runs: &[RunResult]) -> Option<String> {
    let rounds: Vec<_> = runs.iter().map(Some).collect();
    let outcome = Outcome::of(&rounds).filter(|outcome| !outcome.is_pass())?;
    let count = if outcome.of == 1 {
        String::new()
    } else {
        format!(", {} of {} runs", outcome.rounds, outcome.of)
    };
    // Without the advice, which is for the caller of loadgen.
    let reasons = outcome.reasons.iter().filter_map(|reason| reason.split("; try ").next());
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    Some(format!("loadgen says {}{count}: {reasons}", outcome.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_not_measured_has_a_row_without_figures() {
        let folder = tempfile::tempdir().expect("a folder");
        for target in crate::targets::list::all() {
            let row = of(&target, folder.path(), None).expect("no files are no fault");
            assert_eq!((row.finding, row.origin), (None, None), "{}", target.id);
        }
    }

    #[test]
    fn commands_of_rounds_are_said_once_and_runs_that_were_not_fine_are_named() {
        let run = |outcome: &str, reason: &str| RunResult {
            started_at: "2026-01-02T03:04:05Z".to_owned(),
            outcome: outcome.to_owned(),
            reasons: vec![reason.to_owned()],
            ..RunResult::default()
        };
        let runs = [run("fine", ""), run("invalid", "it was late; try another")];
        let commands = ["a", "b", "a", "b"].map(str::to_owned);
        let origin = origin(&runs, Some("1.0"), None, &commands).expect("runs");
        assert_eq!(
            (origin.day.as_str(), origin.commands),
            ("2026-01-02", vec!["a".into(), "b".into()])
        );
        assert_eq!(
            origin.remark.as_deref(),
            Some("loadgen says INVALID, 1 of 2 runs: it was late")
        );
    }
}

//! What the runs of a target leave in files: loadgen's results, and beside them what is not in
//! those.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::result;
use crate::targets::judge::Evidence;
use crate::targets::own::OwnFigures;

/// What is not in loadgen's results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of the server.
    pub(crate) version: Option<String>,
    /// How the server was started.
    pub(crate) server: String,
    /// How loadgen was called, run by run.
    pub(crate) commands: Vec<String>,
    #[serde(default)]
    pub(crate) own: OwnFigures,
}

/// Where loadgen leaves the result of a run, which are counted from one.
pub(crate) fn result_file(folder: &Path, key: &str, run: usize) -> PathBuf {
    folder.join(format!("{key}-{run}.json"))
}

/// Where another loadgen leaves its result that replays during the same run.
pub(crate) fn replays_file(folder: &Path, key: &str, run: usize) -> PathBuf {
    folder.join(format!("{key}-{run}-replays.json"))
}

fn record_file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

impl Record {
    pub(crate) fn save(&self, folder: &Path, key: &str) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(record_file(folder, key), text).context("writing what was measured")
    }
}

/// Forgets a former measurement, so that one that is interrupted is not shown as a whole one.
pub(crate) fn forget(folder: &Path, key: &str) -> anyhow::Result<()> {
    let file = record_file(folder, key);
    if file.exists() { fs::remove_file(file).context("removing a former record") } else { Ok(()) }
}

/// What was left; nothing when the target was not measured to its end.
pub(crate) fn read(folder: &Path, key: &str) -> anyhow::Result<Option<(Record, Evidence)>> {
    let file = record_file(folder, key);
    if !file.exists() {
        return Ok(None);
    }
    let broken = || format!("{} is no record of a target; remove it", file.display());
    let record: Record = serde_json::from_str(&fs::read_to_string(&file)?).with_context(broken)?;
    let runs = (1..=record.commands.len()).map(|run| result::read(&result_file(folder, key, run)));
    let runs = runs.collect::<anyhow::Result<_>>()?;
    let evidence = Evidence { runs, own: record.own.clone() };
    Ok(Some((record, evidence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let record = Record { server: "fanfare".to_owned(), ..Record::default() };
        record.save(folder.path(), "P5").expect("it is written");
        let (read_again, evidence) = read(folder.path(), "P5").expect("a record").expect("one");
        assert_eq!((read_again, evidence.runs), (record, Vec::new()));
        forget(folder.path(), "P5").expect("it is removed");
        assert!(read(folder.path(), "P5").expect("no record").is_none());
        forget(folder.path(), "P5").expect("nothing to remove");
    }
}

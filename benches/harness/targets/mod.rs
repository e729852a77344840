//! What Fanfare is meant to reach: each target is measured by loadgen against a fresh server,
//! judged, and shown as a row of the table in `docs/benchmarks.md`.
//!
//! In reading order: `list` has all targets with their loads, and `disk` those of the log on disk;
//! `measure` runs them, `record` keeps what was found, `judge` says whether it is enough, `table` shows it.
//! What loadgen cannot know, the harness measures itself: `response_times` is how fast other requests get
//! their responses meanwhile, `restart` how fast the next server opens its log, `replays` what another
//! loadgen reads from the disk, `publishing` what a log does without HTTP.

mod disk;
mod judge;
mod list;
mod loads;
mod measure;
mod own;
mod publishing;
mod record;
mod replays;
mod response_times;
mod restart;
mod row;
mod serve;
mod table;
mod target;

use std::fs;

use anyhow::{Context as _, bail};

use crate::compare;
use crate::places::Places;
use crate::progress::{say, show};
use crate::targets::row::Row;
use crate::targets::target::Target;

/// What Fanfare is meant to reach, each target with a row of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Only these targets, for instance P7 P9-posts
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Write the table of docs/benchmarks.md too, which needs a result of every target
    #[arg(long)]
    write: bool,
    /// Measures nothing, and shows the results that are there
    #[arg(long)]
    render: bool,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let all = list::all();
    let chosen = chosen(&all, &flags.targets)?;
    let results = places.results().join("targets");
    let failed =
        if flags.render { Vec::new() } else { measure::measure(places, &results, &chosen)? };
    let standing = compare::last(places);
    let rows = |targets: &[&Target]| -> anyhow::Result<Vec<Row>> {
        targets.iter().map(|target| row::of(target, &results, standing.as_ref())).collect()
    };
    show(&format!("\n{}", table::generated(&rows(&chosen)?)))?;
    if !failed.is_empty() {
        bail!("{} could not be measured; see above", failed.join(", "));
    }
    if flags.write {
        write(places, &rows(&all.iter().collect::<Vec<_>>())?)?;
    }
    Ok(())
}

/// The page is of all targets or of none: a row that is left over from another day or machine would
/// not be noticed.
fn write(places: &Places, rows: &[Row]) -> anyhow::Result<()> {
    let missing: Vec<_> = rows.iter().filter(|row| row.finding.is_none()).collect();
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(|row| row.name).collect();
        bail!(
            "the table is not written, because there is no figure of {}; P1 and P2 are of `make compare`",
            missing.join(", ")
        );
    }
    let path = places.page();
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    fs::write(&path, table::MARKS.replace(&page, &table::generated(rows))?)?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// Those with the ids or keys that were given, in the order of the list; all when none was.
fn chosen<'a>(all: &'a [Target], names: &[String]) -> anyhow::Result<Vec<&'a Target>> {
    let has = |one: &Target, name: &String| one.id == name || one.key == name;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|one| has(one, name))) {
        let known: Vec<_> = all.iter().map(|target| target.key).collect();
        bail!("{unknown} is not a target; choose of {}", known.join(", "));
    }
    let is_chosen = |one: &&Target| names.is_empty() || names.iter().any(|name| has(one, name));
    Ok(all.iter().filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_target_is_chosen_by_its_whole_name() {
        let all = list::all();
        let keys = |names: &[&str]| -> Option<Vec<&str>> {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            Some(chosen(&all, &names).ok()?.iter().map(|target| target.key).collect())
        };
        assert_eq!(keys(&["P12", "P1"]), Some(vec!["P1", "P12"]));
        assert_eq!(keys(&["P9"]), Some(vec!["P9-posts", "P9-ndjson"]));
        assert_eq!(keys(&[]).map(|all| all.len()), Some(all.len()));
        assert_eq!(keys(&["P9-ndjson"]), Some(vec!["P9-ndjson"]));
        assert_eq!(keys(&["P3", "P4-disk"]), Some(vec!["P3", "P3-disk", "P4-disk"]));
        assert_eq!(keys(&["P13"]), None);
    }

    #[test]
    fn the_page_in_the_repository_has_the_targets_and_goals_of_the_list() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let page = fs::read_to_string(page).expect("the page");
        table::MARKS.replace(&page, "").expect("its marks");
        for target in list::all() {
            let cells = format!("| {} | {} | {} |", target.key, target.what, target.goal);
            assert!(page.contains(&cells), "no row begins with {cells}");
        }
    }
}

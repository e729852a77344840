//! Fanfare beside its competitors: starts one server after the other on loopback, in turn and for several
//! rounds, measures each with `loadgen`, and writes `docs/benchmarks.md` and its plots.
//!
//! In reading order: `competitors` says who is compared and how each is started, `shapes` what is asked
//! of them; `server` is one of them while it runs, `rounds` goes through all. What loadgen wrote is
//! read by `figures`, added up by `summary`, and shown by `page`, `tables` and `plot`. Nothing here
//! measures: it is loadgen that does.

mod competitors;
mod figures;
mod format;
mod page;
mod plot;
mod rounds;
mod server;
mod session;
mod shapes;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
mod versions;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use competitors::Competitor;
use shapes::Shape;

/// Measures Fanfare and its competitors in turn, and writes the tables and plots.
#[derive(Debug, Parser)]
struct Flags {
    /// How often each server is measured in each shape [default: 3, or 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: Option<u32>,
    /// Only these servers; Fanfare is what the others are compared with
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these shapes
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    shapes: Vec<String>,
    /// Few subscribers and little time, to try it; the page is written beside the results
    #[arg(long)]
    quick: bool,
    /// Measures nothing, and writes the page anew from the results that are there
    #[arg(long)]
    render: bool,
    /// Where the programs of Fanfare are [default: where this one is]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// The repository
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    repository: PathBuf,
}

/// Where things are.
#[derive(Debug)]
struct Places {
    programs: PathBuf,
    competitors: PathBuf,
    results: PathBuf,
    /// Where the words around the tables come from.
    words: PathBuf,
    page: PathBuf,
    plots: PathBuf,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    let places = places(flags)?;
    let competitors =
        chosen(&competitors::all(), &flags.only, |competitor: &Competitor| competitor.name)?;
    let shapes = chosen(&shapes::all(flags.quick), &flags.shapes, |shape: &Shape| shape.name)?;
    if !flags.render {
        let rounds = flags.rounds.unwrap_or(if flags.quick { 1 } else { 3 });
        rounds::measure(&places, &competitors, &shapes, rounds)?;
    }
    let session = session::read(&places.results)?;
    page::write(&places, &session)?;
    say(&format!("written: {}", places.page.display()));
    Ok(())
}

fn places(flags: &Flags) -> anyhow::Result<Places> {
    let root = flags.repository.canonicalize().with_context(|| {
        format!("no folder {}; say where the repository is", flags.repository.display())
    })?;
    let programs = match &flags.programs {
        Some(folder) => folder
            .canonicalize()
            .with_context(|| format!("no folder {}; build the programs first", folder.display()))?,
        None => std::env::current_exe()?.parent().context("no folder of this program")?.into(),
    };
    let results = root.join("benches/results");
    let results = if flags.quick { results.join("quick") } else { results };
    // What was only tried must not replace what was measured.
    let docs = if flags.quick { results.clone() } else { root.join("docs") };
    let competitors = root.join("benches/competitors");
    Ok(Places {
        programs,
        competitors,
        results,
        words: root.join("docs/benchmarks.md"),
        page: docs.join("benchmarks.md"),
        plots: docs.join("benchmarks"),
    })
}

/// Those with the names that were asked for, in the order of the list; all when none was.
fn chosen<T: Clone>(
    all: &[T],
    names: &[String],
    name_of: impl Fn(&T) -> &'static str,
) -> anyhow::Result<Vec<T>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|one| name_of(one) != **name)) {
        let known: Vec<_> = all.iter().map(&name_of).collect();
        anyhow::bail!("{unknown} is not known; choose of {}", known.join(", "));
    }
    let is_chosen = |one: &&T| names.is_empty() || names.iter().any(|name| name == name_of(one));
    Ok(all.iter().filter(is_chosen).cloned().collect())
}

/// A line for whoever waits.
fn say(line: &str) {
    // Whoever closed the terminal does not want to know.
    let _ = writeln!(std::io::stderr(), "compare: {line}");
}

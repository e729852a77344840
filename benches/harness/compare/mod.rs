//! Fanfare beside its competitors: one server after the other on loopback, in turn and for several
//! rounds, and then `docs/benchmarks.md` and its plots.
//!
//! In reading order: `competitors` says which servers are compared and how each is started,
//! `shapes` which load each gets, `rounds` goes through all. `session` is what was measured, and is
//! shown by `page` with `origin`, `ratios`, `charts` and `tables`.

mod charts;
mod competitors;
mod figures;
mod files;
mod origin;
mod page;
mod plot;
mod ratios;
mod rounds;
mod rows;
mod session;
mod shapes;
mod standing;
mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod versions;

pub(crate) use crate::compare::competitors::{
    Absent, MERCURE, NCHAN, PLAIN, Urls, built, configured, fetched, mercure_with,
    nchan_that_listens, nchan_with,
};
pub(crate) use crate::compare::ratios::Beside;
pub(crate) use crate::compare::standing::{Standing, last};

use crate::compare::competitors::Competitor;
use crate::compare::files::Files;
use crate::compare::shapes::Shape;
use crate::places::Places;
use crate::progress::say;

/// Fanfare and its competitors in turn; writes the tables and plots
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
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
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let files = Files::of(places, flags.quick);
    let competitors = chosen(&competitors::all(), &flags.only, |one: &Competitor| one.name)?;
    let shapes = chosen(&shapes::all(flags.quick), &flags.shapes, |shape: &Shape| shape.name)?;
    if !flags.render {
        let rounds = flags.rounds.unwrap_or(if flags.quick { 1 } else { 3 });
        rounds::measure(places, &files.results, &competitors, &shapes, rounds)?;
    }
    let session = session::read(&files.results)?;
    page::write(&files, &session)?;
    say(&format!("written: {}", files.page.display()));
    Ok(())
}

/// Those with the names that were given, in the order of the list; all when none was.
pub(crate) fn chosen<T: Clone>(
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

//! What TLS costs: memory and CPU of a stream over HTTP/1.1 and HTTP/2, beside the same stream without
//! TLS, and beside nginx with nchan.
//!
//! The kinds of server take turns under the same load, round after round, so that what else the machine
//! does falls on all of them alike. In reading order: `kinds` says what is compared and how each is
//! started, `measure` runs it, with a certificate that `certificate` makes; `table` shows it.

mod certificate;
mod kinds;
mod measure;
mod table;

use std::fs;

use crate::compare::chosen;
use crate::places::Places;
use crate::progress::{say, show};
use crate::secured::kinds::{Kind, Load};

/// What TLS costs, beside plain HTTP and nginx with nchan
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// How often each kind of server is measured under each load
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Only these kinds of server; the ratios are to the plain HTTP/1.1 of the same server
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Few subscribers and little time, to try it
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let kinds = chosen(&kinds::KINDS, &flags.only, |kind: &Kind| kind.name)?;
    let loads = Load::all(flags.quick);
    let measured = measure::measure(places, &kinds, &loads, flags.rounds)?;
    let table = table::generated(&measured, &loads);
    let file = measure::results(places).join("table.md");
    fs::write(&file, &table)?;
    show(&format!("\n{table}"))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}

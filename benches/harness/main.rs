//! The measuring harness: starts a server, waits until it serves, has `loadgen` measure it, reads
//! loadgen's result file, and ends the server. Nothing here measures by itself but for the few
//! figures that loadgen cannot know; it is loadgen that does.
//!
//! `compare` measures Fanfare beside its competitors, `targets` what Fanfare is meant to reach,
//! `overhead` what metrics, logs and traces cost, `secured` what TLS does, `durable` what the disk
//! does, and `cluster` what happens to servers with a shared log when parts of it fail; `scale` is
//! a model of clusters that are larger than this machine. What they share, in reading order: `places` says
//! where things are, `bench` goes through a run, `server` starts one server out of a `process`,
//! `loadgen` runs the load, `result` reads what it wrote; `summary`, `format` and `markdown` make
//! text of it.

mod bench;
mod cluster;
mod compare;
mod durable;
mod fanfare;
mod format;
mod http;
mod loadgen;
mod machine;
mod markdown;
mod opening;
mod overhead;
mod places;
mod ports;
mod process;
mod programs;
mod progress;
mod result;
mod retained;
mod scale;
mod secured;
mod server;
mod summary;
mod summary_line;
mod targets;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::places::PlaceFlags;

/// Measures Fanfare with loadgen, on this machine and over loopback.
#[derive(Debug, Parser)]
#[command(name = "harness")]
struct Flags {
    #[command(subcommand)]
    measurement: Measurement,
    #[command(flatten)]
    places: PlaceFlags,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    Compare(compare::Flags),
    Targets(targets::Flags),
    Overhead(overhead::Flags),
    Secured(secured::Flags),
    Durable(durable::Flags),
    Scale(scale::Flags),
    Cluster(cluster::Flags),
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    let places = flags.places.find()?;
    match &flags.measurement {
        Measurement::Compare(flags) => compare::run(flags, &places),
        Measurement::Targets(flags) => targets::run(flags, &places),
        Measurement::Overhead(flags) => overhead::run(flags, &places),
        Measurement::Secured(flags) => secured::run(flags, &places),
        Measurement::Durable(flags) => durable::run(flags, &places),
        Measurement::Scale(flags) => scale::run(flags, &places),
        Measurement::Cluster(flags) => cluster::run(flags, &places),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Flags;

    #[test]
    fn the_flags_of_all_measurements_fit_together() {
        Flags::command().debug_assert();
    }
}

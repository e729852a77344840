//! What it costs to keep events on the disk: publishers that each wait for their event to be confirmed,
//! at the log itself, without HTTP, beside a loop that does nothing but write and sync a file in the same
//! groups.
//!
//! The two take turns, round after round, so that what else the machine and its disk do falls on both
//! alike. In reading order: `publish` runs the publishers, `file_loop` is what the log is measured
//! against, `in_turn` measures both; `reopen` measures how long a log takes to open, `page` writes their part
//! of `docs/benchmarks.md`; `beside` measures whole servers, of Fanfare and of other products.

mod beside;
mod file_loop;
mod in_turn;
mod page;
mod publish;
mod reopen;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use fanfare::log::SyncMode;

use crate::format::{count, number, ranged};
use crate::places::Places;
use crate::progress::{say, show};

pub(crate) use in_turn::measure as measure_in_turn;
pub(crate) use publish::Publishers;

/// What keeping events on the disk costs, beside a bare file
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// How many seconds each measurement takes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How many publishers wait at the same time
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 64, 1_024])]
    publishers: Vec<usize>,
    /// How many events one publisher sends at once, measured beside those that send single ones
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [64, 256],
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batches: Vec<u64>,
    /// Folder on the disk that is measured
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure opening with so many retained events instead; several apart by commas
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    open: Vec<u64>,
    /// Write the part of docs/benchmarks.md too: that of the competitors, or that of all other
    /// measurements, which needs a table of each
    #[arg(long, conflicts_with = "only")]
    write: bool,
    /// Measures nothing; with --write, the page is written from the tables that are there
    #[arg(long, conflicts_with = "competitors")]
    render: bool,
    #[command(flatten)]
    beside: beside::BesideFlags,
}

/// The modes of the log that are measured, by their names.
const MODES: [(&str, SyncMode); 3] = [
    ("always", SyncMode::Always),
    ("interval=100ms", SyncMode::Interval(Duration::from_millis(100))),
    ("never", SyncMode::Never),
];

pub(crate) fn run(flags: &Flags, places: &Places) -> anyhow::Result<()> {
    let folder = flags.folder.clone().unwrap_or_else(|| page::results(places).join("run"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if flags.beside.competitors {
        return beside::run(flags, places, &folder);
    }
    if !flags.render {
        measure(flags, places, &folder)?;
    }
    if flags.write { page::write(places) } else { Ok(()) }
}

fn measure(flags: &Flags, places: &Places, folder: &Path) -> anyhow::Result<()> {
    warn_of_debug_build();
    let (part, rounds, table) = if flags.open.is_empty() {
        (page::PUBLISHING, flags.rounds, publishing(flags, folder)?)
    } else {
        (page::OPENING, reopen::ROUNDS, reopen::measure(&flags.open, places, folder)?)
    };
    let text = page::described(rounds, places, folder, &table);
    page::save(part, places, &text)?;
    show(&format!("\n{text}"))?;
    Ok(())
}

/// The log is part of this program here, and what it costs is not what the compiler could make of it.
pub(crate) fn warn_of_debug_build() {
    if cfg!(debug_assertions) {
        say("this is a debug build, whose figures mean nothing; build with --release");
    }
}

fn publishing(flags: &Flags, folder: &Path) -> anyhow::Result<String> {
    let mut table = String::from(
        "| publishers | events at once | sync | log, events/s | p50 | p99 | bare file, events/s | log / bare |\n|---|---|---|---|---|---|---|---|\n",
    );
    let length = Duration::from_secs(flags.seconds);
    let single = flags.publishers.iter().map(|&count| Publishers::of_single_events(count));
    let batches = flags.batches.iter().map(|&batch| Publishers { count: 1, batch });
    for publishers in single.chain(batches) {
        for (name, sync) in MODES {
            let rounds = in_turn::measure(folder, publishers, sync, flags.rounds, length)?;
            let (log, file) = (rounds.log(), rounds.file());
            table += &format!(
                "| {} | {} | `{name}` | {} | {:.2} ms | {:.2} ms | {} | {} |\n",
                count(publishers.count as f64),
                count(publishers.batch as f64),
                count(log.per_second),
                log.p50.as_secs_f64() * 1e3,
                log.p99.as_secs_f64() * 1e3,
                count(file.per_second),
                ranged(rounds.ratio(), "x", number),
            );
        }
    }
    Ok(table)
}

//! What it costs to keep events on the disk: publishers that each wait for their event to be confirmed,
//! at the log itself, without HTTP, beside a loop that does nothing but write and sync a file in the same
//! groups.
//!
//! The two take turns, round after round, so that what else the machine and its disk do falls on both
//! alike. In reading order: `publish` runs the publishers, `file_loop` is what the log is measured
//! against; `reopen` measures how long a log takes to open; `beside` measures whole servers, of Fanfare
//! and of other products.

mod beside;
mod file_loop;
mod publish;
mod reopen;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fanfare::clock::Clock;
use fanfare::log::{FileLog, FileLogSettings, SyncMode};

use crate::places::Places;
use crate::progress::{say, show};
use file_loop::FileLoop;
use publish::{Appender, Published};

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
    /// Folder on the disk that is measured
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Measure opening with so many retained events instead; several apart by commas
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    open: Vec<u64>,
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
    let folder = flags.folder.clone().unwrap_or_else(|| places.results().join("durable"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let table = if flags.beside.competitors {
        beside::run(&flags.beside, flags, places, &folder)?
    } else if flags.open.is_empty() {
        publishing(flags, &folder)?
    } else {
        reopen::measure(&flags.open, &folder)?
    };
    let file = folder.join("table.md");
    fs::write(&file, &table)?;
    show(&format!("\n{table}"))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}

fn publishing(flags: &Flags, folder: &Path) -> anyhow::Result<String> {
    let mut table = String::from(
        "| publishers | sync | log, events/s | p50 | p99 | bare file, events/s | log / bare |\n|---|---|---|---|---|---|---|\n",
    );
    let length = Duration::from_secs(flags.seconds);
    for &publishers in &flags.publishers {
        for (name, sync) in MODES {
            let (mut of_log, mut of_loop) = (Vec::new(), Vec::new());
            for round in 1..=flags.rounds {
                say(&format!("{publishers} publishers, {name}: round {round} of {}", flags.rounds));
                let log = Arc::new(open(&folder.join("log"), sync)?);
                of_log.push(publish::measure(&log, publishers, length)?);
                // It writes until then.
                drop(log);
                fs::remove_dir_all(folder.join("log"))?;
                let file = Arc::new(FileLoop::start(&folder.join("file"), sync)?);
                of_loop.push(publish::measure(&file, publishers, length)?);
                fs::remove_file(folder.join("file"))?;
            }
            let (log, file) = (median(of_log), median(of_loop));
            table += &format!(
                "| {publishers} | `{name}` | {:.0} | {:.2} ms | {:.2} ms | {:.0} | {:.2} |\n",
                log.per_second,
                log.p50.as_secs_f64() * 1e3,
                log.p99.as_secs_f64() * 1e3,
                file.per_second,
                log.per_second / file.per_second,
            );
        }
    }
    Ok(table)
}

fn open(folder: &Path, sync: SyncMode) -> anyhow::Result<FileLog> {
    let settings = FileLogSettings {
        events_max: 1_000_000,
        bytes_max: 2 << 30,
        age_max: Duration::from_secs(24 * 60 * 60),
        memory_max: 256 << 20,
        sync,
    };
    Ok(FileLog::open(folder, settings, Clock::system())?)
}

/// The round in the middle, by events a second.
fn median(mut rounds: Vec<Published>) -> Published {
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    rounds[rounds.len() / 2].clone()
}

impl Appender for FileLog {
    async fn append_one(&self, number: u64) -> bool {
        let results = fanfare::log::Log::append(self, vec![publish::event(number)]).await;
        results.iter().all(Result::is_ok)
    }
}

//! How long a log takes to open.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use fanfare::clock::Clock;
use fanfare::log::{FileLog, FileLogSettings, Log as _, SyncMode};

use super::publish::event;
use crate::progress::say;

/// How many events are appended at once.
const BATCH: u64 = 1_000;
/// How often it is opened.
const ROUNDS: usize = 5;

pub(super) fn measure(counts: &[u64], folder: &Path) -> anyhow::Result<String> {
    let folder = folder.join("log");
    let mut table = String::from("| events | on disk | open |\n|---|---|---|\n");
    for &count in counts {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fill(count, &folder)?;
        let mut rounds = Vec::new();
        for round in 1..=ROUNDS {
            say(&format!("{count} events: opening {round} of {ROUNDS}"));
            let began = Instant::now();
            let log = FileLog::open(&folder, settings(), Clock::system())?;
            let took = began.elapsed();
            ensure!(log.bounds().events as u64 == count, "{:?} of {count}", log.bounds());
            rounds.push(took);
            tokio::runtime::Runtime::new()?.block_on(log.close());
        }
        rounds.sort_unstable();
        table += &format!(
            "| {count} | {:.0} MiB | {:.3} s |\n",
            bytes_of(&folder)? as f64 / f64::from(1 << 20),
            rounds[ROUNDS / 2].as_secs_f64(),
        );
    }
    fs::remove_dir_all(&folder)?;
    Ok(table)
}

fn settings() -> FileLogSettings {
    FileLogSettings {
        events_max: usize::MAX,
        bytes_max: 1 << 40,
        age_max: Duration::from_secs(365 * 24 * 60 * 60),
        memory_max: 256 << 20,
        sync: SyncMode::Never,
    }
}

fn fill(count: u64, folder: &Path) -> anyhow::Result<()> {
    let log = FileLog::open(folder, settings(), Clock::system())?;
    tokio::runtime::Runtime::new()?.block_on(async {
        for first in (0..count).step_by(BATCH as usize) {
            let numbers = first..count.min(first + BATCH);
            let results = log.append(numbers.map(event).collect()).await;
            ensure!(results.iter().all(Result::is_ok), "an event was not confirmed");
        }
        log.close().await;
        Ok(())
    })
}

fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

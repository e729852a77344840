//! The log and the bare file in turn, round after round.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fanfare::clock::Clock;
use fanfare::log::{FileLog, FileLogSettings, Log, SyncMode};

use super::file_loop::FileLoop;
use super::publish::{self, Appender, Published, Publishers};
use crate::progress::say;
use crate::summary::Spread;

/// What each round came to.
#[derive(Debug)]
pub(crate) struct LogRounds {
    log: Vec<Published>,
    file: Vec<Published>,
}

impl LogRounds {
    /// Those of the log in the round that is in the middle by events a second.
    pub(crate) fn log(&self) -> &Published {
        median(&self.log)
    }

    pub(crate) fn file(&self) -> &Published {
        median(&self.file)
    }

    /// Events a second of the log for each of the file, round by round.
    pub(crate) fn ratio(&self) -> Option<Spread> {
        let rounds = self.log.iter().zip(&self.file);
        Spread::of(rounds.map(|(log, file)| log.per_second / file.per_second))
    }
}

fn median(rounds: &[Published]) -> &Published {
    let mut rounds: Vec<_> = rounds.iter().collect();
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    rounds[rounds.len() / 2]
}

/// Measures publishers in a folder that is on the disk; at least one round.
pub(crate) fn measure(
    folder: &Path,
    publishers: Publishers,
    sync: SyncMode,
    rounds: u32,
    length: Duration,
) -> anyhow::Result<LogRounds> {
    fs::create_dir_all(folder)?;
    let mut measured = LogRounds { log: Vec::new(), file: Vec::new() };
    for round in 1..=rounds {
        let Publishers { count, batch } = publishers;
        say(&format!("{count} x {batch} events, {sync:?}: round {round} of {rounds}"));
        let log = Arc::new(open(&folder.join("log"), sync)?);
        measured.log.push(publish::measure(&log, publishers, length)?);
        drop(log);
        fs::remove_dir_all(folder.join("log"))?;
        let file = Arc::new(FileLoop::start(&folder.join("file"), sync)?);
        measured.file.push(publish::measure(&file, publishers, length)?);
        fs::remove_file(folder.join("file"))?;
    }
    Ok(measured)
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

impl Appender for FileLog {
    async fn append(&self, numbers: Range<u64>) -> bool {
        let results = Log::append(self, numbers.map(publish::event).collect()).await;
        results.iter().all(Result::is_ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_one_round_and_a_rate_of_the_one_in_the_middle() {
        let published = |per_second| Published {
            per_second,
            p50: Duration::from_millis(1),
            p99: Duration::from_millis(2),
        };
        // The disk became three times as slow after the first round.
        let rounds = LogRounds {
            log: [900.0, 300.0, 310.0].map(published).to_vec(),
            file: [1_000.0, 300.0, 400.0].map(published).to_vec(),
        };
        assert_eq!((rounds.log().per_second, rounds.file().per_second), (310.0, 400.0));
        assert_eq!(rounds.ratio().map(|ratio| ratio.median), Some(0.9));
    }

    #[test]
    fn both_publish_what_they_confirm() {
        let folder = tempfile::tempdir().expect("a folder");
        let length = Duration::from_millis(20);
        let publishers = Publishers { count: 2, batch: 3 };
        let rounds =
            measure(folder.path(), publishers, SyncMode::Never, 1, length).expect("it runs");
        assert!(rounds.log().per_second > 0.0 && rounds.file().per_second > 0.0);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left");
    }
}

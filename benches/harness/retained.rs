//! A data folder with events in it, before a server has it: appended at the log itself, which is faster
//! than publishing them. Each has a payload of loadgen, so that loadgen verifies them when it reads them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::event::{Draft, EncodedEvent};
use fanfare::log::{FileLog, FileLogSettings, Log as _, SyncMode};
use fanfare_benches::topic;
use fanfare_loadgen::clock::Clock;
use fanfare_loadgen::payload::{self, Stamp};

/// How many topics they are spread over, in turn: `old/0` to `old/9999`.
pub(crate) const TOPICS: u64 = 10_000;
/// Bytes of data, as the loads have them.
const DATA_BYTES: usize = 150;
/// How many are appended at once.
const BATCH: u64 = 1_000;
/// Marks the payloads, as a run of loadgen marks its own.
const RUN: u32 = 0xF1_11ED;

/// Flags of a server that retains all of them.
pub(crate) const FLAGS: [&str; 6] =
    ["--retain-events", "1000000000", "--retain-bytes", "1TiB", "--retain-age", "0s"];

/// Makes the folder anew, with so many events in it.
pub(crate) fn fill(folder: &Path, events: u64) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let settings = FileLogSettings {
        events_max: usize::MAX,
        bytes_max: 1 << 40,
        age_max: Duration::from_secs(365 * 24 * 60 * 60),
        memory_max: 16 << 20,
        sync: SyncMode::Never,
    };
    let log = FileLog::open(folder, settings, fanfare::clock::Clock::system())?;
    tokio::runtime::Runtime::new()?.block_on(async {
        for first in (0..events).step_by(BATCH as usize) {
            let batch = (first..events.min(first + BATCH)).map(event).collect::<Result<_, _>>()?;
            let results = log.append(batch).await;
            ensure!(results.iter().all(Result::is_ok), "an event was not confirmed");
        }
        log.close().await;
        Ok(())
    })
}

fn event(number: u64) -> anyhow::Result<EncodedEvent> {
    let now = Clock::Monotonic.now();
    let stamp = Stamp {
        run: RUN,
        clock: Clock::Monotonic.id(),
        publisher: 0,
        topic: u32::try_from(number % TOPICS)?,
        sequence: number / TOPICS,
        due: now,
        sent: now,
    };
    let mut data = Vec::with_capacity(DATA_BYTES);
    payload::write(&stamp, DATA_BYTES, &mut data);
    let topic = topic(&format!("old/{}", stamp.topic));
    Ok(EncodedEvent::encode(Draft::new(topic, String::from_utf8(data)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_events_that_were_asked_for_and_none_of_before() {
        let folder = tempfile::tempdir().expect("a folder");
        for events in [2_500, 1_001] {
            fill(folder.path(), events).expect("it is filled");
            let log = FileLog::open(
                folder.path(),
                FileLogSettings {
                    events_max: usize::MAX,
                    bytes_max: 1 << 40,
                    age_max: Duration::from_secs(60),
                    memory_max: 1 << 20,
                    sync: SyncMode::Never,
                },
                fanfare::clock::Clock::system(),
            )
            .expect("it opens");
            assert_eq!(log.bounds().events as u64, events);
        }
    }

    #[test]
    fn loadgen_knows_them_by_topic_and_sequence() {
        let event = event(3 * TOPICS + 7).expect("an event");
        let content = event.content();
        let fanfare::event::EventData::Lines(lines) = content.data else { panic!("no data") };
        let data = String::from_utf8_lossy(lines);
        let data = data.trim().trim_start_matches("data: ");
        let stamp = payload::read(data.as_bytes()).expect("a payload");
        assert_eq!((stamp.topic, stamp.sequence, stamp.publisher), (7, 3, 0));
        assert_eq!(content.topics.len(), 1);
    }
}

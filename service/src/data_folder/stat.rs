//! `fanfare data stat`: what is in a folder.

use std::io::{self, Write};
use std::ops::ControlFlow;

use serde::Serialize;

use super::tally::{EventPlace, Tally, time};
use crate::config::StatFormat;
use crate::log::FolderContents;

/// What is told, by the names that programs read.
#[derive(Debug, Serialize)]
struct FolderStat {
    epoch: Option<u64>,
    begun: Option<String>,
    oldest: Option<EventPlace>,
    newest: Option<EventPlace>,
    events: u64,
    holes: u64,
    /// How many events the holes stand for.
    lost: u64,
    problems: u64,
    segments: u64,
    bytes: u64,
}

/// Tells it. Damage is only counted here.
pub(super) fn stat(
    contents: &FolderContents,
    format: StatFormat,
    output: &mut impl Write,
) -> io::Result<bool> {
    let mut tally = Tally::default();
    contents.read(&mut |finding| {
        tally.add(&finding);
        ControlFlow::Continue(())
    })?;
    let size = contents.size()?;
    let identity = contents.identity();
    let stat = FolderStat {
        epoch: identity.map(|(epoch, _)| epoch),
        begun: identity.map(|(_, begun_ms)| time(begun_ms)),
        oldest: tally.oldest,
        newest: tally.newest,
        events: tally.events,
        holes: tally.holes,
        lost: tally.lost_before,
        problems: tally.problems,
        segments: size.segments,
        bytes: size.bytes,
    };
    match format {
        StatFormat::Json => writeln!(output, "{}", serde_json::to_string(&stat)?)?,
        StatFormat::Text => output.write_all(stat.to_text().as_bytes())?,
    }
    Ok(true)
}

impl FolderStat {
    fn to_text(&self) -> String {
        let place = |place: &Option<EventPlace>| match place {
            Some(place) => format!("{}  {}", place.id, place.time()),
            None => "none".to_owned(),
        };
        let damaged = || "unknown, meta is damaged".to_owned();
        let problems = match self.problems {
            0 => "0".to_owned(),
            count => format!("{count}; see fanfare data check"),
        };
        let rows = [
            ("epoch", self.epoch.map_or_else(damaged, |epoch| epoch.to_string())),
            ("begun", self.begun.clone().unwrap_or_else(damaged)),
            ("oldest event", place(&self.oldest)),
            ("newest event", place(&self.newest)),
            ("events", self.events.to_string()),
            ("holes", format!("{} ({} events)", self.holes, self.lost)),
            ("problems", problems),
            ("segments", self.segments.to_string()),
            ("bytes", self.bytes.to_string()),
        ];
        rows.map(|(name, value)| format!("{name:<14}{value}\n")).concat()
    }
}

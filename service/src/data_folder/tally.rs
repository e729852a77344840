//! Counting what a folder has.

use std::ops::Range;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::event::{Event, Sequence};
use crate::log::FolderFinding;

/// What was found in a folder so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) events: u64,
    pub(super) oldest: Option<EventPlace>,
    pub(super) newest: Option<EventPlace>,
    /// Places at which events are missing that were lost before, and how many.
    pub(super) holes: u64,
    pub(super) lost_before: u64,
    pub(super) problems: u64,
    /// Of these, those that lose something.
    pub(super) harmful: u64,
    /// How many events the problems lose.
    pub(super) missing: u64,
    /// Where the rest of a write begins that was cut off.
    pub(super) torn_tail: Option<(String, u64)>,
}

/// Which event it is, and when it was accepted: shown only at the end, since it is noted of each.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EventPlace {
    pub(super) id: String,
    #[serde(rename = "time", serialize_with = "serialize_time")]
    accepted_ms: u64,
}

impl Tally {
    pub(super) fn add(&mut self, finding: &FolderFinding) {
        match finding {
            FolderFinding::Event(event) => {
                self.events += 1;
                if self.oldest.is_none() {
                    self.oldest = Some(EventPlace::of(event));
                }
                self.newest = Some(EventPlace::of(event));
            }
            // It was counted where it was written first.
            FolderFinding::Again(_) => {}
            FolderFinding::Hole(missing) => {
                self.holes += 1;
                self.lost_before += length(missing);
            }
            FolderFinding::Problem(problem) => {
                self.problems += 1;
                self.harmful += u64::from(!problem.is_harmless);
                self.missing += length(&problem.missing);
            }
            FolderFinding::TornTail { file, offset } => {
                self.torn_tail = Some((file.clone(), *offset));
            }
        }
    }
}

impl EventPlace {
    fn of(event: &Event) -> Self {
        Self { id: event.id().to_owned(), accepted_ms: event.accepted_ms() }
    }

    /// When it was accepted.
    pub(super) fn time(&self) -> String {
        time(self.accepted_ms)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn serialize_time<S: Serializer>(unix_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*unix_ms))
}

/// How many sequences there are.
pub(super) fn length(sequences: &Range<Sequence>) -> u64 {
    sequences.end.0.saturating_sub(sequences.start.0)
}

/// A time as people and programs read it, in UTC.
pub(super) fn time(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).ok();
    let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{unix_ms} ms"), |time| format!("{time:.3}"))
}

//! One reader: takes its stream at the pace of the run, counts what it is given and what it is told to
//! have missed, and comes back when its stream is closed.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Course;
use super::stage::{READERS, Stage};
use crate::delivery::{BackpressurePolicy, SlotReader};

/// As long as a client waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(1);

/// A reader of a run.
#[derive(Debug)]
pub(super) struct Reader {
    name: &'static str,
    policy: Option<BackpressurePolicy>,
    counts: Mutex<ReaderCounts>,
}

/// What a reader has come across.
#[derive(Clone, Debug, Default)]
struct ReaderCounts {
    is_open: bool,
    read: u64,
    /// The number of the newest event that was read.
    newest: u64,
    missed: u64,
    gaps: u64,
    closed: u64,
    last_id: Option<String>,
}

/// What is told of a reader.
#[derive(Debug, Serialize)]
pub(super) struct ReaderReport {
    name: &'static str,
    policy: Option<&'static str>,
    open: bool,
    read: u64,
    lag: u64,
    missed: u64,
    gaps: u64,
    closed: u64,
}

/// What a frame of a stream says.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    id: Option<String>,
    /// The number of an event.
    number: Option<u64>,
    /// How many events a gap notice tells.
    missed: Option<u64>,
}

#[derive(Deserialize)]
struct GapData {
    missed: Option<u64>,
}

impl Reader {
    pub(super) fn all() -> Vec<Self> {
        let reader = |(name, policy)| Self { name, policy, counts: Mutex::default() };
        READERS.into_iter().map(reader).collect()
    }

    /// Reads for ever, over as many streams as it takes.
    pub(super) async fn read(&self, stage: &Stage, course: &Course) {
        loop {
            let last_id = self.counts().last_id.clone();
            if let Some(stream) = stage.subscribe(self.name, last_id.as_deref()).await {
                self.counts().is_open = true;
                self.read_stream(stream, course).await;
                let mut counts = self.counts();
                counts.is_open = false;
                counts.closed += 1;
            }
            sleep(COME_BACK).await;
        }
    }

    async fn read_stream(&self, mut stream: SlotReader, course: &Course) {
        while let Some(Ok(segment)) = poll_fn(|context| stream.poll_next(context)).await {
            let text = String::from_utf8_lossy(&segment);
            for frame in text.split("\n\n") {
                let heard = heard(frame);
                let busy = if heard.number.is_some() { self.busy(course) } else { Duration::ZERO };
                if !busy.is_zero() {
                    sleep(busy).await;
                }
                self.counts().take(heard);
            }
        }
    }

    /// The one without a policy is never slow.
    fn busy(&self, course: &Course) -> Duration {
        if self.policy.is_some() { course.busy() } else { Duration::ZERO }
    }

    pub(super) fn report(&self, published: u64) -> ReaderReport {
        let counts = self.counts();
        ReaderReport {
            name: self.name,
            policy: self.policy.map(BackpressurePolicy::name),
            open: counts.is_open,
            read: counts.read,
            lag: published.saturating_sub(counts.newest),
            missed: counts.missed,
            gaps: counts.gaps,
            closed: counts.closed,
        }
    }

    fn counts(&self) -> MutexGuard<'_, ReaderCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReaderCounts {
    fn take(&mut self, heard: Heard) {
        if let Some(id) = heard.id {
            self.last_id = Some(id);
        }
        if let Some(number) = heard.number {
            self.read += 1;
            self.newest = self.newest.max(number);
        }
        if let Some(missed) = heard.missed {
            self.missed += missed;
            self.gaps += 1;
        }
    }
}

/// A segment is whole frames, and their data one line each.
fn heard(frame: &str) -> Heard {
    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ").unwrap_or_default();
    let is_gap = field("event: ") == Some("fanfare-gap");
    let missed = || serde_json::from_str::<GapData>(data).ok().and_then(|gap| gap.missed);
    Heard {
        id: field("id: ").filter(|id| !id.is_empty()).map(str::to_owned),
        number: if is_gap { None } else { data.trim_end().parse().ok() },
        missed: is_gap.then(|| missed().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_an_event_a_gap_or_a_place() {
        let told =
            |id: Option<&str>, number, missed| Heard { id: id.map(str::to_owned), number, missed };
        let gap = "event: fanfare-gap\ndata: {\"missed\":12,\"after\":\"a\",\"before\":\"b\"}";
        let cases = [
            ("", told(None, None, None)),
            (":", told(None, None, None)),
            ("id: e:1", told(Some("e:1"), None, None)),
            ("id: e:2\ndata: 17   ", told(Some("e:2"), Some(17), None)),
            (gap, told(None, None, Some(12))),
        ];
        for (frame, expected) in cases {
            assert_eq!(heard(frame), expected, "{frame}");
        }
    }
}

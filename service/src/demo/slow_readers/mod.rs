//! Readers that become slow for a while, one under each slow-consumer policy, beside one that does not.
//!
//! Whoever is too far behind is so by the limit of the process, ten thousand events, which nobody wants
//! to wait for, and what it takes to get there would push events of others out of the log. So a run has
//! a hub, a log and a shard of its own, which are there for as long as it goes on: the same code with a
//! limit of fifty events. The readers pull their streams from it as an HTTP/2 connection does.

mod reader;
mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::report::Reports;
use super::watched_run::{WatchedEnd, while_watched};
use crate::hub::Interest;
use reader::{Reader, ReaderReport};
use stage::{LAG_MAX, Stage};

/// What the topics of runs begin with.
pub(super) const TOPICS: &str = "demo/slow-readers/";

const EVENT: Duration = Duration::from_millis(50);
const REPORT: Duration = Duration::from_millis(250);
/// When the readers become slow.
const SLOW_FROM: Duration = Duration::from_secs(3);
/// When they are fast again.
const SLOW_UNTIL: Duration = Duration::from_secs(18);
/// When nothing more is published; what is left is time to catch up.
const PUBLISHED_UNTIL: Duration = Duration::from_secs(25);
const END: Duration = Duration::from_secs(28);
/// How long a slow reader is busy with an event: five times as long as it takes until the next one.
const BUSY: Duration = Duration::from_millis(250);

/// What the parts of a run know of each other.
#[derive(Debug)]
struct Course {
    began: Instant,
    published: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Before,
    Slow,
    After,
}

#[derive(Debug, Serialize)]
struct SlowReadersReport {
    phase: Phase,
    seconds: f64,
    seconds_max: u64,
    published: u64,
    lag_max: u64,
    readers: Vec<ReaderReport>,
}

impl Course {
    fn phase(&self) -> Phase {
        let elapsed = self.began.elapsed();
        if elapsed < SLOW_FROM {
            Phase::Before
        } else if elapsed < SLOW_UNTIL {
            Phase::Slow
        } else {
            Phase::After
        }
    }

    fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// How long whoever becomes slow is busy with an event.
    fn busy(&self) -> Duration {
        if self.phase() == Phase::Slow { BUSY } else { Duration::ZERO }
    }
}

/// Runs for as long as somebody looks, and never longer than its time.
pub(super) async fn run(reports: Arc<Reports>, interest: Interest) {
    if while_watched(interest, run_to_end(&reports)).await == WatchedEnd::Left {
        reports.end().await;
    }
}

async fn run_to_end(reports: &Reports) {
    let stage = match Stage::open() {
        Ok(stage) => stage,
        Err(error) => {
            tracing::warn!(%error, "no thread for the demonstration of slow readers");
            return reports.end().await;
        }
    };
    // What its shard logs of slow readers is about these.
    tracing::info!("a demonstration of slow readers begins; its hub is its own");
    let course = Course { began: Instant::now(), published: AtomicU64::new(0) };
    let readers = Reader::all();
    tokio::select! {
        () = publish(&stage, &course) => {}
        () = read(&readers, &stage, &course) => {}
        () = tell(&readers, reports, &course) => {}
        () = sleep(END) => {}
    }
    reports.complete(&report(&readers, &course)).await;
}

/// Never ends; who calls it knows when.
async fn publish(stage: &Stage, course: &Course) {
    let mut ticks = interval(EVENT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if course.began.elapsed() >= PUBLISHED_UNTIL {
            return std::future::pending().await;
        }
        let number = course.published.fetch_add(1, Ordering::Relaxed) + 1;
        stage.publish(number).await;
    }
}

async fn read(readers: &[Reader], stage: &Stage, course: &Course) {
    futures_util::future::join_all(readers.iter().map(|reader| reader.read(stage, course))).await;
}

async fn tell(readers: &[Reader], reports: &Reports, course: &Course) {
    let mut ticks = interval(REPORT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        reports.tell(&report(readers, course)).await;
    }
}

fn report(readers: &[Reader], course: &Course) -> SlowReadersReport {
    let published = course.published();
    SlowReadersReport {
        phase: course.phase(),
        seconds: super::system::rounded(course.began.elapsed().as_secs_f64(), 2),
        seconds_max: END.as_secs(),
        published,
        lag_max: LAG_MAX,
        readers: readers.iter().map(|reader| reader.report(published)).collect(),
    }
}

//! A thousand readers of this server: streams over its own listener, as those of clients are, and how
//! long an event takes until each of them has it.
//!
//! They share the machine and the runtime with the server that serves them, so that what they measure is
//! more than what a client elsewhere would see of the server, and never less.

mod latencies;
mod reader;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::report::Reports;
use super::watched_run::{WatchedEnd, while_watched};
use crate::event::Draft;
use crate::hub::{Hub, Interest};
use crate::metrics::ProcessReport;
use crate::topic::Topic;
use latencies::LatencyReport;
use reader::Readers;

/// What the topics of runs begin with.
pub(super) const TOPICS: &str = "demo/readers/";

/// How many readers a run has.
pub const READERS: usize = 1_000;
/// A reader is a file at both of its ends.
const FILES: u64 = 2 * READERS as u64;
/// What is left to everything else.
const FILES_LEFT: u64 = 200;

/// How many connect at the same time, which is far less than the backlog of a listener.
const CONNECTING_MAX: usize = 50;
/// Who is not there by then is not waited for.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
const EVENT: Duration = Duration::from_millis(100);
const REPORT: Duration = Duration::from_millis(250);
/// How long events are published.
const MEASURED: Duration = Duration::from_secs(20);
/// For the last event to arrive, and how often it is looked whether it has.
const SETTLED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Where this process connects to itself: a listener without TLS.
#[derive(Clone, Copy, Debug)]
pub struct OwnListener {
    /// An address that can be connected to.
    pub address: SocketAddr,
}

/// As whom the readers subscribe.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The host that was called, which may be the only one that is served.
    pub host: Option<String>,
    /// The fields that hold a token, as they came.
    pub fields: Vec<(&'static str, Vec<u8>)>,
}

/// Why there are no readers.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoReaders {
    #[error("a thousand readers are there already, and one run goes on at a time; retry later")]
    OneAtATime,
    #[error(
        "a thousand readers need {FILES} open files, and the process may open {room} more; raise its limit (`ulimit -n`, `LimitNOFILE=`) to {needed} and start it again"
    )]
    Files { room: u64, needed: u64 },
    #[error(
        "the readers of this demonstration speak no TLS and know no unix sockets, and this server listens in no other way; start one with --listen 127.0.0.1:8080 to see it"
    )]
    NoListener,
}

#[derive(Debug, Serialize)]
struct ManyReadersReport {
    state: &'static str,
    seconds: f64,
    wanted: usize,
    open: usize,
    failed: usize,
    /// What the first reader was told that was not served.
    problem: Option<String>,
    published: u64,
    #[serde(flatten)]
    latencies: LatencyReport,
}

/// Whether the files are there for as many readers.
pub(super) fn check_files() -> Result<(), NoReaders> {
    let process = ProcessReport::read();
    let (Some(open), Some(max)) = (process.open_files, process.files_max) else { return Ok(()) };
    check_room(open, max)
}

fn check_room(open: u64, max: u64) -> Result<(), NoReaders> {
    let needed = open + FILES + FILES_LEFT;
    if needed <= max {
        return Ok(());
    }
    Err(NoReaders::Files { room: max.saturating_sub(open + FILES_LEFT), needed })
}

/// Runs for as long as somebody looks, and never longer than its time.
pub(super) async fn run(
    (hub, topic): (Hub, Topic),
    reports: Arc<Reports>,
    interest: Interest,
    (listener, credentials): (OwnListener, Credentials),
) {
    let Ok(events) = Topic::parse(&format!("{topic}/events"), 256) else { return };
    let request = reader::request(&events, &credentials, listener.address);
    let run = Run { hub, events, readers: Arc::new(Readers::new(listener.address, request)) };
    if while_watched(interest, run.to_end(&reports)).await == WatchedEnd::Left {
        reports.end().await;
    }
}

struct Run {
    hub: Hub,
    /// What the readers subscribe to.
    events: Topic,
    readers: Arc<Readers>,
}

impl Run {
    async fn to_end(&self, reports: &Reports) {
        let began = Instant::now();
        let mut published = 0;
        // All of them end when it is dropped.
        let mut streams = JoinSet::new();
        tokio::select! {
            () = self.connect(&mut streams) => {}
            () = self.tell(reports, ("connecting", began)) => {}
            () = sleep(CONNECTED_WITHIN) => {}
        }
        tokio::select! {
            () = self.publish(&mut published) => {}
            () = self.tell(reports, ("reading", began)) => {}
        }
        let _ = timeout(SETTLED, self.until_all_is_read()).await;
        streams.shutdown().await;
        reports.complete(&self.report("done", began)).await;
    }

    /// Until each has its stream, or was refused one.
    async fn connect(&self, streams: &mut JoinSet<()>) {
        let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
        for _ in 0..READERS {
            let Ok(permit) = Arc::clone(&connecting).acquire_owned().await else { return };
            let readers = Arc::clone(&self.readers);
            streams.spawn(async move { readers.read(permit).await });
        }
        let all = u32::try_from(CONNECTING_MAX).unwrap_or_default();
        let _ = connecting.acquire_many(all).await;
    }

    async fn publish(&self, published: &mut u64) {
        let mut ticks = interval(EVENT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let until = Instant::now() + MEASURED;
        while Instant::now() < until {
            ticks.tick().await;
            let draft = Draft::new(self.events.clone(), self.readers.stamp());
            if self.hub.publish(draft).await.is_ok() {
                *published += 1;
                self.readers.published();
            }
        }
    }

    async fn until_all_is_read(&self) {
        while !self.readers.have_all() {
            sleep(LOOK).await;
        }
    }

    async fn tell(&self, reports: &Reports, (state, began): (&'static str, Instant)) {
        let mut ticks = interval(REPORT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            reports.tell(&self.report(state, began)).await;
        }
    }

    fn report(&self, state: &'static str, began: Instant) -> ManyReadersReport {
        let readers = &self.readers;
        ManyReadersReport {
            state,
            seconds: super::system::rounded(began.elapsed().as_secs_f64(), 2),
            wanted: READERS,
            open: readers.open(),
            failed: readers.failed(),
            problem: readers.problem(),
            published: readers.published_total(),
            latencies: readers.latencies(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_leave_files_to_everything_else() {
        assert_eq!(check_room(100, 2_300), Ok(()));
        let refused = check_room(101, 2_300).unwrap_err();
        assert_eq!(refused, NoReaders::Files { room: 1_999, needed: 2_301 });
        assert!(refused.to_string().contains("LimitNOFILE"), "{refused}");
        let refused = check_room(900, 1_024).unwrap_err();
        assert_eq!(refused, NoReaders::Files { room: 0, needed: 3_100 });
    }
}

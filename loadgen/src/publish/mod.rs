//! The publishers: a thread and a connection for each, on a schedule that does not wait for the
//! server. What is due while a publisher still waits for a response is sent late, and counted as
//! such.

mod client;
mod command;
mod deadline;
mod ndjson;
mod pause;
mod publisher;
mod request;
mod route;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::measure::{Durations, SharedBuckets};
use crate::plan::{Plan, PublishStyle, Publishing};
use crate::readers::ReaderError;
use crate::subscriber::Published;

pub(crate) use client::Client;

use pause::PauseMeter;
use publisher::{Publisher, PublisherContext};

/// Lateness from which an event counts as late, in nanoseconds: a millisecond.
const LATE: u64 = 1_000_000;

/// Kinds of refusals that a publisher tells apart; further ones are one kind. Servers name them.
const KINDS: usize = 50;

/// Events that were not accepted and that a publisher remembers.
const MAX_UNACCEPTED: usize = 100_000;

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("cannot publish to {0}: {1}")]
    Unreachable(String, String),
    #[error(transparent)]
    Tls(#[from] ReaderError),
    #[error("a publisher could not start: {0}")]
    Start(io::Error),
    #[error("a publisher panicked: this is a defect of loadgen, please report it")]
    Panicked,
}

/// What became of a publish call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PublishOutcome {
    Accepted,
    /// The server refused it.
    Refused(String),
    /// The server could not take it, by a status of 500 or more. It may arrive or not.
    Unavailable(String),
    /// The event may arrive or not.
    Unknown(String),
}

impl PublishOutcome {
    /// Whether another server might take the event.
    fn may_differ_elsewhere(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unknown(_))
    }
}

/// How far publishing is, for the live view and for metrics.
#[derive(Debug, Default)]
pub(crate) struct PublishProgress {
    pub(crate) sent: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// From when events were due until they were sent, without those of the warm-up.
    pub(crate) lateness: SharedBuckets,
    pub(crate) pause: PauseMeter,
}

/// What a publisher has done.
#[derive(Debug, Default)]
pub(crate) struct PublishReport {
    pub(crate) scheduled: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) late: u64,
    pub(crate) missed: u64,
    pub(crate) refusals: BTreeMap<String, u64>,
    pub(crate) acknowledgement: Durations,
    pub(crate) own_lateness: Durations,
    pub(crate) blocked_lateness: Durations,
    /// The longest time without an event that was accepted.
    pub(crate) longest_pause: Duration,
    /// Events sent in each second.
    pub(crate) seconds: Vec<u64>,
    /// Events of each topic.
    counts: Vec<u64>,
    /// Topics and sequences that were not accepted.
    unaccepted: Vec<(u32, u64)>,
}

/// The publishers at work.
#[derive(Debug)]
pub(crate) struct Publishers {
    threads: Vec<JoinHandle<PublishReport>>,
    pub(crate) progress: Arc<PublishProgress>,
    stop: Arc<AtomicBool>,
    publishers: usize,
    topics: u32,
    clock: Clock,
}

impl Publishers {
    /// Opens the connections; publishing begins at `start`.
    pub(crate) fn start(
        plan: &Arc<Plan>,
        publishing: &Publishing,
        start: Moment,
    ) -> Result<Self, PublishError> {
        let pause = PauseMeter::from(start);
        let progress = Arc::new(PublishProgress { pause, ..PublishProgress::default() });
        let stop = Arc::new(AtomicBool::new(false));
        let publishers = (0..publishing.publishers)
            .map(|number| {
                let context = PublisherContext {
                    plan: plan.clone(),
                    publishing: publishing.clone(),
                    progress: progress.clone(),
                    stop: stop.clone(),
                    start,
                };
                Publisher::new(context, number)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let threads = publishers
            .into_iter()
            .enumerate()
            .map(|(number, publisher)| {
                let builder = thread::Builder::new().name(format!("publisher {number}"));
                builder.spawn(move || publish(publisher)).map_err(PublishError::Start)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            threads,
            progress,
            stop,
            publishers: publishing.publishers,
            topics: plan.topics.count,
            clock: plan.timing.clock,
        })
    }

    pub(crate) fn are_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Ends publishing early.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Waits for the publishers and adds up what they did.
    pub(crate) fn join(self) -> Result<(PublishReport, Published), PublishError> {
        let mut all = PublishReport::default();
        let mut published = Published::new(self.publishers, self.topics);
        for (number, thread) in self.threads.into_iter().enumerate() {
            let report = thread.join().map_err(|_| PublishError::Panicked)?;
            let publisher = u8::try_from(number).unwrap_or(u8::MAX);
            published.add_publisher(publisher, &report.counts, &report.unaccepted);
            all.merge(&report);
        }
        all.longest_pause = self.progress.pause.longest(self.clock.now());
        Ok((all, published))
    }
}

/// Publishes the whole schedule of a publisher, in the style of the plan.
fn publish(mut publisher: Publisher) -> PublishReport {
    // The kernel may delay a sleep by 50 us to save power; a refusal leaves it so.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000));
    match (publisher.context.publishing.style, publisher.route.take()) {
        (PublishStyle::Ndjson, Some(route)) => {
            return ndjson::publish(publisher, route.into_client());
        }
        (PublishStyle::Command, _) => publisher.one_by_one(command::publish),
        (_, Some(mut route)) => publisher.one_by_one(|publisher, topic| {
            route.publish(&publisher.context.publishing, topic, &publisher.payload)
        }),
        (_, None) => {}
    }
    publisher.report
}

impl PublishReport {
    fn new(topics: u32) -> Self {
        Self { counts: vec![0; topics as usize], ..Self::default() }
    }

    /// Takes the next sequence of a topic.
    fn next(&mut self, topic: u32) -> u64 {
        let count = &mut self.counts[topic as usize];
        let sequence = *count;
        *count += 1;
        sequence
    }

    /// An event was sent at this moment.
    fn sent(&mut self, start: Moment, now: Moment) {
        self.sent += 1;
        let second = usize::try_from(now.since(start) / 1_000_000_000).unwrap_or(0).min(86_400);
        if second >= self.seconds.len() {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += 1;
    }

    /// An event was not accepted, so it is not missing anywhere.
    fn refused(&mut self, kind: &str, topic: u32, sequence: u64) {
        let fits = self.refusals.len() < KINDS || self.refusals.contains_key(kind);
        *self.refusals.entry(if fits { kind } else { "other" }.to_owned()).or_default() += 1;
        if self.unaccepted.len() < MAX_UNACCEPTED {
            self.unaccepted.push((topic, sequence));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.late += other.late;
        self.missed += other.missed;
        for (kind, count) in &other.refusals {
            *self.refusals.entry(kind.clone()).or_default() += count;
        }
        self.acknowledgement.merge(&other.acknowledgement);
        self.own_lateness.merge(&other.own_lateness);
        self.blocked_lateness.merge(&other.blocked_lateness);
        if other.seconds.len() > self.seconds.len() {
            self.seconds.resize(other.seconds.len(), 0);
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            *mine += theirs;
        }
    }
}

/// The style's name in results.
pub(crate) fn style_name(style: PublishStyle) -> &'static str {
    match style {
        PublishStyle::Raw => "raw",
        PublishStyle::Form => "form",
        PublishStyle::Ndjson => "ndjson",
        PublishStyle::Template => "template",
        PublishStyle::Command => "command",
        PublishStyle::None => "none",
    }
}

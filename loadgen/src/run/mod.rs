//! A run from its ramp to its verdict: all connect, all begin at one moment, publishing ends, what
//! is on its way arrives, the recorders are added up and judged.

mod headline;
mod judge;
mod lateness;
mod readers;
mod summarize;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Moment};
use crate::environment;
use crate::plan::Plan;
use crate::publish::{PublishError, PublishProgress, PublishReport, Publishers};
use crate::readers::{Progress, ReaderError, ReaderReport};
use crate::result::{Environment, Run};
use crate::server_monitor::ServerMonitor;
use crate::slo::Slo;

use readers::Readers;

/// How often the state of a run is polled.
const POLL_PERIOD: Duration = Duration::from_millis(100);

/// Between the announcement of the start and the start: every thread and process polls its control
/// several times meanwhile.
const START_DELAY: Duration = Duration::from_millis(300);

/// The pause between the ramp and the start, so that memory and CPU of connecting
/// are not those of publishing.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    ReaderPool(#[from] ReaderError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// An observer of a run while it goes on.
pub(crate) trait View {
    /// Connecting.
    fn ramp(&mut self, progress: &Progress, requested: u64);
    /// Publishing, or waiting for the tail.
    fn running(&mut self, state: &Running<'_>);
    /// Over: nothing moves any more.
    fn end(&mut self);
    /// The result is made: these values are those of the result.
    fn closed(&mut self, state: &Running<'_>);
}

/// Which part of a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Connecting,
    Warmup,
    Measuring,
    /// Publishing has ended.
    Tail,
    Done,
}

/// A run while it goes on.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    pub(crate) progress: &'a Progress,
    pub(crate) phase: Phase,
    pub(crate) elapsed: Duration,
    pub(crate) length: Duration,
    /// Absent without publishers.
    pub(crate) publishing: Option<&'a PublishProgress>,
}

impl Running<'_> {
    pub(crate) fn sent(&self) -> u64 {
        self.publishing.map_or(0, |publish_progress| publish_progress.sent.load(Ordering::Relaxed))
    }

    /// Of them, those that were not accepted.
    pub(crate) fn refused(&self) -> u64 {
        self.publishing
            .map_or(0, |publish_progress| publish_progress.refused.load(Ordering::Relaxed))
    }
}

/// What a run needs to know besides its plan.
#[derive(Debug)]
pub(crate) struct RunRequest<'a> {
    pub(crate) settings: serde_json::Map<String, serde_json::Value>,
    pub(crate) load_hash: String,
    pub(crate) slos: &'a [Slo],
    /// Set by the first Ctrl-C.
    pub(crate) interrupted: &'a AtomicBool,
}

/// Everything that a run recorded, before it is summarized.
pub(super) struct RawResults {
    pub(super) environment: Environment,
    pub(super) started_at: String,
    pub(super) start: Moment,
    pub(super) ramp: Duration,
    pub(super) measured: Duration,
    pub(super) tail: Duration,
    pub(super) at_ramp_end: Progress,
    pub(super) report: ReaderReport,
    pub(super) publish_report: Option<PublishReport>,
    pub(super) memory: u64,
    pub(super) monitor: ServerMonitor,
}

/// Makes one run.
///
/// # Errors
/// When it could not be made; a run that went badly is a result.
pub(crate) fn run(
    plan: &Arc<Plan>,
    request: &RunRequest<'_>,
    view: &mut dyn View,
) -> Result<Run, RunError> {
    let environment = environment::look(plan);
    let started_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut monitor = ServerMonitor::begin(plan);
    let clock = plan.timing.clock;
    let mut readers = Readers::start(plan)?;
    let ramp = ramp(plan, &mut readers, request.interrupted, view)?;
    let at_ramp_end = readers.progress();
    monitor.connected();
    let mut publishing = begin(plan, &mut readers, clock, at_ramp_end.counts.connected)?;
    monitor.publishing();
    publish(plan, &mut readers, &mut publishing, &mut monitor, request.interrupted, view)?;
    let measured =
        publishing.start.until(clock.now()).min(plan.timing.publishing() + Duration::from_secs(2));
    let publish_report = publishing.publishers.take().map(Publishers::join).transpose()?;
    let tail_began = Instant::now();
    let publish_report = match publish_report {
        Some((publish_report, published)) => {
            readers.finish(published)?;
            tail(plan, &mut readers, &publishing, view)?;
            Some(publish_report)
        }
        None => None,
    };
    monitor.done();
    let memory = readers.progress().memory;
    view.end();
    let report = readers.stop()?;
    let closed = Progress::of(&report.recorder, 0);
    let raw = RawResults {
        environment,
        started_at,
        start: publishing.start,
        ramp,
        measured,
        tail: tail_began.elapsed(),
        at_ramp_end,
        report,
        publish_report,
        memory,
        monitor,
    };
    let mut run = summarize::summarize(plan, request, raw);
    judge::judge(plan, request, &mut run);
    // At last, because an observer of it may end the program, which must not count as an
    // interruption.
    view.closed(&publishing.state(plan, &closed, Phase::Done));
    Ok(run)
}

/// A run between its start and its tail.
struct ActiveRun {
    start: Moment,
    publishers: Option<Publishers>,
    /// Of the publishers, which they outlive.
    publish_progress: Option<Arc<PublishProgress>>,
}

impl ActiveRun {
    fn state<'a>(&'a self, plan: &Plan, progress: &'a Progress, phase: Phase) -> Running<'a> {
        Running {
            progress,
            phase,
            elapsed: self.start.until(plan.timing.clock.now()),
            length: plan.timing.publishing(),
            publishing: self.publish_progress.as_deref(),
        }
    }
}

/// Waits until all subscribers are connected or have given up; says how long it took.
fn ramp(
    plan: &Plan,
    readers: &mut Readers,
    interrupted: &AtomicBool,
    view: &mut dyn View,
) -> Result<Duration, RunError> {
    let began = Instant::now();
    let requested = plan.ramp.connections as u64;
    let mut complete = None;
    while began.elapsed() < plan.ramp.timeout && !interrupted.load(Ordering::Relaxed) {
        let progress = readers.progress();
        view.ramp(&progress, requested);
        if progress.counts.connected + progress.counts.gave_up >= requested {
            let ramp = *complete.get_or_insert_with(|| began.elapsed());
            // The rest, in which nothing is published.
            if began.elapsed() >= ramp + SETTLE_TIME || progress.counts.connected == 0 {
                return Ok(ramp);
            }
        }
        readers.check()?;
        sleep(if complete.is_some() { POLL_PERIOD } else { POLL_PERIOD / 5 });
    }
    Ok(complete.unwrap_or_else(|| began.elapsed()))
}

/// Announces the start and opens the publishers' connections.
fn begin(
    plan: &Arc<Plan>,
    readers: &mut Readers,
    clock: Clock,
    connected: u64,
) -> Result<ActiveRun, RunError> {
    let start = clock.now() + START_DELAY;
    let is_alone = connected == 0 && plan.ramp.connections > 0;
    let publishing = plan.publishing.as_ref().filter(|_| !is_alone);
    let publishers =
        publishing.map(|publishing| Publishers::start(plan, publishing, start)).transpose()?;
    readers.begin(start)?;
    sleep(clock.now().until(start));
    let publish_progress = publishers.as_ref().map(|publishers| publishers.progress.clone());
    Ok(ActiveRun { start, publishers, publish_progress })
}

/// Waits for the end of publishing, or of its time without publishers.
fn publish(
    plan: &Plan,
    readers: &mut Readers,
    active: &mut ActiveRun,
    monitor: &mut ServerMonitor,
    interrupted: &AtomicBool,
    view: &mut dyn View,
) -> Result<(), RunError> {
    let clock = plan.timing.clock;
    let length = plan.timing.publishing();
    if active.publishers.is_none() && plan.publishing.is_some() {
        // No subscriber is connected to publish to.
        return Ok(());
    }
    loop {
        let elapsed = active.start.until(clock.now());
        let done = match &active.publishers {
            Some(publishers) => publishers.are_done(),
            None => elapsed >= length,
        };
        if interrupted.load(Ordering::Relaxed)
            && let Some(publishers) = &active.publishers
        {
            publishers.stop();
        }
        if done || (active.publishers.is_none() && interrupted.load(Ordering::Relaxed)) {
            break;
        }
        let phase = if elapsed < plan.timing.warmup { Phase::Warmup } else { Phase::Measuring };
        view.running(&active.state(plan, &readers.progress(), phase));
        monitor.sample_sockets();
        readers.check()?;
        sleep(POLL_PERIOD);
    }
    Ok(())
}

/// Waits until everything has arrived, or for as long as the plan says. An interruption does not
/// shorten it: what is on its way would be taken for lost.
fn tail(
    plan: &Plan,
    readers: &mut Readers,
    active: &ActiveRun,
    view: &mut dyn View,
) -> Result<(), RunError> {
    let began = Instant::now();
    while began.elapsed() < plan.timing.tail {
        let progress = readers.progress();
        view.running(&active.state(plan, &progress, Phase::Tail));
        // One poll more than needed: progress is published a little later than it is counted.
        if progress.behind == Some(0) && progress.absent == 0 && began.elapsed() > POLL_PERIOD * 2 {
            break;
        }
        readers.check()?;
        sleep(POLL_PERIOD / 2);
    }
    // What comes twice comes after everything has come once.
    sleep(POLL_PERIOD * 2);
    Ok(())
}

//! What loadgen's result file says of a run: only what is shown or judged here. The file is a
//! published interface (`loadgen/schema/result-v1.json`), so it is read here by its names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// The result of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RunResult {
    pub(crate) started_at: String,
    pub(crate) machine: Machine,
    pub(crate) requested: f64,
    pub(crate) connected: f64,
    /// Attempts to connect that failed.
    pub(crate) failed: u64,
    pub(crate) ramp_seconds: f64,
    /// Events that were to be published, and those that the server accepted.
    pub(crate) scheduled: u64,
    pub(crate) accepted: u64,
    /// The same a second.
    pub(crate) requested_rate: Option<f64>,
    pub(crate) accepted_rate: Option<f64>,
    /// How long the answers to publishers took, as a histogram in loadgen's form.
    pub(crate) answers: Option<String>,
    pub(crate) received: f64,
    pub(crate) deliveries_per_second: f64,
    /// Of the events that should have arrived, the share that did.
    pub(crate) reach: Option<f64>,
    /// Events that never arrived, counted at each subscriber, whether that was announced or not.
    pub(crate) lost: u64,
    /// Events that arrived again.
    pub(crate) duplicates: u64,
    /// Subscribers that had not come back at the end.
    pub(crate) away: u64,
    /// Reconnections with the id of the last event.
    pub(crate) resumed: u64,
    /// From the first of them until the last subscriber had got everything that it missed.
    pub(crate) recovery_ms: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    /// Infinite when so many never arrived.
    pub(crate) p99_ms: Option<f64>,
    /// Until the last subscriber had an event: the fastest event and the slowest.
    pub(crate) last_subscriber_ms: Option<(f64, f64)>,
    pub(crate) cpu_us_per_delivery: Option<f64>,
    pub(crate) cpu_us_per_connection: Option<f64>,
    pub(crate) memory_empty: Option<f64>,
    pub(crate) memory_connected: Option<f64>,
    pub(crate) memory_after: Option<f64>,
    pub(crate) memory_per_subscriber: Option<f64>,
    /// `fine`, or what loadgen says of it instead.
    pub(crate) outcome: String,
    pub(crate) reasons: Vec<String>,
}

/// Where it was measured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Machine {
    pub(crate) loadgen: String,
    pub(crate) cpu: String,
    pub(crate) cores: u64,
    pub(crate) memory: u64,
    pub(crate) kernel: String,
}

#[derive(Deserialize)]
struct ResultFile {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    started_at: String,
    environment: Machine,
    phases: Phases,
    subscribers: Subscribers,
    publishing: Option<Publishing>,
    delivery: Delivery,
    correctness: Correctness,
    trouble: Trouble,
    server: Option<Server>,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Phases {
    ramp_seconds: f64,
}

#[derive(Deserialize)]
struct Subscribers {
    #[serde(rename = "asked")]
    requested: f64,
    connected: f64,
    failures: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Publishing {
    slots: u64,
    acknowledged: u64,
    #[serde(rename = "asked_rate")]
    requested_rate: Option<f64>,
    reached_rate: f64,
    acknowledgement: Option<Distribution>,
}

#[derive(Deserialize)]
struct Delivery {
    received: f64,
    per_second: f64,
    reach: Option<f64>,
    intended: Option<Distribution>,
    intended_counting_undelivered: Vec<Percentile>,
    completion: Option<Completion>,
}

#[derive(Deserialize)]
struct Completion {
    last: Option<Distribution>,
}

#[derive(Deserialize)]
struct Distribution {
    min_ms: f64,
    max_ms: f64,
    percentiles: Vec<Percentile>,
    hdr: String,
}

#[derive(Clone, Copy, Deserialize)]
struct Percentile {
    quantile: f64,
    ms: Option<f64>,
}

#[derive(Deserialize)]
struct Correctness {
    gaps: u64,
    announced: u64,
    unresumable: u64,
    duplicates: u64,
}

#[derive(Deserialize)]
struct Trouble {
    away: u64,
    resumed: u64,
    /// Nothing in files of before it was measured.
    recovery_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Server {
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Process {
    cpu_us_per_delivery: Option<f64>,
    cpu_us_per_connection: Option<f64>,
    memory_before: f64,
    memory_connected: f64,
    memory_after: f64,
    memory_per_subscriber: Option<f64>,
}

#[derive(Deserialize)]
struct Verdict {
    outcome: String,
    reasons: Vec<String>,
}

/// The last run of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<RunResult> {
    let broken = || format!("{} is no result of loadgen; remove it", path.display());
    let text = fs::read_to_string(path).with_context(broken)?;
    parse(&text).with_context(broken)
}

pub(crate) fn parse(text: &str) -> anyhow::Result<RunResult> {
    let file: ResultFile = serde_json::from_str(text)?;
    let run = file.runs.into_iter().next_back().context("it holds no run")?;
    let process = run.server.and_then(|server| server.process);
    let of = |figure: fn(&Process) -> Option<f64>| process.as_ref().and_then(figure);
    let publishing = run.publishing.as_ref();
    let lost = &run.correctness;
    Ok(RunResult {
        started_at: run.started_at,
        machine: run.environment,
        requested: run.subscribers.requested,
        connected: run.subscribers.connected,
        failed: run.subscribers.failures.values().sum(),
        ramp_seconds: run.phases.ramp_seconds,
        scheduled: publishing.map_or(0, |publishing| publishing.slots),
        accepted: publishing.map_or(0, |publishing| publishing.acknowledged),
        requested_rate: publishing.and_then(|publishing| publishing.requested_rate),
        accepted_rate: publishing.map(|publishing| publishing.reached_rate),
        answers: publishing
            .and_then(|publishing| Some(publishing.acknowledgement.as_ref()?.hdr.clone())),
        received: run.delivery.received,
        deliveries_per_second: run.delivery.per_second,
        reach: run.delivery.reach,
        lost: lost.gaps + lost.announced + lost.unresumable,
        duplicates: lost.duplicates,
        away: run.trouble.away,
        resumed: run.trouble.resumed,
        recovery_ms: run.trouble.recovery_ms,
        p50_ms: run.delivery.percentile(0.5),
        p99_ms: run.delivery.percentile(0.99),
        last_subscriber_ms: run.delivery.last_subscriber(),
        cpu_us_per_delivery: of(|process| process.cpu_us_per_delivery),
        cpu_us_per_connection: of(|process| process.cpu_us_per_connection),
        memory_empty: of(|process| Some(process.memory_before)),
        memory_connected: of(|process| Some(process.memory_connected)),
        memory_after: of(|process| Some(process.memory_after)),
        memory_per_subscriber: of(|process| process.memory_per_subscriber),
        outcome: run.verdict.outcome,
        reasons: run.verdict.reasons,
    })
}

impl Delivery {
    fn last_subscriber(&self) -> Option<(f64, f64)> {
        let last = self.completion.as_ref()?.last.as_ref()?;
        Some((last.min_ms, last.max_ms))
    }

    /// What never arrived counts as infinitely late.
    fn percentile(&self, quantile: f64) -> Option<f64> {
        let at = |all: &[Percentile]| {
            all.iter().find(|one| (one.quantile - quantile).abs() < 1e-9).copied()
        };
        if self.reach.is_some_and(|reach| reach < 1.0)
            && let Some(reached) = at(&self.intended_counting_undelivered)
        {
            return Some(reached.ms.unwrap_or(f64::INFINITY));
        }
        at(&self.intended.as_ref()?.percentiles)?.ms
    }
}

impl RunResult {
    /// All of the load was done, and loadgen believes its own figures.
    pub(crate) fn is_pass(&self) -> bool {
        self.outcome == "fine"
    }

    /// Whether every event that should have arrived did, as far as that was verified.
    pub(crate) fn lost_nothing(&self) -> bool {
        self.lost == 0 && self.reach == Some(1.0)
    }

    /// Deliveries a second that were to be made.
    pub(crate) fn requested_deliveries(&self) -> Option<f64> {
        Some(self.requested_rate? * self.requested)
    }
}

#[cfg(test)]
mod tests;

//! What loadgen's result file says of a run: only what the tables show. The file is a published
//! interface (`loadgen/schema/result-v1.json`), so it is read here by its names.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) started_at: String,
    pub(crate) machine: Machine,
    pub(crate) asked: f64,
    pub(crate) connected: f64,
    pub(crate) ramp_seconds: f64,
    /// Events a second that were asked for, and accepted.
    pub(crate) asked_rate: Option<f64>,
    pub(crate) accepted_rate: Option<f64>,
    pub(crate) deliveries_per_second: f64,
    pub(crate) reach: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    /// Infinite when so many never arrived.
    pub(crate) p99_ms: Option<f64>,
    pub(crate) cpu_us_per_delivery: Option<f64>,
    pub(crate) cpu_us_per_connection: Option<f64>,
    pub(crate) memory_empty: Option<f64>,
    pub(crate) memory_connected: Option<f64>,
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
    server: Option<Server>,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Phases {
    ramp_seconds: f64,
}

#[derive(Deserialize)]
struct Subscribers {
    asked: f64,
    connected: f64,
}

#[derive(Deserialize)]
struct Publishing {
    asked_rate: Option<f64>,
    reached_rate: f64,
}

#[derive(Deserialize)]
struct Delivery {
    per_second: f64,
    reach: Option<f64>,
    intended: Option<Distribution>,
    intended_counting_undelivered: Vec<Percentile>,
}

#[derive(Deserialize)]
struct Distribution {
    percentiles: Vec<Percentile>,
}

#[derive(Clone, Copy, Deserialize)]
struct Percentile {
    quantile: f64,
    ms: Option<f64>,
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
    memory_per_subscriber: Option<f64>,
}

#[derive(Deserialize)]
struct Verdict {
    outcome: String,
    reasons: Vec<String>,
}

/// The last run of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Figures> {
    let broken = || format!("{} is no result of loadgen; remove it", path.display());
    let text = fs::read_to_string(path).with_context(broken)?;
    parse(&text).with_context(broken)
}

pub(crate) fn parse(text: &str) -> anyhow::Result<Figures> {
    let file: ResultFile = serde_json::from_str(text)?;
    let run = file.runs.into_iter().next_back().context("it holds no run")?;
    let process = run.server.and_then(|server| server.process);
    let of = |figure: fn(&Process) -> Option<f64>| process.as_ref().and_then(figure);
    let publishing = run.publishing.as_ref();
    Ok(Figures {
        started_at: run.started_at,
        machine: run.environment,
        asked: run.subscribers.asked,
        connected: run.subscribers.connected,
        ramp_seconds: run.phases.ramp_seconds,
        asked_rate: publishing.and_then(|publishing| publishing.asked_rate),
        accepted_rate: publishing.map(|publishing| publishing.reached_rate),
        deliveries_per_second: run.delivery.per_second,
        reach: run.delivery.reach,
        p50_ms: run.delivery.percentile(0.5),
        p99_ms: run.delivery.percentile(0.99),
        cpu_us_per_delivery: of(|process| process.cpu_us_per_delivery),
        cpu_us_per_connection: of(|process| process.cpu_us_per_connection),
        memory_empty: of(|process| Some(process.memory_before)),
        memory_connected: of(|process| Some(process.memory_connected)),
        memory_per_subscriber: of(|process| process.memory_per_subscriber),
        outcome: run.verdict.outcome,
        reasons: run.verdict.reasons,
    })
}

impl Delivery {
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

impl Figures {
    /// Everything that was asked for was done, and loadgen believes its own figures.
    pub(crate) fn is_fine(&self) -> bool {
        self.outcome == "fine"
    }

    /// Deliveries a second that were asked for.
    pub(crate) fn asked_deliveries(&self) -> Option<f64> {
        Some(self.asked_rate? * self.asked)
    }
}

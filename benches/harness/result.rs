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
mod tests {
    use super::*;

    const RESULT: &str = r#"{ "schema": "fanfare-loadgen/1", "runs": [ {
      "started_at": "2026-01-02T03:04:05Z",
      "environment": { "loadgen": "0.1.0", "cpu": "a processor", "cores": 2, "memory": 25769803776, "kernel": "Linux 6" },
      "phases": { "ramp_seconds": 0.5 },
      "subscribers": { "asked": 10000, "connected": 9990, "failures": { "refused": 7, "timeout": 3 } },
      "publishing": { "slots": 100, "acknowledged": 95, "asked_rate": 10.0, "reached_rate": 9.5 },
      "delivery": { "received": 950000, "per_second": 101000.0, "reach": REACH,
        "intended": { "min_ms": 1.0, "max_ms": 90.0, "percentiles": [ { "quantile": 0.5, "ms": 20.0 }, { "quantile": 0.99, "ms": 50.0 } ] },
        "intended_counting_undelivered": [ { "quantile": 0.5, "ms": 21.0 }, { "quantile": 0.99, "ms": null } ],
        "completion": { "events": 2, "last": { "min_ms": 80.0, "max_ms": 90.0, "percentiles": [] } } },
      "correctness": { "gaps": GAPS, "announced": 1, "unresumable": 0, "duplicates": 6 },
      "trouble": { "away": 2, "resumed": 8, "recovery_ms": 1300.5 },
      "server": { "process": { "cpu_us_per_delivery": 4.0, "cpu_us_per_connection": 30.0,
        "memory_before": 1048576, "memory_connected": 11048576, "memory_after": 12048576, "memory_per_subscriber": 1000.0 } },
      "verdict": { "outcome": "fine", "reasons": [] }, "more": "in later versions" } ] }"#;

    fn result(reach: &str, gaps: u64) -> RunResult {
        let text = RESULT.replace("REACH", reach).replace("GAPS", &gaps.to_string());
        parse(&text).expect("a result")
    }

    #[test]
    fn what_never_arrived_is_infinitely_late() {
        let (whole, part) = (result("1.0", 0), result("0.9", 0));
        assert_eq!((whole.p50_ms, whole.p99_ms), (Some(20.0), Some(50.0)));
        assert_eq!((part.p50_ms, part.p99_ms), (Some(21.0), Some(f64::INFINITY)));
        assert_eq!(whole.requested_deliveries(), Some(100_000.0));
    }

    #[test]
    fn failures_losses_and_the_last_subscriber_are_read() {
        let found = result("1.0", 4);
        assert_eq!((found.failed, found.scheduled, found.accepted, found.lost), (10, 100, 95, 5));
        assert_eq!(found.last_subscriber_ms, Some((80.0, 90.0)));
        assert_eq!(found.memory_after, Some(12_048_576.0));
        assert_eq!((found.duplicates, found.away, found.resumed), (6, 2, 8));
        assert_eq!(found.recovery_ms, Some(1300.5));
        let none_lost = |lost, reach| RunResult { lost, reach, ..RunResult::default() };
        assert!(none_lost(0, Some(1.0)).lost_nothing());
        assert!(
            !none_lost(1, Some(1.0)).lost_nothing() && !none_lost(0, Some(0.99)).lost_nothing()
        );
        assert!(!none_lost(0, None).lost_nothing(), "nobody knows");
    }

    #[test]
    fn what_is_no_result_is_said_to_be_none() {
        assert!(parse("{}").is_err());
        assert!(parse(r#"{"runs":[]}"#).is_err());
    }

    /// Read by the names of the published schema, which must have them all.
    #[test]
    fn every_field_that_is_read_is_in_the_schema() {
        let schema = include_str!("../../loadgen/schema/result-v1.json");
        for field in RESULT.split('"').skip(1).step_by(2).filter(|word| word.contains('_')) {
            assert!(schema.contains(&format!("\"{field}\": {{")), "no {field} in the schema");
        }
    }
}

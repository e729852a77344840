//! Results to test reports with: a run as rich as real ones are, and one in which nothing happened.
//!
//! The rich run is the story of a server that stalls for a moment in the 38th second, has a
//! reconnect storm in the 20th, and loses a few events without a notice. It is made of fixed
//! numbers and a fixed sequence, so that every test sees the same.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::result::{
    ClassReport, Completion, Connecting, Correctness, Delivery, Distribution, Environment,
    EventCompletion, Finding, Limits, MetricChange, Outcome, Own, PhaseTimes, PublishingResult,
    ResultFile, Run, SCHEMA, Second, Server, ServerProcess, SloResult, StreamFaults, Subscribers,
    Verdict, WorkerUse, counting_undelivered,
};

const SECONDS: u64 = 60;
const SUBSCRIBERS: u64 = 10_000;
const RATE: u64 = 100;
const STALL: u64 = 38;
const STORM: u64 = 20;

/// A file of so many rich runs; all but the last are fine.
pub(super) fn file(runs: usize) -> ResultFile {
    let mut runs: Vec<Run> = (0..runs).map(|_| run()).collect();
    let last = runs.len().saturating_sub(1);
    for (at, run) in runs.iter_mut().enumerate().take(last) {
        run.verdict = Verdict {
            headline: "Everything arrived, and every SLO was met.".to_owned(),
            ..Verdict::default()
        };
        run.correctness =
            Correctness { verified: run.correctness.verified, ..Correctness::default() };
        run.delivery.reach = Some(1.0);
        run.delivery.per_second += 1000.0 * at as f64;
    }
    ResultFile { schema: SCHEMA.to_owned(), runs }
}

/// A run in which nothing happened.
pub(super) fn empty() -> Run {
    Run {
        name: "run".to_owned(),
        about: None,
        run_id: "0".to_owned(),
        started_at: "2026-03-01T12:00:00Z".to_owned(),
        settings: BTreeMap::new(),
        scenario_hash: String::new(),
        environment: Environment::default(),
        phases: PhaseTimes::default(),
        subscribers: Subscribers::default(),
        connecting: Connecting::default(),
        publishing: None,
        delivery: Delivery::default(),
        correctness: Correctness::default(),
        faults: StreamFaults::default(),
        own: Own::default(),
        server: None,
        seconds: Vec::new(),
        slos: Vec::new(),
        verdict: Verdict::default(),
    }
}

/// The rich run.
pub(super) fn run() -> Run {
    Run {
        name: "fan-out-10k".to_owned(),
        about: Some("Ten thousand dashboards follow four topics.".to_owned()),
        run_id: "5f0c9a7e".to_owned(),
        started_at: "2026-03-01T12:00:00Z".to_owned(),
        settings: settings(),
        scenario_hash: "9c41d2ab".to_owned(),
        environment: environment(),
        phases: PhaseTimes { ramp_seconds: 4.21, measured_seconds: 60.0, tail_seconds: 0.42 },
        subscribers: subscribers(),
        connecting: connecting(),
        publishing: Some(publishing()),
        delivery: delivery(),
        correctness: correctness(),
        faults: faults(),
        own: own(),
        server: Some(server()),
        seconds: (0..SECONDS).map(second).collect(),
        slos: slos(),
        verdict: verdict(),
    }
}

/// So many values around a median, in milliseconds, with a long tail when `spread` is large.
pub(super) fn distribution(values: u64, median_ms: f64, spread: f64) -> Distribution {
    Distribution::of(&histogram(values, median_ms, spread)).expect("at least one value")
}

fn histogram(values: u64, median_ms: f64, spread: f64) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three digits are allowed");
    for at in 0..values {
        let share = (at as f64 + 0.5) / values as f64;
        let ms = median_ms * spread.powf((share / (1.0 - share)).ln());
        histogram.record((ms * 1e6) as u64).expect("it grows");
    }
    histogram
}

/// As `distribution`, and a stall of most of a second that 1.5 % of the events waited for.
fn stalled() -> Histogram<u64> {
    let mut histogram = histogram(100_000, 0.9, 1.35);
    for at in 0..1500 {
        histogram.record(40_000_000 + at * 550_000).expect("it grows");
    }
    histogram
}

/// A number from 0 to 1 that looks like chance and is the same in every run.
fn chance(at: u64) -> f64 {
    let mixed = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64
        / (1_u64 << 24) as f64
}

/// How much slower than usual a moment was.
fn slowness(second: u64) -> f64 {
    match second {
        STALL => 60.0,
        s if s == STALL + 1 => 8.0,
        STORM => 4.0,
        s => 1.0 + 0.3 * chance(s),
    }
}

fn second(second: u64) -> Second {
    let slow = slowness(second);
    let published = if second == STALL { RATE / 4 } else { RATE };
    let received = published * SUBSCRIBERS - (chance(second + 7) * 2000.0) as u64;
    let storm = u64::from(second == STORM);
    Second {
        second,
        published,
        received,
        bytes: received * 178,
        errors: storm * 12,
        reconnects: storm * 2000,
        p50_ms: Some(0.85 * slow.sqrt()),
        p90_ms: Some(1.9 * slow.sqrt() * (1.0 + 0.1 * chance(second + 1))),
        p99_ms: Some(3.8 * slow * (1.0 + 0.2 * chance(second + 2))),
        max_ms: Some(9.0 * slow * (1.0 + 0.6 * chance(second + 3))),
    }
}

fn completion() -> Completion {
    let each = (0..200).map(|at| {
        let at_seconds = at as f64 * 0.3;
        let slow = slowness(at_seconds as u64);
        let reached = if at % 40 == 17 { SUBSCRIBERS - 3 } else { SUBSCRIBERS };
        EventCompletion {
            at_seconds,
            reached,
            expected: SUBSCRIBERS,
            first_ms: 0.18 * (1.0 + 0.5 * chance(at)) * slow.sqrt(),
            median_ms: 1.0 * (1.0 + 0.3 * chance(at + 1)) * slow.sqrt(),
            most_ms: 2.6 * (1.0 + 0.3 * chance(at + 2)) * slow,
            last_ms: 5.1 * (1.0 + 0.8 * chance(at + 3)) * slow,
        }
    });
    Completion {
        events: 200,
        complete: 195,
        first: Some(distribution(200, 0.22, 1.2)),
        median: Some(distribution(200, 1.1, 1.2)),
        most: Some(distribution(200, 3.0, 1.3)),
        last: Some(distribution(200, 6.5, 1.4)),
        each: each.collect(),
    }
}

fn delivery() -> Delivery {
    let intended = stalled();
    Delivery {
        received: 59_249_988,
        expected: Some(59_250_000),
        reach: Some(59_249_988.0 / 59_250_000.0),
        bytes: 10_546_497_864,
        comments: 0,
        per_second: 980_635.0,
        intended: Distribution::of(&intended),
        actual: Some(distribution(100_000, 0.9, 1.35)),
        intended_counting_undelivered: counting_undelivered(&intended, 12),
        negative: 0,
        most_negative_ms: None,
        clock: "one monotonic clock for publisher and subscribers".to_owned(),
        clock_error_ms: None,
        fairness: Some(distribution(SUBSCRIBERS, 1.05, 1.06)),
        completion: Some(completion()),
    }
}

fn settings() -> BTreeMap<String, serde_json::Value> {
    let settings = [
        ("duration", "60s".into()),
        ("rate", 100.into()),
        ("subscribers", 10_000.into()),
        ("target", "http://127.0.0.1:8080/events/{topic}".into()),
        ("topics", 4.into()),
        ("publish-style", "raw".into()),
        ("storm", serde_json::json!({ "at": "20s", "share": 0.2 })),
        ("header", serde_json::json!(["Authorization: <hidden>"])),
    ];
    settings.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value)).into()
}

fn environment() -> Environment {
    Environment {
        loadgen: "0.1.0".to_owned(),
        command: ["loadgen", "run", "fan-out-10k.toml"].map(str::to_owned).to_vec(),
        cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
        cores: 8,
        memory: 32 << 30,
        kernel: "Linux 6.12.9".to_owned(),
        clock_source: "tsc".to_owned(),
        boot_id: "0f7c3f0a-6d4b-4d0e-8f3c-5a1c2b3d4e5f".to_owned(),
        loopback: true,
        limits: Limits {
            open_files: 1_048_576,
            local_ports: (32_768, 60_999),
            backlog: 4096,
            receive_buffer: "4096 131072 6291456".to_owned(),
            send_buffer: "4096 16384 4194304".to_owned(),
        },
    }
}

fn subscribers() -> Subscribers {
    Subscribers {
        requested: SUBSCRIBERS,
        connected: SUBSCRIBERS - 4,
        topics: 4,
        verified: 2_000,
        failures: [("timeout".to_owned(), 3), ("refused".to_owned(), 1)].into(),
        own_bytes_each: Some(3_412.0),
        server_header: Some("fanfare/0.1".to_owned()),
        protocol: "http/1.1".to_owned(),
    }
}

fn connecting() -> Connecting {
    Connecting {
        tcp: Some(distribution(9_996, 0.12, 1.3)),
        tls: None,
        head: Some(distribution(9_996, 0.65, 1.4)),
        first_byte: Some(distribution(9_996, 0.71, 1.4)),
        first_event: Some(distribution(9_996, 412.0, 1.2)),
    }
}

fn publishing() -> PublishingResult {
    PublishingResult {
        style: "raw".to_owned(),
        open_loop: true,
        slots: RATE * SECONDS,
        sent: 5_998,
        acknowledged: 5_990,
        refusals: [("503".to_owned(), 8)].into(),
        late: 91,
        missed: 2,
        requested_rate: Some(100.0),
        reached_rate: 99.83,
        acknowledgement: Some(distribution(5_990, 0.48, 1.35)),
        own_lateness: Some(distribution(5_907, 0.021, 1.4)),
        blocked_lateness: Some(distribution(91, 310.0, 1.3)),
        longest_pause_ms: Some(912.0),
    }
}

fn correctness() -> Correctness {
    let finding = |kind: &str, subscriber, what: &str| Finding {
        kind: kind.to_owned(),
        subscriber,
        what: what.to_owned(),
    };
    Correctness {
        gaps: 12,
        announced: 1_340,
        unresumable: 208,
        duplicates: 3,
        reordered: 0,
        overtaken: 0,
        corrupted: 0,
        wrong_topic: 0,
        foreign: 1,
        broken_streams: 0,
        strange_streams: 0,
        verified: Some(59_249_991),
        unverified: 0,
        notices: 0,
        examples: vec![
            finding("gap", 4_711, "expected number 3,806 of publisher 0, saw 3,809"),
            finding("duplicate", 17, "number 2,001 of publisher 0 arrived twice, 1.2 ms apart"),
        ],
    }
}

fn faults() -> StreamFaults {
    let class = |subscribers, received, closed| ClassReport {
        subscribers,
        received,
        expected: Some(subscribers * 5_998),
        announced: 44,
        gaps: 0,
        closed,
        until_closed: (closed > 0).then(|| distribution(closed, 8_300.0, 1.2)),
    };
    StreamFaults {
        cut_fin: 1_000,
        cut_rst: 1_012,
        cut_in_storm: 2_000,
        closed_by_server: 3,
        errors: [("reset by peer".to_owned(), 12)].into(),
        reconnects: 2_026,
        ended: 0,
        lengthened: 0,
        resumed: 1_998,
        away: 1,
        reconnect: Some(distribution(2_026, 3.1, 1.5)),
        outage: Some(distribution(2_026, 510.0, 1.3)),
        catch_up: Some(distribution(1_998, 8.2, 1.4)),
        recovery_ms: Some(61_300.0),
        longest_silence_ms: Some(1_940.0),
        classes: [
            ("slow".to_owned(), class(100, 412_022, 0)),
            ("stopped".to_owned(), class(50, 18_003, 50)),
            ("vanished".to_owned(), class(20, 9_120, 0)),
        ]
        .into(),
    }
}

fn own() -> Own {
    let worker = |at: u64| WorkerUse {
        name: format!("reader-{at}"),
        cpu: 0.31 + 0.04 * at as f64,
        waiting: (at != 3).then_some(0.012),
        deliveries: 14_812_497,
    };
    Own {
        reading_lag: Some(distribution(20_000, 0.031, 1.5)),
        latency_when_known: Some(distribution(20_000, 5.0, 1.6)),
        timer_lateness: Some(distribution(6_000, 0.018, 1.4)),
        workers: (0..4).map(worker).collect(),
        memory: 212 << 20,
    }
}

fn server() -> Server {
    let changed =
        |series: &str, before, after| MetricChange { series: series.to_owned(), before, after };
    Server {
        process: Some(ServerProcess {
            pid: 4242,
            command: "fanfare --listen 127.0.0.1:8080".to_owned(),
            cpu_seconds: 71.4,
            cpu_us_per_delivery: Some(1.205),
            cpu_us_per_connection: Some(38.2),
            memory_before: 9 << 20,
            memory_connected: 41 << 20,
            memory_after: 52 << 20,
            memory_per_subscriber: Some(3_355.0),
            sockets_before: Some(0),
            sockets_connected: Some(3 << 20),
            sockets_peak: Some(88 << 20),
        }),
        metrics: vec![
            changed("fanfare_events_total{topic=\"news\"}", 0.0, 1_500.0),
            changed("fanfare_deliveries_total", 0.0, 59_249_988.0),
            changed("fanfare_lag_seconds{quantile=\"0.99\"}", 0.0, 0.00412),
        ],
        notes: vec!["The limits of the control group could not be read.".to_owned()],
    }
}

fn slos() -> Vec<SloResult> {
    let slo = |expression: &str, measured: Option<&str>, met| SloResult {
        expression: expression.to_owned(),
        measured: measured.map(str::to_owned),
        met,
    };
    vec![
        slo("delivery.p50<5ms", Some("0.908 ms"), true),
        slo("delivery.p99<25ms", Some("306 ms"), false),
        slo("server.memory<100MiB", Some("52.0 MiB"), true),
        slo("tls.p99<20ms", None, false),
    ]
}

fn verdict() -> Verdict {
    Verdict {
        outcome: Outcome::Wrong,
        exit_code: 3,
        headline: "12 events were lost and not announced.".to_owned(),
        reasons: vec![
            "12 events never arrived at subscribers whose streams were open the whole time."
                .to_owned(),
            "3 events arrived twice.".to_owned(),
            "The SLO delivery.p99<25ms was missed: 306 ms.".to_owned(),
        ],
        notes: vec![
            "2,000 of 9,996 subscribers were verified; the others are estimated from their bytes."
                .to_owned(),
            "The server stood still for 0.9 s in the 38th second.".to_owned(),
        ],
    }
}

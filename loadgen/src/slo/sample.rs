//! A run in which everything was measured, for tests: every figure has a value there, and values
//! that could be mistaken for each other differ, so that a figure which reads its neighbour's field
//! is found out. No server, machine or file is behind it.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::result::{
    Completion, Connecting, Correctness, Delivery, Distribution, Environment, Outcome, Own,
    PhaseTimes, PublishingResult, Reached, Run, Server, ServerProcess, StreamFaults, Subscribers,
    Verdict, WorkerUse,
};

/// Of these nanoseconds, when so many further values never arrived.
pub(crate) fn distribution(
    nanos: impl IntoIterator<Item = u64>,
    undelivered: u64,
) -> (Option<Distribution>, Vec<Reached>) {
    let mut histogram = Histogram::new(3).expect("three digits are allowed");
    nanos.into_iter().for_each(|value| histogram.record(value).expect("it grows"));
    (Distribution::of(&histogram), reached(&histogram, undelivered))
}

fn reached(histogram: &Histogram<u64>, undelivered: u64) -> Vec<Reached> {
    crate::result::counting_undelivered(histogram, undelivered)
}

/// A hundred values of which the largest is so many milliseconds.
fn up_to(ms: u64) -> Option<Distribution> {
    distribution((1..=100).map(|n| n * ms * 10_000), 0).0
}

pub(crate) fn run() -> Run {
    let correctness =
        Correctness { gaps: 2, announced: 3, verified: Some(97), ..Correctness::default() };
    Run {
        name: "sample".to_owned(),
        about: None,
        run_id: "1".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        settings: BTreeMap::new(),
        scenario_hash: "same".to_owned(),
        environment: Environment::default(),
        phases: PhaseTimes { measured_seconds: 60.0, ..PhaseTimes::default() },
        subscribers: subscribers(),
        connecting: connecting(),
        publishing: Some(publishing()),
        delivery: delivery(),
        correctness,
        faults: faults(),
        own: own(),
        server: Some(server()),
        seconds: Vec::new(),
        slos: Vec::new(),
        verdict: Verdict { outcome: Outcome::Pass, ..Verdict::default() },
    }
}

fn subscribers() -> Subscribers {
    Subscribers {
        connected: 100,
        verified: 100,
        failures: BTreeMap::from([("timeout".to_owned(), 4)]),
        own_bytes_each: Some(900.0),
        ..Subscribers::default()
    }
}

fn connecting() -> Connecting {
    Connecting {
        tcp: up_to(1),
        tls: up_to(2),
        head: up_to(3),
        first_byte: up_to(4),
        first_event: up_to(5),
    }
}

fn publishing() -> PublishingResult {
    PublishingResult {
        refusals: BTreeMap::from([("503".to_owned(), 6)]),
        sent: 1000,
        late: 7,
        missed: 8,
        reached_rate: 1000.0,
        acknowledgement: up_to(6),
        longest_pause_ms: Some(23.0),
        ..PublishingResult::default()
    }
}

fn delivery() -> Delivery {
    let (intended, counting) = distribution((1..=100).map(|n| n * 200_000), 0);
    Delivery {
        received: 100,
        expected: Some(100),
        reach: Some(1.0),
        per_second: 90_000.0,
        intended,
        actual: up_to(19),
        intended_counting_undelivered: counting,
        fairness: up_to(11),
        completion: Some(Completion {
            first: up_to(12),
            median: up_to(13),
            last: up_to(15),
            ..Completion::default()
        }),
        ..Delivery::default()
    }
}

fn faults() -> StreamFaults {
    StreamFaults {
        closed_by_server: 2,
        errors: BTreeMap::from([("reset".to_owned(), 3)]),
        away: 1,
        reconnect: up_to(16),
        outage: up_to(17),
        catch_up: up_to(21),
        recovery_ms: Some(22.0),
        longest_silence_ms: Some(24.0),
        ..StreamFaults::default()
    }
}

fn own() -> Own {
    let worker = |cpu| WorkerUse { cpu, ..WorkerUse::default() };
    Own { reading_lag: up_to(18), workers: vec![worker(0.25), worker(0.5)], ..Own::default() }
}

fn server() -> Server {
    let process = ServerProcess {
        cpu_us_per_delivery: Some(3.5),
        cpu_us_per_connection: Some(80.0),
        memory_after: 200 << 20,
        memory_per_subscriber: Some(18_432.0),
        ..ServerProcess::default()
    };
    Server { process: Some(process), ..Server::default() }
}

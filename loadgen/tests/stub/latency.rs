//! The generator's latency against the server's own record: the server delays every delivery by a
//! known time, and writes down what it has really done. Both read the kernel's monotonic clock, and
//! what lies between the two is one write, one wake-up and one read.
//!
//! A machine that is busy with other things can put a pause between these two that neither side
//! caused, and with a thousand deliveries one such pause is the maximum. So a comparison is made up
//! to three times: an error of the generator would be there each time.

use std::time::Duration;

use crate::support::{EventFault, Faults, PublishResponses, Ran, Stub, eventually, loadgen};

const ATTEMPTS: usize = 3;

const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// How far two percentiles may be apart, in milliseconds or as a share.
const APART: (f64, f64) = (1.0, 0.05);

#[test]
fn percentiles_are_those_that_the_server_caused() {
    // One event in a hundred is late. Each subscriber has a topic of its own, so that hardly any
    // other waits behind it.
    let faults = Faults {
        latency: |event| Duration::from_millis(if event.number % 100 == 50 { 200 } else { 5 }),
        ..Faults::default()
    };
    agrees("c{n}", "-c 100 -r 500 -d 3s", &faults, |found| {
        // Nearly all of them take 5 ms, and one in a hundred takes 200 ms.
        (5.0..100.0).contains(&found[1]) && found[3] >= 200.0
    });
}

#[test]
fn a_stall_of_a_second_is_in_the_percentiles_as_the_server_caused_it() {
    let faults = Faults {
        event_faults: vec![(200, EventFault::Stall(Duration::from_secs(1)))],
        latency: |_| Duration::from_millis(5),
        ..Faults::default()
    };
    agrees("load", "-c 2 -r 400 -d 3s", &faults, |found| {
        // Most were not held up. A second of events was, each by a different part of it.
        found[0] < 500.0 && found[1] > 500.0 && found[4] >= 1000.0
    });
}

#[test]
fn a_server_that_stops_answering_cannot_hide_it() {
    let stop_at = Some((50, Duration::from_secs(2)));
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let stub = Stub::start(Faults {
            responses: PublishResponses { stop_at, ..PublishResponses::default() },
            latency: |_| Duration::from_millis(20),
            ..Faults::default()
        });
        let ran = loadgen(&stub.load("load", "-c 2 --schedule steps:100/4s,0/3s"));
        ran.assert_all_arrived(2);
        let p99 = |of: &str| ran.percentile(&format!("/delivery/{of}"), 0.99);
        let (intended, actual) = (p99("intended"), p99("actual"));
        // Half of the events were due while the server stood still; only one was sent into it. A
        // busy machine makes further ones late.
        assert!(intended >= 1000.0, "{intended}");
        assert!(ran.count("/publishing/late") >= 150, "{}", ran.stdout);
        assert!(ran.figure("/publishing/blocked_lateness/max_ms") >= 1900.0, "{}", ran.stdout);
        if actual < intended / 5.0 {
            return assert_explains(&ran, intended - actual);
        }
        last = format!("{actual} of {intended}");
    }
    panic!("never far apart: {last}");
}

/// The summary says why the two latencies differ, and by how much.
fn assert_explains(ran: &Ran, apart: f64) {
    let words = ran.words();
    for part in [
        "Intended counts from the moment an event was due, actual from the moment its publish call \
         began; at p99 they are ",
        "the server (or the connection) kept the publisher waiting, for up to ",
        "so latency from the actual send hides it: coordinated omission.",
    ] {
        assert!(words.contains(part), "{part}\n{}", ran.stdout);
    }
    let (_, rest) = words.split_once("at p99 they are ").expect("just seen");
    let said: f64 = rest.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    // Seconds from a second on.
    let said = if rest.split(' ').nth(1) == Some("s") { said * 1000.0 } else { said };
    assert!((said - apart).abs() <= apart * 0.01, "{said} said of {apart}");
}

/// Compares the percentiles with the server's, and the server's with its settings: it may be held
/// up itself.
fn agrees(topic: &str, flags: &str, faults: &Faults, is_as_requested: impl Fn(&[f64; 5]) -> bool) {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let stub = Stub::start(faults.clone());
        let ran = loadgen(&stub.load(topic, &format!("{flags} --tail 5s")));
        // With a median of 5 ms a busy machine can make the run invalid; that is another judgement.
        assert!(matches!(ran.code, 0 | 4), "{}", ran.stdout);
        ran.assert_faults(&[]);
        let arrived = ran.count("/delivery/intended/count");
        // A delivery is written down when it has been made.
        let is_complete = || stub.store().latencies().len() as u64 >= arrived;
        eventually("the server has written all of them down", is_complete);
        let record = stub.store().latencies();
        assert_eq!(record.len() as u64, arrived);
        let theirs = QUANTILES.map(|quantile| nearest_rank(&record, quantile));
        let ours = QUANTILES.map(|quantile| ran.percentile("/delivery/intended", quantile));
        let close =
            |(ours, theirs): (&f64, &f64)| (ours - theirs).abs() <= APART.0.max(theirs * APART.1);
        if is_as_requested(&theirs) && ours.iter().zip(&theirs).all(close) {
            return;
        }
        last = format!("{ours:?} measured, {theirs:?} recorded");
    }
    panic!("never agreed: {last}");
}

/// The smallest value that is not below this share of the values, in milliseconds.
fn nearest_rank(sorted: &[u64], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1] as f64 / 1e6
}

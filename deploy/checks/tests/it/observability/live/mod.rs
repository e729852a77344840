//! Every query of every dashboard, against a real server, a real load generator and a real Prometheus.
//!
//! One run touches every path once; then each query of each panel must have a finite value somewhere,
//! and one that is not 0 unless it is listed with a reason. What panels say must agree with what the
//! load generator has counted by itself.

mod agreement;
mod panels;
mod paths;

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use self::agreement::{the_panels_agree, the_panels_agree_with_the_result};
use self::panels::every_panel_has_figures;
use self::paths::{SERVER_FLAGS, touch_every_path};
use super::prometheus::{Prometheus, now};
use super::visitor::open;
use crate::support::ports::own_address;
use crate::support::process::{Fanfare, Process};
use crate::support::{eventually, program};

const SUBSCRIBERS: u32 = 40;
const RATE: u32 = 50;

/// Starts a run that goes on serving its metrics after its end, until it is dropped.
fn start_loadgen(server: SocketAddr, metrics: SocketAddr, folder: &TempDir) -> Process {
    let url = format!("http://{server}/events/load");
    let mut command = Command::new(program::loadgen());
    command
        .current_dir(folder.path())
        .args(["run", "--quiet", "--subscribe", &url, "--publish", &url])
        .args(["-c", &SUBSCRIBERS.to_string(), "--rate", &RATE.to_string()])
        .args(["--warmup", "1s", "--duration", "13s", "--json", "result.json"])
        .args(["--metrics-listen", &metrics.to_string(), "--metrics-linger", "10m"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process::start(&mut command)
}

/// A query of a phase's annotation, at all moments at which it held.
fn moments_of(prometheus: &Prometheus, begin: f64, phase: &str) -> Vec<f64> {
    let found = prometheus.since(begin, "loadgen_phase == 1");
    let curves = found.into_iter().filter(|curve| curve.labels["phase"] == phase);
    curves.flat_map(|curve| curve.points).map(|point| point.0).collect()
}

#[test]
fn every_panel_has_figures_and_they_agree_with_what_was_sent_and_read() {
    let begin = now();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let flags = [&SERVER_FLAGS[..], &["--data-dir", data.to_str().unwrap()]].concat();
    let server = Fanfare::start(&flags);
    let metrics = own_address();
    let jobs = [("fanfare", server.admin), ("loadgen", metrics)];
    let prometheus = Prometheus::start(&jobs, "");
    eventually("a first scrape", || !prometheus.at("fanfare_ready", None).is_empty());
    touch_every_path(&server, &prometheus);

    let delivered = server.figure("fanfare_events_delivered_total");
    let run_begin = now();
    let loadgen = start_loadgen(server.address, metrics, &folder);
    eventually("the end of the run", || !moments_of(&prometheus, begin, "done").is_empty());
    let result = std::fs::read_to_string(folder.path().join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&result).unwrap();
    let run = &result["runs"][0];
    let delivered = server.figure("fanfare_events_delivered_total") - delivered;
    assert_eq!(Some(delivered), run["delivery"]["received"].as_f64(), "delivered and received");

    // Before the last scrapes, of which one program's may have been after its end already.
    let measuring = moments_of(&prometheus, begin, "measuring");
    let steady = measuring.last().expect("it has measured") - 2.0;
    the_panels_agree(&prometheus, steady);
    the_panels_agree_with_the_result(&prometheus, run_begin, run);

    // A server without streams would have drained before anybody could look.
    let _streams: Vec<_> = (0..20).map(|_| open(server.address, "silence", None)).collect();
    server.process.terminate();
    eventually("a drain is seen", || !prometheus.since(begin, "fanfare_draining == 1").is_empty());
    drop(server);
    every_panel_has_figures(&prometheus, begin);
    drop(loadgen);
}

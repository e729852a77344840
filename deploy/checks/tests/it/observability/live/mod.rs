//! Every query of every dashboard, against a real server, a real load generator and a real Prometheus.
//!
//! One run touches every path once; then each panel must have a finite value somewhere in it, and
//! what panels say must agree with what the load generator has counted by itself.

mod agreement;
mod paths;

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use self::agreement::the_panels_agree;
use self::paths::{SERVER_FLAGS, touch_every_path};
use super::dashboards::{self, Choices, Dashboard, selector_of};
use super::exported::free_address;
use super::prometheus::{Curve, Prometheus, now};
use super::visitor::open;
use crate::support::process::{Fanfare, Process};
use crate::support::{eventually, program};

const SUBSCRIBERS: u32 = 40;
const RATE: u32 = 50;
/// Ranges of rates. Grafana would take 15 s for a scrape a second; a shorter one shows what lasted
/// only for a moment, and a run need not last as long.
const SHORT: &str = "5s";

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
    let server = Fanfare::start(&SERVER_FLAGS);
    let metrics = free_address();
    let jobs = [("fanfare", server.admin), ("loadgen", metrics)];
    let prometheus = Prometheus::start(&jobs, "");
    eventually("a first scrape", || !prometheus.at("fanfare_ready", None).is_empty());
    touch_every_path(&server);

    let delivered = server.figure("fanfare_events_delivered_total");
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
    the_panels_agree(&prometheus, steady, run);

    // A server without streams would have drained before anybody could look.
    let _streams: Vec<_> = (0..20).map(|_| open(server.address, "silence", None)).collect();
    server.process.terminate();
    eventually("a drain is seen", || !prometheus.since(begin, "fanfare_draining == 1").is_empty());
    drop(server);
    every_panel_has_a_finite_value(&prometheus, begin);
    drop(loadgen);
}

fn every_panel_has_a_finite_value(prometheus: &Prometheus, begin: f64) {
    for dashboard in dashboards::all() {
        let choices = chosen_by_grafana(prometheus, &dashboard);
        let load = choices.1.as_ref().map_or((".+", ".+"), |(job, instance)| (job, instance));
        let (job, instance) = &choices.0;
        let choices =
            Choices { servers: (job, instance), load, rate_interval: SHORT, ..Choices::ALL };
        for query in dashboard.queries() {
            let curves = prometheus.since(begin, &choices.fill(&query.expression));
            assert!(curves.iter().any(Curve::is_finite_somewhere), "{}: {curves:?}", query.place);
            if query.is_heatmap {
                assert!(curves.len() >= 9, "{}: {} buckets", query.place, curves.len());
            }
        }
        for (name, query) in dashboard.annotations() {
            let marks = prometheus.since(begin, &choices.fill(query));
            // The server was not started anew.
            assert_eq!(marks.is_empty(), name == "Restarts", "{}, {name}", dashboard.file);
        }
    }
}

/// Job and instance of the servers, and of the load generators where there are such variables, as the
/// variables of a dashboard find them.
type Found = (String, String);
fn chosen_by_grafana(prometheus: &Prometheus, dashboard: &Dashboard) -> (Found, Option<Found>) {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, query) in dashboard.variable_queries() {
        let mut selector = query.to_owned();
        for (earlier, value) in &found {
            selector = selector.replace(&format!("${earlier}"), value);
        }
        let (selector, label) = selector_of(&selector);
        let values = prometheus.label_values(selector, label);
        assert_eq!(values.len(), 1, "{}, {name}: {values:?}", dashboard.file);
        // As Grafana puts chosen values into a regular expression.
        found.push((name.to_owned(), values[0].replace('.', "\\\\.")));
    }
    let value = |name: &str| found.iter().find(|one| one.0 == name).map(|one| one.1.clone());
    let load = value("loadgen_job").zip(value("loadgen_instance"));
    (value("job").zip(value("instance")).expect("both are variables"), load)
}

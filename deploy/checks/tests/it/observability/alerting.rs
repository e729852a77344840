//! Alerts that fire and resolve, in a real Prometheus that watches a real server in real trouble.
//!
//! The rules are the committed ones with their times made shorter: what is tested is that the figures
//! of a real server lead to the alert, not how long it waits. That is for the unit tests of the rules.

use std::net::SocketAddr;
use std::process::Command;

use super::prometheus::{Alert, Prometheus};
use super::rules;
use super::visitor::{connect, open, publish_many, read_on};
use crate::support::client::post;
use crate::support::process::Fanfare;
use crate::support::{eventually, text};

/// When a drain is told that lasts too long: not half a minute after its window, by when a server that
/// is well has gone, but twelve seconds before its end.
const DRAIN: [&str; 2] = ["window_seconds + 30", "window_seconds - 12"];
const DRAIN_WINDOW: &str = "20s";

/// The rules, waiting for seconds where they wait for minutes.
fn hurried_rules() -> String {
    let [records, alerts] = rules::FILES.map(|file| hurried(&text(file)));
    let groups = alerts.split_once("groups:\n").expect("groups").1;
    let rules = format!("{records}{groups}");
    let [committed, changed] = DRAIN;
    assert_eq!(
        rules.matches(committed).count(),
        1,
        "the rule of drains says no longer {committed}"
    );
    rules.replace(committed, changed)
}

/// Ranges become four seconds, four scrapes; what alerts wait for becomes one.
fn hurried(rules: &str) -> String {
    let ranges = ["[2m]", "[5m]", "[15m]", "[30m]"];
    let rules = ranges.iter().fold(rules.to_owned(), |text, range| text.replace(range, "[4s]"));
    let line = |line: &str| match line.trim_start().starts_with("for: ") {
        true => "        for: 1s".to_owned(),
        false => line.to_owned(),
    };
    rules.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn watch(server: SocketAddr) -> Prometheus {
    let prometheus = Prometheus::start(&[("fanfare", server)], &hurried_rules());
    eventually("a first scrape", || !prometheus.at("fanfare_ready", None).is_empty());
    prometheus
}

fn firing(prometheus: &Prometheus, name: &str) -> Option<Alert> {
    prometheus.alerts().into_iter().find(|alert| alert.name == name && alert.is_firing)
}

/// Waits until an alert fires, and looks at what it says.
fn fires(prometheus: &Prometheus, name: &str) {
    let mut found = None;
    eventually(&format!("{name} fires"), || {
        found = firing(prometheus, name);
        found.is_some()
    });
    let Alert { labels, annotations, .. } = found.expect("just seen");
    assert_eq!(labels["job"], "fanfare", "{name}");
    for text in ["summary", "description"] {
        // A template that cannot be filled says so in the text.
        let said = &annotations[text];
        assert!(!said.contains("error") && !said.contains("no value"), "{name}: {said}");
    }
}

fn resolves(prometheus: &Prometheus, name: &str) {
    eventually(&format!("{name} resolves"), || firing(prometheus, name).is_none());
}

#[test]
fn a_crowd_that_is_turned_away_is_told_until_it_leaves() {
    let server = Fanfare::start(&["--connections", "20"]);
    let prometheus = watch(server.admin);
    // The 16 that stay are near the limit only together with those who ask in vain.
    let _streams: Vec<_> = (0..16).map(|_| open(server.address, "news", None)).collect();
    let crowd: Vec<_> = (0..40).map(|_| connect(server.address)).collect();
    fires(&prometheus, "FanfareConnectionsRejected");
    fires(&prometheus, "FanfareConnectionsNearLimit");
    drop(crowd);
    resolves(&prometheus, "FanfareConnectionsRejected");
    resolves(&prometheus, "FanfareConnectionsNearLimit");
}

#[test]
fn slow_readers_and_what_they_lose_are_told_until_they_have_read() {
    let server = Fanfare::start(&["--policy", "drop-oldest", "--lag-bytes", "256KiB"]);
    let prometheus = watch(server.admin);
    let mut slow: Vec<_> = (0..12).map(|_| open(server.address, "news", None)).collect();
    eventually("FanfareSlowReaders fires", || {
        // Until what waits is more than the kernel takes, on any machine.
        publish_many(server.address, "news", 20, 16_000);
        firing(&prometheus, "FanfareSlowReaders").is_some()
    });
    fires(&prometheus, "FanfareSlowReaders");
    eventually("FanfareEventsLost fires", || {
        // Events are left out when a reader goes on reading, so it goes on a little.
        slow.iter_mut().for_each(read_on);
        firing(&prometheus, "FanfareEventsLost").is_some()
    });
    fires(&prometheus, "FanfareEventsLost");
    drop(slow);
    resolves(&prometheus, "FanfareSlowReaders");
    resolves(&prometheus, "FanfareEventsLost");
}

#[test]
fn figures_of_another_program_are_told() {
    // A Prometheus exports figures too, so its target is up.
    let other = Prometheus::start(&[], "");
    let astray = Prometheus::start(&[("fanfare", other.address())], &hurried_rules());
    fires(&astray, "FanfareMetricsMissing");
    assert!(firing(&astray, "FanfareServerDown").is_none());
}

#[test]
fn a_drain_that_lasts_is_told_and_then_that_the_server_is_gone() {
    let server = Fanfare::start(&["--drain-window", DRAIN_WINDOW]);
    let prometheus = watch(server.admin);
    // Streams end evenly over the window, so some of so many last longer than until the alert.
    let _streams: Vec<_> = (0..30).map(|_| open(server.address, "news", None)).collect();
    assert!(firing(&prometheus, "FanfareDrainStuck").is_none());
    server.process.terminate();
    fires(&prometheus, "FanfareDrainStuck");
    // It is not ready, and that is as it should be.
    assert!(firing(&prometheus, "FanfareNotReady").is_none());
    drop(server);
    fires(&prometheus, "FanfareServerDown");
    resolves(&prometheus, "FanfareDrainStuck");
}

#[test]
fn a_server_that_hangs_is_told_until_it_goes_on() {
    let server = Fanfare::start(&[]);
    let prometheus = watch(server.admin);
    assert!(firing(&prometheus, "FanfareServerDown").is_none());
    signal(&server, "STOP");
    fires(&prometheus, "FanfareServerDown");
    signal(&server, "CONT");
    resolves(&prometheus, "FanfareServerDown");
}

fn signal(server: &Fanfare, name: &str) {
    let pid = server.process.pid().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.expect("kill starts").success(), "{pid} is there");
}

#[test]
fn publishers_that_are_refused_are_told_until_they_mend() {
    let server = Fanfare::start(&[]);
    let prometheus = watch(server.admin);
    eventually("FanfarePublishRejected fires", || {
        let form = "application/x-www-form-urlencoded";
        post(server.address, "/.well-known/mercure", form, "data=nowhere");
        firing(&prometheus, "FanfarePublishRejected").is_some()
    });
    fires(&prometheus, "FanfarePublishRejected");
    resolves(&prometheus, "FanfarePublishRejected");
}

#[test]
fn a_log_that_has_lost_its_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Fanfare::start(&["--data-dir", folder.path().to_str().unwrap()]);
    let prometheus = watch(server.admin);
    assert!(firing(&prometheus, "FanfareStorageFailed").is_none());
    // Before the first event there is no file that it could go on with.
    folder.close().unwrap();
    let form = "application/x-www-form-urlencoded";
    let refused = post(server.address, "/.well-known/mercure", form, "topic=t&data=x");
    assert_eq!(refused.status(), 503);
    fires(&prometheus, "FanfareStorageFailed");
    fires(&prometheus, "FanfareNotReady");
    assert!(firing(&prometheus, "FanfareStorageFull").is_none());
    assert!(firing(&prometheus, "FanfareStorageUnreadable").is_none());
}

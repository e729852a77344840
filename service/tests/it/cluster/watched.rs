//! What a server says of the brokers: in metrics, and in its log.

use std::io::{BufRead as _, BufReader};

use super::brokers::Brokers;
use super::{FIXED, publish, start};
use crate::support::{Program, client, eventually, own_port};

#[tokio::test(flavor = "multi_thread")]
async fn its_metrics_say_how_the_brokers_are_and_what_came_of_what_was_published() {
    let mut brokers = Brokers::one().await;
    let node = start(&brokers, &[]);
    let client = client();
    for _ in 0..2 {
        assert_eq!(publish(&client, &node, "t?id=one", "the same").await.0, 200);
    }
    let jetstream = brokers.client().await;
    let sent = jetstream.publish("fanfare.events", "nothing of ours".into()).await;
    sent.expect("it is sent").await.expect("it is stored");
    let expected = [
        ("fanfare_cluster_connected", 1.0),
        ("fanfare_cluster_lag_events", 0.0),
        ("fanfare_cluster_repeats_total", 1.0),
        ("fanfare_cluster_foreign_messages_total", 1.0),
        ("fanfare_cluster_in_flight_events", 0.0),
        ("fanfare_cluster_append_seconds_count", 2.0),
        ("fanfare_cluster_epochs_total", 0.0),
        ("fanfare_cluster_holes_total", 0.0),
    ];
    for (name, value) in expected {
        eventually(name, async || node.figure(name).await == value).await;
    }
    brokers.all[0].kill();
    eventually("it says that nobody is there", async || {
        node.figure("fanfare_cluster_connected").await == 0.0
    })
    .await;
    brokers.all[0].start();
    eventually("it says that it has come back", async || {
        node.figure("fanfare_cluster_connected").await == 1.0
            && node.figure("fanfare_cluster_reconnects_total").await >= 1.0
            && node.figure("fanfare_cluster_reads_restarted_total").await >= 1.0
    })
    .await;
}

/// The first warning in its log about what a power failure may take.
fn warning(brokers: &Brokers, more: &[&str]) -> Option<String> {
    let urls = brokers.urls();
    let flags = ["--nats-unsafe", "--log-format", "json", "--nats", &urls];
    let (node, lines) = Program::start_logged(&[&FIXED[..], &flags, more].concat());
    // Everything that it says at the start is said now.
    drop(node);
    let lines = BufReader::new(lines).lines().map(|line| line.expect("text"));
    lines.into_iter().find(|line| line.contains("WARN") && line.contains("disk"))
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_confirm_before_they_sync_or_do_not_tell_are_warned_of_at_the_start() {
    let (synced, lazy) = (own_port(), own_port());
    let syncs = Brokers::one_with(&format!("http: \"127.0.0.1:{synced}\"")).await;
    let lazy_config = format!("http: \"127.0.0.1:{lazy}\" # sync_interval is the default");
    let does_not = Brokers::one_with(&lazy_config).await;
    let (synced, lazy) = (format!("http://127.0.0.1:{synced}"), format!("http://127.0.0.1:{lazy}"));
    assert_eq!(warning(&syncs, &["--nats-monitor", &synced]), None);
    let cases: [(&Brokers, &[&str], &str); 3] = [
        (&does_not, &["--nats-monitor", &lazy], "a power failure can take them"),
        (&syncs, &[], "--nats-monitor"),
        (&syncs, &["--nats-monitor", "http://127.0.0.1:1"], "http_port"),
    ];
    for (brokers, flags, expected) in cases {
        let said = warning(brokers, flags).unwrap_or_default();
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

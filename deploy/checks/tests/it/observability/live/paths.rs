//! Every path of the server, each taken once, so that every figure has had a reason to move.

use super::super::prometheus::Prometheus;
use super::super::visitor::{connect, open, publish_many, read_on};
use crate::support::client::{ask, post, publish};
use crate::support::eventually;
use crate::support::process::Fanfare;

/// Limits so low that a test can reach them.
pub(super) const SERVER_FLAGS: [&str; 26] = [
    "--retain",
    "*=last:1",
    "--policy",
    "skip/*=drop-oldest,newest/*=conflate",
    "--lag-bytes",
    "256KiB",
    "--retain-events",
    "500",
    "--retain-bytes",
    "64MiB",
    "--heartbeat",
    "1s",
    "--connections",
    "60",
    "--drain-window",
    "4s",
    // Those of one client, which nobody reaches.
    "--streams-per-address",
    "1000",
    "--streams-per-token",
    "1000",
    "--subscriptions-per-token",
    "1000",
    "--publish-rate",
    "100000",
    "--publish-burst",
    "100000",
];

/// Publishes in every way, comes back in every way, reads too slowly under every policy, and is
/// turned away in every way that can be had without tricks. What passes is held until Prometheus has
/// seen it.
pub(super) fn touch_every_path(server: &Fanfare, prometheus: &Prometheus) {
    let at = server.address;
    let first = publish(at, "paths", "one");
    let form = "application/x-www-form-urlencoded";
    assert!(post(at, "/.well-known/mercure", form, "topic=paths&data=two").status() == 200);
    assert!(post(at, "/.well-known/mercure", form, "data=nowhere").status() == 400);
    assert!(ask(at, "/.well-known/mercure").status() == 400, "a stream of no topic");
    let last = publish(at, "paths", "three");
    for known in [last.as_str(), first.as_str(), "earliest", "nobody-knows-this"] {
        drop(open(at, "paths", Some(known)));
    }
    // 600 events of which the log holds 500.
    publish_many(at, "filling", 600, 10);
    drop(open(at, "paths", Some(&first)));
    for result in ["complete", "earliest", "expired", "unknown"] {
        let series = format!("fanfare_resumes_total{{result=\"{result}\"}}");
        eventually(&series, || server.figure(&series) > 0.0);
    }

    let idle = open(at, "silence", None);
    let mut slow = ["skip/a", "newest/a", "cut/a"].map(|topic| open(at, topic, None));
    for topic in ["skip/a", "newest/a", "cut/a"] {
        // Far more than the kernel takes and the limit allows.
        publish_many(at, topic, 200, 16_000);
    }
    for gauge in
        ["sum(fanfare_subscribers_lagging)", "fanfare_lag_events_max", "fanfare_lag_bytes_max"]
    {
        eventually(gauge, || !prometheus.at(&format!("{gauge} > 0"), None).is_empty());
    }
    for series in [
        "fanfare_backpressure_actions_total{policy=\"drop-oldest\"}",
        "fanfare_backpressure_actions_total{policy=\"conflate\"}",
        "fanfare_streams_closed_total{reason=\"slow\"}",
        "fanfare_heartbeats_total",
    ] {
        eventually(series, || {
            // Events are left out when a reader goes on reading.
            slow.iter_mut().for_each(read_on);
            server.figure(series) > 0.0
        });
    }

    let rejected = "fanfare_connections_rejected_total{reason=\"limit\"}";
    let crowd: Vec<_> = (0..70).map(|_| connect(at)).collect();
    eventually(rejected, || server.figure(rejected) > 0.0);
    drop((crowd, slow, idle));
    eventually("everybody has left", || {
        server.figure("fanfare_subscribers") == 0.0
            && server.figure("fanfare_connections{protocol=\"new\"}") == 0.0
    });
}

//! A server does not start on a stream, or with settings, that would not keep what is promised.

use std::process::Command;

use crate::support::PROGRAM;

use super::brokers::Brokers;
use super::start;

/// What it says instead of starting.
fn refusal(flags: &[&str]) -> String {
    let fixed = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = Command::new(PROGRAM).args(fixed).args(flags).output().expect("it runs");
    assert_eq!(output.status.code(), Some(64), "{flags:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_fit_is_refused_with_what_to_write() {
    let brokers = Brokers::one().await;
    let urls = brokers.urls();
    let nats = ["--demos=false", "--nats", urls.as_str()];
    let missing = refusal(&nats);
    assert!(missing.contains("let this server make it with --nats-create"), "{missing}");
    // No three copies on one broker.
    let _one = start(&brokers, &[]);
    let cases: [(&[&str], &str); 4] = [
        (&[], "`nats stream edit fanfare --replicas=3` mends it, or say --nats-unsafe"),
        (&["--nats-unsafe", "--retain-events", "5"], "give all nodes the same --retain-events"),
        (&["--event-data-max", "5MiB", "--body-max", "6MiB"], "write `max_payload: 5308416`"),
        (&["--nats-unsafe", "--nats-credentials", "missing"], "--nats-credentials missing"),
    ];
    for (flags, expected) in cases {
        let said = refusal(&[&nats[..], flags].concat());
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

#[test]
fn what_makes_no_sense_beside_brokers_or_without_them_is_refused_at_once() {
    let nats = "--nats=nats://127.0.0.1:1";
    let cases: [(&[&str], &str); 5] = [
        (&[nats, "--demos=false", "--data-dir", "folder"], "--data-dir is about a data folder"),
        (
            &[nats, "--demos=false", "--retain-memory", "64MiB"],
            "--retain-memory is about a data folder",
        ),
        (&[nats, "--demos"], "say --demos=false"),
        (&["--nats-create"], "--nats-create is about the brokers"),
        (&["--append-timeout", "3s"], "--append-timeout is about the brokers"),
    ];
    for (flags, expected) in cases {
        let said = refusal(flags);
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

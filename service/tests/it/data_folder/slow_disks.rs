//! A disk that takes long for syncs, or does not come back from one: only publishers wait for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{accepted_id, flags, publish, retained, still_lives};
use crate::support::{EventStream, PROGRAM, Program, client, eventually};

/// The limit of what may wait to be written, in MiB.
const WAITING_MAX: usize = 64;

/// The syncs that are slow: those of the start are as fast as ever.
const ALL: &str = "4+";
const ONE: &str = "4";

/// Starts a server of which these syncs of events take so long, in microseconds. The tracer runs beside it,
/// so it is the child itself.
fn start_slow(syncs: &str, sync_us: u32, folder: &Path, trace: &Path) -> Program {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fdatasync", "-e"]);
    command.arg(format!("inject=fdatasync:delay_enter={sync_us}:when={syncs}"));
    command.arg("-o").arg(trace);
    command.arg(PROGRAM);
    Program::start_by(command, &flags(folder, &["--heartbeat", "200ms"]))
}

/// What holds the disk up. Without it the disk is as fast as ever, and a process that waits for it can go.
struct Tracer(Pid);

impl Tracer {
    fn of(process: u32) -> Self {
        let tracer = of_status(process, "TracerPid:").parse().expect("a process");
        Self(Pid::from_raw(tracer).expect("it is traced"))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

/// What the system says of a process.
fn of_status(process: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is there");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim().to_owned()
}

/// Publishes some events one after the other, so that the next sync is a slow one.
async fn reach_slow_syncs(client: &Client, url: &str, trace: &Path) {
    for number in 0..4 {
        accepted_id(publish(client, url, "t", &number.to_string()).await).await;
    }
    let calls = fs::read_to_string(trace).expect("the trace");
    assert!(calls.contains("(INJECTED)") || calls.contains("(DELAYED)"), "{calls}");
}

/// Whoever asks for something else is answered, streams begin, and they have heartbeats.
async fn is_alive(client: &Client, server: &Program) {
    for path in ["/metrics", "/readyz"] {
        let response = client.get(format!("{}{path}", server.admin)).send().await;
        assert_eq!(response.expect("an answer").status(), 200);
    }
    still_lives(client, &server.url).await;
}

#[tokio::test]
async fn while_a_sync_takes_long_publishers_wait_and_everything_else_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let server = start_slow(ALL, 5_000_000, &folder.path().join("data"), &trace);
    let client = client();
    let stream = client.get(format!("{}/events/t", server.url));
    let mut stream = EventStream::open(stream).await;
    reach_slow_syncs(&client, &server.url, &trace).await;
    stream.data(4).await;

    let mut publishing = Box::pin(publish(&client, &server.url, "t", "waits"));
    tokio::select! {
        // Where both have come to their end meanwhile, the one was not held up by the other.
        biased;
        () = is_alive(&client, &server) => {}
        response = &mut publishing => panic!("it did not wait for the disk: {response:?}"),
    }
    accepted_id(publishing.await).await;
    assert_eq!(stream.data(1).await, ["waits"]);
}

#[tokio::test]
async fn what_waits_for_a_slow_disk_is_limited_and_the_rest_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let server = start_slow(ALL, 8_000_000, &folder.path().join("data"), &trace);
    let client = client();
    reach_slow_syncs(&client, &server.url, &trace).await;
    let before = server.resident_bytes();

    // Some are written while the others come; those that come last wait for their turn.
    let data = "x".repeat((1 << 20) - 4_096);
    let one = async |number: usize| publish(&client, &server.url, &number.to_string(), &data).await;
    let mut responses: FuturesUnordered<_> = (0..3 * WAITING_MAX).map(one).collect();
    let mut refused = None;
    while let Some(response) = responses.next().await {
        if response.status() != 200 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("something is refused");
    assert_eq!(refused.status(), 503);
    let problem = refused.text().await.expect("a problem");
    assert!(problem.contains("log-unavailable"), "{problem}");
    let more = server.resident_bytes().saturating_sub(before);
    assert!(more < (6 * WAITING_MAX as u64) << 20, "it holds {} MiB more", more >> 20);
    still_lives(&client, &server.url).await;
}

#[tokio::test]
async fn a_disk_that_does_not_answer_has_events_refused_until_it_does_and_readers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let server = start_slow(ONE, 25_000_000, &folder.path().join("data"), &trace);
    let client = client();
    let log = async || {
        let status =
            client.get(format!("{}/status", server.admin)).send().await.expect("it answers");
        let status = status.text().await.expect("text");
        serde_json::from_str::<Value>(&status).expect("JSON")["log"].clone()
    };
    let is_stalled = async || {
        let log = log().await;
        let problem = log["problem"].as_str().unwrap_or_default();
        log["disk"]["waiting_bytes"].as_u64() > Some(0) && problem.contains("has not answered for")
    };
    let one = async |data: String| publish(&client, &server.url, "t", &data).await;
    let mut begun = Vec::new();
    let (held_up, data) = loop {
        let data = begun.len().to_string();
        let mut publishing = Box::pin(one(data.clone()));
        tokio::select! {
            response = &mut publishing => drop(accepted_id(response).await),
            () = eventually("the disk is seen not to answer", is_stalled) => break (publishing, data),
        }
        begun.push(data);
    };
    let refused = publish(&client, &server.url, "t", "refused").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"), "{refused:?}");
    let problem = refused.text().await.expect("a problem");
    assert!(problem.contains("log-unavailable"), "{problem}");
    let metrics = client.get(format!("{}/metrics", server.admin)).send().await.expect("it answers");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("fanfare_storage_state{state=\"stalled\"} 1\n"), "{metrics}");
    is_alive(&client, &server).await;
    let earliest = format!("{}/events/t?lastEventID=earliest", server.url);
    let mut stream = EventStream::open(client.get(earliest)).await;
    assert_eq!(stream.data(begun.len()).await, begun, "what is retained can be read");

    accepted_id(held_up.await).await;
    accepted_id(publish(&client, &server.url, "t", "after").await).await;
    assert_eq!(stream.data(2).await, [data.as_str(), "after"]);
    assert_eq!(log().await["healthy"], true);
}

#[tokio::test]
async fn a_server_that_is_stopped_ends_though_its_disk_does_not_answer_and_what_was_confirmed_stays()
 {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    let mut server = start_slow(ONE, 900_000_000, &data, &trace);
    let client = client();
    let stalled = "fanfare_storage_state{state=\"stalled\"}";
    let is_held_up = async || server.figure(stalled).await > 0.0;
    let mut confirmed = Vec::new();
    let process = server.child.id();
    let tracer = Tracer::of(process);
    let held_up = loop {
        let number = confirmed.len().to_string();
        let request = client.post(format!("{}/events/t", server.url)).body(number);
        let mut publishing = tokio::spawn(request.send());
        tokio::select! {
            response = &mut publishing => {
                accepted_id(response.expect("it is asked").expect("an answer")).await;
            }
            () = eventually("the disk does not answer", is_held_up) => break publishing,
        }
        confirmed.push(confirmed.len().to_string());
    };
    server.signal(Signal::TERM);
    // All that is left of it is the thread that waits for the disk, without which no process can go.
    let has_ended = async || of_status(process, "State:").starts_with('Z');
    eventually("the program has ended but for what waits for the disk", has_ended).await;
    drop(tracer);
    assert_eq!(server.exit_code().await, Some(0));
    // Whoever waits is told something else than that it was published, or nothing.
    let answer = held_up.await.expect("it is asked");
    assert!(answer.is_err() || answer.is_ok_and(|response| response.status() == 503));
    drop(server);

    let server = Program::start(&flags(&data, &[]));
    accepted_id(publish(&client, &server.url, "t", "after").await).await;
    let mut found = retained(&client, &server.url, "t", "after").await;
    // It may have been written, and nobody was told.
    let unsure = confirmed.len().to_string();
    found.retain(|data| *data != unsure && data != "after");
    assert_eq!(found, confirmed);
}

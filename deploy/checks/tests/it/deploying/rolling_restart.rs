//! Two servers behind HAProxy are replaced one after the other, under load, and nobody loses or repeats
//! an event. The procedure is that of docs/operations.md:
//!
//! 1. publishers send each event to both, in one order, with an id of their own;
//! 2. a server is told to end: it drains, and its clients go on at the other, which knows their ids;
//! 3. a new one takes its place, empty, and is fed until it knows every id that a client may come
//!    back with: longer than clients are away. Only then is the other one drained.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::fan_out::FanOut;
use super::proxy::haproxy_for;
use super::stream::Stream;
use crate::support::client::{body, client};
use crate::support::process::{Fanfare, Process};
use crate::support::{PATIENCE, eventually, eventually_within, program};

/// loadgen would publish for so long: longer than two restarts ever take.
const LONGEST: &str = "10m";
/// Its exit code when a run was interrupted and nothing worse is to be said of it.
const INTERRUPTED: i32 = 4;

/// How large, and how fast.
#[derive(Clone, Copy, Debug)]
struct Load {
    subscribers: u32,
    /// Events a second.
    rate: u32,
    /// At least so many are published; more while the restarts are not over.
    events: u64,
    /// Seconds of the drain window.
    window: u32,
    /// Further flags of the servers.
    flags: &'static [&'static str],
    /// Events that a new server is fed before it is relied on.
    warm: u64,
    /// As it is deployed: HAProxy's checks come once a second and not five times.
    is_full: bool,
}

/// As short as it can be.
const SHORT: Load = Load {
    subscribers: 300,
    rate: 20,
    events: 0,
    window: 2,
    flags: &["--retry", "100ms..500ms"],
    // HAProxy waits for ten checks, 2 s here; clients are away for half a second.
    warm: 60,
    is_full: false,
};

/// With the files and flags as they are: the default window, `retry:` and HAProxy's own pace. It takes
/// a minute and a half, and figures from a debug build say little.
const FULL: Load = Load {
    subscribers: 5_000,
    rate: 4,
    events: 4 * 75,
    window: 10,
    flags: &[],
    warm: 4 * 15,
    is_full: true,
};

#[test]
fn a_rolling_restart_loses_and_repeats_nothing() {
    let load = requested_count();
    let result = restart_both(load);
    let run = &result["runs"][0];
    assert_nothing_lost(run, load);
    // Only there is the machine left to it: where other tests run, clients are woken in bunches.
    if load.is_full {
        report(run, load);
        assert!(reconnects(run).iter().max() <= Some(&bound(load)), "too many at a time");
    }
}

/// `make rolling-restart` asks for the full one.
#[expect(clippy::disallowed_methods, reason = "a test has no other flags")]
fn requested_count() -> Load {
    match std::env::var("ROLLING_RESTART").as_deref() {
        Ok("full") => FULL,
        Ok(other) => panic!("ROLLING_RESTART={other} is not known: it may be `full`"),
        Err(_) => SHORT,
    }
}

#[test]
fn an_id_of_the_publisher_means_the_same_to_both_servers_and_an_id_of_one_of_them_does_not() {
    let (a, b) = (Fanfare::start(&[]), Fanfare::start(&[]));
    let publish = |server: &Fanfare, data: &'static str, query: &str| {
        let url = format!("http://{}/events/t{query}", server.address);
        body(client().post(url).send(data).unwrap())
    };
    for server in [&a, &b] {
        publish(server, "one", "?id=first");
        publish(server, "two", "?id=second");
    }
    let mut stream = Stream::open(b.address, Some("first"));
    let event = stream.next().unwrap();
    assert_eq!((event.kind.as_str(), event.data.as_str()), ("", "two"), "exactly what is missing");

    let id = publish(&a, "three", "");
    publish(&b, "three", "");
    let mut stream = Stream::open(b.address, Some(&id));
    assert_eq!(stream.next().unwrap().kind, "fanfare-gap", "what it missed cannot be known");
}

#[test]
fn a_server_that_was_not_fed_long_enough_tells_a_gap() {
    let new = Fanfare::start(&[]);
    let url = format!("http://{}/events/t?id=second", new.address);
    client().post(url).send("two").unwrap();
    let mut stream = Stream::open(new.address, Some("first"));
    assert_eq!(stream.next().unwrap().kind, "fanfare-gap");
    assert_eq!(stream.next().unwrap().data, "two");
}

/// Runs the load and replaces both servers while it runs; loadgen's result.
fn restart_both(load: Load) -> Value {
    let window = format!("{}s", load.window);
    let flags = [&["--drain-window", window.as_str()], load.flags].concat();
    let start = || Fanfare::start(&flags);
    let servers = [start(), start()];
    let proxy = haproxy_for(&servers[0], &servers[1], !load.is_full);
    let fan_out = FanOut::start(&[servers[0].address, servers[1].address]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("result.json");
    let mut loadgen = Process::start(&mut loadgen(load, proxy.address, fan_out.address, &file));
    eventually("events flow", || {
        assert!(!loadgen.is_over(), "loadgen ended at once: {}", said(&file));
        fan_out.published() > 5
    });
    // Balanced, so that each drain moves clients.
    for server in &servers {
        assert!(server.figure("fanfare_subscribers") >= f64::from(load.subscribers / 3));
    }
    let mut running = Vec::new();
    for server in servers {
        running.push(replace(server, &fan_out, load, &flags));
    }
    // It publishes until it is told to end, however long the restarts have taken.
    let enough = load.events.max(fan_out.published() + 5);
    eventually_within(PATIENCE * 2, "enough was published", || fan_out.published() >= enough);
    assert!(!loadgen.is_over(), "it ended by itself: {}", said(&file));
    loadgen.terminate();
    assert_eq!(loadgen.wait().code(), Some(INTERRUPTED), "{}", said(&file));
    let result = std::fs::read_to_string(&file).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    let accepted = &result["runs"][0]["publishing"]["acknowledged"];
    assert_eq!(*accepted, fan_out.published(), "no answer was lost");
    result
}

/// Drains a server, starts another in its place, and feeds it until it can be relied on.
fn replace(old: Fanfare, fan_out: &FanOut, load: Load, flags: &[&str]) -> Fanfare {
    let (address, admin) = (old.address, old.admin);
    old.process.terminate();
    assert!(old.process.wait().success(), "it drains in order");
    assert_eq!(fan_out.fed(address), None, "the publisher has noticed");
    let new = Fanfare::start_at(address, admin, flags);
    fan_out.feed(address);
    eventually("the new server knows every id that matters", || {
        fan_out.fed(address) >= Some(load.warm)
    });
    new
}

fn loadgen(
    load: Load,
    proxy: std::net::SocketAddr,
    fan_out: std::net::SocketAddr,
    file: &Path,
) -> Command {
    let mut command = Command::new(program::loadgen());
    command
        .args(["run", "--quiet", "--publish-style", "raw", "--warmup", "0s", "--tail", "20s"])
        .args(["--subscribe", &format!("http://{proxy}/events/load")])
        .args(["--publish", &format!("http://{fan_out}/events/load")])
        .args(["--connections", &load.subscribers.to_string(), "--rate", &load.rate.to_string()])
        .args(["--duration", LONGEST, "--json"])
        .arg(file);
    let output = std::fs::File::create(file.with_extension("log")).expect("a file");
    command.stdout(Stdio::from(output.try_clone().expect("a handle"))).stderr(output);
    command
}

fn said(file: &Path) -> String {
    std::fs::read_to_string(file.with_extension("log")).unwrap_or_default()
}

fn assert_nothing_lost(run: &Value, load: Load) {
    for wrong in ["gaps", "announced", "unresumable", "duplicates", "reordered", "corrupted"] {
        assert_eq!(run["correctness"][wrong], 0, "{wrong}: {}", run["correctness"]);
    }
    // Nothing worse, such as wrong deliveries, which would be another outcome.
    assert_eq!(run["verdict"]["outcome"], "invalid");
    let reasons = run["verdict"]["reasons"].as_array().expect("a list");
    assert!(reasons.contains(&Value::from("the run was interrupted")), "{reasons:?}");
    let accepted = run["publishing"]["acknowledged"].as_u64().expect("a number");
    assert_eq!(run["publishing"]["sent"], accepted, "{}", run["publishing"]["refusals"]);
    assert_eq!(run["delivery"]["received"], accepted * u64::from(load.subscribers));
    assert_eq!(run["delivery"]["reach"], 1.0);
    assert_eq!(run["trouble"]["away"], 0, "all have come back");
    assert!(reconnects(run).iter().sum::<u64>() >= u64::from(load.subscribers), "all have moved");
}

fn reconnects(run: &Value) -> Vec<u64> {
    let seconds = run["seconds"].as_array().expect("a list");
    seconds.iter().map(|second| second["reconnects"].as_u64().expect("a number")).collect()
}

/// Reconnects in one second that are not exceeded: half more than if they were even.
fn bound(load: Load) -> u64 {
    u64::from(load.subscribers) * 3 / (u64::from(load.window) * 2)
}

/// What docs/operations.md says was measured.
#[expect(clippy::print_stdout, reason = "a measurement, run by hand with --nocapture")]
fn report(run: &Value, load: Load) {
    let reconnects = reconnects(run);
    println!("{load:?}");
    println!("reconnects, second by second: {reconnects:?}");
    println!("at most {:?} a second; the bound is {}", reconnects.iter().max(), bound(load));
    println!("events: {}", run["publishing"]["acknowledged"]);
    println!("correctness: {}", run["correctness"]);
    println!("delivery from due: {}", run["delivery"]["intended"]["percentiles"]);
    println!("verdict: {}", run["verdict"]);
}

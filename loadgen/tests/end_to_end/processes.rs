//! Subscribers shared by several processes: the same totals as with one, one start for all, and a
//! clear end when one of them is killed.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Fanfare, eventually, loadgen, start};

#[test]
fn two_processes_count_what_one_counts() {
    let server = Fanfare::start();
    let one = loadgen(&server.load("load", "-c 30 -r 100"));
    let two = loadgen(&server.load("load", "-c 30 -r 100 --processes 2 --workers 2"));
    for ran in [&one, &two] {
        ran.assert_all_arrived(30);
        assert_eq!(ran.count("/delivery/received"), 30 * 100);
        // All began at the same moment: none was connected before an event was due.
        assert_eq!(ran.count("/delivery/negative"), 0);
    }
    // But for the frames of chunks, of which a busy server makes fewer.
    let [one_bytes, two_bytes] = [&one, &two].map(|ran| ran.figure("/delivery/bytes"));
    assert!((one_bytes / two_bytes - 1.0).abs() < 0.02, "{one_bytes} and {two_bytes}");
    assert_eq!(one.text("/scenario_hash"), two.text("/scenario_hash"));
    let workers = two.at("/own/workers").as_array().expect("a list");
    let names: Vec<_> = workers.iter().map(|worker| worker["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("process 0, ")).count(), 2, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("process 1, ")).count(), 2, "{names:?}");
    let read: u64 = workers.iter().map(|worker| worker["deliveries"].as_u64().unwrap()).sum();
    assert_eq!(read, two.count("/delivery/received"));
}

#[test]
fn processes_resume_their_own_streams() {
    let server = Fanfare::start();
    let flags = "-c 20 -r 100 --processes 2 --cut-every 300ms --retry 20ms";
    let ran = loadgen(&server.load("load", flags));
    ran.assert_all_arrived(20);
    assert!(ran.count("/trouble/resumed") > 0);
    assert_eq!(ran.count("/delivery/received"), 20 * ran.count("/publishing/sent"));
}

#[test]
fn a_run_that_loses_a_process_says_so_and_claims_nothing() {
    let server = Fanfare::start();
    let flags = server.load("load", "-c 20 -r 100 --processes 2").replacen("-d 1s", "-d 30s", 1);
    let going = start(&flags);
    eventually("all are connected", || server.figure("fanfare_subscribers") == 20);
    eventually("events flow", || server.figure("fanfare_events_delivered_total") > 0);
    let children = children(going.pid());
    assert_eq!(children.len(), 2, "a process for each share");
    kill_process(children[1], Signal::KILL).expect("a process of the run");
    let ran = going.wait();
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("loadgen: a worker process ended early: "), "{}", ran.stderr);
    assert!(last.contains("was it killed"), "{}", ran.stderr);
    assert!(ran.result.is_none(), "half a run is no result");
    assert_eq!(ran.stdout, "");
    eventually("the other one ends too", || !children.iter().any(|child| is_there(*child)));
}

#[test]
fn a_process_that_cannot_begin_says_why() {
    let flags = "-c 4 -d 1s --ca /nowhere/ca.pem --processes 2";
    let ran = loadgen(&format!("run --subscribe https://127.0.0.1:9/ {flags}"));
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("/nowhere/ca.pem: No such file"), "{}", ran.stderr);
}

#[test]
fn worker_processes_end_with_the_one_that_started_them() {
    let server = Fanfare::start();
    let flags = server.load("load", "-c 4 -r 10 --processes 2").replacen("-d 1s", "-d 30s", 1);
    let going = start(&flags);
    eventually("all are connected", || server.figure("fanfare_subscribers") == 4);
    let children = children(going.pid());
    // Ends it with a signal that leaves no time to report anything.
    drop(going);
    eventually("both end", || !children.iter().any(|child| is_there(*child)));
    eventually("no stream is left", || server.figure("fanfare_subscribers") == 0);
}

/// The processes that this one has started.
fn children(parent: u32) -> Vec<Pid> {
    let ids = fs::read_dir("/proc").expect("a list of processes").filter_map(|entry| {
        let id: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        (parent_of(id)? == parent).then(|| Pid::from_raw(id)).flatten()
    });
    ids.collect()
}

fn parent_of(id: i32) -> Option<u32> {
    state_and_parent(id)?.1.parse().ok()
}

/// Whether a process runs; one that has ended may stay in the list until its parent takes note.
fn is_there(process: Pid) -> bool {
    let found = state_and_parent(process.as_raw_nonzero().get());
    found.is_some_and(|(state, _)| !matches!(state.as_str(), "Z" | "X"))
}

fn state_and_parent(id: i32) -> Option<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold blanks and brackets; state and parent come behind it.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
    Some((fields.next()?, fields.next()?))
}

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
        // All began at the same moment: nobody was there before an event was due.
        assert_eq!(ran.count("/delivery/negative"), 0);
    }
    assert_eq!(one.count("/delivery/bytes"), two.count("/delivery/bytes"));
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
    assert!(ran.stderr.contains("a worker process ended early"), "{}", ran.stderr);
    assert!(ran.result.is_none(), "half a run is no result");
    assert_eq!(ran.stdout, "");
    eventually("the other one ends too", || !children.iter().any(|child| is_there(*child)));
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
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may hold blanks and brackets; state and parent come behind it.
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_there(process: Pid) -> bool {
    fs::exists(format!("/proc/{}", process.as_raw_nonzero())).expect("a look")
}

//! A server in a container with little memory is not killed for what it holds, and one that was told
//! to hold more says so.
//!
//! What settings are fitted to is decided by unit tests (`config::memory_fit`, `memory_limit`); here the
//! kernel's word is taken for it, in a control group that the test makes. That takes root, and a machine
//! whose groups can be written. Where there are none, each of these says so and ends.

mod group;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use group::Group;

use crate::support::{PROGRAM, Program, RawStream, Wire, client, eventually, stream_request};

const MIB: u64 = 1 << 20;
const SMALL: u64 = 64 * MIB;
const LIMIT: &str = "fanfare_memory_limit_bytes";
const RETAINED: &str = "fanfare_retained_bytes";

/// `None`, and a line that says so, where the machine has no groups to be made.
fn group(bytes: u64) -> Option<Group> {
    match Group::with_limit(bytes) {
        Ok(group) => Some(group),
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "no control group can be made here ({error}): unit tests alone decide about limits of memory"
            );
            None
        }
    }
}

/// So many events, one after the other; how many were accepted before the server was gone.
async fn publish(program: &Program, count: usize, bytes: usize) -> usize {
    let client = client();
    let body = "x".repeat(bytes);
    for accepted in 0..count {
        let request = client.post(format!("{}/events/t", program.url)).body(body.clone());
        match request.send().await {
            Ok(response) if response.status() == 200 => {}
            _ => return accepted,
        }
    }
    count
}

/// Readers that have stopped in the middle of what they are sent.
async fn stopped_readers(program: &Program, count: usize) -> Vec<RawStream> {
    let address: SocketAddr = program.address().parse().unwrap();
    let mut stopped = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::open_at_with_window(address, 4 << 10).await;
        wire.say(stream_request("/events/t")).await;
        stopped.push(wire.stream().await);
    }
    stopped
}

/// Requests whose bodies never come to their ends; as many of them as are taken.
async fn unfinished_bodies(program: &Program, count: usize, bytes: usize) -> Vec<Wire> {
    let mut unfinished = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::open_at(program.address()).await;
        let head = format!(
            "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
            bytes + 1
        );
        wire.say(head).await;
        // One that is rejected is closed while it is sent.
        let _ = wire.try_say("x".repeat(bytes)).await;
        unfinished.push(wire);
    }
    unfinished
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_more_than_fits_is_published_and_the_server_goes_on() {
    let Some(group) = group(SMALL) else { return };
    // Everything at its default: 256 MiB retained, and as much for bodies.
    let program = Program::start_by(group.command(), &["--demos=false"]);
    assert_eq!(program.figure(LIMIT).await, SMALL as f64);
    let limit = program.figure("fanfare_retained_bytes_limit").await;
    assert!(limit <= SMALL as f64 / 3.0, "{limit}");

    let _stopped = stopped_readers(&program, 50).await;
    let _unfinished = unfinished_bodies(&program, 10, 3 << 20).await;
    let room = program.figure("fanfare_body_memory_limit_bytes").await;
    let held = program.figure("fanfare_body_memory_bytes").await;
    assert!(held <= room, "{held} of {room}");
    for bytes in [400_000, 1 << 20, 10_000] {
        let count = 200_000_000 / bytes;
        assert_eq!(publish(&program, count.min(2_000), bytes).await, count.min(2_000), "{bytes}");
        assert!(program.figure(RETAINED).await <= limit);
    }
    assert_eq!(group.killed(), 0);
    assert_eq!(program.figure("fanfare_ready").await, 1.0);
}

/// So that the test above means something: what it does is more than the group has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_above_that_of_the_container_is_warned_of_at_the_start_and_then_the_kernel_kills() {
    let Some(group) = group(SMALL) else { return };
    let flags = ["--demos=false", "--retain-bytes", "256MiB"];
    let warned = Command::new(PROGRAM).arg("check-config").args(flags).output().unwrap();
    assert!(warned.stderr.is_empty(), "it fits this machine: {warned:?}");
    let mut command = group.command();
    command.arg("check-config").args(flags).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let warning = lines.map(|line| line.unwrap()).collect::<String>();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{warning}");
    for words in ["--retain-bytes 256MiB", "container is 64.0 MiB", "lower --retain-bytes"] {
        assert!(warning.contains(words), "{warning}");
    }

    let mut program = Program::start_by(group.command(), &flags);
    let accepted = publish(&program, 1_000, 400_000).await;
    assert!(accepted < 200, "{accepted} events fitted");
    assert_eq!(program.exit_code().await, None, "a signal has ended it");
    eventually("the kernel counts it", async || group.killed() == 1).await;
}

#[test]
fn the_settings_in_force_say_what_they_were_fitted_to() {
    let Some(group) = group(SMALL) else { return };
    let printed = group.command().args(["config", "--bodies-max=5MiB"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    for line in [
        "retain-bytes = \"16MiB\"  # fitted to the memory limit of the container",
        "bodies-max = \"5MiB\"  # command line",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}

//! Publishing by a program that is started for each event, for servers whose publish side is no
//! HTTP:
//! `redis-cli publish {topic} {payload}`. Starting a program takes a millisecond or more, which
//! counts as the time until its response. One that does not end in the time for a response is
//! killed.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use rustix::time::Timespec;

use super::PublishOutcome;
use super::publisher::Publisher;

/// Starts the program and waits for its end. No shell reads the words.
pub(super) fn publish(publisher: &mut Publisher, topic: u32) -> PublishOutcome {
    let words = publisher.context.publishing.body.iter().map(|word| {
        let mut out = Vec::new();
        word.write(topic, &publisher.payload, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    });
    let words: Vec<String> = words.collect();
    let Some((program, arguments)) = words.split_first() else {
        return PublishOutcome::Refused("no command".to_owned());
    };
    let ended = run(program, arguments, publisher.context.publishing.timeout);
    match ended {
        Ok(Some(status)) if status.success() => PublishOutcome::Accepted,
        Ok(Some(status)) => PublishOutcome::Refused(format!("{program} ended with {status}")),
        Ok(None) => PublishOutcome::Unknown(format!("{program} did not end in time")),
        Err(error) => PublishOutcome::Refused(format!("{program}: {}", error.kind())),
    }
}

/// Runs a program to its end; nothing when it had to be ended.
fn run(program: &str, arguments: &[String], limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own, so that what it starts can be ended with it. Ctrl-C does not reach it
        // either: what has begun is published to its end.
        .process_group(0)
        .spawn()?;
    let ended = wait(&child, limit);
    if !matches!(ended, Ok(true)) {
        let group = Pid::from_child(&child);
        // Of no effect when all of it has just ended.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait()?;
    ended.map(|in_time| in_time.then_some(status))
}

/// Waits for the end of a program, or for so long; says whether it ended. The process is watched
/// through a file, so that its end is seen at once and no signal is needed.
fn wait(child: &Child, limit: Duration) -> io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

//! A broker or a node: a process that fails in every way that a test wants, and is started again with
//! the command that it was started with first.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;

use crate::http::Client;
use crate::process::Process;

/// How long one that is asked to end may take: a node closes its streams one after the other.
const END_MAX: Duration = Duration::from_secs(30);

/// One of the processes that are the hub together.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Gets the response 200 while it serves.
    pub(super) ready_url: String,
    command: Vec<OsString>,
    folder: PathBuf,
    starts: u32,
    process: Option<Process>,
}

impl Member {
    /// Not started yet. What it prints is left in a folder, in a file for each start.
    pub(super) fn new(name: String, command: &Command, ready_url: String, folder: PathBuf) -> Self {
        let arguments = command.get_args().map(OsString::from);
        let command = std::iter::once(command.get_program().into()).chain(arguments).collect();
        Self { name, ready_url, command, folder, starts: 0, process: None }
    }

    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let log = self.folder.join(format!("{}-{}.log", self.name, self.starts));
        let (program, arguments) = self.command.split_first().context("no command")?;
        let mut command = Command::new(program);
        command.args(arguments);
        self.process = Some(Process::start(&self.name, command, &log)?);
        Ok(())
    }

    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.process.take().map_or(Ok(()), |process| process.end_within(END_MAX))
    }

    pub(super) fn stand_still(&self) -> anyhow::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(Signal::STOP))
    }

    pub(super) fn go_on(&self) -> anyhow::Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(Signal::CONT))
    }

    pub(super) fn is_ready(&self, client: &Client) -> bool {
        client.is_ok(&self.ready_url)
    }

    /// Its process, while it has one.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_killed_is_started_again_with_the_same_command() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo $0; exec sleep 60", "a word"]);
        let mut member =
            Member::new("n".to_owned(), &command, String::new(), folder.path().to_owned());
        let logged = |starts: u32| {
            let log = folder.path().join(format!("n-{starts}.log"));
            std::fs::read_to_string(log).unwrap_or_default() == "a word\n"
        };
        for starts in 1..=2 {
            member.start().expect("sh");
            let process = member.process.as_mut().expect("it runs");
            process.wait_until(|| logged(starts)).expect("it has said its word");
            member.kill().expect("it runs");
            assert_eq!(member.pid(), None);
        }
        assert!(member.kill().is_ok() && member.end().is_ok(), "there is nothing to end");
    }
}

//! A process that ends with its value: it is asked to end, and killed when it does not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long it may take until a process that was started is ready.
const START_MAX: Duration = Duration::from_secs(20);
/// When it is asked to end for the second time: a server that drains then ends at once.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// When it is killed.
const END_MAX: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Process {
    title: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// What it prints goes into a file.
    pub(crate) fn start(title: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(log).with_context(|| format!("cannot write to {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| {
            let program = command.get_program().display();
            format!("cannot start {title} ({program}); build or install it first")
        })?;
        Ok(Self { title: title.to_owned(), child, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits, and fails when the process ends first or takes too long.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_MAX;
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}); see {}", self.title, self.log.display());
            }
            if Instant::now() > deadline {
                bail!("{} does not answer; see {}", self.title, self.log.display());
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// Ends it as a crash does, at once.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        let title = &self.title;
        self.child.kill().with_context(|| format!("cannot kill {title}"))?;
        self.child.wait().with_context(|| format!("cannot wait for the end of {title}"))?;
        Ok(())
    }

    /// Sends it a signal after which it may run on, or stand still.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("a process without an id")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.title))
    }

    /// Asks it to end, once, and waits until it has.
    pub(crate) fn end_within(mut self, limit: Duration) -> anyhow::Result<()> {
        self.ask_to_end();
        self.wait_within(limit)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_within(&mut self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("{} does not end; see {}", self.title, self.log.display());
            }
            sleep(POLL);
        }
        Ok(())
    }

    fn ask_to_end(&self) {
        // One that has ended meanwhile need not be asked.
        let _ = self.signal(Signal::TERM);
    }
}

impl Drop for Process {
    /// Asks first: a master process that is killed leaves its workers behind.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let requested = Instant::now();
        let mut was_signalled_again = false;
        self.ask_to_end();
        while matches!(self.child.try_wait(), Ok(None)) {
            if requested.elapsed() > END_MAX {
                let _ = self.child.kill();
            } else if requested.elapsed() > ASK_AGAIN && !was_signalled_again {
                self.ask_to_end();
                was_signalled_again = true;
            }
            sleep(POLL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn started(arguments: &[&str]) -> (Process, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.arg("-c").args(arguments);
        let process = Process::start("a shell", command, &folder.path().join("log"));
        (process.expect("sh is there"), folder)
    }

    #[test]
    fn one_that_ends_before_it_is_ready_says_where_its_log_is() {
        let (mut process, folder) = started(&["echo why; exit 3"]);
        let error = process.wait_until(|| false).expect_err("it ended").to_string();
        let log = folder.path().join("log");
        assert!(
            error.contains("status: 3") && error.contains(&log.display().to_string()),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(log).expect("its log"), "why\n");
    }

    #[test]
    fn one_that_is_killed_is_not_asked() {
        let (mut process, folder) =
            started(&["trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"]);
        let log = folder.path().join("log");
        let text = || std::fs::read_to_string(&log).unwrap_or_default();
        process.wait_until(|| text().contains("ready")).expect("it is ready");
        process.kill().expect("it runs");
        assert_eq!(text(), "ready\n");
    }

    #[test]
    fn one_that_is_asked_once_has_time_to_end_and_one_that_does_not_is_named() {
        let (mut process, folder) = started(&[
            "trap 'sleep 0.7; echo ended; exit' TERM; echo ready; while :; do sleep 0.05; done",
        ]);
        let log = folder.path().join("log");
        let text = || std::fs::read_to_string(&log).unwrap_or_default();
        process.wait_until(|| text().contains("ready")).expect("it is ready");
        process.end_within(Duration::from_secs(20)).expect("it ends");
        assert_eq!(text(), "ready\nended\n");
        let (process, _folder) = started(&["trap '' TERM; while :; do sleep 0.05; done"]);
        let error = process.end_within(Duration::ZERO).expect_err("it does not").to_string();
        assert!(error.contains("a shell does not end"), "{error}");
    }

    #[test]
    fn one_that_drains_is_requested_twice() {
        let (mut process, folder) = started(&[
            "n=0; trap 'n=$((n+1)); echo $n; test $n = 2 && exit' TERM; echo ready; while :; do sleep 0.05; done",
        ]);
        let log = folder.path().join("log");
        let text = || std::fs::read_to_string(&log).unwrap_or_default();
        let requested = Cell::new(0);
        let is_ready = || {
            requested.set(requested.get() + 1);
            text().contains("ready")
        };
        process.wait_until(is_ready).expect("it is ready");
        drop(process);
        assert_eq!(text(), "ready\n1\n2\n");
        assert!(requested.get() > 0);
    }
}

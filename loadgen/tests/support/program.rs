//! Starts the program under test and waits for its end. Its output goes to files, so that no pipe
//! can fill up, and whatever it does it is ended when a test gives up. Each run has a folder of its
//! own, which is removed with it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::eventually;
use super::ran::Ran;

/// The program while it runs.
pub(crate) struct Going {
    process: Child,
    folder: TempDir,
}

/// Runs it to its end. The line is read as a shell would read it; a `run` that names no file for
/// its result writes it where [`Ran`] has it from.
pub(crate) fn loadgen(line: &str) -> Ran {
    start(line).wait()
}

/// Starts it.
pub(crate) fn start(line: &str) -> Going {
    start_with(line, |_| {})
}

/// Starts it with changes to the command, such as variables of its environment.
pub(crate) fn start_with(line: &str, change: impl FnOnce(&mut Command)) -> Going {
    let folder = scratch();
    let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .args(shell_words::split(line).expect("words"))
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"));
    if line.starts_with("run ") && !line.contains("--json") {
        command.arg("--json").arg(folder.path().join("result.json"));
    }
    change(&mut command);
    Going { process: command.spawn().expect("it starts"), folder }
}

/// A folder that is removed with what is in it.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

impl Going {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        text(&self.folder.path().join("stderr"))
    }

    /// Asks it to end, as a person or a supervisor would.
    pub(crate) fn ask_to_end(&self) {
        let process = Pid::from_child(&self.process);
        kill_process(process, Signal::TERM).expect("a process of ours");
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.process.try_wait().expect("a process of ours").is_some()
    }

    pub(crate) fn wait(mut self) -> Ran {
        eventually("the end of the run", || self.is_over());
        let status = self.process.wait().expect("it has ended");
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
        Ran {
            code,
            stdout: text(&self.folder.path().join("stdout")),
            stderr: text(&self.folder.path().join("stderr")),
            result: serde_json::from_str(&text(&self.folder.path().join("result.json"))).ok(),
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // Of no effect when it has ended, as it has unless a test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

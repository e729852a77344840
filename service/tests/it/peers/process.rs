//! Child processes, and what they print.
//!
//! A thread reads each pipe, so that a child never waits for us while we wait for something else.
//! A child that ends too early fails the test with its own last words, and none outlives its test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{PATIENCE, eventually};

/// How many lines may wait for the test.
const LINES_WAITING: usize = 64;

/// A running child; it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: mpsc::Receiver<Vec<u8>>,
    complaints: Option<JoinHandle<String>>,
}

impl Process {
    /// curl, without the settings of whoever runs the tests.
    pub(super) fn curl(arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = Command::new("curl");
        command.args(["--disable", "--silent", "--show-error"]).args(arguments);
        Self::start("curl", command)
    }

    /// A script in `tests/peers/` for Python.
    pub(super) fn python(script: &str, arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = Command::new(installed(".venv/bin/python"));
        command.arg(folder().join(script)).args(arguments);
        Self::start(script, command)
    }

    /// A script in `tests/peers/` for Node.
    pub(super) fn node(script: &str, arguments: &[impl AsRef<OsStr>]) -> Self {
        installed("node_modules/eventsource");
        let mut command = Command::new("node");
        command.arg(folder().join(script)).args(arguments);
        Self::start(script, command)
    }

    /// A script in `tests/peers/` for the shell.
    pub(super) fn shell(script: &str, arguments: &[impl AsRef<OsStr>]) -> Self {
        let mut command = Command::new("sh");
        command.arg(folder().join(script)).args(arguments);
        Self::start(script, command)
    }

    /// A program of `tests/peers/rust`.
    pub(super) fn rust(program: &str, arguments: &[String]) -> Self {
        let mut command = Command::new(installed(&format!("rust/.built/bin/{program}")));
        command.args(arguments);
        Self::start(program, command)
    }

    /// A program of `tests/peers/go`.
    pub(super) fn go(program: &str, arguments: &[String]) -> Self {
        let mut command = Command::new(installed(&format!("go/.built/{program}")));
        command.args(arguments);
        Self::start(program, command)
    }

    /// A class of `tests/peers/java`.
    pub(super) fn java(class: &str, arguments: &[String]) -> Self {
        let classes = installed("java/.built");
        let mut command = Command::new("java");
        command.arg("-cp").arg(format!("{0}:{0}/*", classes.display())).arg(class).args(arguments);
        Self::start(class, command)
    }

    /// A script in `tests/peers/` for PHP.
    pub(super) fn php(script: &str, arguments: &[String]) -> Self {
        let mut command = Command::new("php");
        command.arg(folder().join(script)).args(arguments);
        Self::start(script, command)
    }

    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        // Only the server is to be reached, whatever proxy is set.
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} cannot be started ({error}); `make test` installs the peers")
        });
        let output = child.stdout.take().expect("a pipe");
        let mut errors = child.stderr.take().expect("a pipe");
        let (sender, lines) = mpsc::channel(LINES_WAITING);
        thread::spawn(move || pass_lines(output, &sender));
        let complaints = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { name: name.to_owned(), child, lines, complaints: Some(complaints) }
    }

    /// The next line, with its end; `None` when there are no more.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let line = timeout(PATIENCE, self.lines.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("{} printed nothing in time", self.name))?;
        Some(String::from_utf8(line).unwrap_or_else(|_| panic!("{}: not UTF-8", self.name)))
    }

    /// The next line, which there must be.
    pub(crate) async fn expect_line(&mut self) -> String {
        let Some(line) = self.line().await else { self.ended_early() };
        line
    }

    /// Fails at once when it has ended, rather than later when something that it was to do is
    /// missed.
    pub(super) fn expect_running(&mut self) {
        if self.child.try_wait().expect("a status").is_some() {
            self.ended_early();
        }
    }

    fn ended_early(&mut self) -> ! {
        let said = self.last_words();
        let status = self.child.wait().expect("a status");
        panic!("{} ended early, {status} (`make test` installs what it needs): {said}", self.name)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a key on a terminal does.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
    }

    /// Everything else that it prints; it must end well.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        let name = self.name.clone();
        if let Err(said) = self.end().await {
            panic!("{name} failed: {said}");
        }
        rest
    }

    /// Waits for its end, without reading on; a failure is told in its own words.
    pub(crate) async fn end(mut self) -> Result<(), String> {
        let status = self.status().await;
        if status.success() { Ok(()) } else { Err(format!("{status}: {}", self.last_words())) }
    }

    async fn status(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(&format!("{} ends", self.name), async || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    fn last_words(&mut self) -> String {
        self.kill();
        self.complaints.take().and_then(|reader| reader.join().ok()).unwrap_or_default()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pass_lines(output: ChildStdout, lines: &mpsc::Sender<Vec<u8>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let read = output.read_until(b'\n', &mut line).unwrap_or(0);
        if read == 0 || lines.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Where the programs of the peers are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// A missing peer is a failure: a test that is left out shows nothing.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = folder().join(path);
    assert!(path.exists(), "{} is missing: `make test` installs it", path.display());
    path
}

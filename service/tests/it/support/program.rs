//! The real program as a child process, for what only a process has: signals, an exit code, memory.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Cursor, Read, Seek as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::eventually;
use super::server::{client, stats};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fanfare");
/// Ports of its own choice for everything.
const ANY_PORT: [&str; 4] = at("127.0.0.1:0");

/// With an admin listener at a port of its own choice.
const fn at(address: &str) -> [&str; 4] {
    ["--listen", address, "--admin-listen", "127.0.0.1:0"]
}

/// What it says on standard error, from the first line on.
pub(crate) type LogLines = io::Chain<Cursor<Vec<u8>>, ChildStderr>;

/// The program; killed when it is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
}

impl Program {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_by(Command::new(PROGRAM), flags)
    }

    /// At an address.
    pub(crate) fn start_at(address: &str, flags: &[&str]) -> Self {
        let program =
            Self::started(Command::new(PROGRAM), &[&at(address), flags].concat(), Stdio::inherit());
        program.expect("it says where it listens")
    }

    /// With its log lines, which have to be read.
    pub(crate) fn start_logged(flags: &[&str]) -> (Self, LogLines) {
        if flags.contains(&"json") {
            return Self::start_for_machines(flags);
        }
        let flags = &[&ANY_PORT, flags].concat();
        let program = Self::started(Command::new(PROGRAM), flags, Stdio::piped());
        let mut program = program.expect("it says where it listens");
        let lines = program.child.stderr.take().unwrap();
        (program, Cursor::new(Vec::new()).chain(lines))
    }

    /// One that says on standard error alone where it listens, in a line of JSON.
    fn start_for_machines(flags: &[&str]) -> (Self, LogLines) {
        let mut command = Command::new(PROGRAM);
        command.env("NO_PROXY", "127.0.0.1").args(ANY_PORT).args(flags);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = child.stderr.take().unwrap();
        let mut read = Vec::new();
        let ready = loop {
            let line = line_of(&mut lines);
            read.extend_from_slice(&line);
            assert!(!line.is_empty(), "it ended: {}", String::from_utf8_lossy(&read));
            let line: serde_json::Value = serde_json::from_slice(&line).expect("a line of JSON");
            if line["message"] == "ready" {
                break line;
            }
        };
        let address = |field: &str| ready[field].as_str().expect("an address").to_owned();
        let program = Self { url: address("listening"), admin: address("admin"), child };
        (program, Cursor::new(read).chain(lines))
    }

    /// With an allocator that keeps one heap for all threads, and not one for each, which grows
    /// with the order in which they happen to run.
    pub(crate) fn start_with_one_heap(flags: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.env("MALLOC_ARENA_MAX", "1");
        Self::start_by(command, flags)
    }

    /// By a command whose last argument is the program, and which becomes it.
    pub(crate) fn start_by(command: Command, flags: &[&str]) -> Self {
        let mut lines = tempfile::tempfile().expect("a file");
        let written = lines.try_clone().expect("the same file");
        let flags = &[&ANY_PORT, flags].concat();
        Self::started(command, flags, written.into()).unwrap_or_else(|| {
            let mut said = String::new();
            lines.rewind().and_then(|()| lines.read_to_string(&mut said)).expect("its lines");
            panic!("it ended: {said}")
        })
    }

    /// Nothing if it ended before it said where it listens.
    fn started(mut command: Command, flags: &[&str], lines: Stdio) -> Option<Self> {
        // What it sends to a collector of ours is not for a proxy of the machine.
        command.env("NO_PROXY", "127.0.0.1");
        command.args(flags).stdout(Stdio::piped()).stderr(lines);
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |prefix: &str| {
            let line = lines.next()?.expect("text");
            Some(line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}")).to_owned())
        };
        let addresses = address("listening on ").zip(address("admin on "));
        let Some((url, admin)) = addresses else {
            child.wait().expect("its status");
            return None;
        };
        Some(Self { url, admin, child })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("a URL")
    }

    /// A figure of `/metrics`, by its name and labels as they are written there.
    pub(crate) async fn figure(&self, series: &str) -> f64 {
        let [value] = stats(&client(), &self.admin, [series]).await;
        value
    }

    /// What the process holds in memory, as the system counts it.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes << 10
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the program ends", async || {
            status = self.child.try_wait().expect("its status");
            status.is_some()
        })
        .await;
        status.unwrap().code()
    }
}

/// A line, and nothing of what comes behind it.
fn line_of(bytes: &mut impl Read) -> Vec<u8> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && bytes.read(&mut byte).expect("a byte") > 0 {
        line.extend(byte);
    }
    line
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Processes that end with the test that started them: the server, the load generator, and others.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use super::client::get;
use super::{eventually, program};

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command; its standard input is empty.
    pub(crate) fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::null()).spawn();
        Self(started.unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().expect("a process of ours").is_some()
    }

    /// Asks it to end, as an operator or a service manager does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").arg(self.pid().to_string()).status();
        assert!(sent.expect("kill starts").success(), "{} is there", self.pid());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        eventually("the end of a process", || self.is_over());
        self.0.wait().expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nobody to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Fanfare {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) process: Process,
    /// Kept open: a server whose standard output is gone might end at its next line.
    _stdout: BufReader<ChildStdout>,
}

impl Fanfare {
    /// On ports that the system chooses, without demonstrations, with further flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::start_at(any, any, flags)
    }

    /// The same at addresses that are given, in place of a server that has ended.
    pub(crate) fn start_at(address: SocketAddr, admin: SocketAddr, flags: &[&str]) -> Self {
        let mut command = Command::new(program::fanfare());
        command
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .arg("--demos=false")
            .args(["--log-level", "warn"])
            .args(flags)
            .stdout(Stdio::piped());
        let mut process = Process::start(&mut command);
        let mut stdout = BufReader::new(process.0.stdout.take().expect("it was asked for"));
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).expect("text");
            assert!(read > 0, "the server ended before it listened: {:?}", process.0.wait());
            let after = |words: &str| line.trim().strip_prefix(words)?.parse().ok();
            address = address.or_else(|| after("listening on http://"));
            admin = admin.or_else(|| after("admin on http://"));
        }
        let (Some(address), Some(admin)) = (address, admin) else { unreachable!("just seen") };
        Self { address, admin, process, _stdout: stdout }
    }

    /// A figure of the metrics page, by its name and labels as they are written there.
    pub(crate) fn figure(&self, series: &str) -> f64 {
        let page = get(self.admin, "/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let figure = line.unwrap_or_else(|| panic!("no series {series} in {page}"));
        figure.parse().expect("a number")
    }
}

//! The server as a user would start it: its program, by flags, on ports that the system chooses.
//!
//! The program lies beside the one under test. Cargo builds binaries of a package only for that
//! package's own tests, so the first test that needs it has it built, with the same profile.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use super::PATIENCE;

/// A running server; its process is ended when this is dropped.
pub(crate) struct Fanfare {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    process: Child,
    /// Kept open: a server whose standard output is gone might end at its next line.
    _stdout: BufReader<ChildStdout>,
}

impl Fanfare {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--demos=false"])
            .args(["--drain-window", "0s", "--log-level", "warn"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("it was asked for"));
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let mut line = String::new();
            if stdout.read_line(&mut line).expect("text") == 0 {
                panic!("the server ended before it listened: {:?}", process.wait());
            }
            let after = |words: &str| line.trim().strip_prefix(words)?.parse().ok();
            address = address.or_else(|| after("listening on http://"));
            admin = admin.or_else(|| after("admin on http://"));
        }
        let (Some(address), Some(admin)) = (address, admin) else { unreachable!("just seen") };
        Self { address, admin, process, _stdout: stdout }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Flags that subscribe to a topic and publish to it, with a second of publishing and no
    /// warm-up; further flags, separated by blanks, come behind them.
    pub(crate) fn load(&self, topic: &str, further: &str) -> String {
        let url = self.url(&format!("/events/{topic}"));
        format!("run --subscribe {url} --publish {url} -d 1s --warmup 0s {further}")
    }

    /// A figure of the metrics page, by its name and labels as they are written there; a name
    /// without labels is the sum over all of them.
    pub(crate) fn figure(&self, series: &str) -> u64 {
        let page = get(self.admin, "/metrics");
        let values = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(series)?;
            let value = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            Some(value.parse::<u64>().expect("a count"))
        });
        let sum = values.reduce(|sum, value| sum + value);
        sum.unwrap_or_else(|| panic!("no series {series} in {page}"))
    }
}

impl Drop for Fanfare {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The answer to a plain request, its head included.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .expect("a request");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("an answer");
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    response
}

/// The server's program, built when it is first asked for: as `cargo test --workspace` builds it, the example
/// with what only tests depend on, so that nothing is compiled a second time.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_loadgen")).parent().expect("a folder");
        let target = folder.parent().expect("the target directory");
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bin", "fanfare"])
            .args(["--example", "axum", "--profile", profile])
            .arg("--target-dir")
            .arg(target)
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the server cannot be built");
        folder.join("fanfare")
    })
}

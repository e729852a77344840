//! The server as a process of its own, and what the system says about it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The kernel counts processor time in hundredths of a second on Linux (`getconf CLK_TCK`).
const CLOCK_TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    pub(crate) fn start(program: &Path, subscribers: usize) -> anyhow::Result<Self> {
        let connections = (subscribers + 200).to_string();
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--demos=false"])
            .args(["--connections", &connections, "--log-level", "warn"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}; build it first", program.display()))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let mut address = |prefix: &str| -> anyhow::Result<SocketAddr> {
            let line = lines.next().context("the server ended at once")??;
            let text = line.strip_prefix(prefix).with_context(|| line.clone())?;
            Ok(text.parse()?)
        };
        let (public, admin) = (address("listening on http://")?, address("admin on http://")?);
        Ok(Self { child, address: public, admin })
    }

    /// Resident memory.
    pub(crate) fn memory_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1_024)
    }

    /// Processor time used so far, in user space and in the kernel.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15; the name in field 2 may contain spaces, but ends with a parenthesis.
        let fields = stat.rsplit_once(')').context("no stat")?.1.split_whitespace();
        let ticks: Vec<u32> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(CLOCK_TICK * ticks.iter().sum())
    }

    pub(crate) fn wait_for_subscribers(&self, count: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let wanted = format!("\nfanfare_subscribers {count}\n");
        while !self.metrics()?.contains(&wanted) {
            if Instant::now() > deadline {
                bail!("the server does not have {count} subscribers");
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! One server while it runs: started on a port of its own, waited for until it answers, and ended by
//! its process id whatever happens.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::Places;
use crate::competitors::Competitor;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end when it is asked to.
const END: Duration = Duration::from_secs(3);
const NAP: Duration = Duration::from_millis(20);

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// The process that serves, for loadgen to watch.
    pub(crate) pid: u32,
}

impl Server {
    pub(crate) fn start(
        competitor: &Competitor,
        places: &Places,
        port: u16,
    ) -> anyhow::Result<Self> {
        let folder = places.results.join("run").join(competitor.name);
        fs::create_dir_all(&folder)?;
        let mut command = (competitor.launch)(places, port, &folder)?;
        let log = File::create(folder.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", competitor.title))?;
        let pid = child.id();
        let mut server = Self { child, port, pid };
        server.wait_until_it_answers(competitor, &folder)?;
        if competitor.serves_in_a_child {
            server.pid = child_of(server.pid).context("no process that serves")?;
        }
        Ok(server)
    }

    fn wait_until_it_answers(
        &mut self,
        competitor: &Competitor,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while !answers(self.port, competitor.urls.subscribe) {
            let log = folder.join("log");
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}); see {}", competitor.title, log.display());
            }
            if Instant::now() > deadline {
                bail!("{} does not answer; see {}", competitor.title, log.display());
            }
            sleep(NAP);
        }
        Ok(())
    }
}

impl Drop for Server {
    /// Asks first: a master process that is killed leaves its workers behind.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            sleep(NAP);
        }
    }
}

/// Whether a subscriber is let in.
fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: text/event-stream\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// The process whose parent this one is.
fn child_of(parent: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name, in brackets, may hold blanks; then come the state and the parent.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
        let found = fields.and_then(|fields| fields.split_whitespace().nth(1)?.parse().ok());
        found == Some(parent)
    })
}

/// Ports of loopback, one after the other and none twice, so that connections of the server before
/// that still wait for their end are in nobody's way.
#[derive(Debug)]
pub(crate) struct Ports(std::ops::Range<u16>);

impl Ports {
    /// Below those that clients are given.
    pub(crate) fn new() -> Self {
        Self(20_000..32_000)
    }

    pub(crate) fn free(&mut self) -> anyhow::Result<u16> {
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        self.0.find(is_free).context("no free port between 20000 and 32000; end other servers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let mut ports = Ports::new();
        let first = ports.free().expect("a port");
        assert!(ports.free().expect("another") > first);
    }

    #[test]
    fn the_child_of_a_process_is_found() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let found = child_of(std::process::id());
        child.kill().expect("it runs");
        child.wait().expect("it was started here");
        assert_eq!(found, Some(child.id()));
        assert_eq!(child_of(u32::MAX), None);
    }
}

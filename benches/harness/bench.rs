//! What the runs of a measurement share: a port for each server, the limit of open files, and
//! whether it is to stop. Servers are ended on the way out, so a signal must not end this process
//! itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::loadgen;
use crate::places::Places;
use crate::ports::Ports;
use crate::result::RunResult;

/// Between two servers, so that the kernel is done with the sockets of the one before.
const SETTLE: Duration = Duration::from_millis(500);
/// Files that a server has open besides its subscribers.
const OTHER_FILES: u64 = 500;

/// What the runs share.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) places: Places,
    ports: Ports,
    interrupted: Arc<AtomicBool>,
}

impl Bench {
    /// For servers of at most so many connections.
    pub(crate) fn new(places: &Places, connections: u64) -> anyhow::Result<Self> {
        raise_open_files(connections + OTHER_FILES)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        Ok(Self { ports: Ports::from(places.port), places: places.clone(), interrupted })
    }

    pub(crate) fn free_port(&mut self) -> anyhow::Result<u16> {
        self.ports.free()
    }

    /// One run of loadgen against the process of a server; its result is left in a file.
    pub(crate) fn load(
        &self,
        arguments: &[String],
        server_pid: u32,
        file: &Path,
    ) -> anyhow::Result<RunResult> {
        let result = loadgen::run(&self.places, arguments, server_pid, file);
        if self.is_interrupted() {
            bail!("interrupted");
        }
        result
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits between two servers.
    pub(crate) fn settle(&self) {
        sleep(SETTLE);
    }
}

/// Servers are given the limit that this process has.
fn raise_open_files(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    // Nothing stands for no limit.
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        bail!(
            "{most} open files are allowed and {needed} are needed; raise the hard limit (ulimit -Hn)"
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raising the limit of open files")
}

//! What this machine and good manners allow: counted before anything is opened, so that a run never
//! fails half-way for a reason that arithmetic can find.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Plan, Protocol};

/// Files that a process needs besides its streams: polls, pipes, standard streams, libraries.
const RESERVE: u64 = 100;

/// More streams than the limits of the system allow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// Of open files.
    #[error(
        "{requested} connections do not fit: this process can hold {can} (open files are limited to \
         {limit}); use --processes {processes}, or raise the limit (ulimit -n)"
    )]
    Files { requested: u64, can: u64, limit: u64, processes: u64 },
    /// Of local ports.
    #[error(
        "{requested} connections do not fit: {ports} local ports and {pairs} pair(s) of source and \
         target addresses allow {can}; give more source addresses (--source 127.0.0.0/28), or more \
         ports (sysctl net.ipv4.ip_local_port_range)"
    )]
    Ports { requested: u64, ports: u64, pairs: u64, can: u64 },
}

/// How many files a process may open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileBudget {
    limit: u64,
}

impl FileBudget {
    /// Raises this process's own limit as far as it may, and says how far that is.
    pub(crate) fn raise() -> Self {
        let current = getrlimit(Resource::Nofile);
        if current.current != current.maximum {
            let raised = Rlimit { current: current.maximum, maximum: current.maximum };
            // Where it is refused, the limit that is counted with below stays the old one.
            let _ = setrlimit(Resource::Nofile, raised);
        }
        Self { limit: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) }
    }

    pub(crate) fn limit(self) -> u64 {
        self.limit
    }

    /// Whether the plan's streams fit.
    pub(crate) fn check(self, plan: &Plan) -> Result<(), FilesError> {
        let sockets = sockets(plan);
        let publishers =
            plan.publishing.as_ref().map_or(0, |publishing| publishing.publishers as u64);
        let can = self.limit.saturating_sub(RESERVE + publishers);
        let each = sockets.div_ceil(plan.processes as u64);
        if each > can {
            let processes = sockets.div_ceil(can.max(1));
            return Err(FilesError::Files {
                requested: sockets,
                can,
                limit: self.limit,
                processes,
            });
        }
        let ports = local_ports();
        let ports = u64::from(ports.1.saturating_sub(ports.0)) + 1;
        let pairs: u64 = plan
            .targets
            .iter()
            .map(|target| {
                target.endpoint.addresses.len() as u64 * (target.sources.len() as u64).max(1)
            })
            .sum();
        let can = ports * pairs;
        if sockets > can {
            return Err(FilesError::Ports { requested: sockets, ports, pairs, can });
        }
        Ok(())
    }
}

fn sockets(plan: &Plan) -> u64 {
    let connections = plan.ramp.connections as u64;
    match plan.targets.first().map(|target| target.protocol) {
        Some(Protocol::Http2 { streams }) => connections.div_ceil(streams as u64),
        _ => connections,
    }
}

/// The first and the last port that the kernel gives to a connection.
pub(crate) fn local_ports() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    (numbers.next().unwrap_or(32_768), numbers.next().unwrap_or(60_999))
}

//! Where a run was made: what a reader must know before comparing it with another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine and the programs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Environment {
    /// Version of loadgen.
    pub(crate) loadgen: String,
    /// The command line.
    pub(crate) command: Vec<String>,
    /// The processor's name.
    pub(crate) cpu: String,
    /// How many processors this process may use.
    pub(crate) cores: u64,
    /// Memory of the machine, in bytes.
    pub(crate) memory: u64,
    /// The kernel and its version.
    pub(crate) kernel: String,
    /// Where the time comes from, for instance `tsc`.
    pub(crate) clock_source: String,
    /// Identifies this start of the machine: monotonic clocks of two boots have nothing in common.
    pub(crate) boot_id: String,
    /// Whether the target is a loopback address. Then there is no network between the two, and they
    /// share the processors.
    pub(crate) loopback: bool,
    /// What the kernel allows.
    pub(crate) limits: Limits,
}

/// What the kernel allows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Limits {
    /// Open files of one process.
    pub(crate) open_files: u64,
    /// Local ports, first and last.
    pub(crate) local_ports: (u32, u32),
    /// `net.core.somaxconn`.
    pub(crate) backlog: u64,
    /// `net.ipv4.tcp_rmem`: least, default, most, in bytes.
    pub(crate) receive_buffer: String,
    /// `net.ipv4.tcp_wmem`, the same.
    pub(crate) send_buffer: String,
}

//! Connections and their sockets.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::config::values::{KIB, count, size, time, time_up_to};

/// The kernel keeps these sizes in an `int`.
const KERNEL_SIZE_MAX: u64 = 1 << 30;
/// The kernel keeps `TCP_USER_TIMEOUT` as milliseconds in an `int`.
const PEER_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 86_400);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connections")]
pub(super) struct ConnectionFlags {
    /// The most connections of all clients together; 0 for 90 % of the limit of open files. Where the rest
    /// of that limit is too few for the server itself, they are fewer
    #[arg(long, env = "FANFARE_CONNECTIONS", value_name = "N",
          value_parser = count(0..=usize::MAX), default_value_t = 0)]
    pub(super) connections: usize,
    /// The most connections from one address, which is the /64 network with IPv6; behind a trusted proxy the
    /// most requests of one client at a time; 0 for no limit
    #[arg(long, env = "FANFARE_CONNECTIONS_PER_ADDRESS", value_name = "N",
          value_parser = count(0..=usize::MAX), default_value_t = 0)]
    pub(super) connections_per_address: usize,
    /// The most HTTP/2 streams that one connection may have open at a time
    #[arg(long, env = "FANFARE_HTTP2_STREAMS", value_name = "N",
          value_parser = count(1..=u32::MAX), default_value_t = 250)]
    pub(super) http2_streams: u32,
    /// How many bytes the kernel may buffer for one connection (SO_SNDBUF)
    #[arg(long, env = "FANFARE_SEND_BUFFER", value_name = "SIZE",
          value_parser = size(4 * KIB..=KERNEL_SIZE_MAX, "64KiB"), default_value = "64KiB")]
    pub(super) send_buffer: ByteSize,
    /// How many of the bytes that the kernel buffers for one connection may be unsent
    /// (TCP_NOTSENT_LOWAT); 0 for the kernel's own setting
    #[arg(long, env = "FANFARE_UNSENT_MAX", value_name = "SIZE",
          value_parser = size(0..=KERNEL_SIZE_MAX, "16KiB"), default_value = "16KiB")]
    pub(super) unsent_max: ByteSize,
    /// How long a client may leave bytes unacknowledged before its connection counts as dead
    /// (TCP_USER_TIMEOUT), or may take nothing on a unix socket; 0s for the kernel's own setting, which on a unix
    /// socket is no limit
    #[arg(long, env = "FANFARE_PEER_TIMEOUT", value_name = "TIME",
          value_parser = time(time_up_to(PEER_TIMEOUT_MAX)), default_value = "60s")]
    pub(super) peer_timeout: humantime::Duration,
}

//! What a log that is shared by many servers does, for whoever watches it.
//!
//! Figures are read from memory: nobody who asks for them waits for a broker.

use super::Distribution;

/// The upper bounds by which appends are counted, in microseconds: 1 ms to 15 s.
pub const APPEND_BOUNDS_US: [u64; 11] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 15_000_000,
];

/// How long appends took, until their events had been read back; the sum is in microseconds.
pub type AppendTimes = Distribution<{ APPEND_BOUNDS_US.len() + 1 }>;

/// A shared log, as it is now. Counts are since the start.
#[derive(Clone, Debug, Default)]
pub struct ClusterStatus {
    /// There is a connection to a broker.
    pub is_connected: bool,
    /// When the brokers last said anything, in milliseconds since 1970.
    pub heard_ms: u64,
    /// How many messages of the stream this server has yet to read.
    pub lag_events: u64,
    /// Events that were sent to the brokers and have not been read back.
    pub in_flight_events: usize,
    pub in_flight_events_limit: usize,
    pub in_flight_bytes: usize,
    pub in_flight_bytes_limit: usize,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// How often reading began again.
    pub reads_begun: u64,
    /// How often reading waited for the delivery to come nearer.
    pub read_pauses: u64,
    /// How often another broker was seen to lead the stream.
    pub elections: u64,
    /// Epochs that have begun.
    pub epochs: u64,
    /// Messages that are missing in the middle of the stream, or cannot be read by this version.
    pub holes: u64,
    /// Messages that no server has sent.
    pub foreign: u64,
    /// Events that gave way to an earlier one with their id.
    pub gave_way: u64,
    /// Events that were sent again.
    pub sent_again: u64,
    pub appends: AppendTimes,
}

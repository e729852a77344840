//! What one node costs, from `docs/benchmarks.md` where nothing else is said. 2 cores of an Intel Xeon, over
//! loopback: a network costs the server less, since the kernel does the receiver's work there as well.

/// CPU to write an event to a socket on its own, in microseconds, by how many sockets a shard has (P8). Nearly
/// all of it is the kernel's, and it grows because sockets fall out of the caches.
pub(super) const WRITE_US: [(f64, f64); 3] = [(1_000.0, 1.80), (5_000.0, 3.42), (19_000.0, 5.31)];

/// CPU for each further event in the same write, in microseconds: P4 has 0.09 with about 160 events a write, of
/// which 3.42 / 160 are the write's.
pub(super) const FURTHER_US: f64 = 0.07;

/// CPU of a shard to look at an event whether anybody there wants it or not, in microseconds. A guess: an append
/// with its index takes 1.1 to 1.7.
pub(super) const LOOK_US: f64 = 1.0;

/// CPU of a node to take an event from the brokers, in microseconds: 316,000 a second were read by one task.
pub(super) const TAKE_US: f64 = 3.2;

/// CPU to accept a client, in microseconds: plain HTTP/1.1, and a TLS handshake.
pub(super) const CONNECT_US: f64 = 23.2;
pub(super) const CONNECT_TLS_US: f64 = 344.0;

/// What a silent subscriber takes of the process (P5), and of the kernel: Centrifugo measured about 4 KB for its
/// sockets, and we nothing.
pub(super) const SUBSCRIBER_BYTES: f64 = 387.0;
pub(super) const SOCKET_BYTES: f64 = 4_096.0;

/// What a delivery takes on the wire beside the data: frame and chunk, TCP, IP and Ethernet.
pub(super) const WIRE_BYTES: f64 = 130.0;
/// What an event takes between brokers and nodes beside the data.
pub(super) const BROKER_BYTES: f64 = 250.0;

/// What a stream of three brokers that sync takes, in events a second.
pub(super) const STREAM_EVENTS: f64 = 100_000.0;

/// The most events that a shard sends in one pass.
pub(super) const PASS_EVENTS_MAX: usize = 16_384;

/// What is reckoned as full: a processor, and a network of 10 Gbit/s.
pub(super) const BUSY_MAX: f64 = 0.8;
pub(super) const NETWORK_BYTES_MAX: f64 = 0.8 * 1.25e9;

/// How long clients take to come back when their node is gone: `retry:` is 2 seconds, and as much again is spread
/// by clients and proxies. A guess.
pub(super) const RETURN_SECONDS: f64 = 4.0;

/// Between the figures it grows with the logarithm of the number of sockets; outside it stays.
pub(super) fn write_us(sockets: f64) -> f64 {
    let [first, .., last] = WRITE_US;
    if sockets <= first.0 {
        return first.1;
    }
    let pairs = WRITE_US.windows(2).map(|pair| (pair[0], pair[1]));
    for ((from, low), (to, high)) in pairs {
        if sockets <= to {
            return low + (high - low) * (sockets / from).ln() / (to / from).ln();
        }
    }
    last.1
}

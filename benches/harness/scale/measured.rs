//! Every figure that the model reckons with, in one place, with what it is worth: measured on our
//! machines, counted from a format or a default, or guessed. The page lists them, so that whoever
//! doubts a result knows which figure to measure.

/// What a figure is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Measured,
    /// From a format, a protocol or a default.
    Counted,
    /// Nobody has measured it; the source says what it is derived from.
    Guessed,
}

/// What a value is in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Seconds,
    Bytes,
    PerSecond,
    Times,
}

/// A figure that goes into the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) origin: Origin,
    pub(super) source: &'static str,
}

const fn figure(
    (origin, unit): (Origin, Unit),
    value: f64,
    what: &'static str,
    source: &'static str,
) -> Figure {
    Figure { what, value, unit, origin, source }
}

use Origin::{Counted, Guessed, Measured};
use Unit::{Bytes, PerSecond, Seconds, Times};

/// What a `send` of one event costs by the number of sockets of the machine.
pub(super) const SEND: [(f64, Figure); 3] = [
    (1_000.0, figure((Measured, Seconds), 1.80e-6, "CPU of a write, 1,000 sockets", "P8")),
    (5_000.0, figure((Measured, Seconds), 3.42e-6, "CPU of a write, 5,000 sockets", "P8")),
    (19_000.0, figure((Measured, Seconds), 5.31e-6, "CPU of a write, 19,000 sockets", "P8")),
];
pub(super) const JOINED: Figure = figure(
    (Guessed, Seconds),
    0.05e-6,
    "CPU of a further event in the same write",
    "below the 0.09 µs that P4 has for all of a delivery",
);
pub(super) const MATCHED: Figure = figure(
    (Guessed, Seconds),
    1.0e-6,
    "CPU of a shard to read an event and to find its audiences",
    "of the order of an append",
);
pub(super) const APPENDED: Figure = figure(
    (Measured, Seconds),
    1.7e-6,
    "CPU to add an event to the log in memory, 100,000 topics",
    "`append/topics`",
);
pub(super) const PULLED: Figure = figure(
    (Measured, Seconds),
    1.0 / 316_000.0,
    "time to read a message of the stream",
    "316,000 a second by one client, with three brokers on the same two cores, 2026-11-27",
);
pub(super) const POSTED: Figure = figure(
    (Measured, Seconds),
    2.0 / 54_576.0,
    "CPU to take an event by POST, at most",
    "two cores by the rate of P15-64 over HTTP: loadgen's part is in it",
);
pub(super) const HEARTBEAT: Figure =
    figure((Counted, Seconds), 15.0, "a silent stream gets a heartbeat every", "default");
pub(super) const FACTOR_TLS: Figure =
    figure((Measured, Times), 2.03, "CPU of a write over TLS, of plain HTTP/1.1", "what TLS costs");
pub(super) const FACTOR_HTTP2: Figure =
    figure((Measured, Times), 1.06, "CPU of a write over HTTP/2, of plain", "what TLS costs");
pub(super) const FACTOR_HTTP2_TLS: Figure = figure(
    (Measured, Times),
    1.13,
    "CPU of a write over HTTP/2 with TLS, of plain",
    "what TLS costs",
);
pub(super) const BEGIN: Figure = figure(
    (Measured, Seconds),
    23.2e-6,
    "CPU to begin a stream, plain HTTP/1.1",
    "19,000 idle subscribers",
);
pub(super) const BEGIN_TLS: Figure =
    figure((Measured, Seconds), 344e-6, "the same with TLS", "what TLS costs");
pub(super) const BEGIN_HTTP2: Figure = figure(
    (Measured, Seconds),
    30.0e-6,
    "the same over HTTP/2, 100 a connection",
    "what TLS costs",
);
pub(super) const BEGIN_HTTP2_TLS: Figure = figure(
    (Measured, Seconds),
    32.5e-6,
    "the same over HTTP/2 with TLS, 100 a connection",
    "what TLS costs",
);
pub(super) const STREAM: Figure =
    figure((Measured, Bytes), 387.0, "memory of a stream, plain HTTP/1.1", "P5");
pub(super) const STREAM_TLS: Figure =
    figure((Measured, Bytes), 32.0 * 1024.0, "the same with TLS", "what TLS costs");
pub(super) const STREAM_HTTP2: Figure = figure(
    (Measured, Bytes),
    2.35 * 1024.0,
    "the same over HTTP/2, 100 a connection",
    "what TLS costs",
);
pub(super) const STREAM_HTTP2_TLS: Figure =
    figure((Measured, Bytes), 2.49 * 1024.0, "the same with TLS", "what TLS costs");
pub(super) const SOCKET: Figure =
    figure((Measured, Bytes), 4_500.0, "memory of the kernel for a socket", "sizing");
pub(super) const UNSENT: Figure = figure(
    (Guessed, Bytes),
    4_096.0,
    "memory of the kernel for what a socket has not sent yet",
    "a page, as the kernel accounts it",
);
pub(super) const LIMITS: Figure = figure(
    (Counted, Bytes),
    640.0 * 1_048_576.0,
    "what a server may hold beside streams: log, bodies, templates, slow consumers",
    "defaults, sizing",
);
pub(super) const FRAME: Figure =
    figure((Counted, Bytes), 64.0, "frame and chunk around the data", "sizing");
pub(super) const PACKET: Figure =
    figure((Counted, Bytes), 66.0, "TCP, IP and Ethernet around a packet", "sizing");
pub(super) const PACKET_DATA: Figure =
    figure((Counted, Bytes), 1_448.0, "data of a full packet", "Ethernet");
pub(super) const SEGMENT: Figure =
    figure((Counted, Bytes), 65_536.0, "what is joined into one write at most", "architecture");
pub(super) const MESSAGE: Figure = figure(
    (Guessed, Bytes),
    350.0,
    "record, headers and protocol around an event of the stream",
    "length of headers, subjects and reply address; not measured on the wire",
);
pub(super) const STREAM_MAX: Figure = figure(
    (Measured, PerSecond),
    96_000.0,
    "events a second of one stream, three copies, every event synced",
    "8,192 in flight, three brokers and the client on two cores, 2026-11-27",
);
pub(super) const BROKER_TAKES: Figure = figure(
    (Measured, Seconds),
    2.0 / 96_000.0 / 3.0,
    "CPU of each of three brokers to take a message, at most",
    "two cores by that rate: the client's part is in it",
);
pub(super) const BROKER_HANDS: Figure = figure(
    (Guessed, Seconds),
    1.0 / 316_000.0,
    "CPU of a broker to hand a message to one node",
    "as much as the node needs to read it",
);
pub(super) const HANDSHAKE: Figure = figure(
    (Measured, Seconds),
    344e-6 - 41.2e-6,
    "CPU of a TLS handshake",
    "what TLS costs: a stream with it, less a plain one of the same run",
);

/// All of them, as the page lists them.
pub(super) fn all() -> Vec<Figure> {
    let mut all: Vec<Figure> = SEND.iter().map(|(_, figure)| *figure).collect();
    all.extend([JOINED, MATCHED, APPENDED, PULLED, POSTED, HEARTBEAT]);
    all.extend([FACTOR_TLS, FACTOR_HTTP2, FACTOR_HTTP2_TLS]);
    all.extend([BEGIN, BEGIN_TLS, BEGIN_HTTP2, BEGIN_HTTP2_TLS, HANDSHAKE]);
    all.extend([STREAM, STREAM_TLS, STREAM_HTTP2, STREAM_HTTP2_TLS, SOCKET, UNSENT, LIMITS]);
    all.extend([FRAME, PACKET, PACKET_DATA, SEGMENT, MESSAGE]);
    all.extend([STREAM_MAX, BROKER_TAKES, BROKER_HANDS]);
    all
}

/// What a write costs with so many sockets. It grew with the logarithm of their number between what
/// was measured, and is taken to go on so.
pub(super) fn write_seconds(sockets: f64) -> f64 {
    let sockets = sockets.max(SEND[0].0);
    let above = SEND.iter().position(|(count, _)| *count >= sockets).unwrap_or(SEND.len() - 1);
    let above = above.max(1);
    let ((low, low_cost), (high, high_cost)) = (SEND[above - 1], SEND[above]);
    let share = (sockets / low).ln() / (high / low).ln();
    low_cost.value + share * (high_cost.value - low_cost.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_costs_what_was_measured_and_more_with_more_sockets() {
        for (sockets, figure) in SEND {
            assert!((write_seconds(sockets) - figure.value).abs() < 1e-12, "{sockets}");
        }
        assert!((write_seconds(10.0) - SEND[0].1.value).abs() < 1e-12);
        let costs = [1e3, 2e3, 1e4, 1e5, 1e6].map(write_seconds);
        assert!(costs.is_sorted_by(|less, more| less < more), "{costs:?}");
    }

    #[test]
    fn every_figure_says_what_it_is_and_where_it_comes_from() {
        for figure in all() {
            assert!(figure.value > 0.0 && !figure.what.is_empty() && !figure.source.is_empty());
        }
    }
}

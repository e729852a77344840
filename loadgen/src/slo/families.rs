//! The figures that are durations: each family is one thing that was timed, and each statistic of
//! it is a figure, such as `connect.tcp.p99`. Only `delivery` knows of events that never arrived;
//! the others speak of what happened.

use super::statistic::Statistic;
use crate::result::{Completion, Distribution, Run};

/// Durations, of which every statistic is a figure.
#[derive(Debug)]
pub(crate) struct Family {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) measure: fn(&Run, Statistic) -> Option<f64>,
}

/// The families, each with what it measures.
pub(super) static FAMILIES: [Family; 17] = [
    family(
        "delivery",
        |r, s| s.of_deliveries(&r.delivery),
        "from when an event was due until it arrived; one that never arrived took infinitely long",
    ),
    family(
        "actual",
        |r, s| s.of(r.delivery.actual.as_ref()),
        "from when the publish call began until the event arrived, of those that arrived",
    ),
    family(
        "ack",
        |r, s| s.of(r.publishing.as_ref()?.acknowledgement.as_ref()),
        "from the publish call to its response",
    ),
    family("completion", |r, s| s.of(completion(r, |c| &c.last)), "the same as completion.last"),
    family(
        "completion.first",
        |r, s| s.of(completion(r, |c| &c.first)),
        "from when an event was due until it reached its first subscriber",
    ),
    family(
        "completion.median",
        |r, s| s.of(completion(r, |c| &c.median)),
        "from when an event was due until it reached half of its subscribers",
    ),
    family(
        "completion.last",
        |r, s| s.of(completion(r, |c| &c.last)),
        "from when an event was due until it reached its last subscriber",
    ),
    family(
        "connect.tcp",
        |r, s| s.of(r.connecting.tcp.as_ref()),
        "from the connection attempt until TCP was established",
    ),
    family(
        "connect.tls",
        |r, s| s.of(r.connecting.tls.as_ref()),
        "from the connection attempt until TLS was established",
    ),
    family(
        "connect.headers",
        |r, s| s.of(r.connecting.head.as_ref()),
        "from the connection attempt until the response headers were complete",
    ),
    family(
        "connect.first_byte",
        |r, s| s.of(r.connecting.first_byte.as_ref()),
        "from the connection attempt until the first byte of the stream",
    ),
    family(
        "connect.first_event",
        |r, s| s.of(r.connecting.first_event.as_ref()),
        "from the connection attempt until the first event",
    ),
    family(
        "reconnect",
        |r, s| s.of(r.faults.reconnect.as_ref()),
        "from a reconnection attempt until its response headers",
    ),
    family(
        "outage",
        |r, s| s.of(r.faults.outage.as_ref()),
        "from the end of a stream until the first byte of the next one, with the reconnect delay",
    ),
    family(
        "catch_up",
        |r, s| s.of(r.faults.catch_up.as_ref()),
        "from a reconnection attempt until everything had arrived that had been missed",
    ),
    family(
        "fairness",
        |r, s| s.of(r.delivery.fairness.as_ref()),
        "mean latency of each subscriber, distributed over the subscribers",
    ),
    family(
        "generator.lag",
        |r, s| s.of(r.own.reading_lag.as_ref()),
        "how long data waited in the load generator before it was read",
    ),
];

const fn family(
    name: &'static str,
    measure: fn(&Run, Statistic) -> Option<f64>,
    meaning: &'static str,
) -> Family {
    Family { name, meaning, measure }
}

fn completion(run: &Run, which: fn(&Completion) -> &Option<Distribution>) -> Option<&Distribution> {
    which(run.delivery.completion.as_ref()?).as_ref()
}

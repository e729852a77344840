//! The figures that are one number: counts, rates, shares, and what the server and the generator
//! cost.
//!
//! What no run of this kind can know is absent: without publishing there is nothing that was
//! refused, and without a watched process nothing that it cost.

use super::unit::Unit;
use crate::result::{Correctness, Run, ServerProcess};

/// A number by itself.
#[derive(Debug)]
pub(crate) struct Single {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) meaning: &'static str,
    pub(super) measure: fn(&Run) -> Option<f64>,
}

/// The other figures.
pub(super) static SINGLES: [Single; 31] = [
    single(
        "gaps",
        Unit::Count,
        |r| verified(r, |c| c.gaps),
        "events that never arrived and were not announced as lost",
    ),
    single(
        "announced",
        Unit::Count,
        |r| verified(r, |c| c.announced),
        "events that never arrived and were announced as lost",
    ),
    single(
        "unresumable",
        Unit::Count,
        |r| verified(r, |c| c.unresumable),
        "events published while a subscriber was away without an id to resume from",
    ),
    single(
        "duplicates",
        Unit::Count,
        |r| verified(r, |c| c.duplicates),
        "events that arrived again",
    ),
    single(
        "reordered",
        Unit::Count,
        |r| verified(r, |c| c.reordered),
        "events that arrived after a later one of the same publisher and topic",
    ),
    single(
        "overtaken",
        Unit::Count,
        |r| verified(r, |c| c.overtaken),
        "events that were not accepted, and arrived after a later one of the same publisher and topic",
    ),
    single(
        "corrupted",
        Unit::Count,
        |r| verified(r, |c| c.corrupted),
        "events that arrived with other bytes than were sent",
    ),
    single(
        "wrong_topic",
        Unit::Count,
        |r| verified(r, |c| c.wrong_topic),
        "events that arrived at a subscriber of another topic",
    ),
    single("foreign", Unit::Count, |r| parsed(r, |c| c.foreign), "events that are not of this run"),
    single(
        "broken_streams",
        Unit::Count,
        |r| parsed(r, |c| c.broken_streams),
        "streams whose HTTP or event-stream framing was broken",
    ),
    single(
        "disconnects",
        Unit::Count,
        |r| count(r.faults.closed_by_server + r.faults.errors.values().sum::<u64>()),
        "streams of fast subscribers that the server closed or that failed",
    ),
    single(
        "away",
        Unit::Count,
        |r| count(r.faults.away),
        "subscribers that had not reconnected when the run ended",
    ),
    single(
        "recovery",
        Unit::Duration,
        |r| r.faults.recovery_ms,
        "time from the first reconnection until the last subscriber had got everything that it missed",
    ),
    single(
        "silence",
        Unit::Duration,
        |r| r.faults.longest_silence_ms,
        "longest time in which a subscriber got no event, from the start of publishing",
    ),
    single(
        "publish_pause",
        Unit::Duration,
        |r| r.publishing.as_ref()?.longest_pause_ms,
        "longest time in which no event was accepted",
    ),
    single(
        "negative",
        Unit::Count,
        |r| count(r.delivery.negative),
        "events that arrived before they were due by the clock",
    ),
    single(
        "failures",
        Unit::Count,
        |r| count(r.subscribers.failures.values().sum()),
        "connection attempts that failed",
    ),
    single(
        "connected",
        Unit::Count,
        |r| count(r.subscribers.connected),
        "subscribers that were connected when the ramp ended",
    ),
    single("received", Unit::Count, |r| count(r.delivery.received), "events that arrived"),
    single(
        "refused",
        Unit::Count,
        |r| count(r.publishing.as_ref()?.refusals.values().sum()),
        "events whose publish call was answered with an error",
    ),
    single(
        "late",
        Unit::Count,
        |r| count(r.publishing.as_ref()?.late),
        "events sent more than a millisecond after they were due",
    ),
    single(
        "missed",
        Unit::Count,
        |r| count(r.publishing.as_ref()?.missed),
        "events of the schedule that were never sent",
    ),
    single(
        "delivery_ratio",
        Unit::Share,
        |r| r.delivery.reach,
        "share of the expected events that arrived at least once",
    ),
    single(
        "deliveries_per_second",
        Unit::PerSecond,
        |r| (r.delivery.received > 0).then_some(r.delivery.per_second),
        "events that arrived per second",
    ),
    single(
        "publish_rate",
        Unit::PerSecond,
        |r| r.publishing.as_ref().filter(|p| p.sent > 0).map(|p| p.reached_rate),
        "events that the server accepted per second",
    ),
    single(
        "server.cpu_us_per_delivery",
        Unit::Microseconds,
        |r| process(r)?.cpu_us_per_delivery,
        "CPU time of the server per event that arrived, in microseconds",
    ),
    single(
        "server.cpu_us_per_connection",
        Unit::Microseconds,
        |r| process(r)?.cpu_us_per_connection,
        "CPU time of the server per connection while subscribers connected, in microseconds",
    ),
    single(
        "server.memory_per_subscriber",
        Unit::Bytes,
        |r| process(r)?.memory_per_subscriber,
        "growth of the server's resident memory per subscriber while subscribers connected",
    ),
    single(
        "server.memory_after",
        Unit::Bytes,
        |r| count(process(r)?.memory_after),
        "resident memory of the server at the end of the run",
    ),
    single(
        "generator.bytes_per_subscriber",
        Unit::Bytes,
        |r| r.subscribers.own_bytes_each,
        "memory of the load generator per subscriber",
    ),
    single(
        "generator.cpu",
        Unit::Share,
        |r| r.own.workers.iter().map(|w| w.cpu).reduce(f64::max),
        "share of one core that the busiest reading thread of the load generator used",
    ),
];

const fn single(
    name: &'static str,
    unit: Unit,
    measure: fn(&Run) -> Option<f64>,
    meaning: &'static str,
) -> Single {
    Single { name, unit, meaning, measure }
}

/// Only events that were compared with something can tell that nothing is wrong with them; what was
/// found is there in any case. Files of earlier versions say only which subscribers were parsed.
fn verified(run: &Run, which: fn(&Correctness) -> u64) -> Option<f64> {
    let found = which(&run.correctness);
    let was_looked = run.correctness.verified != Some(0) || found > 0;
    (run.subscribers.verified > 0 && was_looked).then_some(found).and_then(count)
}

/// Only subscribers whose streams were parsed can tell what came on them.
fn parsed(run: &Run, which: fn(&Correctness) -> u64) -> Option<f64> {
    let was_read = run.subscribers.verified > 0 && run.subscribers.connected > 0;
    was_read.then(|| which(&run.correctness)).and_then(count)
}

fn process(run: &Run) -> Option<&ServerProcess> {
    run.server.as_ref()?.process.as_ref()
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes stay far below 2^52")]
#[expect(clippy::unnecessary_wraps, reason = "every measure of the table is optional")]
fn count(count: u64) -> Option<f64> {
    Some(count as f64)
}

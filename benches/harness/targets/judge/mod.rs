//! Whether what was measured is enough, and how it is said. Nothing here measures.

mod disk;
mod finding;
#[cfg(test)]
mod tests;

use crate::compare::{Beside, Standing};
use crate::format::{bytes, count, number, ranged};
use crate::result::RunResult;
use crate::summary::Spread;

pub(crate) use disk::{p10_replays, p15, p15_at_64, p16};
pub(crate) use finding::{Evidence, Finding};
use finding::{found, is_rate, losses, p99_of_the_others};

fn times(beside: &Beside) -> String {
    format!("{} of {}", ranged(Some(beside.ratio), "x", number), beside.other)
}

pub(crate) fn p1(standing: &Standing) -> Option<Finding> {
    let beside = standing.cpu_beside_floor.as_ref()?;
    found(beside.ratio.median <= 1.05, times(beside))
}

pub(crate) fn p2(standing: &Standing) -> Option<Finding> {
    let (best, floor) = (standing.p99_beside_best.as_ref()?, standing.p99_beside_floor.as_ref()?);
    let is_reached = best.ratio.median <= 1.0 && floor.ratio.median <= 1.1;
    found(is_reached, format!("{}, {}", times(best), times(floor)))
}

pub(crate) fn p3(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    let (p99, deliveries) = (run.p99_ms?, run.deliveries_per_second);
    let all_accepted = run.accepted == run.scheduled;
    let accepted = if all_accepted {
        "all accepted".to_owned()
    } else {
        format!("{} of {} accepted", count(run.accepted as f64), count(run.scheduled as f64))
    };
    let is_reached =
        all_accepted && is_rate(deliveries, 2e6) && p99 < 20.0 && run.outcome != "invalid";
    found(is_reached, format!("{accepted}, {} a second, p99 {} ms", count(deliveries), number(p99)))
}

pub(crate) fn p4(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    let millions = number(run.deliveries_per_second / 1e6);
    let cpu = number(run.cpu_us_per_delivery?);
    found(
        is_rate(run.deliveries_per_second, 10e6) && run.lost_nothing(),
        format!("{millions} M a second, {}, {cpu} µs of CPU each", losses(run)),
    )
}

pub(crate) fn p5(evidence: &Evidence) -> Option<Finding> {
    memory_each(evidence, 400.0)
}

pub(crate) fn p6(evidence: &Evidence) -> Option<Finding> {
    memory_each(evidence, 2_048.0)
}

fn memory_each(evidence: &Evidence, bytes_max: f64) -> Option<Finding> {
    let each = evidence.runs.first()?.memory_per_subscriber?;
    found(each <= bytes_max, bytes(each))
}

pub(crate) fn p7(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    let each_second = run.connected / run.ramp_seconds;
    let is_whole = run.failed == 0 && run.connected >= run.requested;
    let refused = if is_whole {
        "none refused".to_owned()
    } else {
        format!("{} attempts failed", count(run.failed as f64))
    };
    let cpu = number(run.cpu_us_per_connection?);
    found(
        is_rate(each_second, 40_000.0) && is_whole && run.lost_nothing(),
        format!(
            "{} a second, {refused}, {}, {cpu} µs of CPU each",
            count(each_second),
            losses(run)
        ),
    )
}

pub(crate) fn p8(evidence: &Evidence) -> Option<Finding> {
    let costs = evidence.runs.iter().map(|run| run.cpu_us_per_delivery);
    let costs: Vec<f64> = costs.collect::<Option<_>>()?;
    let spread = Spread::of(costs.iter().copied())?;
    let list: Vec<_> = costs.iter().map(|cost| number(*cost)).collect();
    found(spread.most <= 1.2 * spread.least, format!("{} µs", list.join(", ")))
}

pub(crate) fn p9_posts(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    accepted_and_delivered(run, 30_000.0, true)
}

pub(crate) fn p9_ndjson(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    accepted_and_delivered(run, 200_000.0, run.lost_nothing())
}

/// Every event is for one subscriber.
fn accepted_and_delivered(run: &RunResult, goal: f64, is_whole: bool) -> Option<Finding> {
    let (accepted, delivered) = (run.accepted_rate?, run.deliveries_per_second);
    found(
        is_rate(accepted, goal) && is_rate(delivered, goal) && is_whole,
        format!("{} accepted, {} delivered, {}", count(accepted), count(delivered), losses(run)),
    )
}

pub(crate) fn p10(evidence: &Evidence) -> Option<Finding> {
    p99_of_the_others(evidence)
}

pub(crate) fn p11(evidence: &Evidence) -> Option<Finding> {
    let response_times = &evidence.own.response_times;
    let slowest = response_times.iter().map(|times| times.p99_ms).max_by(f64::total_cmp)?;
    let list =
        response_times.iter().map(|times| format!("{} {} ms", times.what, number(times.p99_ms)));
    found(slowest < 10.0, list.collect::<Vec<_>>().join(", "))
}

pub(crate) fn p12(evidence: &Evidence) -> Option<Finding> {
    let run = evidence.runs.first()?;
    let most = run.memory_connected?.max(run.memory_after?);
    let gib = most / f64::from(1_u32 << 30);
    let is_whole = run.connected >= run.requested && run.lost_nothing();
    let last = run.last_subscriber_ms.map_or_else(String::new, |(least, most)| {
        format!(", the last after {}-{} s", number(least / 1e3), number(most / 1e3))
    });
    let reached = if is_whole {
        format!("{} events reached all, none lost{last}", count(run.accepted as f64))
    } else {
        format!("{} connected, {}{last}", count(run.connected), losses(run))
    };
    found(gib <= 2.0 && is_whole, format!("{} GiB, {reached}", number(gib)))
}

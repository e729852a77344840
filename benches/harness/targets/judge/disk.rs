//! The findings of the log on disk.

use super::finding::{Evidence, Finding, found, losses};
use crate::format::{count, number, ranged};
use crate::summary::Spread;
use crate::targets::own::Replays;

/// Each round has a run without those that disturb, one with as many who replay nothing, and one with them. The
/// round in the middle counts: on shared machines runs of the same kind are a third apart, and have been three times.
pub(crate) fn p10_replays(evidence: &Evidence) -> Option<Finding> {
    let beside_alone = |at: usize| {
        let rounds = evidence.runs.chunks_exact(3);
        let ratios = rounds.map(|round| Some(round[at].p99_ms? / round[0].p99_ms?));
        Spread::of(ratios.collect::<Option<Vec<f64>>>()?)
    };
    let (disturbed, newcomers) = (beside_alone(2)?, beside_alone(1)?);
    let ratio = |spread| ranged(Some(spread), "x", number);
    let replays = &evidence.own.replays;
    let pages = replays.iter().map(|replays| replays.pages_read).min()?;
    let is_whole = replays.iter().all(Replays::are_whole);
    let whole = if is_whole {
        "every replay whole".to_owned()
    } else {
        let cut = replays.iter().filter(|replays| !replays.are_whole());
        let arrived = cut.map(|r| format!("{} of {}", count(r.received), count(r.expected)));
        format!("{} events replayed", arrived.collect::<Vec<_>>().join(" and "))
    };
    let times: Vec<_> = evidence.runs.iter().filter_map(|run| run.p99_ms).map(number).collect();
    found(
        disturbed.median <= 1.1 && is_whole && pages > 0,
        format!(
            "{}; with as many that replay nothing {} ({} ms); {whole}, {} pages read",
            ratio(disturbed),
            ratio(newcomers),
            times.join(", "),
            count(pages as f64)
        ),
    )
}

/// Publishing is judged at the log; over HTTP parsing and the publishers' own processes are the limit.
fn publishing(evidence: &Evidence, rate_min: f64) -> Option<Finding> {
    let rates = evidence.own.publishing?;
    let by_http: f64 = evidence.runs.iter().map(|run| run.accepted_rate).sum::<Option<_>>()?;
    found(
        rates.ratio >= 0.95 && rates.log >= rate_min,
        format!(
            "{} a second, {} x of the loop, p50 {} ms, p99 {} ms; over HTTP {} a second",
            count(rates.log),
            number(rates.ratio),
            number(rates.p50_ms),
            number(rates.p99_ms),
            count(by_http)
        ),
    )
}

pub(crate) fn p15(evidence: &Evidence) -> Option<Finding> {
    publishing(evidence, 0.0)
}

pub(crate) fn p15_at_64(evidence: &Evidence) -> Option<Finding> {
    publishing(evidence, 300_000.0)
}

pub(crate) fn p16(evidence: &Evidence) -> Option<Finding> {
    let (run, restart) = (evidence.runs.first()?, evidence.own.restart?);
    let recovery = run.recovery_ms? / 1e3;
    let are_back =
        run.away == 0 && run.resumed as f64 >= run.connected && run.connected >= run.requested;
    let back = if are_back {
        "last replay done".to_owned()
    } else {
        format!("{} of {} resumed, the last", count(run.resumed as f64), count(run.requested))
    };
    let twice = match run.duplicates {
        0 => "none twice".to_owned(),
        duplicates => format!("{} twice", count(duplicates as f64)),
    };
    let (open, ready) = (restart.open_seconds, restart.ready_seconds);
    found(
        recovery <= 3.0 && open <= 0.5 && are_back && run.lost_nothing() && run.duplicates == 0,
        format!(
            "{back} after {} s, {}, {twice}, open in {} s, served after {} s",
            number(recovery),
            losses(run),
            number(open),
            number(ready)
        ),
    )
}

//! The result of a run in one line, for the person who waits.

use crate::format::{bytes, count, number};
use crate::result::RunResult;
use crate::summary::verdict;

/// What there is of it.
pub(crate) fn summary_line(run: &RunResult) -> String {
    let milliseconds =
        |what: &str, value: Option<f64>| value.map(|value| format!("{what} {} ms", number(value)));
    let connected = format!(
        "{} of {} connected in {} s",
        count(run.connected),
        count(run.requested),
        number(run.ramp_seconds)
    );
    let parts = [
        Some(verdict(&run.outcome)),
        Some(connected),
        run.accepted_rate.map(|rate| format!("{} events accepted a second", number(rate))),
        Some(format!("{} deliveries a second", count(run.deliveries_per_second))),
        (run.lost > 0).then(|| format!("{} lost", count(run.lost as f64))),
        milliseconds("p50", run.p50_ms),
        milliseconds("p99", run.p99_ms),
        run.cpu_us_per_delivery.map(|cpu| format!("{} µs of CPU a delivery", number(cpu))),
        run.memory_per_subscriber.map(|each| format!("{} a subscriber", bytes(each))),
    ];
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if run.reasons.is_empty() { line } else { format!("{line}\n   {}", run.reasons.join("\n   ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_there_is_and_says_why_it_is_not_fine() {
        let run = RunResult {
            requested: 10_000.0,
            connected: 9_990.0,
            ramp_seconds: 0.5,
            accepted_rate: Some(9.5),
            deliveries_per_second: 95_000.0,
            p99_ms: Some(50.0),
            lost: 3,
            outcome: "goal-missed".to_owned(),
            reasons: vec!["too slow".to_owned()],
            ..RunResult::default()
        };
        assert_eq!(
            summary_line(&run),
            "FAIL: SLO missed, 9,990 of 10,000 connected in 0.50 s, 9.50 events accepted a second, \
             95,000 deliveries a second, 3 lost, p99 50.0 ms\n   too slow"
        );
    }
}

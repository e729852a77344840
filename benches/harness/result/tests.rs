//! What is read of a result file, and that the published schema has it all.

use super::*;

const RESULT: &str = r#"{ "schema": "fanfare-loadgen/1", "runs": [ {
      "started_at": "2026-01-02T03:04:05Z",
      "environment": { "loadgen": "0.1.0", "cpu": "a processor", "cores": 2, "memory": 25769803776, "kernel": "Linux 6" },
      "phases": { "ramp_seconds": 0.5 },
      "subscribers": { "asked": 10000, "connected": 9990, "failures": { "refused": 7, "timeout": 3 } },
      "publishing": { "slots": 100, "acknowledged": 95, "asked_rate": 10.0, "reached_rate": 9.5,
        "acknowledgement": { "min_ms": 1.0, "max_ms": 1.0, "percentiles": [], "hdr": "1c84" } },
      "delivery": { "received": 950000, "per_second": 101000.0, "reach": REACH,
        "intended": { "min_ms": 1.0, "max_ms": 90.0, "percentiles": [ { "quantile": 0.5, "ms": 20.0 }, { "quantile": 0.99, "ms": 50.0 } ], "hdr": "" },
        "intended_counting_undelivered": [ { "quantile": 0.5, "ms": 21.0 }, { "quantile": 0.99, "ms": null } ],
        "completion": { "events": 2, "last": { "min_ms": 80.0, "max_ms": 90.0, "percentiles": [], "hdr": "" } } },
      "correctness": { "gaps": GAPS, "announced": 1, "unresumable": 0, "duplicates": 6 },
      "trouble": { "away": 2, "resumed": 8, "recovery_ms": 1300.5 },
      "server": { "process": { "cpu_us_per_delivery": 4.0, "cpu_us_per_connection": 30.0,
        "memory_before": 1048576, "memory_connected": 11048576, "memory_after": 12048576, "memory_per_subscriber": 1000.0 } },
      "verdict": { "outcome": "fine", "reasons": [] }, "more": "in later versions" } ] }"#;

fn result(reach: &str, gaps: u64) -> RunResult {
    let text = RESULT.replace("REACH", reach).replace("GAPS", &gaps.to_string());
    parse(&text).expect("a result")
}

#[test]
fn what_never_arrived_is_infinitely_late() {
    let (whole, part) = (result("1.0", 0), result("0.9", 0));
    assert_eq!((whole.p50_ms, whole.p99_ms), (Some(20.0), Some(50.0)));
    assert_eq!((part.p50_ms, part.p99_ms), (Some(21.0), Some(f64::INFINITY)));
    assert_eq!(whole.requested_deliveries(), Some(100_000.0));
}

#[test]
fn failures_losses_and_the_last_subscriber_are_read() {
    let found = result("1.0", 4);
    assert_eq!((found.failed, found.scheduled, found.accepted, found.lost), (10, 100, 95, 5));
    assert_eq!(found.last_subscriber_ms, Some((80.0, 90.0)));
    assert_eq!(found.answers.as_deref(), Some("1c84"));
    assert_eq!(found.memory_after, Some(12_048_576.0));
    assert_eq!((found.duplicates, found.away, found.resumed), (6, 2, 8));
    assert_eq!(found.recovery_ms, Some(1300.5));
    let none_lost = |lost, reach| RunResult { lost, reach, ..RunResult::default() };
    assert!(none_lost(0, Some(1.0)).lost_nothing());
    assert!(!none_lost(1, Some(1.0)).lost_nothing() && !none_lost(0, Some(0.99)).lost_nothing());
    assert!(!none_lost(0, None).lost_nothing(), "nobody knows");
}

#[test]
fn what_is_no_result_is_said_to_be_none() {
    assert!(parse("{}").is_err());
    assert!(parse(r#"{"runs":[]}"#).is_err());
}

/// Read by the names of the published schema, which must have them all.
#[test]
fn every_field_that_is_read_is_in_the_schema() {
    let schema = include_str!("../../../loadgen/schema/result-v1.json");
    for field in RESULT.split('"').skip(1).step_by(2).filter(|word| word.contains('_')) {
        assert!(schema.contains(&format!("\"{field}\": {{")), "no {field} in the schema");
    }
}

//! Each target reached, missed, and not to be judged.

use super::*;
use crate::targets::own::{OwnFigures, PublishRates, Replays, RestartTimes};
use crate::targets::response_times::ResponseTimes;

type Judge = fn(&Evidence) -> Option<Finding>;

/// Everything went as it was to go.
fn run() -> RunResult {
    RunResult {
        requested: 1_000.0,
        connected: 1_000.0,
        ramp_seconds: 0.02,
        scheduled: 16_000,
        accepted: 16_000,
        accepted_rate: Some(2_000.0),
        deliveries_per_second: 1_995_000.0,
        reach: Some(1.0),
        p99_ms: Some(19.0),
        cpu_us_per_delivery: Some(0.5),
        cpu_us_per_connection: Some(33.0),
        outcome: "fine".to_owned(),
        ..RunResult::default()
    }
}

fn evidence(runs: &[RunResult]) -> Evidence {
    Evidence { runs: runs.to_vec(), own: OwnFigures::default() }
}

fn judged(judge: Judge, runs: &[RunResult]) -> (bool, String) {
    let finding = judge(&evidence(runs)).expect("figures");
    (finding.is_reached, finding.measured)
}

#[test]
fn two_thousand_events_a_second_need_all_accepted_in_time_and_believed() {
    let said = "all accepted, 1,995,000 a second, p99 19.0 ms";
    assert_eq!(judged(p3, &[run()]), (true, said.to_owned()));
    for run in [
        RunResult { accepted: 15_999, ..run() },
        RunResult { deliveries_per_second: 1_900_000.0, ..run() },
        RunResult { p99_ms: Some(20.4), ..run() },
        RunResult { outcome: "invalid".to_owned(), ..run() },
    ] {
        assert!(!judged(p3, std::slice::from_ref(&run)).0, "{run:?}");
    }
}

#[test]
fn what_is_lost_is_said_and_misses_the_target() {
    let fast = RunResult { deliveries_per_second: 10.9e6, ..run() };
    let said = "10.9 M a second, none lost, 0.50 µs of CPU each";
    assert_eq!(judged(p4, std::slice::from_ref(&fast)), (true, said.to_owned()));
    let lossy = RunResult { lost: 7, reach: Some(0.999), ..fast };
    let said = "10.9 M a second, 7 lost, 99.90 % arrived, 0.50 µs of CPU each";
    assert_eq!(judged(p4, &[lossy]), (false, said.to_owned()));
}

#[test]
fn memory_is_judged_by_its_bound() {
    let each = |bytes| RunResult { memory_per_subscriber: Some(bytes), ..run() };
    assert_eq!(judged(p5, &[each(352.0)]), (true, "352 B".to_owned()));
    assert_eq!(judged(p5, &[each(401.0)]), (false, "401 B".to_owned()));
    assert_eq!(judged(p6, &[each(1_792.0)]), (true, "1.75 KiB".to_owned()));
}

#[test]
fn connections_are_counted_by_the_second() {
    let said = "50,000 a second, none refused, none lost, 33.0 µs of CPU each";
    assert_eq!(judged(p7, &[run()]), (true, said.to_owned()));
    assert!(!judged(p7, &[RunResult { ramp_seconds: 0.05, ..run() }]).0, "20,000 a second");
    let refused = RunResult { failed: 3, ..run() };
    assert!(judged(p7, &[refused]).1.contains("3 attempts failed"));
}

#[test]
fn a_cost_is_flat_within_a_fifth() {
    let costs = |values: [f64; 3]| {
        values.map(|cost| RunResult { cpu_us_per_delivery: Some(cost), ..run() })
    };
    assert_eq!(judged(p8, &costs([5.0, 6.0, 5.5])), (true, "5.00, 6.00, 5.50 µs".to_owned()));
    assert_eq!(judged(p8, &costs([5.4, 6.8, 8.8])), (false, "5.40, 6.80, 8.80 µs".to_owned()));
}

#[test]
fn what_is_accepted_has_to_be_delivered_too() {
    let rates = |accepted, delivered| RunResult {
        accepted_rate: Some(accepted),
        deliveries_per_second: delivered,
        ..run()
    };
    assert!(judged(p9_posts, &[rates(29_990.0, 29_800.0)]).0);
    assert!(!judged(p9_posts, &[rates(30_000.0, 29_000.0)]).0);
    let said = "78,000 accepted, 77,000 delivered, none lost";
    assert_eq!(judged(p9_ndjson, &[rates(78_000.0, 77_000.0)]), (false, said.to_owned()));
}

#[test]
fn stalled_readers_are_judged_round_by_round() {
    let rounds = |values: [f64; 4]| values.map(|p99| RunResult { p99_ms: Some(p99), ..run() });
    // The machine became slower after the first round; the ratio did not change.
    let said = "1.06 x and 1.09 x".to_owned();
    assert_eq!(judged(p10, &rounds([50.0, 53.0, 100.0, 109.0])), (true, said));
    assert!(!judged(p10, &rounds([50.0, 53.0, 100.0, 120.0])).0);
}

#[test]
fn of_several_rounds_with_replays_the_one_in_the_middle_counts() {
    let judged = |with_replays: [f64; 3]| {
        let rounds = with_replays.map(|p99| [10.0, 12.0, p99]);
        let runs =
            rounds.as_flattened().iter().map(|&p99| RunResult { p99_ms: Some(p99), ..run() });
        let runs: Vec<_> = runs.collect();
        let whole = Replays { expected: 1.0, received: 1.0, is_right: true, pages_read: 1 };
        let own = OwnFigures { replays: vec![whole; 3], ..OwnFigures::default() };
        p10_replays(&Evidence { own, ..evidence(&runs) }).expect("figures")
    };
    let good = judged([10.5, 17.0, 10.8]);
    assert!(good.is_reached && good.measured.starts_with("1.08 x (1.05–1.70); "), "{good:?}");
    assert!(!judged([11.5, 10.0, 11.5]).is_reached);
}

#[test]
fn replays_from_the_disk_have_to_be_whole_and_come_from_there() {
    let whole = Replays { expected: 1e6, received: 1e6, is_right: true, pages_read: 21_000 };
    let judged = |p99: f64, replays: Replays| {
        let runs = [10.0, 10.2, p99].map(|p99| RunResult { p99_ms: Some(p99), ..run() });
        let own = OwnFigures { replays: vec![replays], ..OwnFigures::default() };
        let finding = p10_replays(&Evidence { own, ..evidence(&runs) }).expect("figures");
        (finding.is_reached, finding.measured)
    };
    let said = "1.05 x; with as many that replay nothing 1.02 x (10.0, 10.2, 10.5 ms); every replay whole, 21,000 pages read";
    assert_eq!(judged(10.5, whole), (true, said.to_owned()));
    let said = "1.05 x; with as many that replay nothing 1.02 x (10.0, 10.2, 10.5 ms); 999,999 of 1,000,000 events replayed, 21,000 pages read";
    assert_eq!(judged(10.5, Replays { received: 999_999.0, ..whole }), (false, said.to_owned()));
    for (p99, replays) in [
        (11.5, whole),
        (10.5, Replays { is_right: false, ..whole }),
        (10.5, Replays { pages_read: 0, ..whole }),
    ] {
        assert!(!judged(p99, replays).0, "{p99} {replays:?}");
    }
    assert_eq!(p10_replays(&evidence(&[run(), run(), run()])), None, "nobody replayed");
}

#[test]
fn publishing_is_judged_at_the_log_and_shown_over_http_too() {
    let judged = |judge: Judge, log, ratio| {
        let rates = PublishRates { log, file: 320_000.0, ratio, p50_ms: 0.18, p99_ms: 0.4 };
        let own = OwnFigures { publishing: Some(rates), ..OwnFigures::default() };
        let part = |rate| RunResult { accepted_rate: Some(rate), ..RunResult::default() };
        let finding = judge(&Evidence { own, ..evidence(&[part(9_000.0), part(11_000.0)]) });
        finding.map(|finding| (finding.is_reached, finding.measured))
    };
    let said =
        "310,000 a second, 0.97 x of the loop, p50 0.18 ms, p99 0.40 ms; over HTTP 20,000 a second";
    assert_eq!(judged(p15_at_64, 310_000.0, 0.97), Some((true, said.to_owned())));
    for (judge, log, ratio, is_reached) in [
        (p15_at_64 as Judge, 290_000.0, 0.97, false),
        (p15_at_64, 310_000.0, 0.94, false),
        (p15, 8_000.0, 0.95, true),
        (p15, 8_000.0, 0.94, false),
    ] {
        let found = judged(judge, log, ratio).expect("figures");
        assert_eq!(found.0, is_reached, "{log} {ratio}");
    }
    assert_eq!(p15(&evidence(&[run()])), None);
}

#[test]
fn after_a_restart_all_are_back_in_time_with_everything_once() {
    let back = RunResult { resumed: 1_000, recovery_ms: Some(1_310.0), ..run() };
    let judged = |run: &RunResult, open_seconds| {
        let restart = Some(RestartTimes { open_seconds, ready_seconds: 0.3 });
        let own = OwnFigures { restart, ..OwnFigures::default() };
        let finding = p16(&Evidence { own, ..evidence(std::slice::from_ref(run)) });
        finding.map(|finding| (finding.is_reached, finding.measured)).expect("figures")
    };
    let said =
        "last replay done after 1.31 s, none lost, none twice, open in 0.21 s, served after 0.30 s";
    assert_eq!(judged(&back, 0.21), (true, said.to_owned()));
    let some = RunResult { resumed: 990, away: 10, duplicates: 2, ..back.clone() };
    let said = "990 of 1,000 resumed, the last after 1.31 s, none lost, 2 twice, open in 0.21 s, served after 0.30 s";
    assert_eq!(judged(&some, 0.21), (false, said.to_owned()));
    assert!(!judged(&back, 0.6).0, "it opened too slowly");
    for run in [
        RunResult { recovery_ms: Some(3_100.0), ..back.clone() },
        RunResult { lost: 1, ..back.clone() },
        RunResult { duplicates: 1, ..back.clone() },
        RunResult { away: 1, ..back },
    ] {
        assert!(!judged(&run, 0.21).0, "{run:?}");
    }
    assert_eq!(p16(&evidence(&[run()])), None, "nothing was restarted");
}

#[test]
fn the_slowest_response_counts() {
    let times = |what: &str, p99_ms| ResponseTimes {
        what: what.to_owned(),
        count: 300,
        p50_ms: 1.0,
        p99_ms,
        max_ms: 50.0,
    };
    let requested = |response_times: Vec<ResponseTimes>| {
        let own = OwnFigures { response_times, ..OwnFigures::default() };
        p11(&Evidence { own, ..evidence(&[run()]) })
    };
    let finding = requested(vec![times("`/metrics`", 4.1), times("a page", 2.5)]).expect("answers");
    assert_eq!(finding.measured, "`/metrics` 4.10 ms, a page 2.50 ms");
    assert!(finding.is_reached);
    assert!(
        !requested(vec![times("a page", 2.5), times("a publish", 10.0)])
            .expect("answers")
            .is_reached
    );
    assert_eq!(requested(Vec::new()), None);
}

#[test]
fn a_million_streams_have_to_fit_and_all_hear() {
    let gib = f64::from(1_u32 << 30);
    let held = |gibibytes: f64| RunResult {
        memory_connected: Some(gib),
        memory_after: Some(gibibytes * gib),
        accepted: 3,
        last_subscriber_ms: Some((5_000.0, 11_000.0)),
        ..run()
    };
    let said = "1.50 GiB, 3 events reached all, none lost, the last after 5.00-11.0 s";
    assert_eq!(judged(p12, &[held(1.5)]), (true, said.to_owned()));
    assert!(!judged(p12, &[held(2.5)]).0);
    let partly = RunResult { connected: 900.0, ..held(1.5) };
    assert_eq!(
        judged(p12, &[partly]).1,
        "1.50 GiB, 900 connected, none lost, the last after 5.00-11.0 s"
    );
}

#[test]
fn a_figure_that_is_not_there_is_not_judged() {
    for judge in [p3, p4, p5, p6, p7, p9_posts, p9_ndjson, p12] as [Judge; 8] {
        assert_eq!(judge(&evidence(&[])), None);
        assert_eq!(judge(&evidence(&[RunResult::default()])), None);
    }
}

#[test]
fn others_are_stood_beside_in_ratios() {
    let beside = |median, other: &str| {
        Some(Beside {
            ratio: Spread { median, least: median, most: median },
            other: other.to_owned(),
        })
    };
    let standing = Standing {
        cpu_beside_floor: beside(1.13, "the loop"),
        p99_beside_floor: beside(1.06, "the loop"),
        p99_beside_best: beside(0.92, "Bun"),
        runs: Vec::new(),
        version: None,
        command: String::new(),
    };
    let (cpu, p99) = (p1(&standing).expect("a ratio"), p2(&standing).expect("ratios"));
    assert_eq!((cpu.is_reached, cpu.measured.as_str()), (false, "1.13 x of the loop"));
    assert_eq!(
        (p99.is_reached, p99.measured.as_str()),
        (true, "0.92 x of Bun, 1.06 x of the loop")
    );
}

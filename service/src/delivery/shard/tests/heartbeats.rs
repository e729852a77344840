//! Heartbeats and ages.

use super::*;

#[test]
fn silence_is_broken_by_a_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    stage.at(99);
    assert_eq!(reader.bytes().len(), 0);
    stage.at(100);
    assert_eq!(reader.segments(), ["heartbeat"]);
    stage.at(299);
    assert_eq!(reader.segments(), ["heartbeat"; 2]);
    assert_eq!(stage.figure("fanfare_heartbeats_total"), 2);
    assert_eq!(stage.metrics.delivered_total(), 0);
}

#[test]
fn a_stream_that_is_not_silent_needs_no_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    for tick in [60, 120, 180] {
        stage.at(tick);
        stage.publish("a");
        stage.settle();
    }
    stage.at(279);
    assert_eq!(reader.segments(), ["1", "2", "3"]);
    stage.at(280);
    assert_eq!(reader.segments(), ["1", "2", "3", "heartbeat"]);
}

#[test]
fn a_full_sink_needs_no_heartbeat() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.fill();
    stage.at(150);
    stage.make_room(&reader, usize::MAX);
    stage.settle();
    stage.at(199);
    assert_eq!(reader.bytes().len(), 0);
    stage.at(200);
    assert_eq!(reader.segments(), ["heartbeat"]);
}

#[test]
fn a_heartbeat_finds_out_who_has_gone() {
    let mut stage = stage_with_heartbeat();
    let reader = stage.join(&["a"]);
    stage.settle();
    reader.change(|reading| reading.gone = true);
    stage.at(100);
    assert_eq!((stage.ended("client"), stage.subscribers()), (1, 0));
}

#[test]
fn first_heartbeats_of_those_who_come_together_are_spread_over_a_quarter() {
    let mut stage = stage_with_heartbeat();
    stage.at(1_000);
    let readers: Vec<_> = (0..100).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    let mut counts = Vec::new();
    for tick in 1_000..=1_100 {
        stage.at(tick);
        counts.push(readers.iter().filter(|reader| reader.segments() == ["heartbeat"]).count());
    }
    assert_eq!(counts[75], 0);
    assert_eq!(counts[100], 100);
    assert!(counts.windows(2).all(|pair| pair[1] - pair[0] < 50), "{counts:?}");
}

#[test]
fn without_heartbeats_and_ages_there_is_nothing_to_wake_for() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.settle();
    assert_eq!(stage.shard.until_next_deadline(), None);
    stage.at(100_000);
    assert_eq!((reader.bytes().len(), reader.end()), (0, None));
}

#[test]
fn a_shard_sleeps_until_the_next_deadline() {
    let mut stage = stage_with_heartbeat();
    stage.join(&["a"]);
    stage.settle();
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 100));
    stage.at(60);
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 100));
    stage.at(100);
    assert_eq!(stage.shard.until_next_deadline(), Some(TICK * 200));
}

#[test]
fn a_stream_ends_at_the_maximum_age_plus_or_minus_a_fifth() {
    let (delivery, log) = no_limits();
    // Longer than the ring of deadlines is.
    let age_max = TICK * 2_000;
    let mut stage = stage_with(DeliverySettings { age_max, ..delivery }, log);
    let readers: Vec<_> = (0..50).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(1_599);
    assert_eq!(stage.subscribers(), 50);
    stage.at(2_000);
    let left = stage.subscribers();
    assert!((1..50).contains(&left), "{left}");
    stage.at(2_400);
    assert_eq!((stage.ended("max_age"), stage.subscribers()), (50, 0));
    assert!(readers.iter().all(|reader| reader.end() == retry_hint()));
}

#[test]
fn a_pass_serves_the_deadlines_that_the_time_has_reached() {
    let (delivery, log) = no_limits();
    let age_max = Duration::from_secs(60);
    let mut stage = stage_with(DeliverySettings { age_max, ..delivery }, log);
    let reader = stage.join(&["a"]);
    stage.settle();
    assert_eq!(reader.end(), None);
    stage.shard.began = Instant::now() - Duration::from_secs(60 * 60);
    stage.settle();
    assert_eq!(reader.end(), retry_hint());
}

#[test]
fn times_to_come_back_are_drawn_from_the_range() {
    let (delivery, log) = no_limits();
    let delivery =
        DeliverySettings { retry_ms: 1_000..=5_000, age_max: Duration::from_secs(1), ..delivery };
    let mut stage = stage_with(delivery, log);
    let readers: Vec<_> = (0..50).map(|_| stage.join(&["a"])).collect();
    stage.settle();
    stage.at(100);
    let mut times: Vec<u32> = readers.iter().map(|reader| told_retry(reader).unwrap()).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10, "{times:?}");
    assert!(times.iter().all(|time| (1_000..=5_000).contains(time)), "{times:?}");
}

fn told_retry(reader: &Reader) -> Option<u32> {
    let Some(End::Finished(retry_hint)) = reader.end() else { return None };
    let text = std::str::from_utf8(&retry_hint).unwrap();
    text.strip_prefix("retry: ")?.strip_suffix("\n\n")?.parse().ok()
}

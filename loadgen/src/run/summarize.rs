//! From what readers and publishers recorded to a result.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{RawResults, RunRequest};
use crate::clock::{Clock, Moment};
use crate::measure::{Durations, Recorder, SecondTally, events_in};
use crate::plan::{Class, Plan, Protocol, Verify};
use crate::publish::{PublishReport, style_name};
use crate::readers::Share;
use crate::result::{
    ClassReport, Completion, Connecting, Correctness, Delivery, EventCompletion, Own, PhaseTimes,
    PublishingResult, Run, Second, StreamFaults, Subscribers, Verdict, counting_undelivered,
    milliseconds,
};
use crate::server_monitor::Divisors;

/// Events whose way is written down one by one.
const EACH: usize = 1000;

/// How far an estimate of events from bytes may be off: ids grow, and comments are no events.
const ESTIMATE: f64 = 0.01;

/// Connections from which the growth of the process says what one costs.
const ENOUGH: u64 = 1000;

pub(super) fn summarize(plan: &Plan, request: &RunRequest<'_>, raw: RawResults) -> Run {
    let RawResults {
        environment,
        started_at,
        start,
        at_ramp_end,
        report,
        publish_report,
        memory,
        ..
    } = raw;
    let recorder = &report.recorder;
    let counted = EstimatedDeliveries::of(plan, recorder);
    let delivery = delivery(plan, recorder, start, counted);
    let divisors =
        Divisors { connected: at_ramp_end.counts.connected, received: delivery.received };
    let server = raw.monitor.end(plan, divisors);
    let connected = at_ramp_end.counts.connected;
    let own_bytes_each = (at_ramp_end.counts.connected >= ENOUGH)
        .then(|| at_ramp_end.grown as f64 / at_ramp_end.counts.connected as f64);
    Run {
        name: plan.name.clone(),
        about: plan.about.clone(),
        run_id: format!("{:08x}", plan.run),
        started_at,
        settings: request.settings.clone().into_iter().collect(),
        scenario_hash: request.load_hash.clone(),
        environment,
        phases: PhaseTimes {
            ramp_seconds: raw.ramp.as_secs_f64(),
            measured_seconds: raw.measured.as_secs_f64(),
            tail_seconds: raw.tail.as_secs_f64(),
        },
        subscribers: Subscribers {
            requested: plan.ramp.connections as u64,
            connected: at_ramp_end.counts.connected,
            topics: u64::from(plan.topics.count),
            verified: verified(plan),
            failures: recorder.failures.clone(),
            own_bytes_each,
            server_header: recorder.server_header.clone(),
            protocol: protocol(plan),
        },
        connecting: connecting(recorder),
        publishing: publish_report
            .as_ref()
            .map(|publish_report| publishing(plan, publish_report, raw.measured)),
        delivery,
        correctness: correctness(recorder),
        faults: faults(plan, recorder),
        own: Own {
            reading_lag: recorder.reading_lag.distribution(),
            latency_when_known: recorder.when_known.distribution(),
            timer_lateness: recorder.timer_lateness.distribution(),
            // Without a stream there was nothing to read, and no time to measure.
            workers: if connected > 0 { report.workers } else { Vec::new() },
            memory,
        },
        server,
        seconds: seconds(recorder, publish_report.as_ref(), counted),
        slos: Vec::new(),
        verdict: Verdict::default(),
    }
}

/// Events of streams that were not parsed, estimated from their bytes.
#[derive(Clone, Copy)]
struct EstimatedDeliveries {
    deliveries: u64,
    /// All deliveries for each one that was parsed.
    factor: f64,
}

impl EstimatedDeliveries {
    fn of(plan: &Plan, recorder: &Recorder) -> Self {
        let counts = &recorder.counts;
        if plan.verify == Verify::Full || counts.received == 0 {
            return Self { deliveries: 0, factor: 1.0 };
        }
        let deliveries = events_in(counts.counted_bytes, counts.received, counts.parsed_bytes);
        Self { deliveries, factor: 1.0 + deliveries as f64 / counts.received as f64 }
    }
}

fn verified(plan: &Plan) -> u64 {
    let numbers = Share::ALL.numbers(plan.ramp.connections);
    numbers.filter(|number| plan.verify.parses(*number)).count() as u64
}

fn protocol(plan: &Plan) -> String {
    let Some(target) = plan.targets.first() else { return String::new() };
    let tls = if target.endpoint.tls { " over TLS" } else { "" };
    match target.protocol {
        Protocol::Http1 => format!("HTTP/1.1{tls}"),
        Protocol::Http2 { streams } => format!("HTTP/2{tls}, {streams} streams a connection"),
    }
}

fn connecting(recorder: &Recorder) -> Connecting {
    let phases = &recorder.phases;
    Connecting {
        tcp: phases.tcp.distribution(),
        tls: phases.tls.distribution(),
        head: phases.head.distribution(),
        first_byte: phases.first_byte.distribution(),
        first_event: phases.first_event.distribution(),
    }
}

fn publishing(plan: &Plan, publish_report: &PublishReport, measured: Duration) -> PublishingResult {
    let requested = plan.publishing.as_ref();
    let length = plan.timing.publishing();
    let events = requested.and_then(|requested| requested.schedule.events(length));
    let seconds = measured.as_secs_f64().max(length.as_secs_f64());
    PublishingResult {
        style: requested.map_or("none", |requested| style_name(requested.style)).to_owned(),
        open_loop: events.is_some(),
        slots: publish_report.scheduled,
        sent: publish_report.sent,
        acknowledged: publish_report.acknowledged,
        refusals: publish_report.refusals.clone(),
        late: publish_report.late,
        missed: publish_report.missed,
        requested_rate: events.map(|events| events / length.as_secs_f64()),
        reached_rate: publish_report.acknowledged as f64 / seconds,
        acknowledgement: publish_report.acknowledgement.distribution(),
        own_lateness: publish_report.own_lateness.distribution(),
        blocked_lateness: publish_report.blocked_lateness.distribution(),
        longest_pause_ms: (publish_report.sent > 0)
            .then_some(publish_report.longest_pause.as_secs_f64() * 1e3),
    }
}

fn delivery(
    plan: &Plan,
    recorder: &Recorder,
    start: Moment,
    counted: EstimatedDeliveries,
) -> Delivery {
    let counts = &recorder.counts;
    let received = counts.received + counted.deliveries;
    let known = plan.publishing.is_some();
    let expected = match plan.verify {
        Verify::Full => counts.unique + counts.lost,
        Verify::Sample(_) => recorder.classes[Class::Fast as usize].expected,
    };
    let promised = counts.unique + counts.lost;
    let parsed = (promised > 0).then(|| counts.unique as f64 / promised as f64);
    let counted = (expected > 0).then(|| received as f64 / expected as f64);
    let reach = match plan.verify {
        // Bytes tell of a loss among those that are only counted, beyond what an estimate may be
        // off.
        Verify::Sample(_) if counted.is_some_and(|share| share < 1.0 - ESTIMATE) => {
            counted.zip(parsed).map(|(one, other)| one.min(other))
        }
        _ => parsed,
    };
    let time = start.until(recorder.last_arrival).as_secs_f64();
    // Without a latency of anything nothing is late, neither a little nor infinitely.
    let one_way = !recorder.intended.is_empty() || (counts.received == 0 && counts.lost > 0);
    let undelivered = counting_undelivered(&recorder.intended.histogram(), counts.lost);
    Delivery {
        received,
        expected: known.then_some(expected),
        reach: reach.filter(|_| known),
        bytes: counts.parsed_bytes + counts.counted_bytes + counts.hindered_bytes,
        comments: counts.comments,
        per_second: if time > 0.0 { received as f64 / time } else { 0.0 },
        intended: recorder.intended.distribution(),
        actual: recorder.actual.distribution(),
        intended_counting_undelivered: if known && one_way { undelivered } else { Vec::new() },
        negative: counts.negative,
        most_negative_ms: (counts.negative > 0).then(|| -milliseconds(recorder.most_negative)),
        clock: clock(plan, counts.other_clock),
        clock_error_ms: plan.timing.clock_error.map(|error| error.as_secs_f64() * 1e3),
        fairness: recorder.fairness.distribution(),
        completion: known.then(|| completion(plan, recorder, start)),
    }
}

fn clock(plan: &Plan, other: u64) -> String {
    let mut text = match (plan.timing.clock, plan.timing.clock_error) {
        (Clock::Monotonic, _) => "one monotonic clock for publishers and subscribers".to_owned(),
        (Clock::Wall, Some(error)) => format!(
            "the time of day of several hosts, said to be within {}",
            humantime::format_duration(error)
        ),
        (Clock::Wall, None) => {
            "the time of day without a stated error: no latency is given (--clock-error)".to_owned()
        }
    };
    if other > 0 {
        text.push_str(&format!(
            "; {other} events were stamped with another clock (another machine, boot or time \
             namespace), so their latency is not known"
        ));
    }
    text
}

fn completion(plan: &Plan, recorder: &Recorder, start: Moment) -> Completion {
    let mut audience = vec![0_u64; plan.topics.count as usize];
    for number in Share::ALL.numbers(plan.ramp.connections) {
        if plan.class_of(number) == Class::Fast && plan.verify.parses(number) {
            audience[plan.topic_of(number) as usize] += 1;
        }
    }
    let [mut first, mut median, mut most, mut last] =
        [const { None::<Durations> }; 4].map(Option::unwrap_or_default);
    let mut each = Vec::new();
    let (mut events, mut complete) = (0, 0);
    for ((_, topic, _), reach) in recorder.completions.events() {
        let expected = audience.get(topic as usize).copied().unwrap_or(0);
        let latency = &reach.latency;
        let event = EventCompletion {
            at_seconds: start.until(reach.due).as_secs_f64(),
            reached: latency.count(),
            expected,
            first_ms: milliseconds(latency.min()),
            median_ms: milliseconds(latency.quantile(0.5)),
            most_ms: milliseconds(latency.quantile(0.99)),
            last_ms: milliseconds(latency.max()),
        };
        events += 1;
        first.record(latency.min());
        median.record(latency.quantile(0.5));
        most.record(latency.quantile(0.99));
        if latency.count() >= expected {
            complete += 1;
            last.record(latency.max());
        }
        each.push(event);
    }
    each.sort_by(|one, other| one.at_seconds.total_cmp(&other.at_seconds));
    let step = each.len().div_ceil(EACH).max(1);
    Completion {
        events,
        complete,
        first: first.distribution(),
        median: median.distribution(),
        most: most.distribution(),
        last: last.distribution(),
        each: each.into_iter().step_by(step).collect(),
    }
}

fn correctness(recorder: &Recorder) -> Correctness {
    let counts = &recorder.counts;
    Correctness {
        gaps: counts.silent,
        announced: counts.announced,
        unresumable: counts.unresumable,
        duplicates: counts.duplicates,
        reordered: counts.reordered,
        overtaken: counts.overtaken,
        corrupted: counts.corrupted,
        wrong_topic: counts.wrong_topic,
        foreign: counts.foreign,
        broken_streams: counts.broken_streams,
        strange_streams: counts.strange_streams,
        verified: Some(counts.verified),
        unverified: counts.unverified,
        notices: counts.notices,
        examples: recorder.findings.clone(),
    }
}

fn faults(plan: &Plan, recorder: &Recorder) -> StreamFaults {
    let counts = &recorder.counts;
    let handicapped = Class::ALL.into_iter().filter(|class| *class != Class::Fast);
    let class = |class: Class| {
        let tally = &recorder.classes[class as usize];
        let report = ClassReport {
            subscribers: tally.subscribers,
            received: tally.received,
            expected: plan.publishing.is_some().then_some(tally.expected),
            announced: tally.announced,
            gaps: tally.gaps,
            closed: tally.closed,
            until_closed: tally.until_closed.distribution(),
        };
        (tally.subscribers > 0).then(|| (class.name().to_owned(), report))
    };
    StreamFaults {
        cut_fin: counts.cut_fin,
        cut_rst: counts.cut_rst,
        cut_in_storm: counts.cut_in_storm,
        closed_by_server: counts.closed_by_server,
        errors: recorder.errors.clone(),
        reconnects: counts.reconnects,
        ended: counts.ended,
        lengthened: counts.lengthened,
        resumed: counts.resumed,
        away: counts.away,
        reconnect: recorder.phases.reconnect.distribution(),
        outage: recorder.phases.outage.distribution(),
        catch_up: recorder.phases.catch_up.distribution(),
        recovery_ms: recorder.recovery.time().map(|time| time.as_secs_f64() * 1e3),
        longest_silence_ms: (counts.received > 0).then(|| milliseconds(recorder.longest_silence)),
        classes: handicapped.filter_map(class).collect::<BTreeMap<_, _>>(),
    }
}

fn seconds(
    recorder: &Recorder,
    publish_report: Option<&PublishReport>,
    counted: EstimatedDeliveries,
) -> Vec<Second> {
    let published =
        publish_report.map_or(&[][..], |publish_report| publish_report.seconds.as_slice());
    let tallies = recorder.seconds.all();
    let quiet = SecondTally::default();
    let second = |place: usize| {
        let tally = tallies.get(place).unwrap_or(&quiet);
        let latency = &tally.latency;
        let at = |quantile| (latency.count() > 0).then(|| milliseconds(latency.quantile(quantile)));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let received = (tally.received as f64 * counted.factor).round() as u64;
        Second {
            second: place as u64,
            published: published.get(place).copied().unwrap_or(0),
            received,
            bytes: tally.bytes,
            errors: tally.errors,
            reconnects: tally.reconnects,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    };
    (0..tallies.len().max(published.len())).map(second).collect()
}

//! What the words mean, said once for every report.
//!
//! A figure without its meaning is read as something else: a loss that was announced is not a loss
//! that was silent, and latency from the actual send is not what a user saw.

use crate::claims::Basis;
use crate::result::{ClassReport, Delivery, Distribution, Outcome, PublishingResult, Reached, Run};

use crate::numbers;

/// The protocol of the transport that watches the sockets of subscribers that do not read.
const PLAIN: &str = "HTTP/1.1";

/// From which difference at p99 on the two latencies are explained.
const WORTH_EXPLAINING: f64 = 1.2;

/// The verdict in a few words. The capitals are what a script or a tired eye looks for.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::SloMissed => "FAIL: SLO missed",
        Outcome::Invalid => "INVALID",
        Outcome::Wrong => "FAIL: wrong deliveries",
        Outcome::Unreachable => "UNREACHABLE",
    }
}

/// The same as a sign.
pub(super) fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::SloMissed => "!",
        Outcome::Invalid => "?",
        Outcome::Wrong | Outcome::Unreachable => "✗",
    }
}

/// A name for a share of values: `p50`, `p99.9`, `max`.
pub(super) fn quantile(quantile: f64) -> String {
    if quantile >= 1.0 {
        return "max".to_owned();
    }
    let percent = format!("{:.2}", quantile * 100.0);
    format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// A percentile, or a dash when there are too few values for it to differ from the largest.
pub(super) fn percentile(distribution: &Distribution, quantile: f64) -> String {
    let needed = if quantile < 1.0 { (1.0 / (1.0 - quantile)).round() } else { 1.0 };
    if (distribution.count as f64) < needed {
        return numbers::ABSENT.to_owned();
    }
    numbers::ms(distribution.at(quantile))
}

/// A percentile that is infinite when that share never arrived.
pub(super) fn reached(all: &[Reached], quantile: f64) -> String {
    let found = all.iter().find(|reached| (reached.quantile - quantile).abs() < 1e-9);
    found.map_or_else(
        || numbers::ABSENT.to_owned(),
        |reached| reached.ms.map_or_else(|| "∞".to_owned(), numbers::ms),
    )
}

/// Deliveries a second, where there was one.
pub(super) fn rate(run: &Run) -> Option<String> {
    (run.delivery.received > 0).then(|| numbers::number(run.delivery.per_second))
}

/// What was checked, and that no fault was found in it; or that nothing was checked.
pub(super) fn faultless(run: &Run) -> String {
    match Basis::of(run) {
        Basis::Verified(claim) => claim.faultless(),
        Basis::Held(claim) => claim.sentence(),
        Basis::Accepted(claim) => claim.sentence(),
        Basis::Counted(claim) => claim.sentence(),
        Basis::Nothing(nothing) => nothing.sentence(),
        Basis::Unsaid => {
            "no fault was found; this file is of an earlier version, which does not say \
                          how many events were verified"
                .to_owned()
        }
    }
}

/// One count of the correctness of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct CorrectnessCount {
    /// What it is called.
    pub(super) name: &'static str,
    /// How many.
    pub(super) count: u64,
    /// What that is.
    pub(super) meaning: &'static str,
    /// Whether one of them makes the run wrong.
    pub(super) fault: bool,
    /// Whether it was looked at, so that none means that there was none.
    pub(super) known: bool,
}

impl CorrectnessCount {
    /// How many, or a dash where it was not checked.
    pub(super) fn figure(&self) -> String {
        if self.known { numbers::count(self.count) } else { numbers::ABSENT.to_owned() }
    }
}

/// All counts of correctness, the faults first.
pub(super) fn correctness(run: &Run) -> [CorrectnessCount; 13] {
    let found = &run.correctness;
    let was_looked = found.verified != Some(0);
    let was_read = run.subscribers.connected > 0;
    let fault = |name, count, meaning| CorrectnessCount {
        name,
        count,
        meaning,
        fault: true,
        known: was_looked || count > 0,
    };
    let known = |name, count, meaning| CorrectnessCount {
        name,
        count,
        meaning,
        fault: false,
        known: was_read || count > 0,
    };
    [
        fault("silent gaps", found.gaps, "never arrived and were not announced as lost"),
        fault("duplicates", found.duplicates, "arrived again"),
        fault(
            "reordered",
            found.reordered,
            "arrived after a later event of the same publisher and topic",
        ),
        fault("corrupted", found.corrupted, "arrived with other bytes than were sent"),
        fault("wrong topic", found.wrong_topic, "arrived at a subscriber of another topic"),
        fault(
            "broken streams",
            found.broken_streams,
            "streams whose framing broke: a chunk without a length, or a line over the limit",
        ),
        known(
            "announced losses",
            found.announced,
            "never arrived and were announced as lost, so the subscriber can fetch the state anew",
        ),
        known(
            "unresumable",
            found.unresumable,
            "published while the subscriber was away without an id to resume from",
        ),
        known(
            "overtaken",
            found.overtaken,
            "arrived after a later event of the same publisher and topic, and had not been accepted",
        ),
        known(
            "foreign",
            found.foreign,
            "events of another run, or without a payload of a load generator",
        ),
        known("not verified", found.unverified, "arrived, and could not be compared with anything"),
        known("notices", found.notices, "events that the server sends for itself (fanfare-…)"),
        known(
            "strange streams",
            found.strange_streams,
            "streams that said that they are event streams, and held no line of one",
        ),
    ]
}

/// Why latency from the due time and from the send differ; nothing when they hardly do.
pub(super) fn difference(run: &Run) -> Option<String> {
    let intended = run.delivery.intended.as_ref()?.at(0.99);
    let actual = run.delivery.actual.as_ref()?.at(0.99);
    if intended <= actual * WORTH_EXPLAINING {
        return None;
    }
    let cause = match run.publishing.as_ref() {
        Some(publishing) if own_fault(publishing) => {
            "the load generator itself was late to send, so this part is not the server's"
                .to_owned()
        }
        publishing => {
            let longest = publishing.and_then(|p| p.blocked_lateness.as_ref());
            let longest = longest.map_or_else(String::new, |blocked| {
                format!(", for up to {},", numbers::ms(blocked.max_ms))
            });
            format!(
                "the server (or the connection) kept the publisher waiting{longest} so latency from \
                 the actual send hides it: coordinated omission"
            )
        }
    };
    Some(format!(
        "Intended counts from the moment an event was due, actual from the moment its publish call \
         began; at p99 they are {} apart: {cause}.",
        numbers::ms(intended - actual),
    ))
}

fn own_fault(publishing: &PublishingResult) -> bool {
    let total = |d: Option<&Distribution>| d.map_or(0.0, |d| d.mean_ms * d.count as f64);
    let own = total(publishing.own_lateness.as_ref());
    own > 0.0 && own > total(publishing.blocked_lateness.as_ref())
}

/// Whether percentiles change when what never arrived counts as infinitely late.
pub(super) fn undelivered_matters(delivery: &Delivery) -> bool {
    let Some(intended) = delivery.intended.as_ref() else {
        return !delivery.intended_counting_undelivered.is_empty();
    };
    delivery.intended_counting_undelivered.iter().any(|reached| {
        let plain = intended.at(reached.quantile);
        reached.ms.is_none_or(|ms| (ms - plain).abs() > plain * 0.001)
    })
}

/// What became of the subscribers that read slowly or not at all, by class, in a sentence.
pub(super) fn class(name: &str, report: &ClassReport, protocol: &str) -> String {
    let mut parts = vec![format!(
        "{} received {}",
        numbers::quantity(report.subscribers, "subscriber"),
        share_of(report.received, report.expected)
    )];
    if report.announced > 0 {
        let events = numbers::quantity(report.announced, "event");
        parts.push(format!("lost {events} that were announced"));
    }
    if report.gaps > 0 {
        parts.push(format!("lost {} unannounced", numbers::quantity(report.gaps, "event")));
    }
    parts.push(closed(name, report, protocol));
    parts.join("; ") + "."
}

/// What is known of the streams of a class that the server closed: an end may wait behind what is
/// not read, and a subscriber that does not read, or has vanished, cannot see it at all.
fn closed(name: &str, report: &ClassReport, protocol: &str) -> String {
    let looks = match name {
        "vanished" => false,
        "stopped" => protocol == PLAIN,
        _ => true,
    };
    let streams = numbers::quantity(report.closed, "stream");
    match (report.closed, report.until_closed.as_ref()) {
        (0, _) if looks => "none saw the server close its stream".to_owned(),
        (0, _) => "whether the server closed them cannot be seen from here".to_owned(),
        (_, Some(until)) => format!(
            "saw the server close {streams}, half of these within {}",
            numbers::ms(until.at(0.5))
        ),
        (_, None) => format!("saw the server close {streams}"),
    }
}

/// `5 of 10 (50 %)`, or only `5` when the whole is not known.
pub(super) fn share_of(part: u64, whole: Option<u64>) -> String {
    match whole {
        Some(whole) if whole > 0 => format!(
            "{} of {} ({})",
            numbers::count(part),
            numbers::count(whole),
            numbers::percent(part as f64 / whole as f64)
        ),
        _ => numbers::count(part),
    }
}

/// Counts by kind: `refused × 1, timeout × 3`.
pub(super) fn kinds(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> =
        counts.iter().map(|(kind, n)| format!("{kind} × {}", numbers::count(*n))).collect();
    kinds.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn quantiles_have_the_names_people_use() {
        let names = crate::result::QUANTILES.map(quantile);
        assert_eq!(names, ["p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"]);
    }

    #[test]
    fn a_difference_that_the_server_caused_is_called_coordinated_omission() {
        let sentence = difference(&sample::run()).expect("they differ");
        assert!(sentence.contains("coordinated omission"), "{sentence}");
    }

    #[test]
    fn a_difference_that_the_generator_caused_is_not_put_on_the_server() {
        let mut run = sample::run();
        let publishing = run.publishing.as_mut().expect("it published");
        publishing.own_lateness = publishing.blocked_lateness.take();
        let sentence = difference(&run).expect("they differ");
        assert!(sentence.contains("load generator itself"), "{sentence}");
        assert!(!sentence.contains("coordinated omission"), "{sentence}");
    }

    #[test]
    fn latencies_that_are_alike_need_no_sentence() {
        let mut run = sample::run();
        run.delivery.actual = run.delivery.intended.clone();
        assert_eq!(difference(&run), None);
    }

    #[test]
    fn who_cannot_see_a_close_does_not_say_that_there_was_none() {
        let report = ClassReport { subscribers: 3, ..ClassReport::default() };
        let unknown = "whether the server closed them cannot be seen from here.";
        let none = "none saw the server close its stream.";
        for (name, protocol, words) in [
            ("slow", "HTTP/1.1", none),
            ("slow", "HTTP/2, 100 streams a connection", none),
            ("stopped", "HTTP/1.1", none),
            ("stopped", "HTTP/1.1 over TLS", unknown),
            ("stopped", "HTTP/2, 100 streams a connection", unknown),
            ("vanished", "HTTP/1.1", unknown),
        ] {
            let sentence = class(name, &report, protocol);
            assert!(sentence.ends_with(words), "{name} over {protocol}: {sentence}");
        }
    }

    #[test]
    fn a_percentile_of_too_few_values_is_a_dash() {
        let few = sample::distribution(50, 1.0, 1.2);
        assert_eq!(percentile(&few, 0.99), numbers::ABSENT);
        assert_ne!(percentile(&few, 0.9), numbers::ABSENT);
        assert_ne!(percentile(&few, 1.0), numbers::ABSENT);
    }
}

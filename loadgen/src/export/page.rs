//! The page: every family by its name, with what it means. The names are a published interface, on
//! which dashboards and rules rely: what is here is in `docs/loadgen.md`.
//!
//! Every series is there from the start, at 0, so that a rate of it is known from its first event.

use super::figures::Figures;
use super::process;
use super::text::{Kind, MetricsText};
use crate::run::Phase;

const PHASES: [(Phase, &str); 5] = [
    (Phase::Connecting, "connecting"),
    (Phase::Warmup, "warmup"),
    (Phase::Measuring, "measuring"),
    (Phase::Tail, "tail"),
    (Phase::Done, "done"),
];

pub(super) fn write(figures: &Figures) -> String {
    let mut text = MetricsText::default();
    state(&mut text, figures);
    streams(&mut text, figures);
    events(&mut text, figures);
    times(&mut text, figures);
    process::write(&mut text);
    text.finish()
}

fn state(text: &mut MetricsText, figures: &Figures) {
    let name = "loadgen_info";
    text.family(Kind::Gauge, name, "The program and the scenario that it runs; always 1.");
    let version = ("version", env!("CARGO_PKG_VERSION"));
    text.sample(name, &[version, ("scenario", &figures.scenario)], 1);
    let name = "loadgen_phase";
    text.family(Kind::Gauge, name, "1 for the current phase of the run, 0 for the other phases.");
    for (phase, word) in PHASES {
        text.sample(name, &[("phase", word)], u8::from(phase == figures.phase));
    }
}

fn streams(text: &mut MetricsText, figures: &Figures) {
    use Kind::{Counter, Gauge};
    let counts = &figures.counts;
    for (kind, name, help, value) in [
        (
            Gauge,
            "loadgen_subscribers_target",
            "Number of event streams that the run is to hold open.",
            figures.wanted,
        ),
        (Gauge, "loadgen_subscribers", "Number of event streams that are open now.", figures.open),
        (
            Counter,
            "loadgen_connects_total",
            "Event streams that were opened, reconnections included.",
            counts.connected + counts.reconnects,
        ),
        (
            Counter,
            "loadgen_connect_failures_total",
            "Attempts to open an event stream that failed.",
            figures.failures,
        ),
        (
            Counter,
            "loadgen_reconnects_total",
            "Event streams that were opened by subscribers that had had one before.",
            counts.reconnects,
        ),
        (
            Counter,
            "loadgen_disconnects_total",
            "Event streams of fast subscribers that the server closed or that failed; injected \
             disconnects do not count.",
            figures.disconnects,
        ),
    ] {
        text.single(kind, name, help, value);
    }
}

fn events(text: &mut MetricsText, figures: &Figures) {
    let counts = &figures.counts;
    for (name, help, value) in [
        (
            "loadgen_events_published_total",
            "Events that were published and that the server accepted.",
            figures.accepted,
        ),
        (
            "loadgen_publish_failures_total",
            "Events that were sent to the server and not accepted.",
            figures.refused,
        ),
        (
            "loadgen_events_received_total",
            "Events that arrived at fast subscribers; with --verify sample an estimate from bytes.",
            figures.received,
        ),
        (
            "loadgen_received_bytes_total",
            "Bytes of event streams that arrived at all subscribers, without response headers.",
            counts.parsed_bytes + counts.counted_bytes + counts.hindered_bytes,
        ),
        (
            "loadgen_events_missed_total",
            "Events that never arrived and were not announced as lost. Counted at the end of a run, \
             because a missing event may still arrive until then.",
            counts.silent,
        ),
        (
            "loadgen_events_repeated_total",
            "Events that arrived at a subscriber more than once.",
            counts.duplicates,
        ),
        (
            "loadgen_events_misordered_total",
            "Events that arrived after a later one of the same publisher and topic.",
            counts.reordered,
        ),
        (
            "loadgen_events_corrupted_total",
            "Events that arrived with other bytes than were sent.",
            counts.corrupted,
        ),
        (
            "loadgen_gap_notices_total",
            "Notices in event streams that events are missing.",
            counts.loss_notices,
        ),
    ] {
        text.single(Kind::Counter, name, help, value);
    }
}

fn times(text: &mut MetricsText, figures: &Figures) {
    for (name, help, buckets) in [
        (
            "loadgen_delivery_seconds",
            "Time from when an event was due until a subscriber had read it, without the warm-up.",
            &figures.timed.delivery,
        ),
        (
            "loadgen_delivery_from_send_seconds",
            "Time from the beginning of an event's publish call until a subscriber had read it, without the \
             warm-up.",
            &figures.timed.from_send,
        ),
        (
            "loadgen_publish_lateness_seconds",
            "Time from when an event was due until its publish call began, without the warm-up.",
            &figures.lateness,
        ),
    ] {
        text.seconds(name, help, buckets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phase_is_1_and_all_are_there() {
        for (phase, word) in PHASES {
            let text = write(&Figures { phase, ..Figures::default() });
            let lines: Vec<_> =
                text.lines().filter_map(|line| line.strip_prefix("loadgen_phase{")).collect();
            assert_eq!(lines.len(), 5, "{text}");
            let ones: Vec<_> = lines.iter().filter(|line| line.ends_with(" 1")).collect();
            assert_eq!(ones, [&&*format!("phase=\"{word}\"}} 1")]);
        }
    }

    #[test]
    fn before_anything_has_happened_every_series_is_there_at_0() {
        let text = write(&Figures { scenario: "quickstart".to_owned(), ..Figures::default() });
        let info = format!(
            "loadgen_info{{version=\"{}\",scenario=\"quickstart\"}} 1",
            env!("CARGO_PKG_VERSION")
        );
        for line in text.lines().filter(|line| line.starts_with("loadgen_")) {
            let starts = [&info, "loadgen_phase{phase=\"connecting\"} 1"];
            assert!(line.ends_with(" 0") || starts.contains(&line), "{line}");
        }
        assert_eq!(text.matches("\n# TYPE loadgen_").count(), 20, "{text}");
    }
}

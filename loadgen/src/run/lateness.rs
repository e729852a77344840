//! How late the generator itself was, and what that does to a run: nothing, a note, or invalid.
//!
//! Three parts of it are late for different reasons. A reader that knows of data is awake, so what
//! it lets wait is its own doing. A publisher or a timer that is due must be woken first, and on a
//! machine that does other things it waits for one or two turns of another thread. All three make a
//! server look slower, never faster.
//!
//! A 99th percentile of few values is the largest of them, so one hiccup would decide: a run is
//! invalid only when at least [`MOMENTS`] events, or timers, were late.

use crate::result::{Distribution, Run};

/// Share of the reported 99th percentile that the generator's own lateness may have.
const SHARE: f64 = 0.1;

/// Own lateness below this many milliseconds is not worth a word: a pass over a few hundred
/// sockets.
const WORTH_A_NOTE: f64 = 2.0;

/// The same for making a run invalid, of a thread that was awake.
const FLOOR_AWAKE: f64 = 2.0;

/// The same of a thread that had to be woken: two time slices of another thread.
const FLOOR_WOKEN: f64 = 5.0;

/// Late moments that are more than a hiccup.
const MOMENTS: f64 = 3.0;

/// What helps against reading that is late.
pub(super) const MORE_READERS: &str = "more --workers or --processes, or --verify sample=N";

/// What follows from a part that was late.
#[derive(Debug, PartialEq)]
pub(super) enum Late {
    Invalid(String),
    Note(String),
}

/// A part of the generator.
struct Part {
    what: &'static str,
    cure: &'static str,
    floor: f64,
    /// Its part of the reported 99th percentile, in milliseconds.
    own: f64,
    /// Its single values, and how many of them an event, or a timer, has.
    values: Distribution,
    each: f64,
}

/// Judges all parts. Where there is no latency, there is nothing that they could be a part of.
pub(super) fn judge(run: &Run) -> Vec<Late> {
    let Some(intended) = &run.delivery.intended else { return Vec::new() };
    let reported = intended.at(0.99);
    parts(run, reported).iter().filter_map(|part| part.judge(reported)).collect()
}

fn parts(run: &Run, reported: f64) -> Vec<Part> {
    let own = &run.own;
    let reading =
        own.reading_lag.clone().zip(own.latency_when_known.as_ref()).map(|(values, known)| Part {
            what: "data waited for a worker that knew of it",
            cure: MORE_READERS,
            floor: FLOOR_AWAKE,
            // Not the lag itself: an event that was read late need not be among those that were
            // slow.
            own: reported - known.at(0.99),
            each: deliveries_of_an_event(run, values.count),
            values,
        });
    let lateness = run.publishing.as_ref().and_then(|publishing| publishing.own_lateness.clone());
    let sending = lateness.map(|values| Part {
        what: "publishers that were idle sent late",
        cure: "a lower --rate or more --publishers",
        floor: FLOOR_WOKEN,
        own: values.at(0.99),
        each: 1.0,
        values,
    });
    let timers = own.timer_lateness.clone().map(|values| Part {
        what: "timers ran late",
        cure: "a less busy machine",
        floor: FLOOR_WOKEN,
        own: values.at(0.99),
        each: 1.0,
        values,
    });
    [reading, sending, timers].into_iter().flatten().collect()
}

/// One pass reads an event for all its subscribers, so it is late for many of them at once.
fn deliveries_of_an_event(run: &Run, deliveries: u64) -> f64 {
    let subscribers = run.subscribers.connected.max(1) as f64;
    let sent = run.publishing.as_ref().map(|publishing| publishing.sent);
    sent.map_or(subscribers, |sent| deliveries as f64 / sent.max(1) as f64).max(1.0)
}

impl Part {
    fn judge(&self, reported: f64) -> Option<Late> {
        let Self { what, cure, own, .. } = self;
        let part = reported * SHARE;
        if *own <= WORTH_A_NOTE.max(part) {
            return None;
        }
        let figures = format!(
            "{what}, by {own:.2} ms at the 99th percentile, where the reported latency is \
             {reported:.2} ms"
        );
        let bound = self.floor.max(part);
        if *own <= bound {
            return Some(Late::Note(format!(
                "a part of the latency is the load generator's: {figures}"
            )));
        }
        if (self.values.over(bound) as f64) < MOMENTS * self.each {
            return Some(Late::Note(format!(
                "the load generator was late itself, but so seldom that it may have been a hiccup: \
                 {figures}; repeat the run, or make it longer"
            )));
        }
        Some(Late::Invalid(format!("the load generator was late itself: {figures}; try {cure}")))
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::result::PublishingResult;
    use crate::slo::sample;

    /// So many values of so many milliseconds, for each pair.
    fn values(pairs: &[(u64, f64)]) -> Option<Distribution> {
        let mut histogram = Histogram::new(3).expect("three digits are allowed");
        for (count, ms) in pairs {
            histogram.record_n((ms * 1e6) as u64, *count).expect("it grows");
        }
        Distribution::of(&histogram)
    }

    /// A run with this latency, whose generator was never late.
    fn run(intended: &[(u64, f64)]) -> Run {
        let mut run = sample::run();
        run.delivery.intended = values(intended);
        run.own.latency_when_known = values(intended);
        run.own.reading_lag = values(&[(10_000, 0.1)]);
        run.own.timer_lateness = values(&[(1000, 0.1)]);
        run.publishing = Some(PublishingResult {
            sent: 100,
            own_lateness: values(&[(100, 0.1)]),
            ..PublishingResult::default()
        });
        run
    }

    /// `-`, `note` or `invalid`, and the words.
    fn judged(run: &Run) -> (&'static str, String) {
        match judge(run).as_slice() {
            [] => ("-", String::new()),
            [Late::Note(text)] => ("note", text.clone()),
            [Late::Invalid(text)] => ("invalid", text.clone()),
            several => panic!("{several:?}"),
        }
    }

    #[test]
    fn publishers_that_send_late_are_judged_by_how_late_and_how_often() {
        let fast: &[_] = &[(10_000, 4.8)];
        let slow: &[_] = &[(10_000, 400.0)];
        let cases: &[(_, &[(u64, f64)], _)] = &[
            (fast, &[(100, 1.9)], "-"),
            // The share of the latency is large, but it is the turn of another thread.
            (fast, &[(90, 0.1), (10, 2.7)], "note"),
            (fast, &[(90, 0.1), (10, 5.5)], "invalid"),
            (slow, &[(90, 0.1), (10, 39.0)], "-"),
            (slow, &[(90, 0.1), (10, 41.0)], "invalid"),
            // One or two hiccups in a short run, and three.
            (fast, &[(29, 0.1), (1, 50.0)], "note"),
            (fast, &[(28, 0.1), (2, 50.0)], "note"),
            (fast, &[(27, 0.1), (3, 50.0)], "invalid"),
            (fast, &[(2, 50.0)], "note"),
            // From 300 on, 1 % are three.
            (fast, &[(296, 0.1), (4, 50.0)], "invalid"),
            (fast, &[(298, 0.1), (2, 50.0)], "-"),
        ];
        for (latency, late, wanted) in cases {
            let mut run = run(latency);
            let publishing = run.publishing.as_mut().expect("it published");
            publishing.own_lateness = values(late);
            assert_eq!(judged(&run).0, *wanted, "{late:?} of {latency:?}");
        }
    }

    #[test]
    fn timers_are_judged_as_publishers_are() {
        for (late, wanted) in [(4.0, "note"), (6.0, "invalid")] {
            let mut run = run(&[(10_000, 4.8)]);
            run.own.timer_lateness = values(&[(900, 0.1), (100, late)]);
            assert_eq!(judged(&run).0, wanted, "{late}");
        }
    }

    /// A hundred events reached a hundred subscribers each.
    #[test]
    fn readers_are_judged_by_events_and_not_by_deliveries() {
        for (events, wanted) in [(2, "note"), (3, "invalid")] {
            let late = events * 100;
            let mut run = run(&[(10_000 - late, 1.0), (late, 30.0)]);
            run.own.latency_when_known = values(&[(10_000, 1.0)]);
            run.own.reading_lag = values(&[(10_000 - late, 0.1), (late, 29.0)]);
            let (found, words) = judged(&run);
            assert_eq!(found, wanted, "{words}");
            assert!(words.contains("data waited for a worker that knew of it"), "{words}");
        }
        // A thread that is awake has a lower bound than one that has to be woken.
        let mut run = run(&[(10_000, 4.8)]);
        run.own.latency_when_known = values(&[(10_000, 1.0)]);
        run.own.reading_lag = values(&[(10_000, 3.8)]);
        assert_eq!(judged(&run).0, "invalid");
    }

    #[test]
    fn without_a_latency_there_is_nothing_to_be_a_part_of() {
        let mut run = run(&[(100, 1.0)]);
        run.delivery.intended = None;
        run.own.timer_lateness = values(&[(100, 500.0)]);
        assert_eq!(judged(&run).0, "-");
    }
}

//! The rules of a subscriber's session, the same on every transport: which responses are streams,
//! what the end of a stream or of an attempt counts as, and whether and when there is another
//! attempt. No I/O and no clock.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::backoff::Delay;
use crate::clock::Moment;
use crate::measure::Recorder;
use crate::plan::{Class, Plan, Reconnect};
use crate::subscriber::Subscriber;

/// The kind of failure after which an `EventSource`, and a subscriber, must not reconnect.
const NO_CONTENT: &str = "status 204";

/// Why a stream, or an attempt to open one, ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server closed the stream in order.
    Closed,
    /// The stream failed, by the name of the error.
    Failed(String),
    /// The server sent what is no event stream.
    Broken(String),
    /// No stream was opened, by the name of the reason.
    Refused(String),
    /// An injected fault disconnected the stream.
    Cut,
}

/// Whether a response is a stream that can be read; if not, what the refusal is called in results.
pub(super) fn accept(
    status: u16,
    is_event_stream: bool,
    coding: Option<&str>,
) -> Result<(), String> {
    match (status, coding) {
        (200, _) if !is_event_stream => Err("not text/event-stream".to_owned()),
        (200, Some(coding)) => {
            let coding: String = coding.to_ascii_lowercase().chars().take(100).collect();
            Err(format!("coded as {coding}, which nobody asked for"))
        }
        (200, None) => Ok(()),
        (status, _) => Err(format!("status {status}")),
    }
}

/// Records the end of a stream that was open, or of an attempt.
pub(super) fn record_end(
    subscriber: &mut Subscriber,
    ending: &Ending,
    was_open: bool,
    now: Moment,
    recorder: &mut Recorder,
) {
    let class = subscriber.class;
    if was_open {
        subscriber.closed(now, recorder);
        if class != Class::Fast {
            let start = recorder.facts.start;
            let tally = recorder.class(class);
            tally.closed += 1;
            tally.until_closed.record(now.since(start));
        }
    }
    match ending {
        Ending::Refused(kind) => recorder.failed(kind, now),
        Ending::Broken(what) => {
            recorder.counts.broken_streams += 1;
            recorder.record_finding("broken stream", subscriber.number, || what.clone());
        }
        Ending::Closed if subscriber.was_end_announced() => recorder.counts.ended += 1,
        Ending::Closed if class == Class::Fast => {
            recorder.counts.closed_by_server += 1;
            if let Some(second) = recorder.second(now) {
                second.errors += 1;
            }
        }
        Ending::Failed(kind) if class == Class::Fast => recorder.errored(kind, now),
        Ending::Closed | Ending::Failed(_) | Ending::Cut => {}
    }
}

/// The delay before the next attempt, after so many that failed and the last of which began so long
/// ago; nothing when there is no further attempt.
pub(super) fn next_attempt(
    plan: &Plan,
    subscriber: &Subscriber,
    attempts: u32,
    ending: &Ending,
    began_ago: Duration,
    random: &mut SmallRng,
    recorder: &mut Recorder,
) -> Option<Duration> {
    if is_final(plan, subscriber, attempts, ending) {
        recorder.counts.gave_up += u64::from(!subscriber.is_reconnecting());
        return None;
    }
    let delay = Delay::of(&plan.faults, subscriber.retry(), random.random(), began_ago);
    recorder.counts.lengthened += u64::from(delay.is_lengthened);
    Some(delay.time)
}

fn is_final(plan: &Plan, subscriber: &Subscriber, attempts: u32, ending: &Ending) -> bool {
    let is_reconnecting = subscriber.is_reconnecting();
    let gives_up = !is_reconnecting && attempts >= plan.ramp.attempts;
    let never = is_reconnecting && plan.faults.reconnect == Reconnect::Never;
    let is_refused_for_good = matches!(ending, Ending::Refused(kind) if kind == NO_CONTENT);
    let does_not_read =
        is_reconnecting && matches!(subscriber.class, Class::Stopped | Class::Vanished);
    gives_up || never || is_refused_for_good || does_not_read
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// Whether another attempt follows, what was counted as given up, and whether the delay had to
    /// be lengthened.
    fn after(flags: &str, was_open: bool, attempts: u32, ending: &Ending) -> (bool, u64, u64) {
        let text = format!("subscribe = ['http://127.0.0.1:1/x']\nconnections = 1\n{flags}");
        let file = std::path::Path::new("scenario");
        let settings = crate::plan::Settings::default().over_text(file, &text);
        let plan = settings.expect("a scenario").plan().expect("a plan");
        let mut recorder = Recorder::new(&plan);
        let mut subscriber = Subscriber::new(0, &plan);
        let now = Moment(1_000_000);
        if was_open {
            subscriber.opened(now, false, now, &mut recorder);
        }
        record_end(&mut subscriber, ending, was_open, now, &mut recorder);
        let mut random = SmallRng::seed_from_u64(1);
        let next = next_attempt(
            &plan,
            &subscriber,
            attempts,
            ending,
            Duration::ZERO,
            &mut random,
            &mut recorder,
        );
        (next.is_some(), recorder.counts.gave_up, recorder.counts.lengthened)
    }

    #[test]
    fn a_subscriber_gives_up_before_its_first_stream_and_reconnects_after_it() {
        let refused = |kind: &str| Ending::Refused(kind.to_owned());
        for (flags, was_open, attempts, ending, expected) in [
            ("", false, 2, refused("timed out"), (true, 0, 0)),
            ("", false, 3, refused("timed out"), (false, 1, 0)),
            ("", false, 1, refused(NO_CONTENT), (false, 1, 0)),
            ("", true, 0, Ending::Closed, (true, 0, 0)),
            ("reconnect = 'now'", true, 0, Ending::Cut, (true, 0, 1)),
            ("reconnect = 'never'", true, 0, Ending::Closed, (false, 0, 0)),
            ("stopped-share = 1.0", true, 0, Ending::Closed, (false, 0, 0)),
            ("slow-share = 1.0", true, 0, Ending::Closed, (true, 0, 0)),
        ] {
            assert_eq!(
                after(flags, was_open, attempts, &ending),
                expected,
                "{flags} {was_open} {attempts} {ending:?}"
            );
        }
    }
}

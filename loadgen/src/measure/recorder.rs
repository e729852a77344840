//! The recorder of one worker: everything that it counts and measures. Workers share nothing; at
//! the end their recorders are merged, which is exact for every value here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Compact, Completions, Durations, Follow, Recovery, SecondTally, Seconds, Timed};
use crate::clock::{Clock, ClockId, Moment};
use crate::payload::Stamp;
use crate::plan::{Class, Plan};
use crate::result::Finding;

/// Findings that are kept in words.
const FINDINGS: usize = 20;

/// One read: when it returned, and since when the worker knew that there was something, where that
/// can be known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadTime {
    pub(crate) now: Moment,
    pub(crate) known_since: Option<Moment>,
}

/// Counts of events, over all fast subscribers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Events, repeated ones too, that were parsed.
    pub(crate) received: u64,
    /// Different events that were parsed.
    pub(crate) unique: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    /// Out of order, and never accepted.
    pub(crate) overtaken: u64,
    pub(crate) corrupted: u64,
    pub(crate) wrong_topic: u64,
    pub(crate) foreign: u64,
    pub(crate) broken_streams: u64,
    /// Bytes of parsed streams, without response headers.
    pub(crate) parsed_bytes: u64,
    /// Bytes of counted streams, without response headers.
    pub(crate) counted_bytes: u64,
    /// The same of slow, stopped and vanished subscribers, whose events are not among those above.
    pub(crate) hindered_bytes: u64,
    /// Events that never arrived, whatever the reason.
    pub(crate) lost: u64,
    pub(crate) silent: u64,
    pub(crate) announced: u64,
    pub(crate) unresumable: u64,
    /// Announcements of losses, at all subscribers.
    pub(crate) loss_notices: u64,
    pub(crate) negative: u64,
    pub(crate) cut_fin: u64,
    pub(crate) cut_rst: u64,
    pub(crate) cut_in_storm: u64,
    pub(crate) closed_by_server: u64,
    pub(crate) reconnects: u64,
    pub(crate) resumed: u64,
    pub(crate) away: u64,
    pub(crate) connected: u64,
    pub(crate) gave_up: u64,
    /// Events for which the stamp was of another clock, so that no latency is known.
    pub(crate) other_clock: u64,
    /// Events that were compared with what must come, at all subscribers that are parsed.
    pub(crate) verified: u64,
    /// Events that arrived and could not be compared with anything.
    pub(crate) unverified: u64,
    /// Events that the server sends for itself, of types `fanfare-…`.
    pub(crate) notices: u64,
    pub(crate) comments: u64,
    /// Reconnect delays that were lengthened to the least that is allowed.
    pub(crate) lengthened: u64,
    /// Streams that ended after the server had said that their topics have.
    pub(crate) ended: u64,
    /// Streams without a line that an event stream can hold.
    pub(crate) strange_streams: u64,
}

impl Counts {
    pub(crate) fn merge(&mut self, other: &Self) {
        /// Names every field once: one that is left out does not compile.
        macro_rules! add {
            ($($field:ident),* $(,)?) => {
                let Self { $($field),* } = other;
                $(self.$field += $field;)*
            };
        }
        add!(
            received,
            unique,
            duplicates,
            reordered,
            overtaken,
            corrupted,
            wrong_topic,
            foreign,
            broken_streams,
            parsed_bytes,
            counted_bytes,
            hindered_bytes,
            lost,
            silent,
            announced,
            unresumable,
            loss_notices,
            negative,
            cut_fin,
            cut_rst,
            cut_in_storm,
            closed_by_server,
            reconnects,
            resumed,
            away,
            connected,
            gave_up,
            other_clock,
            verified,
            unverified,
            notices,
            comments,
            lengthened,
            ended,
            strange_streams,
        );
    }
}

/// Times of connecting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Phases {
    pub(crate) tcp: Durations,
    pub(crate) tls: Durations,
    pub(crate) head: Durations,
    pub(crate) first_byte: Durations,
    pub(crate) first_event: Durations,
    pub(crate) reconnect: Durations,
    pub(crate) outage: Durations,
    pub(crate) catch_up: Durations,
}

impl Phases {
    fn merge(&mut self, other: &Self) {
        self.tcp.merge(&other.tcp);
        self.tls.merge(&other.tls);
        self.head.merge(&other.head);
        self.first_byte.merge(&other.first_byte);
        self.first_event.merge(&other.first_event);
        self.reconnect.merge(&other.reconnect);
        self.outage.merge(&other.outage);
        self.catch_up.merge(&other.catch_up);
    }
}

/// What became of the subscribers of a class.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ClassTally {
    pub(crate) subscribers: u64,
    pub(crate) received: u64,
    pub(crate) expected: u64,
    pub(crate) announced: u64,
    pub(crate) gaps: u64,
    pub(crate) closed: u64,
    pub(crate) until_closed: Durations,
}

impl ClassTally {
    fn merge(&mut self, other: &Self) {
        self.subscribers += other.subscribers;
        self.received += other.received;
        self.expected += other.expected;
        self.announced = self.announced.saturating_add(other.announced);
        self.gaps += other.gaps;
        self.closed += other.closed;
        self.until_closed.merge(&other.until_closed);
    }
}

/// Everything that one worker recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorder {
    pub(crate) counts: Counts,
    pub(crate) intended: Durations,
    pub(crate) actual: Durations,
    pub(crate) reading_lag: Durations,
    /// From when an event was due until its worker knew that there was something to read.
    pub(crate) when_known: Durations,
    pub(crate) timer_lateness: Durations,
    pub(crate) fairness: Durations,
    pub(crate) phases: Phases,
    pub(crate) recovery: Recovery,
    pub(crate) seconds: Seconds,
    pub(crate) completions: Completions,
    /// Absent without --metrics-listen, so that a delivery does not pay for it.
    pub(crate) timed: Option<Timed>,
    /// By place in [`Class::ALL`].
    pub(crate) classes: [ClassTally; 4],
    pub(crate) findings: Vec<Finding>,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) server_header: Option<String>,
    /// Nanoseconds; 0 when no latency was negative.
    pub(crate) most_negative: u64,
    pub(crate) last_arrival: Moment,
    /// The longest time in which a fast subscriber that is parsed got no event, in nanoseconds.
    pub(crate) longest_silence: u64,
    #[serde(skip)]
    pub(crate) facts: Facts,
    #[serde(skip)]
    loss_events: Vec<String>,
    /// Latencies that the live view has not shown yet.
    #[serde(skip)]
    pub(crate) recent: Compact,
}

/// What a worker must know of the run to record it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) run: u32,
    /// Whether events of other runs are to be taken as they come, because this loadgen does not
    /// publish.
    pub(crate) any_run: bool,
    pub(crate) clock_id: ClockId,
    /// Whether a latency may be said at all: one clock, or several with a stated error.
    pub(crate) one_way: bool,
    pub(crate) publishers: usize,
    pub(crate) follow: Follow,
    /// The start of publishing; [`Moment::NEVER`] before it is known.
    pub(crate) start: Moment,
    /// Events that were due before this are in no histogram.
    pub(crate) measure_from: Moment,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            run: 0,
            any_run: false,
            clock_id: ClockId::default(),
            one_way: true,
            publishers: 1,
            follow: Follow { every: 1, topics: 1 },
            start: Moment::NEVER,
            measure_from: Moment(0),
        }
    }
}

impl Facts {
    pub(crate) fn of(plan: &Plan) -> Self {
        /// Events that are followed, as far as the schedule can tell.
        const FOLLOWED: f64 = 1000.0;
        let events = plan
            .publishing
            .as_ref()
            .and_then(|publishing| publishing.schedule.events(plan.timing.publishing()))
            .unwrap_or(100_000.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number"
        )]
        let every = (events / FOLLOWED).ceil().max(1.0) as u64;
        Self {
            run: plan.run,
            any_run: plan.publishing.is_none(),
            clock_id: plan.timing.clock.id(),
            one_way: plan.timing.clock == Clock::Monotonic || plan.timing.clock_error.is_some(),
            publishers: plan.publishing.as_ref().map_or(1, |publishing| publishing.publishers),
            follow: Follow { every, topics: u64::from(plan.topics.count) },
            ..Self::default()
        }
    }

    /// Publishing begins at this moment, which may still be to come.
    pub(crate) fn begin(&mut self, start: Moment, warmup: Duration) {
        self.start = start;
        self.measure_from = start + warmup;
    }
}

impl Recorder {
    pub(crate) fn new(plan: &Plan) -> Self {
        let loss_events = plan.loss_events.clone();
        let timed = plan.exports.then(Timed::default);
        let mut recorder = Self { facts: Facts::of(plan), loss_events, timed, ..Self::default() };
        // A page fault in the first delivery would be measured as the server's.
        recorder.intended.prepare();
        recorder.actual.prepare();
        recorder.reading_lag.prepare();
        recorder.when_known.prepare();
        recorder
    }

    /// Whether an event of this kind announces a loss.
    pub(crate) fn is_loss_event(&self, kind: &[u8]) -> bool {
        self.loss_events.iter().any(|known| known.as_bytes() == kind)
    }

    /// An event has arrived, with this latency from when it was due; nothing when it was negative
    /// or the clocks cannot be compared.
    pub(crate) fn latency(&mut self, stamp: &Stamp, read_time: ReadTime) -> Option<u64> {
        let now = read_time.now;
        if !self.facts.one_way {
            return None;
        }
        if stamp.clock != self.facts.clock_id {
            self.counts.other_clock += 1;
            return None;
        }
        if stamp.due < self.facts.measure_from {
            return None;
        }
        if now < stamp.due {
            self.counts.negative += 1;
            self.most_negative = self.most_negative.max(stamp.due.since(now));
            return None;
        }
        let latency = now.since(stamp.due);
        self.intended.record(latency);
        self.recent.record(latency);
        let from_send = now.since(stamp.sent);
        self.actual.record(from_send);
        if let Some(timed) = &mut self.timed {
            timed.delivery.record(latency);
            timed.from_send.record(from_send);
        }
        if let Some(known_since) = read_time.known_since {
            self.when_known.record(known_since.since(stamp.due));
        }
        self.completions.record(self.facts.follow, stamp, latency);
        Some(latency)
    }

    pub(crate) fn class(&mut self, class: Class) -> &mut ClassTally {
        &mut self.classes[class as usize]
    }

    /// Records a finding in words, as long as there is room.
    pub(crate) fn record_finding(
        &mut self,
        kind: &str,
        subscriber: u32,
        what: impl FnOnce() -> String,
    ) {
        if self.findings.len() < FINDINGS {
            let (kind, subscriber) = (kind.to_owned(), u64::from(subscriber));
            self.findings.push(Finding { kind, subscriber, what: what() });
        }
    }

    /// Counts an attempt that failed.
    pub(crate) fn failed(&mut self, kind: &str, now: Moment) {
        add(&mut self.failures, kind);
        if let Some(second) = self.second(now) {
            second.errors += 1;
        }
    }

    /// The second that a moment lies in; nothing before the start of publishing.
    pub(crate) fn second(&mut self, now: Moment) -> Option<&mut SecondTally> {
        (now >= self.facts.start).then(|| self.seconds.at(self.facts.start, now))
    }

    /// Counts a stream that failed on the way.
    pub(crate) fn errored(&mut self, kind: &str, now: Moment) {
        add(&mut self.errors, kind);
        if let Some(second) = self.second(now) {
            second.errors += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.intended.merge(&other.intended);
        self.actual.merge(&other.actual);
        self.reading_lag.merge(&other.reading_lag);
        self.when_known.merge(&other.when_known);
        self.timer_lateness.merge(&other.timer_lateness);
        self.fairness.merge(&other.fairness);
        self.phases.merge(&other.phases);
        self.recovery.merge(&other.recovery);
        self.seconds.merge(&other.seconds);
        self.completions.merge(&other.completions);
        if let Some(theirs) = &other.timed {
            self.timed.get_or_insert_default().merge(theirs);
        }
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.merge(theirs);
        }
        let room = FINDINGS.saturating_sub(self.findings.len());
        self.findings.extend(other.findings.iter().take(room).cloned());
        for (mine, theirs) in
            [(&mut self.failures, &other.failures), (&mut self.errors, &other.errors)]
        {
            theirs.iter().for_each(|(kind, count)| *mine.entry(kind.clone()).or_default() += count);
        }
        self.server_header = self.server_header.take().or_else(|| other.server_header.clone());
        self.most_negative = self.most_negative.max(other.most_negative);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
        self.longest_silence = self.longest_silence.max(other.longest_silence);
    }
}

/// Kinds that are told apart; further ones are one kind.
const KINDS: usize = 50;

fn add(counts: &mut BTreeMap<String, u64>, kind: &str) {
    let kind = if counts.len() < KINDS || counts.contains_key(kind) { kind } else { "other" };
    *counts.entry(kind.to_owned()).or_default() += 1;
}

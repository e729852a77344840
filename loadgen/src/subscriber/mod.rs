//! One subscriber: what it reads becomes events, and every event is checked. It knows neither
//! sockets nor HTTP: decoded bytes of a body go in, with the moment at which they were read, so
//! that both kinds of transport (and tests) share every rule.

mod catch_up;
mod event_checker;
mod published;
mod sequences;
#[cfg(test)]
mod tests;

use crate::clock::Moment;
use crate::measure::{ReadTime, Recorder};
use crate::plan::{Class, Plan};
use crate::sse::{Parser, TooLong};
use crate::verify::SequenceTracker;

pub(crate) use published::Published;

use catch_up::CatchUp;
use event_checker::EventChecker;

/// One subscriber, over all of its streams.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) number: u32,
    pub(crate) class: Class,
    /// Whether its stream is parsed, or only its bytes counted.
    pub(crate) parses: bool,
    parser: Parser,
    checker: EventChecker,
    /// When the attempt began that the present stream came from.
    attempt: Moment,
    /// When the last stream ended; nothing while it has one, or before the first.
    left: Option<Moment>,
    was_connected: bool,
    /// When its last event came.
    last_event: Moment,
    awaits_first_byte: bool,
    awaits_first_event: bool,
}

impl Subscriber {
    pub(crate) fn new(number: u32, plan: &Plan) -> Self {
        let class = plan.class_of(number as usize);
        let publishers = plan.publishing.as_ref().map_or(1, |publishing| publishing.publishers);
        let tracker = match plan.publishing {
            Some(_) => SequenceTracker::from_the_first_event(publishers),
            None => SequenceTracker::from_any_event(publishers),
        };
        let tracker = tracker.among(plan.ramp.connections);
        let parses = plan.verify.parses(number as usize);
        Self::of(number, plan.topic_of(number as usize), class, parses, tracker)
    }

    fn of(number: u32, topic: u32, class: Class, parses: bool, tracker: SequenceTracker) -> Self {
        Self {
            number,
            class,
            parses,
            parser: Parser::default(),
            checker: EventChecker::new(number, topic, class, tracker),
            attempt: Moment::default(),
            left: None,
            was_connected: false,
            last_event: Moment::default(),
            awaits_first_byte: false,
            awaits_first_event: true,
        }
    }

    /// One without a plan, of a run with publishers or of one without.
    pub(crate) fn alone(any_run: bool) -> Self {
        let tracker = if any_run {
            SequenceTracker::from_any_event(1)
        } else {
            SequenceTracker::from_the_first_event(1)
        };
        Self::of(0, 0, Class::Fast, true, tracker)
    }

    pub(crate) fn topic(&self) -> u32 {
        self.checker.topic()
    }

    /// What to send as `Last-Event-ID`; empty means nothing.
    pub(crate) fn last_id(&self) -> &[u8] {
        self.parser.last_id()
    }

    /// The reconnect delay that the server sent, in milliseconds.
    pub(crate) fn retry(&self) -> Option<u32> {
        self.parser.retry()
    }

    /// Whether it has had a stream before.
    pub(crate) fn is_reconnecting(&self) -> bool {
        self.left.is_some()
    }

    /// A response is there, of an attempt that began at this moment, which was to resume after the
    /// last id or was not.
    pub(crate) fn opened(
        &mut self,
        began: Moment,
        resumes: bool,
        now: Moment,
        recorder: &mut Recorder,
    ) {
        self.attempt = began;
        self.awaits_first_byte = true;
        self.checker.stream_began();
        self.was_connected = true;
        if self.left.is_none() {
            recorder.counts.connected += 1;
            recorder.phases.head.record(now.since(began));
            if now >= recorder.facts.start && self.checker.received() == 0 {
                // It connected too late for the first events, and is not expected to get them.
                self.checker.came_late(recorder.facts.publishers);
            }
            return;
        }
        recorder.counts.reconnects += 1;
        recorder.phases.reconnect.record(now.since(began));
        if let Some(second) = recorder.second(now) {
            second.reconnects += 1;
        }
        if resumes {
            recorder.counts.resumed += 1;
            if self.class == Class::Fast && self.parses && recorder.facts.one_way {
                self.checker.resumed(CatchUp::begin(began, now));
            }
        } else {
            self.checker.did_not_resume();
        }
    }

    /// Decoded bytes of the stream have come.
    ///
    /// # Errors
    /// When a line never ends.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        read_time: ReadTime,
        recorder: &mut Recorder,
    ) -> Result<(), TooLong> {
        if self.awaits_first_byte && !bytes.is_empty() {
            self.first_byte(read_time.now, recorder);
        }
        let before = self.checker.received();
        let checker = &mut self.checker;
        let result = self.parser.feed(bytes, |event| checker.take(&event, read_time, recorder));
        let events = self.checker.received() - before;
        if events > 0 && self.class == Class::Fast {
            if let Some(known_since) = read_time.known_since {
                recorder.reading_lag.record_many(read_time.now.since(known_since), events);
            }
            recorder.last_arrival = read_time.now;
            // With or without a stream: what counts is when it knew of something.
            let silent_since = self.last_event.max(recorder.facts.start);
            let silence = read_time.now.since(silent_since);
            recorder.longest_silence = recorder.longest_silence.max(silence);
            self.last_event = read_time.now;
            if let Some(second) = recorder.second(read_time.now) {
                second.received += events;
            }
            // Where events are published on a schedule, the first comes when the schedule begins.
            if self.awaits_first_event && recorder.facts.any_run {
                self.awaits_first_event = false;
                recorder.phases.first_event.record(read_time.now.since(self.attempt));
            }
        }
        result
    }

    /// So many bytes behind the head came over the wire, chunk lengths included, read or only
    /// counted.
    pub(crate) fn count(&mut self, bytes: usize, now: Moment, recorder: &mut Recorder) {
        let bytes = bytes as u64;
        let kept = match (self.class, self.parses) {
            (Class::Fast, true) => &mut recorder.counts.parsed_bytes,
            (Class::Fast, false) => &mut recorder.counts.counted_bytes,
            _ => &mut recorder.counts.hindered_bytes,
        };
        *kept += bytes;
        if let Some(second) = recorder.second(now) {
            second.bytes += bytes;
        }
        if self.awaits_first_byte && !self.parses {
            self.first_byte(now, recorder);
        }
    }

    fn first_byte(&mut self, now: Moment, recorder: &mut Recorder) {
        self.awaits_first_byte = false;
        match self.left {
            Some(left) => recorder.phases.outage.record(now.since(left)),
            None => recorder.phases.first_byte.record(now.since(self.attempt)),
        }
    }

    /// Whether the server has announced that nothing more will come.
    pub(crate) fn was_end_announced(&self) -> bool {
        self.checker.was_end_announced()
    }

    /// The stream has ended, from either side.
    pub(crate) fn closed(&mut self, now: Moment, recorder: &mut Recorder) {
        self.note_strangeness(recorder);
        self.parser.end();
        self.checker.stream_ended();
        self.left = Some(now);
    }

    fn note_strangeness(&self, recorder: &mut Recorder) {
        if self.parser.is_strange() {
            recorder.counts.strange_streams += 1;
            if recorder.counts.strange_streams > 1 {
                // They are all alike, and other findings need the room.
                return;
            }
            recorder.record_finding("strange stream", self.number, || {
                "no line of it is one of an event stream".to_owned()
            });
        }
    }

    /// Events that have been published for it and have not arrived yet, without those in gaps.
    pub(crate) fn behind(&self, published: &Published) -> u64 {
        self.checker.behind(published.awaited(self.checker.topic()))
    }

    /// The end of the run: what is missing now is lost.
    pub(crate) fn finish(
        &mut self,
        published: Option<&Published>,
        away: bool,
        recorder: &mut Recorder,
    ) {
        self.note_strangeness(recorder);
        recorder.counts.comments += u64::from(self.parser.comments());
        let checker = &mut self.checker;
        checker.count_received(recorder);
        let expected_of = published.filter(|_| self.parses);
        if let Some(published) = published.filter(|_| self.was_connected) {
            let expected = published.counts(checker.topic()).iter().sum::<u64>();
            recorder.class(self.class).expected += expected;
        }
        match self.class {
            // A subscriber that never connected is expected to get nothing.
            Class::Fast if !self.was_connected => {}
            Class::Fast => {
                if away {
                    // It cannot be notified: what it missed since it left is a loss of its own
                    // kind, and no gap in a stream.
                    checker.did_not_resume();
                    recorder.counts.away += u64::from(!checker.was_end_announced());
                }
                checker.finish(expected_of, recorder);
            }
            // It may be far behind at the end, which is what a slow reader is and no loss.
            Class::Slow => checker.finish(None, recorder),
            Class::Stopped | Class::Vanished => {}
        }
    }
}

//! One subscriber: what it reads becomes events, and every event is checked. It knows neither
//! sockets nor HTTP: decoded bytes of a body go in, with the moment at which they were read, so
//! that both kinds of transport (and tests) share every rule.

mod catch_up;
mod published;
mod sequences;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::clock::Moment;
use crate::measure::{ReadTime, Recorder};
use crate::payload::{self, NoStamp, Stamp};
use crate::plan::{Class, Plan};
use crate::sse::{Event, Parser, TooLong};
use crate::verify::{Arrival, SequenceTracker};

pub(crate) use published::Published;

use catch_up::CatchUp;
use sequences::Sequences;

/// How the types of events begin that Fanfare keeps for itself: notices to the reader, and none of
/// the events that were published.
const RESERVED: &[u8] = b"fanfare-";

/// The notice that the topics of a stream have ended, after which it is closed.
const END: &[u8] = b"fanfare-end";

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
    awaits_first_byte: bool,
    awaits_first_event: bool,
}

/// Checks its events.
#[derive(Debug)]
struct EventChecker {
    number: u32,
    topic: u32,
    class: Class,
    tracker: SequenceTracker,
    sequences: Sequences,
    received: u64,
    latency_sum: u64,
    latencies: u32,
    /// Nothing but after a reconnection.
    catch_up: Option<CatchUp>,
    /// The server has announced that the topics of the stream have ended.
    end_announced: bool,
}

impl Subscriber {
    pub(crate) fn new(number: u32, plan: &Plan) -> Self {
        let class = plan.class_of(number as usize);
        let publishers = plan.publishing.as_ref().map_or(1, |publishing| publishing.publishers);
        let tracker = match plan.publishing {
            Some(_) => SequenceTracker::from_the_first_event(publishers),
            None => SequenceTracker::from_any_event(publishers),
        };
        let parses = plan.verify.parses(number as usize);
        Self::of(number, plan.topic_of(number as usize), class, parses, tracker)
    }

    fn of(number: u32, topic: u32, class: Class, parses: bool, tracker: SequenceTracker) -> Self {
        Self {
            number,
            class,
            parses,
            parser: Parser::default(),
            checker: EventChecker {
                number,
                topic,
                class,
                tracker,
                sequences: Sequences::default(),
                received: 0,
                latency_sum: 0,
                latencies: 0,
                catch_up: None,
                end_announced: false,
            },
            attempt: Moment::default(),
            left: None,
            was_connected: false,
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
        self.checker.topic
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
        self.checker.end_announced = false;
        self.was_connected = true;
        if self.left.is_none() {
            recorder.counts.connected += 1;
            recorder.phases.head.record(now.since(began));
            if now >= recorder.facts.start && self.checker.received == 0 {
                // It connected too late for the first events, and is not expected to get them.
                self.checker.tracker = SequenceTracker::from_any_event(recorder.facts.publishers);
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
                self.checker.catch_up = Some(CatchUp::begin(began, now));
            }
        } else {
            self.checker.tracker.reconnected_without_id();
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
        let before = self.checker.received;
        let checker = &mut self.checker;
        let result = self.parser.feed(bytes, |event| checker.take(&event, read_time, recorder));
        let events = self.checker.received - before;
        if events > 0 && self.class == Class::Fast {
            if let Some(known_since) = read_time.known_since {
                recorder.reading_lag.record_many(read_time.now.since(known_since), events);
            }
            recorder.last_arrival = read_time.now;
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
        self.checker.end_announced
    }

    /// The stream has ended, from either side.
    pub(crate) fn closed(&mut self, now: Moment, recorder: &mut Recorder) {
        self.note_strangeness(recorder);
        self.parser.end();
        // What it still misses will come on the next stream.
        self.checker.catch_up = None;
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
        let publishers = published.awaited(self.checker.topic);
        let behind =
            |(publisher, count): (u16, &u64)| self.checker.tracker.behind(publisher, *count);
        (0..=u16::MAX).zip(publishers).map(behind).sum()
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
        if let Some(catch_up) = checker.catch_up.take() {
            catch_up.record(recorder);
        }
        recorder.class(checker.class).subscribers += 1;
        recorder.class(checker.class).received += checker.received;
        let expected_of = published.filter(|_| self.parses);
        if let Some(published) = published.filter(|_| self.was_connected) {
            let expected = published.counts(checker.topic).iter().sum::<u64>();
            recorder.class(checker.class).expected += expected;
        }
        match checker.class {
            // A subscriber that never connected is expected to get nothing.
            Class::Fast if !self.was_connected => {}
            Class::Fast => {
                if away {
                    // It cannot be notified: what it missed since it left is a loss of its own
                    // kind, and no gap in a stream.
                    checker.tracker.reconnected_without_id();
                    recorder.counts.away += u64::from(!checker.end_announced);
                }
                checker.finish(expected_of, recorder);
            }
            // It may be far behind at the end, which is what a slow reader is and no loss.
            Class::Slow => checker.finish(None, recorder),
            Class::Stopped | Class::Vanished => {}
        }
    }
}

impl EventChecker {
    /// Checks one event.
    fn take(&mut self, event: &Event<'_>, read_time: ReadTime, recorder: &mut Recorder) {
        let stamp = match payload::read(event.data) {
            Ok(stamp) if recorder.facts.any_run || stamp.run == recorder.facts.run => stamp,
            Ok(_) => return recorder.counts.foreign += 1,
            Err(NoStamp::Corrupted) => return self.corrupted(event, recorder),
            Err(NoStamp::Foreign) => return self.other(event, recorder),
        };
        self.received += 1;
        if self.class == Class::Fast {
            recorder.counts.received += 1;
        }
        if stamp.topic != self.topic && !recorder.facts.any_run {
            recorder.counts.verified += 1;
            recorder.counts.wrong_topic += 1;
            return recorder.record_finding("wrong topic", self.number, || {
                format!("asked for topic {}, got an event of topic {}", self.topic, stamp.topic)
            });
        }
        // The publishers of this loadgen are known; others are learnt from their events.
        let publisher = if recorder.facts.any_run {
            self.sequences.of(&stamp)
        } else {
            Some(u16::from(stamp.publisher))
        };
        let Some(publisher) = publisher else {
            recorder.counts.unverified += 1;
            return;
        };
        recorder.counts.verified += 1;
        self.follow_catch_up(&stamp, read_time, recorder);
        match self.tracker.arrive(publisher, stamp.sequence) {
            Arrival::Next | Arrival::AfterGap(_) => {}
            Arrival::OutOfOrder => {
                recorder.counts.reordered += 1;
                recorder.record_finding("reordered", self.number, || {
                    format!("{} came after a later one", name(&stamp))
                });
            }
            Arrival::Duplicate => {
                recorder.counts.duplicates += 1;
                return recorder.record_finding("duplicate", self.number, || {
                    format!("{} came again", name(&stamp))
                });
            }
        }
        if self.class == Class::Fast
            && let Some(latency) = recorder.latency(&stamp, read_time)
        {
            self.latency_sum = self.latency_sum.saturating_add(latency);
            self.latencies = self.latencies.saturating_add(1);
            if let Some(second) = recorder.second(read_time.now) {
                second.latency.record(latency);
            }
        }
    }

    fn follow_catch_up(&mut self, stamp: &Stamp, read_time: ReadTime, recorder: &mut Recorder) {
        if let Some(catch_up) = &mut self.catch_up
            && stamp.clock == recorder.facts.clock_id
            && catch_up.take(stamp.sent, read_time.now)
        {
            catch_up.record(recorder);
            self.catch_up = None;
        }
    }

    fn corrupted(&mut self, event: &Event<'_>, recorder: &mut Recorder) {
        self.received += 1;
        if self.class == Class::Fast {
            recorder.counts.received += 1;
        }
        self.tracker.damaged();
        recorder.counts.verified += 1;
        recorder.counts.corrupted += 1;
        recorder.record_finding("corrupted", self.number, || {
            let begin = &event.data[..event.data.len().min(100)];
            format!("{} bytes, begins {:?}", event.data.len(), String::from_utf8_lossy(begin))
        });
    }

    /// An event without a payload: the announcement of a loss, or one that loadgen did not publish.
    fn other(&mut self, event: &Event<'_>, recorder: &mut Recorder) {
        if !recorder.is_loss_event(event.kind) {
            if event.kind.starts_with(RESERVED) {
                self.end_announced |= event.kind == END;
                recorder.counts.notices += 1;
            } else if recorder.facts.any_run {
                // Without publishers of its own, loadgen takes every event as one that was meant.
                self.received += 1;
                recorder.counts.unverified += 1;
                if self.class == Class::Fast {
                    recorder.counts.received += 1;
                }
            } else {
                recorder.counts.foreign += 1;
            }
            return;
        }
        let missed =
            serde_json::from_slice::<GapNotice>(event.data).ok().and_then(|gap| gap.missed);
        recorder.counts.loss_notices += 1;
        self.tracker.announced(missed);
        if let Some(missed) = missed {
            let class = recorder.class(self.class);
            // A server can say any number.
            class.announced = class.announced.saturating_add(missed);
        }
    }

    fn finish(&mut self, published: Option<&Published>, recorder: &mut Recorder) {
        let publishers = published.map(|published| published.counts(self.topic));
        let unaccepted = published.map_or(&[][..], |published| published.unaccepted(self.topic));
        let losses = self.tracker.finish(publishers, unaccepted);
        if losses.silent > 0 {
            recorder.record_finding("gap", self.number, || {
                let first = self.tracker.first_gap().map(|(publisher, from, to)| {
                    let publisher = self.sequences.name(publisher);
                    format!("; the first gap is {from} to {} of publisher {publisher}", to - 1)
                });
                format!("{} events never came{}", losses.silent, first.unwrap_or_default())
            });
        }
        recorder.counts.silent += losses.silent;
        if self.class != Class::Fast {
            recorder.class(self.class).gaps += losses.silent;
            return;
        }
        recorder.counts.unique += self.tracker.unique;
        recorder.counts.announced += losses.announced;
        recorder.counts.unresumable += losses.unresumable;
        recorder.counts.lost += losses.total();
        if self.latencies > 0 {
            recorder.fairness.record(self.latency_sum / u64::from(self.latencies));
        }
    }
}

/// The data of an event that announces a loss.
#[derive(Deserialize)]
struct GapNotice {
    missed: Option<u64>,
}

fn name(stamp: &Stamp) -> String {
    format!("event {} of publisher {}", stamp.sequence, stamp.publisher)
}

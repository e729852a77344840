//! One subscriber: what it reads becomes events, and every event is judged. It knows neither sockets
//! nor HTTP: decoded bytes of a body go in, with the moment at which they were read, so that both
//! kinds of transport (and tests) share every rule.

mod published;
mod sequences;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::clock::Moment;
use crate::measure::{Ledger, Reading};
use crate::payload::{self, Stamp, Unreadable};
use crate::plan::{Class, Plan};
use crate::sse::{Event, Parser, TooLong};
use crate::verify::{Arrival, Progress};

pub(crate) use published::Published;

use sequences::Sequences;

/// How the types of events begin that Fanfare keeps for itself: notices to the reader, and none of the
/// events that somebody published.
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
    view: View,
    /// When the attempt began that the present stream came from.
    attempt: Moment,
    /// When the last stream ended; nothing while it has one, or before the first.
    left: Option<Moment>,
    has_been_there: bool,
    awaits_first_byte: bool,
    awaits_first_event: bool,
}

/// What it has seen.
#[derive(Debug)]
struct View {
    number: u32,
    topic: u32,
    class: Class,
    progress: Progress,
    sequences: Sequences,
    received: u64,
    latency_sum: u64,
    latencies: u32,
    /// The server has said that the topics of the stream have ended.
    told_of_the_end: bool,
}

impl Subscriber {
    pub(crate) fn new(number: u32, plan: &Plan) -> Self {
        let class = plan.class_of(number as usize);
        let lanes = plan.publishing.as_ref().map_or(1, |publishing| publishing.lanes);
        let progress = match plan.publishing {
            Some(_) => Progress::from_the_start(lanes),
            None => Progress::from_what_comes(lanes),
        };
        let parses = plan.verify.parses(number as usize);
        Self::of(number, plan.topic_of(number as usize), class, parses, progress)
    }

    fn of(number: u32, topic: u32, class: Class, parses: bool, progress: Progress) -> Self {
        Self {
            number,
            class,
            parses,
            parser: Parser::default(),
            view: View {
                number,
                topic,
                class,
                progress,
                sequences: Sequences::default(),
                received: 0,
                latency_sum: 0,
                latencies: 0,
                told_of_the_end: false,
            },
            attempt: Moment::default(),
            left: None,
            has_been_there: false,
            awaits_first_byte: false,
            awaits_first_event: true,
        }
    }

    /// One without a plan, of a run that published, or of one in which nobody did.
    pub(crate) fn alone(any_run: bool) -> Self {
        let progress =
            if any_run { Progress::from_what_comes(1) } else { Progress::from_the_start(1) };
        Self::of(0, 0, Class::Fast, true, progress)
    }

    pub(crate) fn topic(&self) -> u32 {
        self.view.topic
    }

    /// What to send as `Last-Event-ID`; empty means nothing.
    pub(crate) fn last_id(&self) -> &[u8] {
        self.parser.last_id()
    }

    /// The wait that the server asked for, in milliseconds.
    pub(crate) fn retry(&self) -> Option<u32> {
        self.parser.retry()
    }

    /// Whether it has had a stream before.
    pub(crate) fn comes_back(&self) -> bool {
        self.left.is_some()
    }

    /// An answer is there, of an attempt that began at this moment, which asked to go on after the
    /// last id or did not.
    pub(crate) fn opened(
        &mut self,
        began: Moment,
        resumes: bool,
        now: Moment,
        ledger: &mut Ledger,
    ) {
        self.attempt = began;
        self.awaits_first_byte = true;
        self.view.told_of_the_end = false;
        self.has_been_there = true;
        if self.left.is_none() {
            ledger.counts.connected += 1;
            ledger.phases.head.record(now.since(began));
            if now >= ledger.facts.start && self.view.received == 0 {
                // It comes too late for the first events, and nobody has promised them to it.
                self.view.progress = Progress::from_what_comes(ledger.facts.lanes);
            }
            return;
        }
        ledger.counts.reconnects += 1;
        ledger.phases.reconnect.record(now.since(began));
        if let Some(second) = ledger.second(now) {
            second.reconnects += 1;
        }
        if resumes {
            ledger.counts.resumed += 1;
        } else {
            self.view.progress.back_without_id();
        }
    }

    /// Decoded bytes of the stream have come.
    ///
    /// # Errors
    /// When a line never ends.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        reading: Reading,
        ledger: &mut Ledger,
    ) -> Result<(), TooLong> {
        if self.awaits_first_byte && !bytes.is_empty() {
            self.first_byte(reading.now, ledger);
        }
        let before = self.view.received;
        let view = &mut self.view;
        let result = self.parser.feed(bytes, |event| view.take(&event, reading, ledger));
        let events = self.view.received - before;
        if events > 0 && self.class == Class::Fast {
            if let Some(known_since) = reading.known_since {
                ledger.reading_lag.record_many(reading.now.since(known_since), events);
            }
            ledger.last_arrival = reading.now;
            if let Some(second) = ledger.second(reading.now) {
                second.received += events;
            }
            // Where events are published on a schedule, the first comes when the schedule begins.
            if self.awaits_first_event && ledger.facts.any_run {
                self.awaits_first_event = false;
                ledger.phases.first_event.record(reading.now.since(self.attempt));
            }
        }
        result
    }

    /// So many bytes behind the head came over the wire, chunk lengths included, read or only counted.
    pub(crate) fn count(&mut self, bytes: usize, now: Moment, ledger: &mut Ledger) {
        let bytes = bytes as u64;
        let kept = match (self.class, self.parses) {
            (Class::Fast, true) => &mut ledger.counts.parsed_bytes,
            (Class::Fast, false) => &mut ledger.counts.counted_bytes,
            _ => &mut ledger.counts.hindered_bytes,
        };
        *kept += bytes;
        if let Some(second) = ledger.second(now) {
            second.bytes += bytes;
        }
        if self.awaits_first_byte && !self.parses {
            self.first_byte(now, ledger);
        }
    }

    fn first_byte(&mut self, now: Moment, ledger: &mut Ledger) {
        self.awaits_first_byte = false;
        match self.left {
            Some(left) => ledger.phases.outage.record(now.since(left)),
            None => ledger.phases.first_byte.record(now.since(self.attempt)),
        }
    }

    /// Whether the server has said that there is nothing more to come.
    pub(crate) fn was_told_of_the_end(&self) -> bool {
        self.view.told_of_the_end
    }

    /// The stream has ended, whoever ended it.
    pub(crate) fn closed(&mut self, now: Moment, ledger: &mut Ledger) {
        self.note_strangeness(ledger);
        self.parser.end();
        self.left = Some(now);
    }

    fn note_strangeness(&self, ledger: &mut Ledger) {
        if self.parser.is_strange() {
            ledger.counts.strange_streams += 1;
            if ledger.counts.strange_streams > 1 {
                // They are all alike, and others' examples need the room.
                return;
            }
            ledger.find("strange stream", self.number, || {
                "no line of it is one of an event stream".to_owned()
            });
        }
    }

    /// Events that have been published for it and are not there yet, holes apart.
    pub(crate) fn behind(&self, published: &Published) -> u64 {
        let lanes = published.awaited(self.view.topic);
        let behind = |(lane, count): (u16, &u64)| self.view.progress.behind(lane, *count);
        (0..=u16::MAX).zip(lanes).map(behind).sum()
    }

    /// The end of the run: what is missing now is lost.
    pub(crate) fn settle(
        &mut self,
        published: Option<&Published>,
        away: bool,
        ledger: &mut Ledger,
    ) {
        self.note_strangeness(ledger);
        ledger.counts.comments += u64::from(self.parser.comments());
        let view = &mut self.view;
        ledger.class(view.class).subscribers += 1;
        ledger.class(view.class).received += view.received;
        let promised = published.filter(|_| self.parses);
        if let Some(published) = published.filter(|_| self.has_been_there) {
            let expected = published.lanes(view.topic).iter().sum::<u64>();
            ledger.class(view.class).expected += expected;
        }
        match view.class {
            // Whom the server never took on was promised nothing.
            Class::Fast if !self.has_been_there => {}
            Class::Fast => {
                if away {
                    // It is not there to be told: what it missed since it left is a loss of its own
                    // kind, and no gap in a stream.
                    view.progress.back_without_id();
                    ledger.counts.away += u64::from(!view.told_of_the_end);
                }
                view.settle(promised, ledger);
            }
            // It may be far behind at the end, which is its handicap and no loss.
            Class::Slow => view.settle(None, ledger),
            Class::Stopped | Class::Vanished => {}
        }
    }
}

impl View {
    /// Judges one event.
    fn take(&mut self, event: &Event<'_>, reading: Reading, ledger: &mut Ledger) {
        let stamp = match payload::read(event.data) {
            Ok(stamp) if ledger.facts.any_run || stamp.run == ledger.facts.run => stamp,
            Ok(_) => return ledger.counts.foreign += 1,
            Err(Unreadable::Corrupted) => return self.corrupted(event, ledger),
            Err(Unreadable::Foreign) => return self.other(event, ledger),
        };
        self.received += 1;
        if self.class == Class::Fast {
            ledger.counts.received += 1;
        }
        if stamp.topic != self.topic && !ledger.facts.any_run {
            ledger.counts.verified += 1;
            ledger.counts.wrong_topic += 1;
            return ledger.find("wrong topic", self.number, || {
                format!("asked for topic {}, got an event of topic {}", self.topic, stamp.topic)
            });
        }
        // Who publishes here knows its lanes; of others it is learnt which there are.
        let lane = if ledger.facts.any_run {
            self.sequences.of(&stamp)
        } else {
            Some(u16::from(stamp.lane))
        };
        let Some(lane) = lane else {
            ledger.counts.unverified += 1;
            return;
        };
        ledger.counts.verified += 1;
        match self.progress.arrive(lane, stamp.sequence) {
            Arrival::Next | Arrival::AfterHole(_) => {}
            Arrival::Late => {
                ledger.counts.reordered += 1;
                ledger.find("reordered", self.number, || {
                    format!("{} came after a later one", name(&stamp))
                });
            }
            Arrival::Again => {
                ledger.counts.duplicates += 1;
                return ledger
                    .find("duplicate", self.number, || format!("{} came again", name(&stamp)));
            }
        }
        if self.class == Class::Fast
            && let Some(latency) = ledger.latency(&stamp, reading)
        {
            self.latency_sum = self.latency_sum.saturating_add(latency);
            self.latencies = self.latencies.saturating_add(1);
            if let Some(second) = ledger.second(reading.now) {
                second.latency.record(latency);
            }
        }
    }

    fn corrupted(&mut self, event: &Event<'_>, ledger: &mut Ledger) {
        self.received += 1;
        if self.class == Class::Fast {
            ledger.counts.received += 1;
        }
        self.progress.damaged();
        ledger.counts.verified += 1;
        ledger.counts.corrupted += 1;
        ledger.find("corrupted", self.number, || {
            let begin = &event.data[..event.data.len().min(100)];
            format!("{} bytes, begins {:?}", event.data.len(), String::from_utf8_lossy(begin))
        });
    }

    /// An event without a payload: the announcement of a loss, or something that is none of ours.
    fn other(&mut self, event: &Event<'_>, ledger: &mut Ledger) {
        if !ledger.is_loss_event(event.kind) {
            if event.kind.starts_with(RESERVED) {
                self.told_of_the_end |= event.kind == END;
                ledger.counts.notices += 1;
            } else if ledger.facts.any_run {
                // Nobody publishes here: whatever comes is what was asked for.
                self.received += 1;
                ledger.counts.unverified += 1;
                if self.class == Class::Fast {
                    ledger.counts.received += 1;
                }
            } else {
                ledger.counts.foreign += 1;
            }
            return;
        }
        let missed = serde_json::from_slice::<Gap>(event.data).ok().and_then(|gap| gap.missed);
        ledger.counts.told += 1;
        self.progress.announced(missed);
        if let Some(missed) = missed {
            let class = ledger.class(self.class);
            // A server can say any number.
            class.announced = class.announced.saturating_add(missed);
        }
    }

    fn settle(&mut self, published: Option<&Published>, ledger: &mut Ledger) {
        let lanes = published.map(|published| published.lanes(self.topic));
        let excused = published.map_or(&[][..], |published| published.excused(self.topic));
        let losses = self.progress.settle(lanes, excused);
        if losses.silent > 0 {
            ledger.find("gap", self.number, || {
                let first = self.progress.first_hole().map(|(lane, from, to)| {
                    let publisher = self.sequences.name(lane);
                    format!("; the first hole is {from} to {} of publisher {publisher}", to - 1)
                });
                format!("{} events never came{}", losses.silent, first.unwrap_or_default())
            });
        }
        ledger.counts.silent += losses.silent;
        if self.class != Class::Fast {
            ledger.class(self.class).gaps += losses.silent;
            return;
        }
        ledger.counts.unique += self.progress.unique;
        ledger.counts.announced += losses.announced;
        ledger.counts.unresumable += losses.unresumable;
        ledger.counts.lost += losses.total();
        if self.latencies > 0 {
            ledger.fairness.record(self.latency_sum / u64::from(self.latencies));
        }
    }
}

/// The data of an event that announces a loss.
#[derive(Deserialize)]
struct Gap {
    missed: Option<u64>,
}

fn name(stamp: &Stamp) -> String {
    format!("event {} of publisher {}", stamp.sequence, stamp.lane)
}

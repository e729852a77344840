//! Checks what a subscriber receives: whether each event is one of the run and of its topic, came in order
//! and once, and how late; and in the end which never came.

use serde::Deserialize;

use super::catch_up::CatchUp;
use super::published::Published;
use super::sequences::Sequences;
use crate::measure::{ReadTime, Recorder};
use crate::payload::{self, NoStamp, Stamp};
use crate::plan::Class;
use crate::sse::Event;
use crate::verify::{Arrival, SequenceTracker};

/// How the types of events begin that Fanfare keeps for itself: notices to the reader, and none of
/// the events that were published.
const RESERVED: &[u8] = b"fanfare-";

/// The notice that the topics of a stream have ended, after which it is closed.
const END: &[u8] = b"fanfare-end";

/// Checks the events of one subscriber.
#[derive(Debug)]
pub(super) struct EventChecker {
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

impl EventChecker {
    pub(super) fn new(number: u32, topic: u32, class: Class, tracker: SequenceTracker) -> Self {
        Self {
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
        }
    }

    pub(super) fn topic(&self) -> u32 {
        self.topic
    }

    /// How many events it has received.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the server has announced that nothing more will come on this stream.
    pub(super) fn was_end_announced(&self) -> bool {
        self.end_announced
    }

    /// Another stream has begun.
    pub(super) fn stream_began(&mut self) {
        self.end_announced = false;
    }

    /// The first stream came too late for the first events, which are not expected then.
    pub(super) fn came_late(&mut self, publishers: usize) {
        self.tracker = self.tracker.begun_late(publishers);
    }

    /// The stream goes on where the last one ended.
    pub(super) fn resumed(&mut self, catch_up: CatchUp) {
        self.catch_up = Some(catch_up);
    }

    /// The stream does not go on where the last one ended.
    pub(super) fn did_not_resume(&mut self) {
        self.tracker.reconnected_without_id();
    }

    /// The stream has ended. What it still misses will come on the next one.
    pub(super) fn stream_ended(&mut self) {
        self.catch_up = None;
    }

    /// Of so many events of each publisher, those that have not arrived yet, without those in gaps.
    pub(super) fn behind(&self, counts: &[u64]) -> u64 {
        let behind = |(publisher, count): (u16, &u64)| self.tracker.behind(publisher, *count);
        (0..=u16::MAX).zip(counts).map(behind).sum()
    }

    /// The end of the run: how many there were, and whether it has caught up.
    pub(super) fn count_received(&mut self, recorder: &mut Recorder) {
        if let Some(catch_up) = self.catch_up.take() {
            catch_up.record(recorder);
        }
        recorder.class(self.class).subscribers += 1;
        recorder.class(self.class).received += self.received;
    }

    /// Checks one event.
    pub(super) fn take(&mut self, event: &Event<'_>, read_time: ReadTime, recorder: &mut Recorder) {
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
                // Whether its publisher was told that it was accepted is known at the end.
                recorder.counts.reordered += 1;
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

    /// The end of the run: what is missing now is lost.
    pub(super) fn finish(&mut self, published: Option<&Published>, recorder: &mut Recorder) {
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
        self.judge_late(unaccepted, recorder);
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

    /// An event that nobody was told is accepted may come at any time: its publisher has gone on.
    fn judge_late(&self, unaccepted: &[(u8, u64)], recorder: &mut Recorder) {
        for &(publisher, sequence) in self.tracker.late() {
            let is_it = |one: &(u8, u64)| (u16::from(one.0), one.1) == (publisher, sequence);
            if unaccepted.iter().any(is_it) {
                recorder.counts.reordered -= 1;
                recorder.counts.overtaken += 1;
                continue;
            }
            recorder.record_finding("reordered", self.number, || {
                let publisher = self.sequences.name(publisher);
                format!("event {sequence} of publisher {publisher} came after a later one")
            });
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

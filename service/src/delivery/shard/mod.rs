//! One delivery thread with its own subscribers.
//!
//! Everything that can wake it is one of three: the bell (the head of the log has moved, or there
//! is a notice), a deadline, or work that the last pass left over. A pass reads one page of the
//! log, matches each event once for each audience, and offers every level subscriber its audience's
//! frames as one piece. Whoever is not level (its sink was full, or it resumed) is served from the
//! log instead, from its own cursor, as soon as its sink takes bytes. Nothing is formatted in here,
//! and where nobody is slow nothing is allocated for a subscriber.

mod catch_up;
mod membership;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use mio::{Events, Poll, Token};
use slotmap::SlotMap;

use super::DeliverySettings;
use super::audience::{AudienceKey, Audiences};
use super::deadlines::{Deadlines, TICK, Tick};
use super::mailbox::{Mailbox, Notice};
use super::policy::{Lag, Verdict, judge};
use super::sink::Offer;
use super::subscriber::{Subscriber, SubscriberKey};
use crate::event::{Event, HEARTBEAT, Sequence};
use crate::log::{Log, PageLimit, ReadRange, Wanted};
use crate::metrics::{EndReason, ShardFigures};
use catch_up::JoinedPages;

const BELL: Token = Token(0);

/// The most of the log that one pass reads: enough for writes to grow when events come fast, and
/// so little that notices and deadlines are served in between. It is also the most that waits in
/// the slot of a slow reader.
const PASS: PageLimit = PageLimit { events_max: 1_024, bytes_max: 64 << 10 };

/// How long subscribers are caught up between two looks at the head: replays, above all those by
/// templates, must not keep those waiting who are level.
const CATCH_UP_TIME: Duration = Duration::from_millis(5);

/// A delivery thread, before and while it runs.
#[derive(Debug)]
pub(super) struct Shard {
    log: Arc<dyn Log>,
    settings: DeliverySettings,
    figures: Arc<ShardFigures>,
    mailbox: Arc<Mailbox>,
    poll: Poll,
    began: Instant,
    subscribers: SlotMap<SubscriberKey, Subscriber>,
    audiences: Audiences,
    deadlines: Deadlines<SubscriberKey>,
    /// Everything up to here has been matched.
    seen: Sequence,
    /// Not level, and their sinks take bytes.
    behind: VecDeque<SubscriberKey>,
    joined_pages: JoinedPages,
    joined_batches: JoinedBatches,
    draining: bool,
    stopped: bool,
    // Space that is used again in every pass.
    notices: Vec<Notice>,
    touched: Vec<AudienceKey>,
    leaving: Vec<(SubscriberKey, EndReason)>,
    due: Vec<SubscriberKey>,
}

impl Shard {
    pub(super) fn new(
        log: Arc<dyn Log>,
        settings: DeliverySettings,
        figures: Arc<ShardFigures>,
    ) -> io::Result<(Self, Arc<Mailbox>)> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(poll.registry(), BELL)?);
        let seen = log.extent().head;
        mailbox.set_seen(seen);
        let shard = Self {
            log,
            settings,
            figures,
            mailbox: Arc::clone(&mailbox),
            poll,
            began: Instant::now(),
            subscribers: SlotMap::with_key(),
            audiences: Audiences::new(),
            deadlines: Deadlines::new(),
            seen,
            behind: VecDeque::new(),
            joined_pages: JoinedPages::default(),
            joined_batches: JoinedBatches::default(),
            draining: false,
            stopped: false,
            notices: Vec::new(),
            touched: Vec::new(),
            leaving: Vec::new(),
            due: Vec::new(),
        };
        Ok((shard, mailbox))
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut more = false;
        while !self.stopped {
            let timeout = if more { Some(Duration::ZERO) } else { self.until_next_deadline() };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    tracing::error!(%error, "a shard cannot wait for events and ends");
                    return;
                }
                _ => {}
            }
            more = self.pass();
        }
    }

    /// Does everything that is due, up to the bounds of one pass; true when there is more.
    fn pass(&mut self) -> bool {
        // Deadlines first: they also tell what time it is for the rest of the pass.
        self.serve_deadlines();
        // Then notices: whoever joined is in its audience before the head is looked at again.
        let mut notices = std::mem::take(&mut self.notices);
        self.mailbox.take(&mut notices);
        for notice in notices.drain(..) {
            self.heed(notice);
        }
        self.notices = notices;
        let more_events = self.advance();
        let more_behind = self.catch_up();
        more_events || more_behind
    }

    fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::Join(joiner) => self.join(*joiner),
            Notice::Ready(key) => self.behind.push_back(key),
            Notice::Gone(key) => self.remove(key, EndReason::Client),
            Notice::Drain { window } => self.drain(window),
            Notice::Stop => self.stopped = true,
        }
    }

    /// Reads on and delivers; true when the log holds more.
    fn advance(&mut self) -> bool {
        let range = ReadRange { after: self.seen, through: Sequence(u64::MAX) };
        let page = self.log.read(range, Wanted::Everything, PASS);
        if page.passed {
            let oldest = page.events.first().map(|event| event.sequence());
            self.all_fell_behind(oldest.map_or(page.through, Sequence::previous));
        }
        if page.through == self.seen {
            return false;
        }
        let mut touched = std::mem::take(&mut self.touched);
        for event in &page.events {
            self.audiences.assign(event, &mut touched);
        }
        self.seen = page.through;
        self.joined_pages.clear();
        for key in touched.drain(..) {
            self.deliver(key);
        }
        self.touched = touched;
        self.joined_batches.clear();
        self.mailbox.set_seen(self.seen);
        page.events.len() == PASS.events_max || page.through < self.log.extent().head
    }

    /// The log no longer had what came next: nobody is level, whatever its cursor was.
    fn all_fell_behind(&mut self, lost: Sequence) {
        tracing::warn!(after = %self.seen, through = %lost, "the log has passed a shard");
        for audience in self.audiences.values_mut() {
            audience.last = lost;
        }
        self.behind.extend(self.subscribers.keys());
    }

    /// Hands an audience the frames that the pass has assigned to it.
    fn deliver(&mut self, key: AudienceKey) {
        let Some(audience) = self.audiences.get_mut(key) else { return };
        let batch = self.joined_batches.join(&audience.pending);
        let level_from = audience.last;
        audience.last = batch.last;
        audience.total.events += batch.events;
        audience.total.bytes += batch.frames.len() as u64;
        let total = audience.total;
        let ends = audience.pending.iter().any(|event| audience.ends_with(event));
        audience.pending.clear();

        let now = self.deadlines.now();
        let mut delivered = 0;
        for &member in &audience.members {
            let Some(subscriber) = self.subscribers.get_mut(member) else { continue };
            if subscriber.cursor < level_from || subscriber.cursor >= batch.first {
                // Behind already; or it joined in the middle of this pass and knows some of it.
                if subscriber.cursor >= batch.first {
                    subscriber.served = total;
                    self.behind.push_back(member);
                } else if let Some(reason) = lag_verdict(subscriber, total, &self.settings) {
                    self.leaving.push((member, reason));
                }
                continue;
            }
            match subscriber.sink.offer(&batch.frames) {
                Offer::Taken => {
                    subscriber.cursor = batch.last;
                    subscriber.served = total;
                    subscriber.replaying = false;
                    subscriber.last_sent = now;
                    delivered += 1;
                    if ends {
                        self.leaving.push((member, EndReason::Finished));
                    }
                }
                Offer::Full => {
                    // Nothing between its cursor and this batch was for it.
                    subscriber.cursor = batch.first.previous();
                    if let Some(reason) = lag_verdict(subscriber, total, &self.settings) {
                        self.leaving.push((member, reason));
                    }
                }
                Offer::Gone => self.leaving.push((member, EndReason::Client)),
            }
        }
        self.figures.delivered(delivered * batch.events, delivered * batch.frames.len() as u64);
        self.part_with_leaving();
    }

    fn serve_deadlines(&mut self) {
        let now = self.tick();
        let mut due = std::mem::take(&mut self.due);
        while self.deadlines.advance(now, &mut due) {
            for key in due.drain(..) {
                self.look_at(key);
            }
        }
        self.due = due;
    }

    /// Ends a subscriber whose time has come, or keeps its stream alive, and says when to look at
    /// it again.
    fn look_at(&mut self, key: SubscriberKey) {
        let now = self.deadlines.now();
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        if let Some((at, reason)) = subscriber.end
            && at <= now
        {
            self.remove(key, reason);
            return;
        }
        let heartbeat = ticks(self.settings.heartbeat);
        if heartbeat > 0 && now.saturating_sub(subscriber.last_sent) >= heartbeat {
            match subscriber.sink.offer(&HEARTBEAT) {
                Offer::Taken => {
                    subscriber.last_sent = now;
                    self.figures.heartbeat();
                }
                // Bytes are waiting to be read, so the stream is not silent.
                Offer::Full => subscriber.last_sent = now,
                Offer::Gone => {
                    self.remove(key, EndReason::Client);
                    return;
                }
            }
        }
        self.schedule(key);
    }

    fn schedule(&mut self, key: SubscriberKey) {
        let Some(subscriber) = self.subscribers.get(key) else { return };
        let heartbeat = ticks(self.settings.heartbeat);
        let silence = (heartbeat > 0).then(|| subscriber.last_sent.saturating_add(heartbeat));
        let end = subscriber.end.map(|(at, _)| at);
        if let Some(due) = silence.into_iter().chain(end).min() {
            self.deadlines.insert(key, due);
        }
    }

    fn tick(&self) -> Tick {
        let ticks = self.began.elapsed().as_millis() / TICK.as_millis();
        Tick::try_from(ticks).unwrap_or(Tick::MAX)
    }

    fn until_next_deadline(&self) -> Option<Duration> {
        let due = self.deadlines.now() + self.deadlines.next_in()?;
        Some((TICK * due).saturating_sub(self.began.elapsed()).max(Duration::from_millis(1)))
    }
}

/// Why a subscriber that is not level must go, if it must.
fn lag_verdict(
    subscriber: &Subscriber,
    total: Lag,
    settings: &DeliverySettings,
) -> Option<EndReason> {
    if subscriber.replaying {
        return None;
    }
    let lag = Lag {
        events: total.events.saturating_sub(subscriber.served.events),
        bytes: total.bytes.saturating_sub(subscriber.served.bytes),
    };
    (judge(lag, settings.lag) == Verdict::Disconnect).then_some(EndReason::Slow)
}

fn ticks(duration: Duration) -> Tick {
    let ticks = duration.as_millis().div_ceil(TICK.as_millis());
    Tick::try_from(ticks).unwrap_or(Tick::MAX)
}

/// Several events as one piece.
#[derive(Clone, Debug)]
struct Batch {
    frames: Bytes,
    events: u64,
    first: Sequence,
    last: Sequence,
}

impl Batch {
    /// One event is its frame, shared; several are joined, once for everybody who gets them.
    fn join(events: &[Arc<Event>]) -> Self {
        let frames = match events {
            [] => Bytes::new(),
            [event] => event.frame().clone(),
            several => {
                let bytes = several.iter().map(|event| event.frame().len()).sum();
                let mut joined = BytesMut::with_capacity(bytes);
                for event in several {
                    joined.extend_from_slice(event.frame());
                }
                joined.freeze()
            }
        };
        Self {
            frames,
            events: events.len() as u64,
            first: events.first().map_or(Sequence(0), |event| event.sequence()),
            last: events.last().map_or(Sequence(0), |event| event.sequence()),
        }
    }
}

/// The batches of one pass, by what is in them: audiences that differ in other ways often get the
/// same events, and then share the bytes.
#[derive(Debug, Default)]
struct JoinedBatches {
    batches: HashMap<Vec<Sequence>, Batch>,
}

impl JoinedBatches {
    fn join(&mut self, events: &[Arc<Event>]) -> Batch {
        // A single frame is shared as it is.
        if events.len() < 2 {
            return Batch::join(events);
        }
        let sequences = events.iter().map(|event| event.sequence()).collect();
        self.batches.entry(sequences).or_insert_with(|| Batch::join(events)).clone()
    }

    fn clear(&mut self) {
        self.batches.clear();
    }
}

impl Drop for Shard {
    /// Nobody is sent to a shard that has ended, however it ended.
    fn drop(&mut self) {
        self.mailbox.retire();
    }
}

#[cfg(test)]
mod tests;

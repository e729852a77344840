//! One delivery thread with its own subscribers.
//!
//! Everything that can wake it is one of four: the bell (the head of the log has moved, or there is
//! a notice), a socket, a deadline, or work that the last turn left over. A pass reads on in
//! the log, matches each event once for each audience, and offers every level subscriber its
//! audience's frames as one piece; it is cut into slices, a turn each. Whoever is not level (its
//! sink was full, or it resumed) is served from the log instead, from its own cursor, as soon as
//! its sink takes bytes. Nothing is formatted in here, and where nobody is slow nothing is
//! allocated for a subscriber.

mod catch_up;
mod membership;
mod pass;
mod skip;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event as SocketEvent;
use mio::{Events, Poll, Token};
use slotmap::SlotMap;

use super::DeliverySettings;
use super::audience::{Audience, Audiences};
use super::deadlines::{Deadlines, TICK, Tick};
use super::mailbox::{Mailbox, Notice};
use super::policy::{Verdict, judge};
use super::sink::{Finish, Heard, Offer};
use super::subscriber::{Subscriber, SubscriberKey, key_of};
use crate::event::{HEARTBEAT, Sequence};
use crate::hub::Follower;
use crate::log::{Log, PageLimit};
use crate::metrics::{COUNTING, EndReason, LagSample, ShardFigures};
use catch_up::JoinedPages;
use membership::Lingering;
use pass::Pass;

const BELL: Token = Token(0);

/// How many sockets are heard of at once.
const SOCKET_EVENTS: usize = 256;

/// How often lags are looked at.
const LAGS_EVERY: Tick = 10;

/// How long a stream that has ended may take to take its last bytes.
const LINGER: Tick = 20;

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
    /// Publishers wait for it.
    pub(super) follower: Option<Follower>,
    poll: Poll,
    began: Instant,
    subscribers: SlotMap<SubscriberKey, Subscriber>,
    audiences: Audiences,
    deadlines: Deadlines<SubscriberKey>,
    /// Everything up to here has been matched.
    seen: Sequence,
    /// Not level, and their sinks take bytes.
    behind: VecDeque<SubscriberKey>,
    /// Their sinks are full.
    blocked: HashSet<SubscriberKey>,
    joined_pages: JoinedPages,
    pass: Pass,
    /// Those whose streams have ended but for bytes that their sockets have yet to take.
    lingering: HashMap<SubscriberKey, Lingering>,
    lags_due: Tick,
    lags_shown: bool,
    draining: bool,
    stopped: bool,
    // Space that is used again in every pass.
    notices: Vec<Notice>,
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
            figures,
            mailbox: Arc::clone(&mailbox),
            follower: None,
            poll,
            began: Instant::now(),
            subscribers: SlotMap::with_key(),
            audiences: Audiences::new(settings.policies.clone()),
            settings,
            deadlines: Deadlines::new(),
            seen,
            behind: VecDeque::new(),
            blocked: HashSet::new(),
            joined_pages: JoinedPages::default(),
            pass: Pass::default(),
            lingering: HashMap::new(),
            lags_due: 0,
            lags_shown: false,
            draining: false,
            stopped: false,
            notices: Vec::new(),
            leaving: Vec::new(),
            due: Vec::new(),
        };
        Ok((shard, mailbox))
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(SOCKET_EVENTS);
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
            let woke = COUNTING.then(Instant::now);
            for event in &events {
                self.hear(event);
            }
            more = self.turn();
            if let Some(woke) = woke {
                self.figures.busy(woke.elapsed());
            }
        }
    }

    /// Something happened to a socket.
    fn hear(&mut self, event: &SocketEvent) {
        if event.token() == BELL {
            return;
        }
        let key = key_of(event.token());
        let Some(subscriber) = self.subscribers.get_mut(key) else {
            return self.linger_on(key);
        };
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match subscriber.sink.hear() {
                Heard::Nothing => {}
                Heard::Gone => return self.remove(key, EndReason::Client),
                Heard::Garbage => return self.remove(key, EndReason::Misbehaved),
            }
        }
        if event.is_writable() && subscriber.sink.unblock() {
            self.behind.push_back(key);
        }
    }

    /// Does everything that is due, up to the bounds of one slice; true when there is more.
    fn turn(&mut self) -> bool {
        // Deadlines first: they also tell what time it is for the rest of the turn.
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

    fn serve_deadlines(&mut self) {
        let now = self.tick();
        let mut due = std::mem::take(&mut self.due);
        while self.deadlines.advance(now, &mut due) {
            for key in due.drain(..) {
                self.look_at(key);
            }
        }
        self.due = due;
        if now >= self.lags_due {
            self.lags_due = now.saturating_add(LAGS_EVERY);
            self.sample_lags();
        }
    }

    /// Looks at how far behind those are whose sinks are full: rarely, and at nobody else.
    fn sample_lags(&mut self) {
        let mut sample = LagSample::default();
        for subscriber in self.blocked.iter().filter_map(|&key| self.subscribers.get(key)) {
            let audience = self.audiences.get(subscriber.audience);
            if let Some(audience) = audience.filter(|_| !subscriber.replaying) {
                let lag = subscriber.lag(audience.total);
                sample.add(lag.events, lag.bytes);
            }
        }
        self.figures.blocked(self.blocked.len());
        self.figures.lags(&sample);
        self.lags_shown = !self.blocked.is_empty();
    }

    /// Ends a subscriber whose time has come, or keeps its stream alive, and says when to look at
    /// it again.
    fn look_at(&mut self, key: SubscriberKey) {
        let now = self.deadlines.now();
        let Some(subscriber) = self.subscribers.get_mut(key) else {
            return self.end_lingering(key);
        };
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
                Offer::Full | Offer::Part(_) => subscriber.last_sent = now,
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
        // While somebody is blocked or shown as such, figures are to become true without events.
        let lags = (self.lags_shown || !self.blocked.is_empty()).then_some(self.lags_due);
        let next = self.deadlines.next_in().map(|ahead| self.deadlines.now() + ahead);
        let due = lags.into_iter().chain(next).min()?;
        Some((TICK * due).saturating_sub(self.began.elapsed()).max(Duration::from_millis(1)))
    }
}

/// Why a subscriber that is not level must go, if it must.
fn lag_verdict(
    subscriber: &Subscriber,
    audience: &Audience,
    settings: &DeliverySettings,
) -> Option<EndReason> {
    if subscriber.replaying || !subscriber.stalled {
        return None;
    }
    (judge(audience.policy, subscriber.lag(audience.total), settings.lag) == Verdict::Disconnect)
        .then_some(EndReason::Slow)
}

fn ticks(duration: Duration) -> Tick {
    let ticks = duration.as_millis().div_ceil(TICK.as_millis());
    Tick::try_from(ticks).unwrap_or(Tick::MAX)
}

impl Drop for Shard {
    /// Nobody is sent to a shard that has ended, however it ended. If nobody told it to, its streams
    /// are counted as ended, or they would be shown as open for ever.
    fn drop(&mut self) {
        self.mailbox.retire();
        if !self.stopped {
            self.figures.failed(self.subscribers.len());
        }
    }
}

#[cfg(test)]
mod tests;

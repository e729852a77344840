//! One delivery thread with its own subscribers.
//!
//! Everything that can wake it is one of four: its waker (the head of the log has moved, or there
//! is a notice), a socket, a deadline, or work that the last iteration left over. A pass reads on
//! in the log, matches each event once for each audience, and offers every subscriber that has
//! caught up its audience's frames as one segment; it is cut into slices, an iteration each. A
//! subscriber that has fallen behind (its sink was full, or it resumed) is served from the log
//! instead, from its own cursor, as soon as its sink takes bytes. Nothing is formatted in here, and
//! where no subscriber is slow nothing is allocated for one.
//!
//! An iteration takes 5 ms at most, whatever was subscribed or published: each of its parts has a
//! [`Budget`], stops when that is spent, and goes on in the next one.

mod catch_up;
mod counting;
mod deadline;
mod epoch;
mod gap_notice;
mod gather;
mod initial_replay;
mod joined_pages;
mod listing;
mod loading;
mod membership;
mod output_buffers;
mod pass;
mod pending_release;
mod selection;
mod skip;
mod skip_count;
mod skip_page;
mod topic_ends;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event as SocketEvent;
use mio::{Events, Poll, Token};
use slotmap::SlotMap;

use super::DeliverySettings;
use super::audience::{Audience, Audiences, Walk};
use super::backpressure::{Verdict, judge};
use super::budget::{self, Allowance, Budget};
use super::deadlines::{Deadlines, TICK, Tick};
use super::keys::{SubscriberKey, key_of};
use super::listing::CountRequest;
use super::mailbox::{Mailbox, Notice};
use super::sink::{Finish, PeerInput};
use super::subscriber::Subscriber;
use crate::event::{Block, Epoch, HubId, Sequence};
use crate::hub::Follower;
use crate::log::{Log, PageLimit};
use crate::memory::SplitMap;
use crate::metrics::{EndReason, LagSample, ShardStats};
use initial_replay::GoingReplay;
use joined_pages::JoinedPages;
use listing::Listing;
use loading::LoadingPages;
use membership::{Closing, Draining};
use output_buffers::{NextSearch, Search};
use pass::Pass;
use pending_release::PendingRelease;
use skip::Skipping;

const WAKER: Token = Token(0);

/// The most events of sockets in one iteration: all of them are handled before anything else, and
/// each may end a stream.
const SOCKET_EVENTS: usize = 64;

/// How long a stream that has ended may take to take its last bytes.
const CLOSE_TIMEOUT: Tick = 20;

/// For how many subscribers there is room in the table from the start: 7 MB, of which only what is
/// used takes memory. So large an allocation is a mapping of its own, and glibc makes it larger by
/// moving its pages (`mremap_chunk`), where a table that began small would be copied: 30 MB at a
/// quarter of a million. Subscribers that were allocated one by one cost more at each delivery:
/// 5.86 against 5.61 µs (P1, means of six runs in turn).
const SUBSCRIBERS_RESERVED: usize = 64 << 10;

/// The most of the log that one pass reads: enough for writes to grow when events come fast, and
/// so little that notices and deadlines are served in between. It is also the most that waits in
/// the slot of a slow reader.
const PASS: PageLimit = PageLimit { events_max: 1_024, bytes_max: 64 << 10 };

/// How long each part of an iteration may go on beginning something new; a slice of a pass twice as
/// long. Together with the events of sockets, and with what each part may still finish, they take
/// less than 5 ms.
const PART: Allowance = Allowance::Time(Duration::from_micros(500));

/// A delivery thread, before and while it runs.
#[derive(Debug)]
pub(super) struct Shard {
    log: Arc<dyn Log>,
    settings: DeliverySettings,
    stats: Arc<ShardStats>,
    mailbox: Arc<Mailbox>,
    /// How far this shard has come, for publishers that wait for it.
    pub(super) follower: Option<Follower>,
    poll: Poll,
    began: Instant,
    subscribers: SlotMap<SubscriberKey, Subscriber>,
    audiences: Audiences,
    deadlines: Deadlines<SubscriberKey>,
    /// The epoch of the log's ids.
    epoch: Epoch,
    /// Everything up to here has been matched.
    seen: Sequence,
    /// The place of a subscriber that has had everything up to there, where it is known.
    seen_id: Option<HubId>,
    /// The block that carries that place: made once for all subscribers.
    seen_block: Option<Block>,
    /// Events up to here were truncated before the shard had read them: a subscriber with an
    /// earlier cursor has fallen behind.
    lost: Sequence,
    /// Subscribers that may have fallen behind, and whose sinks may take bytes.
    behind: VecDeque<SubscriberKey>,
    /// Subscribers whose sinks are full.
    blocked: SplitMap<SubscriberKey, ()>,
    joined_pages: JoinedPages,
    loading: LoadingPages,
    pass: Pass,
    /// Streams that have ended but for bytes that have yet to leave.
    closing: SplitMap<SubscriberKey, Closing>,
    /// Events left out for subscribers, which have yet to be announced to them.
    skipping: SplitMap<SubscriberKey, Skipping>,
    /// Of subscribers that have yet to be served like others.
    initial_replays: SplitMap<SubscriberKey, Box<GoingReplay>>,
    lags_due: Tick,
    lags_shown: bool,
    /// For streams to end, while more is held beyond the log than may be.
    search: Option<Search>,
    next_search: NextSearch,
    pending_release: PendingRelease,
    draining: Option<Draining>,
    /// For somebody who looks at the streams.
    listing: Option<Box<Listing>>,
    /// How many subscribers topics have, if somebody is being told.
    counting: Option<Box<CountRequest>>,
    /// Over the subscribers that fell behind because the log had passed the shard.
    overrun_walk: Option<Walk>,
    /// Over the streams that end because the log has begun a new epoch.
    epoch_walk: Option<Walk>,
    stopped: bool,
    /// Notices that have been taken and not yet handled.
    notices: VecDeque<Notice>,
    /// What each part of an iteration may do.
    allowance: Allowance,
    // Space that is used again in every pass.
    leaving: Vec<(SubscriberKey, EndReason)>,
    due: Vec<SubscriberKey>,
}

impl Shard {
    pub(super) fn new(
        log: Arc<dyn Log>,
        settings: DeliverySettings,
        stats: Arc<ShardStats>,
    ) -> io::Result<(Self, Arc<Mailbox>)> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(poll.registry(), WAKER)?);
        let bounds = log.bounds();
        let seen = bounds.head;
        mailbox.set_seen(seen);
        let pass = Pass::counted_in(log.buffers().clone());
        let pending_release = PendingRelease::new(log.buffers().clone());
        let shard = Self {
            log,
            stats,
            mailbox: Arc::clone(&mailbox),
            follower: None,
            poll,
            began: Instant::now(),
            subscribers: SlotMap::with_capacity_and_key(SUBSCRIBERS_RESERVED),
            audiences: Audiences::new(settings.policies.clone()),
            settings,
            deadlines: Deadlines::new(),
            epoch: bounds.epoch,
            seen,
            seen_id: Some(bounds.head_id()),
            seen_block: None,
            lost: Sequence(0),
            behind: VecDeque::new(),
            blocked: SplitMap::default(),
            joined_pages: JoinedPages::default(),
            loading: LoadingPages::default(),
            pass,
            closing: SplitMap::default(),
            skipping: SplitMap::default(),
            initial_replays: SplitMap::default(),
            lags_due: 0,
            lags_shown: false,
            search: None,
            next_search: NextSearch::default(),
            pending_release,
            draining: None,
            listing: None,
            counting: None,
            overrun_walk: None,
            epoch_walk: None,
            stopped: false,
            notices: VecDeque::new(),
            allowance: PART,
            leaving: Vec::new(),
            due: Vec::new(),
        };
        Ok((shard, mailbox))
    }

    /// Serves until it is stopped, or cannot wait for events any more.
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
            let iteration = self.stats.begin_iteration();
            for event in &events {
                self.on_socket_event(event);
            }
            more = self.iterate();
            self.stats.end_iteration(iteration);
        }
    }

    /// Something happened to a socket. A stream whose client has gone is removed later, within a
    /// budget: one with a thousand topics takes a while, and here are many at once.
    fn on_socket_event(&mut self, event: &SocketEvent) {
        if event.token() == WAKER {
            return;
        }
        let key = key_of(event.token());
        let Some(subscriber) = self.subscribers.get_mut(key) else {
            return self.continue_close(key);
        };
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match subscriber.sink().poll_input() {
                PeerInput::Nothing => {}
                PeerInput::Gone => return self.leaving.push((key, EndReason::Client)),
                PeerInput::Garbage => return self.leaving.push((key, EndReason::Misbehaved)),
            }
        }
        if event.is_writable() && subscriber.sink().unblock() {
            self.behind.push_back(key);
        }
    }

    /// Does everything that is due, up to the bounds of one slice; true when there is more.
    fn iterate(&mut self) -> bool {
        // Deadlines first: they also set the time for the rest of the iteration.
        let more_deadlines = self.serve_deadlines();
        if self.epoch_walk.is_some() {
            self.end_epoch(self.budget());
            return true;
        }
        // Then notices: a new subscriber is in its audience before the head is looked at again.
        let more_notices = self.serve_notices();
        let more_to_end = self.enforce_output_buffer_limit();
        let more_events = self.advance();
        let more_behind = self.catch_up();
        let more_to_list = self.continue_listing() | self.continue_counting();
        // Either may have begun after the notices, which go on with it.
        let more_walks = self.overrun_walk.is_some() || self.epoch_walk.is_some();
        more_deadlines
            || more_notices
            || more_to_end
            || more_events
            || more_behind
            || more_walks
            || more_to_list
    }

    fn budget(&self) -> Budget {
        Budget::new(self.allowance)
    }

    /// The id of a position, if it counts in the shard's epoch.
    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.log.id_at(sequence).filter(|id| id.epoch == self.epoch)
    }

    /// Says how far it has come.
    fn publish_seen(&self) {
        self.mailbox.set_seen(self.seen);
        if let Some(follower) = &self.follower {
            follower.set_seen(self.seen);
        }
    }

    /// Everything up to here has been matched.
    fn set_seen(&mut self, seen: Sequence, id: Option<HubId>) {
        self.seen = seen;
        self.seen_id = id;
        self.seen_block = None;
    }

    /// Whether there was more than there was time for.
    fn serve_notices(&mut self) -> bool {
        let mut budget = self.budget();
        // None joins while all streams are about to end.
        while budget.is_left() && self.epoch_walk.is_none() {
            let Some(notice) = self.notices.pop_front() else {
                self.mailbox.take(&mut self.notices);
                if self.notices.is_empty() {
                    return self.continue_drain(&mut budget) || self.continue_overrun(&mut budget);
                }
                continue;
            };
            budget.spend(notice_steps(&notice));
            self.handle(notice);
        }
        true
    }

    fn handle(&mut self, notice: Notice) {
        match notice {
            Notice::Join(new_subscriber) => self.join(*new_subscriber),
            Notice::Ready(key) => self.behind.push_back(key),
            Notice::Gone(key) => self.remove(key, EndReason::Client),
            Notice::Loaded(part) => self.loading.has_loaded(part),
            Notice::Epoch => self.leave_epoch(),
            Notice::List(request) => self.begin_listing(*request),
            Notice::Count(request) => self.begin_counting(*request),
            Notice::End { key, ended } => {
                let was = self.listed(0, key);
                self.remove(key, EndReason::Operator);
                // Whoever asked may have gone; it is ended nevertheless.
                let _ = ended.send(was);
            }
            Notice::Drain { window } => self.drain(window),
            Notice::Stop => self.stopped = true,
        }
    }

    fn tick(&self) -> Tick {
        let ticks = self.began.elapsed().as_millis() / TICK.as_millis();
        Tick::try_from(ticks).unwrap_or(Tick::MAX)
    }

    fn until_next_deadline(&self) -> Option<Duration> {
        // While subscribers are blocked, or shown as blocked, the stats are brought up to date even
        // without events.
        let lags = (self.lags_shown || !self.blocked.is_empty()).then_some(self.lags_due);
        let next = self.deadlines.next_in().map(|ahead| self.deadlines.now() + ahead);
        let due = lags.into_iter().chain(next).chain(self.next_search()).min()?;
        Some((TICK * due).saturating_sub(self.began.elapsed()).max(Duration::from_millis(1)))
    }
}

fn notice_steps(notice: &Notice) -> usize {
    match notice {
        // A new subscriber is sent its opening; one that has gone is closed.
        Notice::Join(_) | Notice::Gone(_) | Notice::End { .. } => 2 * budget::WRITE,
        Notice::Ready(_)
        | Notice::Loaded(_)
        | Notice::Epoch
        | Notice::List(_)
        | Notice::Count(_)
        | Notice::Drain { .. }
        | Notice::Stop => budget::LOOK,
    }
}

/// Why a subscriber that has fallen behind must be ended, if it must.
fn lag_verdict(
    subscriber: &Subscriber,
    audience: &Audience,
    settings: &DeliverySettings,
) -> Option<EndReason> {
    if subscriber.is_replaying() || !subscriber.is_stalled() {
        return None;
    }
    (judge(audience.policy, subscriber.lag(audience.total_seen()), settings.lag)
        == Verdict::Disconnect)
        .then_some(EndReason::Slow)
}

fn ticks(duration: Duration) -> Tick {
    let ticks = duration.as_millis().div_ceil(TICK.as_millis());
    Tick::try_from(ticks).unwrap_or(Tick::MAX)
}

impl Drop for Shard {
    /// No subscriber is sent to a shard that has ended, however it ended. If it was not stopped,
    /// its streams are counted as failed, or they would be shown as open for ever.
    fn drop(&mut self) {
        self.mailbox.retire();
        if !self.stopped {
            self.stats.failed(self.subscribers.len());
        }
    }
}

#[cfg(test)]
mod tests;

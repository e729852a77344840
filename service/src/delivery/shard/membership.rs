//! How subscribers join a shard and leave it, one at a time or all together in a drain.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::RngExt as _;

use super::super::NewSubscriber;
use super::super::audience::Walk;
use super::super::backpressure::{BackpressurePolicy, Lag};
use super::super::budget::{self, Budget};
use super::super::deadlines::{TICK, Tick};
use super::super::keys::SubscriberKey;
use super::super::sink::{Offer, Sink};
use super::super::subscriber::{InitialState, Subscriber};
use super::initial_replay::GoingReplay;
use super::{CLOSE_TIMEOUT, Finish, Shard, ticks};
use crate::event::retry_frame;
use crate::logging::log_limited;
use crate::metrics::EndReason;

/// A stream that has ended but for bytes that have yet to leave: its socket, or the connection that
/// carries it, has not taken them.
#[derive(Debug)]
pub(super) struct Closing {
    sink: Box<dyn Sink>,
    until: Tick,
}

impl Closing {
    pub(super) fn into_sink(self) -> Box<dyn Sink> {
        self.sink
    }
}

impl Shard {
    pub(super) fn join(&mut self, new_subscriber: NewSubscriber) {
        let NewSubscriber { subscription, sink } = new_subscriber;
        let now = self.deadlines.now();
        let epoch = subscription.head.epoch;
        let audience = self.audiences.enter(subscription.selectors, subscription.grants, self.seen);
        let end = self.end_of(subscription.expires, now);
        let last_sent = self.spread(now);
        let Some(terms) = self.audiences.get_mut(audience) else { return };
        if epoch == self.epoch {
            for (topic, by) in subscription.ended.topics() {
                terms.note_end(topic, *by);
            }
        }
        let previous_last = terms.last.max(self.lost);
        let (member_index, served) = (terms.members.len(), terms.total);
        let has_initial_replay = subscription.initial_replay.is_some();
        let replaying = has_initial_replay || subscription.cursor < previous_last;
        let beginning = InitialState {
            audience,
            member_index,
            cursor: subscription.cursor,
            last_id: subscription.last_id,
            served,
            is_replaying: replaying,
            has_initial_replay,
            joined: now,
            last_sent,
            end,
            interest: subscription.interest,
            announced: subscription.announced,
        };
        let subscriber = Subscriber::new(sink, beginning);
        let key = self.subscribers.insert(subscriber);
        if let Some(first) = subscription.initial_replay {
            self.initial_replays.insert(key, Box::new(GoingReplay::from(*first)));
        }
        terms.members.push(key);
        self.stats.joined();
        if let Err(error) = self.subscribers[key].sink().attach(key, self.poll.registry()) {
            log_limited!(WARN, %error, "cannot watch a socket; raise fs.epoll.max_user_watches");
            self.remove(key, EndReason::Failed);
            return;
        }
        if self.draining.is_some() {
            self.remove(key, EndReason::Drain);
            return;
        }
        if epoch != self.epoch {
            // A new one began after its place was found, or the shard has yet to hear of it.
            self.remove(key, EndReason::Epoch);
            return;
        }
        if self.has_no_more_behind(audience, subscription.cursor) {
            self.remove(key, EndReason::Finished);
            return;
        }
        if replaying {
            self.behind.push_back(key);
        } else if self.subscribers[key].sink().readiness() == Offer::Closed {
            // Its reader left before the sink had a key with which to notify the shard.
            self.remove(key, EndReason::Client);
            return;
        }
        self.schedule(key);
    }

    /// When a subscriber that joins counts as having been handed bytes: the first look at it is
    /// spread over a heartbeat, so that subscribers that joined together are not sent their
    /// heartbeats together for ever after.
    fn spread(&self, now: Tick) -> Tick {
        let heartbeat = ticks(self.settings.heartbeat);
        if heartbeat <= 1 {
            return now;
        }
        now.saturating_sub(rand::random_range(0..heartbeat.div_ceil(4)))
    }

    /// When a subscriber that joins ends whatever comes, and why.
    fn end_of(&self, expires: Option<Instant>, now: Tick) -> Option<(Tick, EndReason)> {
        // Rounded down: a stream ends no later than its token.
        let until_expiry = |at: Instant| {
            let left = at.saturating_duration_since(Instant::now());
            Tick::try_from(left.as_millis() / TICK.as_millis()).unwrap_or(Tick::MAX)
        };
        let expiry = expires.map(|at| (now.saturating_add(until_expiry(at)), EndReason::Expired));
        let age = self.end_by_age(now);
        expiry.into_iter().chain(age).min_by_key(|(at, _)| *at)
    }

    fn end_by_age(&self, now: Tick) -> Option<(Tick, EndReason)> {
        let age = ticks(self.settings.age_max);
        if age == 0 {
            return None;
        }
        let fifth = age / 5;
        let jittered = age - fifth + rand::random_range(0..=fifth.saturating_mul(2));
        Some((now.saturating_add(jittered), EndReason::Age))
    }

    /// Ends the streams that events of sockets and walks over members found to be at their end.
    pub(super) fn part_with_leaving(&mut self, budget: &mut Budget) {
        while budget.is_left()
            && let Some((key, reason)) = self.leaving.pop()
        {
            self.remove(key, reason);
            budget.spend(2 * budget::WRITE);
        }
    }

    /// Ends a stream, in the way that its reason asks for, and forgets it.
    pub(super) fn remove(&mut self, key: SubscriberKey, reason: EndReason) {
        let Some(mut subscriber) = self.subscribers.remove(key) else { return };
        self.blocked.remove(&key);
        self.skipping.remove(&key);
        self.initial_replays.remove(&key);
        self.joined_pages.forget(subscriber.audience(), subscriber.cursor());
        self.stats.left(reason);
        self.mailbox.left();
        self.leave_audience(&subscriber, reason);
        // Behind everything else: its client is told, and may look, or come again, at once.
        if self.tell_end(&mut subscriber, reason) == Finish::Pending {
            let until = self.deadlines.now().saturating_add(CLOSE_TIMEOUT);
            self.closing.insert(key, Closing { sink: subscriber.into_sink(), until });
            self.deadlines.insert(key, until);
        } else if reason == EndReason::OutputBuffers {
            self.pending_release.add(subscriber.into_sink());
        }
    }

    /// Ends what carries a stream, in the way that its reason asks for: its client learns of it.
    fn tell_end(&self, subscriber: &mut Subscriber, reason: EndReason) -> Finish {
        let retry_hint = retry_frame(jittered_ms(&self.settings.retry_ms));
        match reason {
            EndReason::Client | EndReason::Failed | EndReason::Misbehaved => Finish::Done,
            EndReason::Slow | EndReason::OutputBuffers => {
                subscriber.sink().abort(&retry_hint);
                Finish::Done
            }
            EndReason::Finished => subscriber.sink().finish(&Bytes::new()),
            EndReason::Overrun
            | EndReason::Epoch
            | EndReason::Age
            | EndReason::Expired
            | EndReason::Operator
            | EndReason::Drain => subscriber.sink().finish(&retry_hint),
        }
    }

    fn leave_audience(&mut self, subscriber: &Subscriber, reason: EndReason) {
        let Some(audience) = self.audiences.get_mut(subscriber.audience()) else { return };
        warn_of(reason, audience.policy, subscriber.lag(audience.total_seen()));
        audience.members.swap_remove(subscriber.member_index());
        if let Some(&moved) = audience.members.get(subscriber.member_index()) {
            self.subscribers[moved].moved_to(subscriber.member_index());
            if self.pass.is_going_on() {
                // The walk may have passed its new place already, and not its old one.
                self.behind.push_back(moved);
            }
        }
        if audience.members.is_empty() {
            self.audiences.leave(subscriber.audience());
        }
    }

    /// Goes on with the last bytes of a stream that has ended.
    pub(super) fn continue_close(&mut self, key: SubscriberKey) {
        if let Some(Closing { sink, .. }) = self.closing.get_mut(&key) {
            sink.unblock();
            if sink.continue_close() == Finish::Done {
                self.closing.remove(&key);
            }
        }
    }

    /// Drops a stream that has had its time for the last bytes. It may be looked at earlier, for a
    /// heartbeat that it no longer needs. One that hyper polls is kept for as long as it holds
    /// something, so that it can be ended for that.
    pub(super) fn end_closing(&mut self, key: SubscriberKey) {
        let now = self.deadlines.now();
        let Some(closing) = self.closing.get_mut(&key) else { return };
        if closing.until > now {
            return;
        }
        if closing.sink.is_polled() && closing.sink.continue_close() == Finish::Pending {
            closing.until = now.saturating_add(CLOSE_TIMEOUT);
            self.deadlines.insert(key, closing.until);
        } else {
            self.closing.remove(&key);
        }
    }

    /// Gives every stream its moment within the window, evenly spread.
    pub(super) fn drain(&mut self, window: Duration) {
        self.draining = Some(Draining {
            began: self.deadlines.now(),
            window: ticks(window),
            count: self.subscribers.len() as u64,
            given: 0,
            walk: self.audiences.walk(),
        });
    }

    /// Goes on giving streams their moments; true when there are more.
    pub(super) fn continue_drain(&mut self, budget: &mut Budget) -> bool {
        while budget.is_left() {
            let Some(draining) = &mut self.draining else { return false };
            let Some(key) = self.audiences.next_member(&mut draining.walk) else { return false };
            if let Some(subscriber) = self.subscribers.get_mut(key)
                && !matches!(subscriber.end(), Some((_, EndReason::Drain)))
            {
                subscriber.ends_by(draining.next_moment(), EndReason::Drain);
                self.schedule(key);
            }
            budget.spend(budget::LOOK);
        }
        true
    }
}

/// A drain: when each stream has its moment.
#[derive(Debug)]
pub(super) struct Draining {
    began: Tick,
    window: Tick,
    /// How many streams there were, and how many have their moment.
    count: u64,
    given: u64,
    walk: Walk,
}

impl Draining {
    fn next_moment(&mut self) -> Tick {
        let offset = u64::from(self.window) * self.given / self.count.max(1);
        self.given += 1;
        self.began.saturating_add(Tick::try_from(offset).unwrap_or(Tick::MAX))
    }
}

/// Logs that a slow reader was disconnected: its client sees only that the stream ended.
fn warn_of(reason: EndReason, policy: BackpressurePolicy, lag: Lag) {
    let Lag { events, bytes } = lag;
    match reason {
        EndReason::Slow => log_limited!(
            WARN,
            %policy,
            events,
            bytes,
            "a slow reader was disconnected, and is replayed when it comes back; --lag-events and --lag-bytes say how far one may be behind, and --policy what happens then"
        ),
        EndReason::OutputBuffers => log_limited!(
            WARN,
            %policy,
            events,
            bytes,
            "a slow reader was disconnected because slow readers held more than --output-buffers-max of events that the log no longer has; raise it, or let the log retain more"
        ),
        EndReason::Overrun => log_limited!(
            WARN,
            %policy,
            events,
            bytes,
            "a slow reader was disconnected because the log has passed it, and is told of its gap when it comes back; --retain-events, --retain-bytes and --retain-age retain more"
        ),
        _ => {}
    }
}

fn jittered_ms(range: &RangeInclusive<u32>) -> u32 {
    rand::rng().random_range(range.clone())
}

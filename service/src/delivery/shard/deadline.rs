//! What is due at a time: the ends of streams, heartbeats, and a look at how far behind the slow
//! readers are.
//!
//! A heartbeat of a subscriber that has caught up gives its client a place: the id of the last
//! event that the shard has seen. So a client of a quiet topic can resume although the log has long
//! moved on; without, it would come back with an id that is not retained any more, and get a gap
//! notice although nothing is missing. A heartbeat must never give a place that the stream has not
//! reached, for what lies between would be lost; and an id that a publisher made stays as long as
//! it is retained, because another server that is fed the same events knows that id, and not ours.

use super::super::budget;
use super::super::keys::SubscriberKey;
use super::super::sink::Offer;
use super::super::subscriber::Subscriber;
use super::{Block, EndReason, LagSample, Shard, Tick, ticks};
use crate::event::Sequence;

/// How often lags are looked at.
const LAGS_EVERY: Tick = 10;

/// How many blocked subscribers are looked at for that: where there are more, some of them stand
/// for all.
const LAGS_MAX: usize = 4 << 10;

impl Shard {
    /// Whether there was more than there was time for.
    pub(super) fn serve_deadlines(&mut self) -> bool {
        let now = self.tick();
        let mut budget = self.budget();
        while budget.is_left() {
            let Some(key) = self.due.pop() else {
                if self.deadlines.advance(now, &mut self.due) {
                    continue;
                }
                if now >= self.lags_due {
                    self.lags_due = now.saturating_add(LAGS_EVERY);
                    self.sample_lags();
                }
                return false;
            };
            budget.spend(budget::WRITE);
            self.on_deadline(key);
        }
        true
    }

    /// Samples how far the subscribers whose sinks are full have fallen behind: once a second, and
    /// no others.
    fn sample_lags(&mut self) {
        let mut sample = LagSample::default();
        let blocked = self.blocked.keys().take(LAGS_MAX);
        for subscriber in blocked.filter_map(|&key| self.subscribers.get(key)) {
            let audience = self.audiences.get(subscriber.audience());
            if let Some(audience) = audience.filter(|_| !subscriber.is_replaying()) {
                let lag = subscriber.lag(audience.total_seen());
                sample.add(lag.events, lag.bytes);
            }
        }
        self.stats.blocked(self.blocked.len());
        self.stats.lags(&sample);
        self.stats.match_cache(self.audiences.match_cache_bytes());
        self.lags_shown = !self.blocked.is_empty();
    }

    /// Ends a subscriber whose time has come, or keeps its stream alive, and says when to look at
    /// it again.
    pub(super) fn on_deadline(&mut self, key: SubscriberKey) {
        let now = self.deadlines.now();
        let Some(subscriber) = self.subscribers.get(key) else {
            return self.end_closing(key);
        };
        if let Some((at, reason)) = subscriber.end()
            && at <= now
        {
            self.remove(key, reason);
            return;
        }
        let heartbeat = ticks(self.settings.heartbeat);
        if heartbeat > 0 && now.saturating_sub(subscriber.last_sent()) >= heartbeat {
            match self.heartbeat(key) {
                // If it is full, bytes are waiting to be read, and the stream is not silent.
                Offer::Taken | Offer::Full => {}
                Offer::Closed => return self.remove(key, EndReason::Client),
            }
        }
        self.schedule(key);
    }

    fn heartbeat(&mut self, key: SubscriberKey) -> Offer {
        let now = self.deadlines.now();
        let place = self.new_place_of(key);
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Offer::Closed };
        let offer = subscriber.sink().offer(place.as_ref().unwrap_or(&Block::HEARTBEAT));
        let announced = place.filter(|_| offer == Offer::Taken).map(|_| self.seen);
        subscriber.heartbeat_sent(announced, now);
        if offer == Offer::Taken {
            self.stats.heartbeat();
        }
        offer
    }

    /// The place of a subscriber that has caught up, if its client is to be sent a new one.
    fn new_place_of(&mut self, key: SubscriberKey) -> Option<Block> {
        let subscriber = self.subscribers.get(key)?;
        if !self.is_at_head(key, subscriber) || self.keeps_its_id(subscriber) {
            return None;
        }
        let id = self.seen_id?;
        let block = self.seen_block.get_or_insert_with(|| Block::id(id));
        Some(block.clone())
    }

    /// Whether it has had everything that the shard has seen, and the shard has seen everything
    /// that it has had.
    fn is_at_head(&self, key: SubscriberKey, subscriber: &Subscriber) -> bool {
        let audience = self.audiences.get(subscriber.audience());
        !subscriber.is_replaying()
            && !subscriber.is_conflating()
            && subscriber.cursor() >= self.lost
            && subscriber.cursor() <= self.seen
            && audience.is_some_and(|audience| audience.has_no_more_after(subscriber.cursor()))
            && !self.skipping.contains_key(&key)
    }

    /// Whether the id that its client holds is as good as the place, or better.
    fn keeps_its_id(&self, subscriber: &Subscriber) -> bool {
        let last = subscriber.last_id();
        last.sequence >= self.seen || (last.by_publisher && self.is_retained(last.sequence))
    }

    pub(super) fn is_retained(&self, sequence: Sequence) -> bool {
        sequence >= self.log.bounds().oldest
    }

    pub(super) fn schedule(&mut self, key: SubscriberKey) {
        let Some(subscriber) = self.subscribers.get(key) else { return };
        let heartbeat = ticks(self.settings.heartbeat);
        let silence = (heartbeat > 0).then(|| subscriber.last_sent().saturating_add(heartbeat));
        let end = subscriber.end().map(|(at, _)| at);
        if let Some(due) = silence.into_iter().chain(end).min() {
            self.deadlines.insert(key, due);
        }
    }
}

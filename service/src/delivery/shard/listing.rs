//! Saying which streams there are, to somebody who looks.
//!
//! It is done in parts, within the budget of an iteration, as everything is that grows with the number
//! of streams; what is remembered of them meanwhile grows with what was asked for alone.

use std::cmp::Reverse;

use super::super::audience::Walk;
use super::super::budget::{self, Budget};
use super::super::deadlines::{TICK, Tick};
use super::super::keys::SubscriberKey;
use super::super::listing::{
    ListRequest, ListedStream, SELECTORS_SHOWN, ShardOrder, ShardStreams, Slowness, StreamProgress,
    shown,
};
use super::super::stream_id::StreamId;
use super::Shard;

/// An answer that is being made.
#[derive(Debug)]
pub(super) struct Listing {
    request: ListRequest,
    walk: Walk,
    /// Whether all of them have been met; then they are in order, the slowest at the end.
    is_sorted: bool,
}

impl Listing {
    /// Remembers a stream, and forgets the least slow ones where there are too many.
    fn met(&mut self, slowness: Slowness, key: SubscriberKey) {
        let limit = self.request.limit.max(1);
        self.request.slowest.push((slowness, key));
        if self.request.slowest.len() >= 2 * limit {
            self.request
                .slowest
                .select_nth_unstable_by_key(limit, |(slowness, _)| Reverse(*slowness));
            self.request.slowest.truncate(limit);
        }
    }

    fn sort(&mut self) {
        self.request.slowest.sort_unstable_by_key(|(slowness, _)| Reverse(*slowness));
        self.request.slowest.truncate(self.request.limit);
        self.request.slowest.reverse();
        self.is_sorted = true;
    }
}

impl Shard {
    /// Begins an answer. One that is still being made was given up by whoever asked for it: only one
    /// is asked for at a time.
    pub(super) fn begin_listing(&mut self, request: ListRequest) {
        let walk = match request.what {
            ShardOrder::From(Some(walk)) => walk,
            ShardOrder::From(None) | ShardOrder::SlowestFirst => self.audiences.walk(),
        };
        self.listing = Some(Box::new(Listing { request, walk, is_sorted: false }));
    }

    /// Goes on with an answer; true when there is more to do.
    pub(super) fn continue_listing(&mut self) -> bool {
        let Some(mut listing) = self.listing.take() else { return false };
        if listing.request.recipient.is_closed() {
            return false;
        }
        let mut budget = self.budget();
        let is_over = match listing.request.what {
            ShardOrder::From(_) => self.list_page(&mut listing, &mut budget),
            ShardOrder::SlowestFirst => {
                (listing.is_sorted || self.meet_all(&mut listing, &mut budget))
                    && self.list_slowest(&mut listing, &mut budget)
            }
        };
        if !is_over {
            self.listing = Some(listing);
            return true;
        }
        let Listing { request, walk, .. } = *listing;
        let streams = request.found;
        let is_page = matches!(request.what, ShardOrder::From(_));
        // Where nobody comes any more, there is no next page.
        let next = Some(walk).filter(|_| is_page && streams.len() >= request.limit);
        let next = next.filter(|walk| self.audiences.next_member(&mut walk.clone()).is_some());
        // Whoever asked may have gone just now.
        let _ = request.recipient.send(ShardStreams { streams, next, slowest: request.slowest });
        false
    }

    /// False when the budget is spent before the page is full.
    fn list_page(&self, listing: &mut Listing, budget: &mut Budget) -> bool {
        while listing.request.found.len() < listing.request.limit
            && let Some(key) = self.audiences.next_member(&mut listing.walk)
        {
            listing.request.found.extend(self.listed(listing.request.shard, key));
            if !budget.spend(budget::WRITE) {
                return false;
            }
        }
        true
    }

    /// False when the budget is spent before every stream has been met.
    fn meet_all(&self, listing: &mut Listing, budget: &mut Budget) -> bool {
        while let Some(key) = self.audiences.next_member(&mut listing.walk) {
            if let Some(slowness) = self.slowness(key) {
                listing.met(slowness, key);
            }
            if !budget.spend(budget::LOOK) {
                return false;
            }
        }
        listing.sort();
        true
    }

    /// False when the budget is spent before all of them have been described.
    fn list_slowest(&self, listing: &mut Listing, budget: &mut Budget) -> bool {
        while let Some((_, key)) = listing.request.slowest.pop() {
            listing.request.found.extend(self.listed(listing.request.shard, key));
            if !budget.spend(budget::WRITE) {
                return false;
            }
        }
        true
    }

    fn slowness(&self, key: SubscriberKey) -> Option<Slowness> {
        let subscriber = self.subscribers.get(key)?;
        if subscriber.is_replaying() {
            return Some((0, 0, subscriber.is_stalled()));
        }
        let audience = self.audiences.get(subscriber.audience())?;
        let lag = subscriber.lag(audience.total_seen());
        Some((lag.events, lag.bytes, subscriber.is_stalled()))
    }

    /// A stream as it is shown, if it is still there.
    pub(super) fn listed(&self, shard: usize, key: SubscriberKey) -> Option<ListedStream> {
        let now = self.deadlines.now();
        let subscriber = self.subscribers.get(key)?;
        let audience = self.audiences.get(subscriber.audience())?;
        let selectors = audience.selectors.iter();
        let progress = if subscriber.is_replaying() {
            StreamProgress::Replaying
        } else if subscriber.is_conflating() {
            StreamProgress::Conflating
        } else {
            StreamProgress::Live
        };
        let lag = subscriber.lag(audience.total_seen());
        Some(ListedStream {
            id: StreamId { shard, key },
            connection: subscriber.connection(),
            age: since(subscriber.joined(), now),
            selectors_count: selectors.len(),
            selectors: selectors.take(SELECTORS_SHOWN).map(|it| shown(it.as_str())).collect(),
            policy: audience.policy,
            progress,
            is_slow: subscriber.is_stalled(),
            is_blocked: self.blocked.contains_key(&key),
            lag: (progress != StreamProgress::Replaying).then_some(lag),
            held_bytes: subscriber.held(),
            idle: since(subscriber.last_sent(), now),
            ends: subscriber.end().map(|(at, reason)| (since(now, at), reason)),
        })
    }
}

fn since(earlier: Tick, later: Tick) -> std::time::Duration {
    TICK * later.saturating_sub(earlier)
}

//! Leaving events out for those whose policy asks for it, once they are too far behind.
//!
//! It happens when the sink takes bytes again, and not before: until then nothing is held for a
//! slow reader, so there is nothing to drop. The log is read backwards from where the shard is,
//! what is kept is found, and the reader is told how many events it misses before it gets the rest.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::audience::Audience;
use super::super::batch::Batch;
use super::super::policy::{Lag, LagLimit, Policy};
use super::super::sink::Offer;
use super::super::subscriber::SubscriberKey;
use super::catch_up::Progress;
use super::{PASS, Shard};
use crate::event::{Event, GapNotice, Sequence, gap_frame};
use crate::log::{ReadRange, Wanted};
use crate::metrics::{EndReason, Skip};
use crate::topic::Topic;

impl Shard {
    /// Tells a subscriber what it misses, and gives it what its policy keeps.
    pub(super) fn skip(&mut self, key: SubscriberKey) -> Progress {
        let Some(subscriber) = self.subscribers.get(key) else { return Progress::Rest };
        let Some(audience) = self.audiences.get(subscriber.audience) else { return Progress::Rest };
        let range = ReadRange { after: subscriber.cursor, through: self.seen };
        let (lag, policy) = (subscriber.lag(audience.total), audience.policy);
        let (why, kept) = match policy {
            Policy::Conflate => (Skip::Conflate, self.newest_of_each_topic(audience, range)),
            _ => (Skip::DropOldest, self.newest_within(audience, range, self.settings.lag)),
        };
        let left = measure(&kept);
        let missed = lag.events.saturating_sub(left.events);
        let (total, after) = (audience.total, self.id_of(audience, subscriber.sent));
        if missed > 0 {
            let before = kept.first().map(|event| event.id().to_owned());
            let notice = gap_frame(&GapNotice { missed: Some(missed), after, before });
            let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
            match subscriber.sink.offer(&notice) {
                Offer::Taken => {}
                Offer::Full | Offer::Part(_) => return Progress::Rest,
                Offer::Gone => return Progress::End(EndReason::Client),
            }
            self.figures.skipped(why, missed);
        }
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        subscriber.served = Lag {
            events: total.events.saturating_sub(left.events),
            bytes: total.bytes.saturating_sub(left.bytes),
        };
        subscriber.conflating = policy == Policy::Conflate;
        // The notice may be all that its sink takes now, and what it told must not come after all.
        subscriber.cursor = kept.first().map_or(self.seen, |first| first.sequence().previous());
        self.hand_kept(key, &kept)
    }

    /// Hands as much as fits into a piece of what a subscriber still gets.
    fn hand_kept(&mut self, key: SubscriberKey, kept: &[Arc<Event>]) -> Progress {
        let mut bytes = 0;
        let fits = |event: &&Arc<Event>| {
            bytes += event.frame().len();
            bytes <= PASS.bytes_max
        };
        let count = kept.iter().take_while(fits).count().max(1).min(kept.len());
        let (piece, rest) = kept.split_at(count);
        // What lies between two kept events is left out, so the cursor moves over it.
        let through = rest.first().map_or(self.seen, |next| next.sequence().previous());
        let ends = self.subscribers.get(key).is_some_and(|subscriber| {
            let audience = self.audiences.get(subscriber.audience);
            audience.is_some_and(|audience| piece.iter().any(|event| audience.ends_with(event)))
        });
        self.hand(key, &Batch::of(piece), through, ends)
    }

    /// The newest events that are within the limit, in order, and at least one.
    fn newest_within(
        &self,
        audience: &Audience,
        range: ReadRange,
        limit: LagLimit,
    ) -> Vec<Arc<Event>> {
        let mut lag = Lag::default();
        self.newest(audience, range, |event| {
            lag.events += 1;
            lag.bytes += event.frame().len() as u64;
            if lag.events == 1 || lag.is_within(limit) {
                ControlFlow::Continue(true)
            } else {
                ControlFlow::Break(())
            }
        })
    }

    /// The newest event of each topic, in order.
    fn newest_of_each_topic(&self, audience: &Audience, range: ReadRange) -> Vec<Arc<Event>> {
        let mut seen: HashSet<Topic> = HashSet::new();
        self.newest(audience, range, |event| {
            // Not `any`: an event is the newest of all the topics that it has.
            let new = event.topics().iter().filter(|topic| seen.insert((*topic).clone())).count();
            ControlFlow::Continue(new > 0)
        })
    }

    /// What an audience is to see of a range, read backwards, as far and as much as `keep` says.
    fn newest(
        &self,
        audience: &Audience,
        range: ReadRange,
        mut keep: impl FnMut(&Event) -> ControlFlow<(), bool>,
    ) -> Vec<Arc<Event>> {
        let mut kept = Vec::new();
        let mut rest = range;
        'pages: loop {
            let tail = self.log.read_back(rest, Wanted::Matching(&audience.selectors), PASS);
            for event in tail.events.into_iter().filter(|event| audience.may_see(event)) {
                match keep(&event) {
                    ControlFlow::Continue(true) => kept.push(event),
                    ControlFlow::Continue(false) => {}
                    ControlFlow::Break(()) => break 'pages,
                }
            }
            if tail.after <= range.after {
                break;
            }
            rest.through = tail.after;
        }
        kept.reverse();
        kept
    }

    /// The id of an event that was sent to an audience, if it is still retained.
    fn id_of(&self, audience: &Audience, sent: Sequence) -> Option<String> {
        let range = ReadRange { after: sent.previous(), through: sent };
        let page = self.log.read(range, Wanted::Matching(&audience.selectors), PASS);
        page.events.first().map(|event| event.id().to_owned())
    }
}

fn measure(events: &[Arc<Event>]) -> Lag {
    Lag {
        events: events.len() as u64,
        bytes: events.iter().map(|event| event.frame().len() as u64).sum(),
    }
}

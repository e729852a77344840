//! Telling a subscriber how much it misses, and between which ids.

use std::task::Waker;

use super::super::backpressure::BackpressurePolicy;
use super::super::keys::SubscriberKey;
use super::super::sink::Offer;
use super::{PASS, Shard};
use crate::event::{Block, GapNotice};
use crate::hub::LastId;
use crate::log::{EventFilter, LogReader, ReadRange};
use crate::metrics::Skip;

impl Shard {
    /// Sends a subscriber a gap notice, if it misses events.
    pub(super) fn offer_gap_notice(
        &mut self,
        key: SubscriberKey,
        missed: u64,
        before: Option<String>,
    ) -> Offer {
        if missed == 0 {
            return Offer::Taken;
        }
        let after = self.last_id_of(key);
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Offer::Closed };
        let Some(audience) = self.audiences.get(subscriber.audience()) else {
            return Offer::Closed;
        };
        let conflates = audience.policy == BackpressurePolicy::Conflate;
        let notice = Block::gap(&GapNotice { missed: Some(missed), after, before });
        let offer = subscriber.sink().offer(&notice);
        if offer == Offer::Taken {
            if conflates {
                subscriber.conflate();
            }
            let why = if conflates { Skip::Conflate } else { Skip::DropOldest };
            self.stats.skipped(why, missed);
        }
        offer
    }

    /// The id that a subscriber's client holds, if it can still be found.
    fn last_id_of(&self, key: SubscriberKey) -> Option<String> {
        let subscriber = self.subscribers.get(key)?;
        let LastId { sequence: sent, by_publisher } = subscriber.last_id();
        if !by_publisher {
            return self.id_at(sent).map(|id| id.to_string());
        }
        let range = ReadRange { after: sent.previous(), through: sent };
        // Nobody waits for it: without it, the notice is as good.
        let reader = LogReader { epoch: self.epoch, waker: &|| Waker::noop().clone() };
        let page = self.log.read(&reader, range, EventFilter::Everything, PASS).ready()?;
        page.events.first().map(|event| event.id().to_owned())
    }
}

//! Leaving events out for subscribers whose policy is to do so, once they are too far behind.
//!
//! It happens when the sink takes bytes again, and not before: until then nothing is held for a
//! slow reader, so there is nothing to drop. The log is read on from the reader's cursor, each
//! event once, and the cursor moves over what is left out; so the work is in proportion to what was
//! published, however little the reader takes at a time. What was left out is announced before
//! anything that follows it.
//!
//! All of it can be cut, and what is known until then is kept ([`Skipping`]).

use super::super::backpressure::Lag;
use super::super::batch::Batch;
use super::super::budget::{self, Budget};
use super::super::keys::SubscriberKey;
use super::super::sink::Offer;
use super::super::subscriber::Subscriber;
use super::Shard;
use super::catch_up::Progress;
use super::selection::Selection;
use super::skip_count::{Count, CountProgress};
use super::skip_page::SkipPage;
use crate::event::Sequence;
use crate::log::ReadOutcome;
use crate::metrics::EndReason;

/// What is being left out for one subscriber.
#[derive(Debug, Default)]
pub(super) struct Skipping {
    /// Events behind its cursor that it will not get and that have yet to be announced to it.
    unannounced: u64,
    /// Events ahead of its cursor that have been announced to it as left out.
    announced: u64,
    work: Work,
}

/// What was begun, and cut.
#[derive(Debug, Default)]
enum Work {
    #[default]
    None,
    Count(Count),
    Sort(SkipPage),
}

impl Skipping {
    fn is_over(&self) -> bool {
        self.unannounced == 0 && self.announced == 0 && matches!(self.work, Work::None)
    }
}

impl Shard {
    /// Leaves out what the policy says, sends the subscriber a gap notice, and then what follows.
    pub(super) fn skip(&mut self, key: SubscriberKey, budget: &mut Budget) -> Progress {
        let mut skipping = self.skipping.remove(&key).unwrap_or_default();
        let progress = match self.count_what_the_log_dropped(key, &mut skipping, budget) {
            Some(progress) => progress,
            None => self.leave_out(key, &mut skipping, budget),
        };
        if !skipping.is_over() {
            self.skipping.insert(key, skipping);
        } else if matches!(progress, Progress::More) && self.note_if_caught_up(key) {
            return Progress::Rest;
        }
        progress
    }

    /// When the log has passed the cursor, finds out how many events are lost, and moves the cursor
    /// to what is still there. `None` when there is nothing to count, or it has been counted.
    fn count_what_the_log_dropped(
        &mut self,
        key: SubscriberKey,
        skipping: &mut Skipping,
        budget: &mut Budget,
    ) -> Option<Progress> {
        let subscriber = self.subscribers.get(key)?;
        let audience = self.audiences.get(subscriber.audience())?;
        let mut count = match std::mem::take(&mut skipping.work) {
            Work::Count(count) => count,
            other if subscriber.cursor().next() >= self.log.bounds().oldest => {
                skipping.work = other;
                return None;
            }
            // The log has passed the shard as well, which has not counted what it did not see.
            _ if subscriber.cursor() < self.lost => {
                skipping.announced = 0;
                let start = self.log.bounds().start_id().sequence.min(self.seen);
                return Some(self.on_unreadable(key, start));
            }
            _ => Count {
                lag: subscriber.lag(audience.total_seen()),
                retained: Lag::default(),
                // What is being assigned counts for the lag, and has not been seen.
                through: self.seen.max(audience.newest()),
                selection: Selection::of(Vec::new()),
            },
        };
        let counted = self.count_on(
            &mut count,
            audience,
            (subscriber.audience(), subscriber.cursor()),
            budget,
        );
        let unfinished = match counted {
            CountProgress::All => None,
            CountProgress::Cut => Some(Progress::More),
            CountProgress::Loading => Some(Progress::Loading),
            CountProgress::OtherEpoch => return Some(self.on_other_epoch()),
        };
        if unfinished.is_some() {
            skipping.work = Work::Count(count);
            return unfinished;
        }
        let start = self.log.bounds().start_id().sequence.min(self.seen);
        let subscriber = self.subscribers.get_mut(key)?;
        let lost = count.lag.events.saturating_sub(count.retained.events);
        let bytes = count.lag.bytes.saturating_sub(count.retained.bytes);
        subscriber.skip_to(start, Lag { events: lost, bytes });
        // Some may have been announced already, as left out between events that were kept.
        skipping.unannounced += lost.saturating_sub(skipping.announced);
        skipping.announced = skipping.announced.saturating_sub(lost);
        None
    }

    /// Goes over the log page by page, until something is handed out or the budget is spent.
    fn leave_out(
        &mut self,
        key: SubscriberKey,
        skipping: &mut Skipping,
        budget: &mut Budget,
    ) -> Progress {
        loop {
            let Some(subscriber) = self.subscribers.get(key) else { return Progress::Rest };
            let Some(audience) = self.audiences.get(subscriber.audience()) else {
                return Progress::Rest;
            };
            let mut page = match std::mem::take(&mut skipping.work) {
                Work::Sort(page) => page,
                _ => {
                    budget.spend(budget::READ);
                    let page = (subscriber.audience(), subscriber.cursor());
                    if self.loading.is_loading(page) {
                        return Progress::Loading;
                    }
                    match self.read_page(page, audience) {
                        // The log has passed it once more.
                        ReadOutcome::Ready(page) if page.is_truncated => return Progress::More,
                        ReadOutcome::Ready(page) => SkipPage::of(page),
                        ReadOutcome::Loading => return Progress::Loading,
                        ReadOutcome::Failed { beyond } => {
                            // How much of what was announced lies in there is not known.
                            skipping.announced = 0;
                            return self.on_unreadable(key, beyond);
                        }
                        ReadOutcome::OtherEpoch => return self.on_other_epoch(),
                    }
                }
            };
            let lag = subscriber.lag(audience.total_seen());
            if !self.sort(&mut page, audience, lag, budget)
                || !page.ends.go_on(&page.kept, audience, budget)
            {
                skipping.work = Work::Sort(page);
                return Progress::More;
            }
            if !page.kept.is_empty() {
                return self.hand_kept(key, skipping, &page);
            }
            if let Some(progress) = self.pass_over(key, skipping, &page) {
                return progress;
            }
            if !budget.is_left() {
                return Progress::More;
            }
        }
    }

    /// Moves the cursor over a page of which nothing is kept. When nothing is left behind it, what
    /// is missing is announced at once: no event follows that would announce it.
    fn pass_over(
        &mut self,
        key: SubscriberKey,
        skipping: &mut Skipping,
        page: &SkipPage,
    ) -> Option<Progress> {
        let left_out = page.left_out_within(Sequence(0), page.through);
        let subscriber = self.subscribers.get_mut(key)?;
        skipping.unannounced += left_out.events.saturating_sub(skipping.announced);
        skipping.announced = 0;
        subscriber.skip_to(page.through, left_out);
        let audience = self.audiences.get(subscriber.audience())?;
        if subscriber.cursor() < audience.last.max(self.lost) {
            return None;
        }
        if audience.newest() > self.seen {
            // An event is on its way to it, and what is missing is announced before that.
            return Some(Progress::More);
        }
        let before = self.seen_id.map(|id| id.to_string());
        match self.offer_gap_notice(key, skipping.unannounced, before) {
            Offer::Taken => skipping.unannounced = 0,
            Offer::Closed => return Some(Progress::End(EndReason::Client)),
            Offer::Full => {
                self.blocked.insert(key, ());
                return Some(Progress::Rest);
            }
        }
        Some(Progress::More)
    }

    /// Announces what is missing, and hands out what is kept.
    fn hand_kept(
        &mut self,
        key: SubscriberKey,
        skipping: &mut Skipping,
        page: &SkipPage,
    ) -> Progress {
        let Some(first) = page.kept.first() else { return Progress::More };
        let left_out = page.left_out_within(Sequence(0), page.through).events;
        let missed = skipping.unannounced + left_out.saturating_sub(skipping.announced);
        match self.offer_gap_notice(key, missed, Some(first.id().to_owned())) {
            Offer::Taken => {}
            Offer::Closed => return Progress::End(EndReason::Client),
            // The notice is offered again when the sink takes bytes, perhaps with more events
            // missing.
            Offer::Full => {
                self.blocked.insert(key, ());
                return Progress::Rest;
            }
        }
        skipping.unannounced = 0;
        skipping.announced = left_out;
        // What was announced as missing must not come after all, even if the notice is all that its
        // sink takes now.
        let mut cursor = Sequence(0);
        self.move_over(key, skipping, page, &mut cursor, first.sequence().previous());
        let found = page.ends.found();
        let batch = Batch::with_ends(&page.kept, &found.blocks, self.log.buffers());
        let audience = self.subscribers.get(key).map(Subscriber::audience);
        let ends =
            audience.is_some_and(|audience| self.note_topic_ends(audience, found, page.through));
        let progress = self.hand(key, &batch, page.through, ends);
        let reached = self.subscribers.get(key).map_or(cursor, Subscriber::cursor);
        self.move_over(key, skipping, page, &mut cursor, reached);
        match progress {
            Progress::Rest | Progress::More if self.note_if_caught_up(key) => Progress::Rest,
            progress => progress,
        }
    }

    /// Moves the cursor to `to`, if that is further, and counts what of a page is left out behind
    /// it as served, from `counted` on.
    fn move_over(
        &mut self,
        key: SubscriberKey,
        skipping: &mut Skipping,
        page: &SkipPage,
        counted: &mut Sequence,
        to: Sequence,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        let left_out = page.left_out_within(*counted, to);
        *counted = to;
        subscriber.skip_to(to, left_out);
        skipping.announced = skipping.announced.saturating_sub(left_out.events);
    }
}

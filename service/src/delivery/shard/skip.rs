//! Leaving events out for subscribers whose policy is to do so, once they are too far behind.
//!
//! It happens when the sink takes bytes again, and not before: until then nothing is held for a
//! slow reader, so there is nothing to drop. The log is read on from the reader's cursor, each
//! event once, and the cursor moves over what is left out; so the work is in proportion to what was
//! published, however little the reader takes at a time. What was left out is announced before
//! anything that follows it.
//!
//! All of it can be cut, and what is known until then is kept ([`Skipping`]).

use std::sync::Arc;
use std::task::Waker;

use super::super::audience::Audience;
use super::super::backpressure::{BackpressurePolicy, Lag, LagLimit};
use super::super::batch::Batch;
use super::super::budget::{self, Budget};
use super::super::keys::{PageKey, SubscriberKey};
use super::super::mailbox::LoadedPart;
use super::super::sink::Offer;
use super::super::subscriber::Subscriber;
use super::catch_up::Progress;
use super::selection::{Next, Selection};
use super::topic_ends::TopicEndSearch;
use super::{PASS, Shard};
use crate::event::{Block, Event, GapNotice, Sequence};
use crate::hub::LastId;
use crate::log::{EventFilter, LogReader, Page, ReadOutcome, ReadRange};
use crate::metrics::{EndReason, Skip};
use crate::topic::{MatchProgress, Topic};

/// Looking up in the log whether a topic has a newer event.
const LOOK_UP: usize = 4 * budget::LOOK;

/// How many events of a topic are looked at for a newer one that an audience may see.
const NEWEST_TRIES: usize = 64;

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

/// How many events a subscriber lost that the log has dropped: all that were for it, less those
/// that are still there.
#[derive(Debug)]
struct Count {
    /// All that were for it when the counting began and that it had not been served.
    lag: Lag,
    /// What of that is still there, as far as it has been counted.
    retained: Lag,
    /// Where to go on, backwards.
    through: Sequence,
    selection: Selection,
}

/// A page of the log, and what of it is kept.
#[derive(Debug)]
struct SkipPage {
    selection: Selection,
    through: Sequence,
    /// An event that is to be seen, and how many of its topics have been found to have a newer one.
    current: Option<(Arc<Event>, usize)>,
    kept: Vec<Arc<Event>>,
    ends: TopicEndSearch,
    /// Positions and bytes.
    left_out: Vec<(Sequence, u64)>,
    /// All of them together.
    left_out_in_all: Lag,
}

/// How far the events that are still there have been counted.
enum CountProgress {
    All,
    /// The budget is spent.
    Cut,
    Loading,
    OtherEpoch,
}

impl SkipPage {
    fn of(page: Page) -> Self {
        Self {
            selection: Selection::of(page.events),
            through: page.through,
            current: None,
            kept: Vec::new(),
            ends: TopicEndSearch::default(),
            left_out: Vec::new(),
            left_out_in_all: Lag::default(),
        }
    }

    fn leave_out(&mut self, event: &Event) {
        self.left_out_in_all = self.left_out_in_all.plus(event.frame().len() as u64);
        self.left_out.push((event.sequence(), event.frame().len() as u64));
    }

    /// What was left out after one sequence and up to another.
    fn left_out_within(&self, after: Sequence, through: Sequence) -> Lag {
        let within = |&&(sequence, _): &&(Sequence, u64)| sequence > after && sequence <= through;
        self.left_out.iter().filter(within).fold(Lag::default(), |lag, &(_, bytes)| lag.plus(bytes))
    }
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

    /// Counts backwards, to where the log begins. What cannot be read is lost as well.
    fn count_on(
        &self,
        count: &mut Count,
        audience: &Audience,
        page: PageKey,
        budget: &mut Budget,
    ) -> CountProgress {
        let (_, cursor) = page;
        let waker = || self.mailbox.loaded_waker(LoadedPart::Page(page));
        let reader = LogReader { epoch: self.epoch, waker: &waker };
        loop {
            match count.selection.next(audience, budget) {
                Next::Event(event) => {
                    count.retained = count.retained.plus(event.frame().len() as u64);
                }
                Next::Cut => return CountProgress::Cut,
                Next::End if count.through <= cursor => return CountProgress::All,
                Next::End => {
                    let range = ReadRange { after: cursor, through: count.through };
                    let filter = EventFilter::Candidates(&audience.selectors);
                    budget.spend(budget::READ);
                    match self.log.read_back(&reader, range, filter, PASS) {
                        ReadOutcome::Ready(tail) => {
                            count.through = tail.after;
                            count.selection = Selection::of(tail.events);
                        }
                        ReadOutcome::Failed { beyond } => count.through = beyond,
                        ReadOutcome::Loading => return CountProgress::Loading,
                        ReadOutcome::OtherEpoch => return CountProgress::OtherEpoch,
                    }
                }
            }
        }
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

    /// Finds out what of a page is kept; false when the budget is spent before that is known.
    fn sort(
        &self,
        page: &mut SkipPage,
        audience: &Audience,
        lag: Lag,
        budget: &mut Budget,
    ) -> bool {
        let limit = self.settings.lag;
        loop {
            let (event, looked_up) = match page.current.take() {
                Some(current) => current,
                None => match page.selection.next(audience, budget) {
                    Next::Event(event) => (event, 0),
                    Next::End => return true,
                    Next::Cut => return false,
                },
            };
            let left_out = match audience.policy {
                // Nothing else would tell that its topics have ended.
                _ if event.ends_topic() => false,
                BackpressurePolicy::Conflate => {
                    match self.is_superseded(&event, looked_up, audience, budget) {
                        Ok(superseded) => superseded,
                        Err(looked_up) => {
                            page.current = Some((event, looked_up));
                            return false;
                        }
                    }
                }
                _ => page.kept.is_empty() && is_too_old(page.left_out_in_all, lag, limit),
            };
            if left_out {
                page.leave_out(&event);
            } else {
                page.kept.push(event);
            }
        }
    }

    /// Whether each topic of an event has a newer one that the audience is to see. `Err` says how
    /// many topics have been looked up when the budget was spent.
    fn is_superseded(
        &self,
        event: &Event,
        looked_up: usize,
        audience: &Audience,
        budget: &mut Budget,
    ) -> Result<bool, usize> {
        for (index, topic) in event.topics().iter().enumerate().skip(looked_up) {
            if index > looked_up && !budget.is_left() {
                return Err(index);
            }
            if !self.has_newer(topic, event, audience, budget) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a topic has an event after this one that the audience is to see. What would take too
    /// long to find out counts as no: then the event is sent, although a newer one follows.
    fn has_newer(
        &self,
        topic: &Topic,
        event: &Event,
        audience: &Audience,
        budget: &mut Budget,
    ) -> bool {
        let mut through = self.seen;
        for _ in 0..NEWEST_TRIES {
            let newest = self.log.newest(topic, through);
            budget.spend(LOOK_UP);
            let Some(newest) = newest.filter(|newest| newest.sequence() > event.sequence()) else {
                return false;
            };
            let mut progress = MatchProgress::default();
            match budget.may_see(audience.grants(), &newest, &mut progress) {
                Some(true) => return true,
                Some(false) => through = newest.sequence().previous(),
                None => return false,
            }
        }
        false
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

    /// Sends a subscriber a gap notice, if it misses events.
    fn offer_gap_notice(
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

/// Whether one more is to be dropped, after some have been. The newest never is.
fn is_too_old(dropped: Lag, lag: Lag, limit: LagLimit) -> bool {
    let left = Lag {
        events: lag.events.saturating_sub(dropped.events),
        bytes: lag.bytes.saturating_sub(dropped.bytes),
    };
    left.events > 1 && !left.is_within(limit)
}

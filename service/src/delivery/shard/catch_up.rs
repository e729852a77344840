//! Serving subscribers that have fallen behind from the log: after a resume, or after their sinks
//! were full.
//!
//! Each is served from its own cursor, a page at a time, and only while its sink takes bytes. Pages
//! that several subscribers need are joined once: after a stall or a restart thousands stand at the
//! same cursor.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::audience::Audience;
use super::super::backpressure::{Lag, Verdict, judge};
use super::super::batch::Batch;
use super::super::budget::{self, Budget};
use super::super::keys::AudienceKey;
use super::super::keys::SubscriberKey;
use super::super::sink::{Offer, Sent};
use super::super::subscriber::TakenFromLog;
use super::selection::{Next, Selection};
use super::{PASS, Shard};
use crate::event::{Block, Event, GapNotice, Sequence};
use crate::log::{EventFilter, ReadRange};
use crate::memory::SplitMap;
use crate::metrics::EndReason;

/// Pages of the log as segments, by audience and cursor; valid while the shard has seen nothing
/// new.
#[derive(Debug, Default)]
pub(super) struct JoinedPages {
    pages: HashMap<(AudienceKey, Sequence), JoinedPage>,
    /// Pages whose events have been matched only in part, because matching takes long. The next
    /// subscriber of the audience with the same cursor goes on with it.
    unfinished: SplitMap<(AudienceKey, Sequence), UnfinishedPage>,
}

/// How many pages are remembered: with those of 64 KiB, at most 4 MiB for a moment.
const JOINED_PAGES_MAX: usize = 64;

#[derive(Clone, Debug)]
struct JoinedPage {
    batch: Batch,
    through: Sequence,
    is_truncated: bool,
    ends: bool,
}

#[derive(Debug)]
struct UnfinishedPage {
    selection: Selection,
    kept: Vec<Arc<Event>>,
    through: Sequence,
    is_truncated: bool,
}

impl JoinedPages {
    pub(super) fn clear(&mut self) {
        self.pages.clear();
    }

    /// A subscriber with this cursor has gone. Others with the same one begin the page anew, if
    /// there are any.
    pub(super) fn forget(&mut self, audience: AudienceKey, cursor: Sequence) {
        if !self.unfinished.is_empty() {
            self.unfinished.remove(&(audience, cursor));
        }
    }

    fn remember(&mut self, key: (AudienceKey, Sequence), page: &JoinedPage) {
        if self.pages.len() >= JOINED_PAGES_MAX {
            self.pages.clear();
        }
        self.pages.insert(key, page.clone());
    }
}

impl UnfinishedPage {
    /// Goes on; false when the budget is spent before the page is finished.
    fn go_on(&mut self, audience: &Audience, budget: &mut Budget) -> bool {
        loop {
            match self.selection.next(audience, budget) {
                Next::Event(event) => self.kept.push(event),
                Next::End => return true,
                Next::Cut => return false,
            }
        }
    }
}

pub(super) enum Progress {
    /// It has caught up, or waits for its sink.
    Rest,
    /// There is more to read for it.
    More,
    /// Its stream has to end.
    End(EndReason),
}

impl Shard {
    /// Serves the subscribers that have fallen behind, once each; true when some could be served
    /// further.
    pub(super) fn catch_up(&mut self) -> bool {
        let mut budget = self.budget();
        for _ in 0..self.behind.len() {
            if !budget.is_left() {
                break;
            }
            let Some(key) = self.behind.pop_front() else { break };
            budget.spend(budget::LOOK);
            match self.catch_up_one(key, &mut budget) {
                Progress::Rest => {}
                Progress::More => self.behind.push_back(key),
                Progress::End(reason) => self.remove(key, reason),
            }
        }
        if self.behind.is_empty() {
            self.joined_pages.clear();
        }
        !self.behind.is_empty()
    }

    fn catch_up_one(&mut self, key: SubscriberKey, budget: &mut Budget) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        match subscriber.sink().readiness() {
            Offer::Taken => {
                self.blocked.remove(&key);
            }
            Offer::Full => {
                self.blocked.insert(key, ());
                subscriber.found_full();
                return Progress::Rest;
            }
            Offer::Closed => return Progress::End(EndReason::Client),
        }
        let (audience, cursor) = (subscriber.audience(), subscriber.cursor());
        let unannounced = self.skipping.contains_key(&key);
        if !unannounced && self.note_if_caught_up(key) {
            return Progress::Rest;
        }
        if unannounced || self.is_to_skip(key) {
            return self.skip(key, budget);
        }
        let Some(page) = self.joined_page(audience, cursor, budget) else { return Progress::More };
        if page.is_truncated {
            return self.on_truncated(key, &page);
        }
        budget.spend(budget::WRITE);
        self.hand(key, &page.batch, page.through, page.ends)
    }

    /// Whether events are to be left out for a subscriber. One that is conflated stays so until it
    /// has caught up.
    fn is_to_skip(&self, key: SubscriberKey) -> bool {
        let Some(subscriber) = self.subscribers.get(key) else { return false };
        let Some(audience) = self.audiences.get(subscriber.audience()) else { return false };
        if subscriber.is_replaying() || !audience.policy.skips() {
            return false;
        }
        let lag = subscriber.lag(audience.total_seen());
        subscriber.is_conflating()
            || (subscriber.is_stalled()
                && judge(audience.policy, lag, self.settings.lag) == Verdict::Skip)
            || subscriber.cursor().next() < self.log.bounds().oldest
    }

    /// Hands a subscriber the events of the log up to `through`; `ends` if its stream ends with
    /// them.
    pub(super) fn hand(
        &mut self,
        key: SubscriberKey,
        batch: &Batch,
        through: Sequence,
        ends: bool,
    ) -> Progress {
        let now = self.deadlines.now();
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        if batch.is_empty() {
            subscriber.skip_to(through, Lag::default());
            return Progress::More;
        }
        let (through, sent, (events, bytes)) = match subscriber.sink().offer_batch(batch) {
            Sent::Closed => return Progress::End(EndReason::Client),
            // It said a moment ago that it takes bytes; the kernel thinks otherwise.
            Sent::Full => {
                self.blocked.insert(key, ());
                subscriber.found_full();
                return Progress::Rest;
            }
            Sent::All => (through, batch.last(), (batch.count(), batch.bytes())),
            Sent::Through(part) => {
                self.blocked.insert(key, ());
                subscriber.found_full();
                (part, part, batch.measure_through(part))
            }
        };
        let taken = TakenFromLog { through, sent, amount: Lag { events, bytes } };
        subscriber.took_from_log(batch, taken, now);
        self.stats.wrote(1, events, bytes);
        self.stats.replayed(events);
        if ends && events == batch.count() {
            Progress::End(EndReason::Finished)
        } else if self.note_if_caught_up(key) {
            Progress::Rest
        } else {
            Progress::More
        }
    }

    /// Whether a subscriber has everything that its audience has; if so, notes it.
    pub(super) fn note_if_caught_up(&mut self, key: SubscriberKey) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return true };
        let Some(audience) = self.audiences.get(subscriber.audience()) else { return true };
        if subscriber.cursor() < audience.last.max(self.lost) {
            return false;
        }
        subscriber.caught_up(audience.total);
        true
    }

    /// The log no longer has what came next. A subscriber that was live is ended, and gets a gap
    /// notice when it comes back; one that is being replayed gets the notice here and goes on from
    /// the oldest event, or a busy log could keep it from ever getting anywhere.
    fn on_truncated(&mut self, key: SubscriberKey, page: &JoinedPage) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        if !subscriber.is_replaying() {
            return Progress::End(EndReason::Overrun);
        }
        let start = self.log.bounds().start_id();
        let before = Some(start.to_string());
        let notice = Block::gap(&GapNotice { missed: None, after: None, before });
        match subscriber.sink().offer(&notice) {
            Offer::Taken => {}
            // It is sent when the sink takes it.
            Offer::Full => {
                subscriber.found_full();
                self.blocked.insert(key, ());
                return Progress::Rest;
            }
            Offer::Closed => return Progress::End(EndReason::Client),
        }
        subscriber.skip_to(start.sequence, Lag::default());
        self.stats.gap_notified();
        tracing::debug!(through = %page.through, "the log has passed a subscriber in its replay");
        Progress::More
    }

    /// One page of what an audience is to see after a cursor, joined; `None` when the budget is
    /// spent before it is known.
    fn joined_page(
        &mut self,
        key: AudienceKey,
        cursor: Sequence,
        budget: &mut Budget,
    ) -> Option<JoinedPage> {
        if let Some(page) = self.joined_pages.pages.get(&(key, cursor)) {
            return Some(page.clone());
        }
        let Some(audience) = self.audiences.get(key) else {
            let batch = Batch::of(&[], self.log.buffers());
            return Some(JoinedPage {
                batch,
                through: self.seen,
                is_truncated: false,
                ends: false,
            });
        };
        let unfinished = self.joined_pages.unfinished.remove(&(key, cursor));
        let mut page = unfinished.unwrap_or_else(|| {
            let range = ReadRange { after: cursor, through: self.seen };
            let page = self.log.read(range, EventFilter::Candidates(&audience.selectors), PASS);
            budget.spend(budget::READ);
            UnfinishedPage {
                selection: Selection::of(page.events),
                kept: Vec::new(),
                through: page.through,
                is_truncated: page.is_truncated,
            }
        });
        if !page.go_on(audience, budget) {
            self.joined_pages.unfinished.insert((key, cursor), page);
            return None;
        }
        let joined = JoinedPage {
            batch: Batch::of(&page.kept, self.log.buffers()),
            through: page.through,
            is_truncated: page.is_truncated,
            ends: page.kept.iter().any(|event| audience.ends_with(event)),
        };
        self.joined_pages.remember((key, cursor), &joined);
        Some(joined)
    }
}

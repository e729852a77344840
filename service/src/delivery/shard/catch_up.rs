//! Serving whoever is not level from the log: after a resume, or after its sink was full.
//!
//! Each one is read from its own cursor, a page at a time, and only while its sink takes bytes.
//! Pages that several subscribers need are joined once: after a stall or a restart thousands stand
//! at the same cursor.

use std::collections::HashMap;
use std::time::Instant;

use super::super::audience::AudienceKey;
use super::super::batch::Batch;
use super::super::policy::{Verdict, judge};
use super::super::sink::Offer;
use super::super::subscriber::SubscriberKey;
use super::{CATCH_UP_TIME, PASS, Shard};
use crate::event::{GapNotice, Sequence, gap_frame};
use crate::log::{ReadRange, Wanted};
use crate::metrics::EndReason;

/// Pages of the log as pieces, by audience and cursor; valid while the shard has seen nothing new.
#[derive(Debug, Default)]
pub(super) struct JoinedPages {
    pages: HashMap<(AudienceKey, Sequence), JoinedPage>,
}

/// How many pages are remembered: with those of 64 KiB, at most 4 MiB for a moment.
const JOINED_PAGES_MAX: usize = 64;

#[derive(Clone, Debug)]
struct JoinedPage {
    batch: Batch,
    through: Sequence,
    passed: bool,
    ends: bool,
}

impl JoinedPages {
    pub(super) fn clear(&mut self) {
        self.pages.clear();
    }

    fn remember(&mut self, key: (AudienceKey, Sequence), page: &JoinedPage) {
        if self.pages.len() >= JOINED_PAGES_MAX {
            self.pages.clear();
        }
        self.pages.insert(key, page.clone());
    }
}

pub(super) enum Progress {
    /// Level with the audience, or waiting for its sink.
    Rest,
    /// There is more to read for it.
    More,
    /// Its stream has to end.
    End(EndReason),
}

impl Shard {
    /// Serves those that are behind, once each; true when some still are and could be served.
    pub(super) fn catch_up(&mut self) -> bool {
        let until = Instant::now() + CATCH_UP_TIME;
        for _ in 0..self.behind.len() {
            if Instant::now() >= until {
                break;
            }
            let Some(key) = self.behind.pop_front() else { break };
            match self.catch_up_one(key) {
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

    fn catch_up_one(&mut self, key: SubscriberKey) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        match subscriber.sink.readiness() {
            Offer::Taken => {
                self.blocked.remove(&key);
            }
            Offer::Full | Offer::Part(_) => {
                self.blocked.insert(key);
                subscriber.stalled = true;
                return Progress::Rest;
            }
            Offer::Gone => return Progress::End(EndReason::Client),
        }
        let (audience, cursor) = (subscriber.audience, subscriber.cursor);
        if self.is_level(key) {
            return Progress::Rest;
        }
        if self.is_to_skip(key) {
            return self.skip(key);
        }
        let page = self.joined_page(audience, cursor);
        if page.passed {
            return self.passed(key, &page);
        }
        self.hand(key, &page.batch, page.through, page.ends)
    }

    /// Whether events are to be left out for a subscriber. One that is conflated stays so until it
    /// is level.
    fn is_to_skip(&self, key: SubscriberKey) -> bool {
        let Some(subscriber) = self.subscribers.get(key) else { return false };
        let Some(audience) = self.audiences.get(subscriber.audience) else { return false };
        if subscriber.replaying || !audience.policy.skips() {
            return false;
        }
        let verdict = judge(audience.policy, subscriber.lag(audience.total), self.settings.lag);
        subscriber.conflating
            || (subscriber.stalled && verdict == Verdict::Skip)
            || subscriber.cursor.next() < self.log.extent().oldest
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
            subscriber.cursor = through;
            return Progress::More;
        }
        let (through, sent, (events, bytes)) = match subscriber.sink.offer_batch(batch) {
            Offer::Gone => return Progress::End(EndReason::Client),
            // It said a moment ago that it takes bytes; the kernel thinks otherwise.
            Offer::Full => {
                self.blocked.insert(key);
                subscriber.stalled = true;
                return Progress::Rest;
            }
            Offer::Taken => (through, batch.last(), (batch.count(), batch.bytes())),
            Offer::Part(part) => {
                self.blocked.insert(key);
                subscriber.stalled = true;
                (part, part, batch.measure_through(part))
            }
        };
        subscriber.cursor = through;
        subscriber.sent = sent;
        subscriber.last_sent = now;
        subscriber.served.events += events;
        subscriber.served.bytes += bytes;
        self.figures.wrote(1, events, bytes);
        self.figures.replayed(events);
        if ends && events == batch.count() {
            Progress::End(EndReason::Finished)
        } else if self.is_level(key) {
            Progress::Rest
        } else {
            Progress::More
        }
    }

    /// Whether a subscriber has everything that its audience has; if so, notes it.
    fn is_level(&mut self, key: SubscriberKey) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return true };
        let Some(audience) = self.audiences.get(subscriber.audience) else { return true };
        if subscriber.cursor < audience.last {
            return false;
        }
        subscriber.served = audience.total;
        subscriber.replaying = false;
        subscriber.stalled = false;
        subscriber.conflating = false;
        true
    }

    /// The log no longer has what came next. One that was live ends, and is told of the gap when it
    /// comes back; one that is being replayed is told here and goes on from the oldest, or a busy
    /// log could keep it from ever getting anywhere.
    fn passed(&mut self, key: SubscriberKey, page: &JoinedPage) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        if !subscriber.replaying {
            return Progress::End(EndReason::LogPassed);
        }
        let oldest = self.log.extent().oldest;
        let range = ReadRange { after: oldest.previous(), through: oldest };
        let first = self.log.read(range, Wanted::Everything, PASS);
        let before = first.events.first().map(|event| event.id().to_owned());
        let notice = gap_frame(&GapNotice { missed: None, after: None, before });
        match subscriber.sink.offer(&notice) {
            Offer::Taken => {}
            // As in `hand`; it is told when it does take it.
            Offer::Full | Offer::Part(_) => return Progress::Rest,
            Offer::Gone => return Progress::End(EndReason::Client),
        }
        subscriber.cursor = oldest.previous().max(subscriber.cursor);
        self.figures.gap_told();
        tracing::debug!(through = %page.through, "the log has passed a subscriber in its replay");
        Progress::More
    }

    /// One page of what an audience is to see after a cursor, joined.
    fn joined_page(&mut self, key: AudienceKey, cursor: Sequence) -> JoinedPage {
        if let Some(page) = self.joined_pages.pages.get(&(key, cursor)) {
            return page.clone();
        }
        let range = ReadRange { after: cursor, through: self.seen };
        let Some(audience) = self.audiences.get(key) else {
            let batch = Batch::of(&[]);
            return JoinedPage { batch, through: self.seen, passed: false, ends: false };
        };
        let page = self.log.read(range, Wanted::Matching(&audience.selectors), PASS);
        let mut events = page.events;
        events.retain(|event| audience.may_see(event));
        let joined = JoinedPage {
            batch: Batch::of(&events),
            through: page.through,
            passed: page.passed,
            ends: events.iter().any(|event| audience.ends_with(event)),
        };
        self.joined_pages.remember((key, cursor), &joined);
        joined
    }
}

//! Serving subscribers that have fallen behind from the log: after a resume, or after their sinks
//! were full.
//!
//! Each is served from its own cursor, a page at a time, and only while its sink takes bytes. Pages
//! that several subscribers need are joined once: after a stall or a restart thousands stand at the
//! same cursor.

use super::super::backpressure::{Lag, Verdict, judge};
use super::super::batch::Batch;
use super::super::budget::{self, Budget};
use super::super::keys::SubscriberKey;
use super::super::sink::{Offer, Sent};
use super::super::subscriber::TakenFromLog;
use super::Shard;
use super::joined_pages::{JoinedPage, PageState};
use crate::event::{Block, GapNotice, HubId, Sequence};
use crate::metrics::EndReason;

pub(super) enum Progress {
    /// It has caught up, or waits for its sink.
    Rest,
    /// There is more to read for it.
    More,
    /// The log has to load what comes next for it.
    Loading,
    /// Its stream has to end.
    End(EndReason),
}

impl Shard {
    /// Serves the subscribers that have fallen behind, once each; true when some could be served
    /// further.
    pub(super) fn catch_up(&mut self) -> bool {
        let mut budget = self.budget();
        let more_loaded = self.take_loaded(&mut budget);
        for _ in 0..self.behind.len() {
            if !budget.is_left() {
                break;
            }
            let Some(key) = self.behind.pop_front() else { break };
            budget.spend(budget::LOOK);
            match self.catch_up_one(key, &mut budget) {
                Progress::Rest => {}
                Progress::More => self.behind.push_back(key),
                Progress::Loading => self.wait_for_page(key),
                Progress::End(reason) => self.remove(key, reason),
            }
        }
        if self.behind.is_empty() {
            self.joined_pages.clear();
        }
        more_loaded || !self.behind.is_empty()
    }

    fn catch_up_one(&mut self, key: SubscriberKey, budget: &mut Budget) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        if subscriber.is_loading() {
            return Progress::Rest;
        }
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
        if subscriber.is_in_initial_replay() {
            return self.go_on_initial_replay(key, budget);
        }
        let (audience, cursor) = (subscriber.audience(), subscriber.cursor());
        let unannounced = self.skipping.contains_key(&key);
        if !unannounced && self.note_if_caught_up(key) {
            return Progress::Rest;
        }
        if unannounced || self.is_to_skip(key) {
            return self.skip(key, budget);
        }
        let page = match self.joined_page((audience, cursor), budget) {
            PageState::Ready(page) => page,
            PageState::Cut => return Progress::More,
            PageState::Loading => return Progress::Loading,
            PageState::Failed(beyond) => return self.on_unreadable(key, beyond),
            PageState::OtherEpoch => return self.on_other_epoch(),
        };
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
        if subscriber.is_in_initial_replay() || subscriber.cursor() < audience.last.max(self.lost) {
            return false;
        }
        subscriber.caught_up(audience.total);
        true
    }

    /// The log no longer has what came next. A subscriber that was live is ended, and gets a gap
    /// notice when it comes back; one that is being replayed gets the notice here and goes on from
    /// the oldest event, or a busy log could keep it from ever getting anywhere.
    pub(super) fn on_truncated(&mut self, key: SubscriberKey, page: &JoinedPage) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        if !subscriber.is_replaying() {
            return Progress::End(EndReason::Overrun);
        }
        let start = self.log.bounds().start_id();
        if start.epoch != self.epoch {
            return self.on_other_epoch();
        }
        tracing::debug!(through = %page.through, "the log has passed a subscriber in its replay");
        self.tell_of_gap_to(key, start.sequence, Some(start))
    }

    /// What comes next cannot be read. That can happen to anybody who is behind, and ending so many
    /// streams would help nobody: each is told, and goes on after it.
    pub(super) fn on_unreadable(&mut self, key: SubscriberKey, beyond: Sequence) -> Progress {
        self.tell_of_gap_to(key, beyond, self.id_at(beyond))
    }

    /// Reads on after a place, which it is told, when its sink takes that.
    fn tell_of_gap_to(
        &mut self,
        key: SubscriberKey,
        to: Sequence,
        place: Option<HubId>,
    ) -> Progress {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
        let before = place.map(|id| id.to_string());
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
        subscriber.skip_to(to, Lag::default());
        self.stats.gap_notified();
        Progress::More
    }

    /// The streams of this shard are about to end.
    pub(super) fn on_other_epoch(&mut self) -> Progress {
        self.leave_epoch();
        Progress::Rest
    }
}

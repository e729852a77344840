//! What a stream begins with before it is served like all others: a part of what is retained, or all of
//! it, after which it ends.
//!
//! It is read up to the head of the moment at which the client subscribed, event by event or all that
//! there is. Then the client is told the place of that head, and its stream goes on there, or ends. So
//! what comes before the place is what was asked for, and what comes behind it is everything since.

use super::super::budget::{self, Budget};
use super::super::keys::{PageKey, SubscriberKey};
use super::super::mailbox::LoadedPart;
use super::super::sink::Offer;
use super::catch_up::Progress;
use super::joined_pages::{PageState, UnfinishedPage};
use super::{PASS, Shard};
use crate::event::{Block, Sequence};
use crate::hub::{InitialReplay, LastId, ReplayRun};
use crate::log::{EventFilter, LogReader, Page, PageLimit, ReadOutcome, ReadRange};
use crate::metrics::EndReason;
use crate::topic::SelectorSet;

/// A run of listed events costs so much to read, beside the events themselves.
const RUN: usize = budget::LOOK;

/// An initial replay, and how far its next page has come.
#[derive(Debug)]
pub(super) struct GoingReplay {
    replay: InitialReplay,
    unfinished: Option<UnfinishedPage>,
}

impl From<InitialReplay> for GoingReplay {
    fn from(replay: InitialReplay) -> Self {
        Self { replay, unfinished: None }
    }
}

impl Shard {
    /// Goes on with what a subscriber is sent first; its sink takes bytes.
    pub(super) fn go_on_initial_replay(
        &mut self,
        key: SubscriberKey,
        budget: &mut Budget,
    ) -> Progress {
        let Some(subscriber) = self.subscribers.get(key) else { return Progress::Rest };
        let (audience, cursor) = (subscriber.audience(), subscriber.cursor());
        let Some(mut going) = self.initial_replays.remove(&key) else { return Progress::Rest };
        if cursor >= going.replay.head.sequence {
            return self.end_initial_replay(key, going);
        }
        let state = self.initial_page(&mut going, (audience, cursor), budget);
        self.initial_replays.insert(key, going);
        match state {
            PageState::Ready(page) if page.is_truncated => self.on_truncated(key, &page),
            PageState::Ready(page) => {
                budget.spend(budget::WRITE);
                self.hand(key, &page.batch, page.through, page.ends)
            }
            PageState::Cut => Progress::More,
            PageState::Loading => Progress::Loading,
            PageState::Failed(beyond) => self.on_unreadable(key, beyond),
            PageState::OtherEpoch => self.on_other_epoch(),
        }
    }

    /// Its next page, joined. Nobody else gets the same.
    fn initial_page(
        &mut self,
        going: &mut GoingReplay,
        (key, cursor): PageKey,
        budget: &mut Budget,
    ) -> PageState {
        let Some(audience) = self.audiences.get(key) else {
            return PageState::Failed(going.replay.head.sequence);
        };
        let mut page = match going.unfinished.take() {
            Some(page) => page,
            None => match self.read_initial(&going.replay, (key, cursor), budget) {
                ReadOutcome::Ready(page) => UnfinishedPage::of(page),
                ReadOutcome::Loading => return PageState::Loading,
                ReadOutcome::Failed { beyond } => return PageState::Failed(beyond),
                ReadOutcome::OtherEpoch => return PageState::OtherEpoch,
            },
        };
        if !page.go_on(audience, budget) {
            going.unfinished = Some(page);
            return PageState::Cut;
        }
        PageState::Ready(self.join_page(key, &page))
    }

    fn read_initial(
        &self,
        initial: &InitialReplay,
        page_key: PageKey,
        budget: &mut Budget,
    ) -> ReadOutcome<Page> {
        let (key, cursor) = page_key;
        let through = initial.head.sequence;
        let waker = || self.mailbox.loaded_waker(LoadedPart::Page(page_key));
        let reader = LogReader { epoch: self.epoch, waker: &waker };
        let Some(audience) = self.audiences.get(key) else { return ReadOutcome::OtherEpoch };
        let Some(list) = &initial.list else {
            budget.spend(budget::READ);
            let filter = EventFilter::Candidates(&audience.selectors);
            return self.log.read(&reader, ReadRange { after: cursor, through }, filter, PASS);
        };
        let mut page = Page { events: Vec::new(), through: cursor, is_truncated: false };
        let mut bytes = 0;
        while page.events.len() < PASS.events_max && bytes < PASS.bytes_max {
            // Each call comes further, whatever it finds, and none goes on for longer than it may.
            if page.through > cursor && !budget.is_left() {
                return ReadOutcome::Ready(page);
            }
            let run = list.next_run(page.through);
            let Some(run) = run.filter(|run| run.range().after < through) else {
                page.through = through;
                break;
            };
            let limit = PageLimit {
                events_max: PASS.events_max - page.events.len(),
                bytes_max: PASS.bytes_max - bytes,
            };
            budget.spend(RUN);
            match self.read_run(&reader, (run, through), &audience.selectors, limit) {
                ReadOutcome::Ready(read) => {
                    budget.spend(budget::LOOK * read.events.len());
                    bytes += read.events.iter().map(|event| event.frame().len()).sum::<usize>();
                    if read.is_truncated && !page.events.is_empty() {
                        break;
                    }
                    page.is_truncated = read.is_truncated;
                    page.through = read.through;
                    page.events.extend(read.events);
                    if page.is_truncated {
                        break;
                    }
                }
                _ if !page.events.is_empty() => break,
                other => return other,
            }
        }
        ReadOutcome::Ready(page)
    }

    /// The beginning of a run of a list.
    fn read_run(
        &self,
        reader: &LogReader<'_>,
        (run, through): (ReplayRun, Sequence),
        selectors: &SelectorSet,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        let everything = EventFilter::Everything;
        match run {
            ReplayRun::Listed(range) => self.log.read(reader, range, everything, limit),
            ReplayRun::All(range) => {
                let range = ReadRange { through: range.through.min(through), ..range };
                self.log.read(reader, range, EventFilter::Candidates(selectors), limit)
            }
            ReplayRun::Kept(range) => match self.log.read(reader, range, everything, limit) {
                ReadOutcome::Ready(read) if read.is_truncated => {
                    let first = range.after.next();
                    ReadOutcome::Ready(Page {
                        events: Vec::new(),
                        through: first,
                        is_truncated: false,
                    })
                }
                read => read,
            },
        }
    }

    /// It has had everything up to the head of its beginning: it is told that place, and goes on or
    /// ends.
    fn end_initial_replay(&mut self, key: SubscriberKey, going: Box<GoingReplay>) -> Progress {
        let InitialReplay { head, ends, .. } = going.replay;
        let Some(subscriber) = self.subscribers.get(key) else { return Progress::Rest };
        let last = subscriber.last_id();
        let is_as_good = last != LastId::default()
            && (last.sequence >= head.sequence
                || (last.by_publisher && self.is_retained(last.sequence)));
        let passed = subscriber.cursor() > head.sequence;
        if (ends || !is_as_good) && !passed {
            let now = self.deadlines.now();
            let Some(subscriber) = self.subscribers.get_mut(key) else { return Progress::Rest };
            match subscriber.sink().offer(&Block::id(head)) {
                Offer::Taken => subscriber.was_told_place(head.sequence, now),
                Offer::Full => {
                    subscriber.found_full();
                    self.blocked.insert(key, ());
                    self.initial_replays.insert(key, going);
                    return Progress::Rest;
                }
                Offer::Closed => return Progress::End(EndReason::Client),
            }
        }
        if ends {
            return Progress::End(EndReason::Finished);
        }
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            subscriber.finished_initial_replay();
        }
        Progress::More
    }
}

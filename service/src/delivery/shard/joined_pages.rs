//! Pages of the log as segments, joined once for all who stand at the same place.
//!
//! A page is read, goes through its audience's selectors and grants, which can take long and is cut,
//! and is kept until the shard has seen something new.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::audience::Audience;
use super::super::batch::Batch;
use super::super::budget::{self, Budget};
use super::super::keys::{AudienceKey, PageKey};
use super::super::mailbox::LoadedPart;
use super::selection::{Next, Selection};
use super::topic_ends::TopicEndSearch;
use super::{PASS, Shard};
use crate::event::{Event, Sequence};
use crate::log::{EventFilter, LogReader, Page, ReadOutcome, ReadRange};
use crate::memory::SplitMap;

/// Pages of the log as segments, by audience and cursor; valid while the shard has seen nothing
/// new.
#[derive(Debug, Default)]
pub(super) struct JoinedPages {
    pages: HashMap<PageKey, JoinedPage>,
    /// Pages whose events have been matched only in part, because matching takes long. The next
    /// subscriber of the audience with the same cursor goes on with it.
    unfinished: SplitMap<PageKey, UnfinishedPage>,
}

/// How many pages are remembered: with those of 64 KiB, at most 4 MiB for a moment.
const JOINED_PAGES_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct JoinedPage {
    pub(super) batch: Batch,
    pub(super) through: Sequence,
    pub(super) is_truncated: bool,
    pub(super) ends: bool,
}

/// A page whose events have been matched in part.
#[derive(Debug)]
pub(super) struct UnfinishedPage {
    selection: Selection,
    kept: Vec<Arc<Event>>,
    ends: TopicEndSearch,
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

    fn remember(&mut self, key: PageKey, page: &JoinedPage) {
        if self.pages.len() >= JOINED_PAGES_MAX {
            self.pages.clear();
        }
        self.pages.insert(key, page.clone());
    }
}

impl UnfinishedPage {
    pub(super) fn of(page: Page) -> Self {
        Self {
            selection: Selection::of(page.events),
            kept: Vec::new(),
            ends: TopicEndSearch::default(),
            through: page.through,
            is_truncated: page.is_truncated,
        }
    }

    /// Goes on; false when the budget is spent before the page is finished.
    pub(super) fn go_on(&mut self, audience: &Audience, budget: &mut Budget) -> bool {
        loop {
            match self.selection.next(audience, budget) {
                Next::Event(event) => self.kept.push(event),
                Next::End => return self.ends.go_on(&self.kept, audience, budget),
                Next::Cut => return false,
            }
        }
    }
}

/// What an audience is to see after a cursor, as far as that can be said now.
pub(super) enum PageState {
    Ready(JoinedPage),
    /// The budget is spent before it is known.
    Cut,
    Loading,
    /// It cannot be read up to there.
    Failed(Sequence),
    /// The log has begun a new epoch.
    OtherEpoch,
}

impl Shard {
    /// One page of what an audience is to see after a cursor, joined.
    pub(super) fn joined_page(&mut self, page_key: PageKey, budget: &mut Budget) -> PageState {
        let (key, cursor) = page_key;
        if let Some(page) = self.joined_pages.pages.get(&page_key) {
            return PageState::Ready(page.clone());
        }
        if self.loading.is_loading(page_key) {
            return PageState::Loading;
        }
        let Some(audience) = self.audiences.get(key) else {
            let batch = Batch::of(&[], self.log.buffers());
            let through = self.seen;
            return PageState::Ready(JoinedPage {
                batch,
                through,
                is_truncated: false,
                ends: false,
            });
        };
        let mut page = match self.joined_pages.unfinished.remove(&page_key) {
            Some(unfinished) => unfinished,
            None => {
                budget.spend(budget::READ);
                match self.read_page(page_key, audience) {
                    ReadOutcome::Ready(page) => UnfinishedPage::of(page),
                    ReadOutcome::Loading => return PageState::Loading,
                    ReadOutcome::Failed { beyond } => return PageState::Failed(beyond),
                    ReadOutcome::OtherEpoch => return PageState::OtherEpoch,
                }
            }
        };
        if !page.go_on(audience, budget) {
            self.joined_pages.unfinished.insert(page_key, page);
            return PageState::Cut;
        }
        let joined = self.join_page(key, &page);
        self.joined_pages.remember((key, cursor), &joined);
        PageState::Ready(joined)
    }

    /// A page as one segment, with what it tells of the ends of topics.
    pub(super) fn join_page(&mut self, key: AudienceKey, page: &UnfinishedPage) -> JoinedPage {
        let found = page.ends.found();
        JoinedPage {
            batch: Batch::with_ends(&page.kept, &found.blocks, self.log.buffers()),
            through: page.through,
            is_truncated: page.is_truncated,
            ends: self.note_topic_ends(key, found, page.through),
        }
    }

    /// Reads what may be for an audience after a cursor, up to what the shard has seen.
    pub(super) fn read_page(
        &self,
        (key, cursor): PageKey,
        audience: &Audience,
    ) -> ReadOutcome<Page> {
        let range = ReadRange { after: cursor, through: self.seen };
        let filter = EventFilter::Candidates(&audience.selectors);
        let waker = || self.mailbox.loaded_waker(LoadedPart::Page((key, cursor)));
        let reader = LogReader { epoch: self.epoch, waker: &waker };
        self.log.read(&reader, range, filter, PASS)
    }
}

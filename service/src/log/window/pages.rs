//! Reading a window: some of its events at a time, forwards or backwards.

use std::sync::Arc;

use super::super::{EventFilter, Page, PageBack, PageLimit, ReadOutcome, ReadRange};
use super::Window;
use crate::event::{Epoch, Event, Sequence};
use crate::topic::Topic;

impl Window {
    /// Reads one page, up to the first hole.
    pub(in crate::log) fn read(
        &self,
        epoch: Epoch,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        if epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let through = self.head.min(range.through);
        let range = match self.holes.before_any(ReadRange { through, ..range }) {
            Ok(before) if before.through == through => range,
            Ok(before) => before,
            Err(beyond) => return ReadOutcome::Failed { beyond },
        };
        ReadOutcome::Ready(match exact_topics(filter) {
            Some(topics) => {
                let last = range.through.max(range.after);
                let after = range.after.max(self.oldest().previous()).min(last);
                let is_truncated = after > range.after && range.after < range.through;
                let page = self.page_of_topics(topics, ReadRange { after, ..range }, limit);
                Page { is_truncated, ..page }
            }
            None => self.read_everything(range, limit),
        })
    }

    /// Reads one page backwards, to the last hole.
    pub(in crate::log) fn read_back(
        &self,
        epoch: Epoch,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        if epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let range = match self.holes.behind_all(range) {
            Ok(behind) => behind,
            Err(beyond) => return ReadOutcome::Failed { beyond },
        };
        ReadOutcome::Ready(match exact_topics(filter) {
            Some(topics) => self.read_topics_back(topics, range, limit),
            None => self.read_everything_back(range, limit),
        })
    }

    fn read_everything(&self, range: ReadRange, limit: PageLimit) -> Page {
        if let Some(kept) = self.read_kept_run(range, limit) {
            return kept;
        }
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        let sequences = (first.0..=through.0).map(Sequence);
        self.page(sequences.filter_map(|sequence| self.get(sequence)), range, limit)
    }

    pub(super) fn page_of_topics<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        // One more than fits tells a full page from the end of the range.
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range(topics, range.after, range.through, count_max);
        let events = sequences.into_iter().filter_map(|sequence| self.get(sequence));
        self.page(events, range, limit)
    }

    fn read_everything_back(&self, range: ReadRange, limit: PageLimit) -> PageBack {
        let first = self.oldest().max(range.after.next());
        let through = self.head.min(range.through);
        let sequences = (first.0..=through.0).rev().map(Sequence);
        let events = sequences.filter_map(|sequence| self.get(sequence));
        let kept = self.kept.range(range.after, range.through.min(self.oldest().previous()));
        self.tail(events.chain(kept.rev()), range, limit)
    }

    fn read_topics_back<'a>(
        &self,
        topics: impl Iterator<Item = &'a Topic>,
        range: ReadRange,
        limit: PageLimit,
    ) -> PageBack {
        let count_max = limit.events_max.saturating_add(1);
        let sequences = self.by_topic.range_back(topics, range.after, range.through, count_max);
        let events = sequences.into_iter().filter_map(|sequence| self.get(sequence));
        self.tail(events, range, limit)
    }

    fn tail<'a>(
        &self,
        newest_first: impl Iterator<Item = &'a Arc<Event>>,
        range: ReadRange,
        limit: PageLimit,
    ) -> PageBack {
        let mut tail = PageBack { events: Vec::new(), after: range.through };
        let mut bytes = 0;
        for event in newest_first {
            bytes += event.frame().len();
            let full = tail.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !tail.events.is_empty() {
                return tail;
            }
            tail.after = event.sequence().previous();
            tail.events.push(Arc::clone(event));
        }
        tail.after = range.after;
        tail
    }

    pub(super) fn page<'a>(
        &self,
        events: impl Iterator<Item = &'a Arc<Event>>,
        range: ReadRange,
        limit: PageLimit,
    ) -> Page {
        let is_truncated = range.after.next() < self.oldest() && range.after < range.through;
        let mut page = Page { events: Vec::new(), through: range.after, is_truncated };
        let mut bytes = 0;
        for event in events {
            bytes += event.frame().len();
            let full = page.events.len() >= limit.events_max || bytes > limit.bytes_max;
            if full && !page.events.is_empty() {
                return page;
            }
            page.through = event.sequence();
            page.events.push(Arc::clone(event));
        }
        page.through = range.after.max(range.through.min(self.head));
        page
    }
}

/// The topics that can be found in the index, if nothing else is asked for.
fn exact_topics(filter: EventFilter<'_>) -> Option<impl Iterator<Item = &Topic>> {
    match filter {
        EventFilter::Everything => None,
        EventFilter::Candidates(selectors) => selectors.exact_topics(),
    }
}

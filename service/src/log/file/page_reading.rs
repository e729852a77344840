//! Pages of events, from memory where they are, and from the disk otherwise: then they are loaded by
//! other threads, and asked for again.

use std::sync::Arc;

use super::cold_page::{ColdPageKey, LoadedPage, ReadDirection};
use super::cold_pages::PageLoader;
use super::disk::Disk;
use super::log_parts::LogParts;
use super::retained::RetainedState;
use super::segment_reader::OpenSegments;
use super::threads;
use crate::event::Sequence;
use crate::file_limit::FileLimit;
use crate::log::{EventFilter, LogReader, Page, PageBack, PageLimit, ReadOutcome, ReadRange};

/// Where a range can be read.
enum ReadPlace {
    /// In memory, as this part of it.
    Memory(ReadRange),
    /// On the disk, for what is before this event at least.
    Disk { memory_from: Sequence },
}

impl RetainedState {
    /// Where the beginning of a range is, in the direction of reading.
    fn place_of(&self, range: ReadRange, direction: ReadDirection) -> ReadPlace {
        let memory_from = self.window.oldest();
        let after = range.after.max(self.oldest().previous());
        let head = self.window.bounds().head;
        let through = range.through.min(head);
        let is_in_memory = match direction {
            ReadDirection::Forwards => after.next() >= memory_from,
            ReadDirection::Backwards => through >= memory_from,
        };
        if after >= through {
            return ReadPlace::Memory(range);
        }
        match (is_in_memory, direction) {
            (true, ReadDirection::Forwards) => ReadPlace::Memory(ReadRange { after, ..range }),
            (true, ReadDirection::Backwards) => {
                let after = after.max(memory_from.previous());
                ReadPlace::Memory(ReadRange { after, ..range })
            }
            (false, _) => ReadPlace::Disk { memory_from },
        }
    }
}

impl<D: Disk> LogParts<D> {
    pub(super) fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        let state = self.retained.lock();
        if reader.epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let before_oldest = state.oldest().previous();
        if let EventFilter::Everything = filter {
            let kept = ReadRange { through: range.through.min(before_oldest), ..range };
            if let Some(page) = state.window.read_kept_run(kept, limit) {
                return ReadOutcome::Ready(page);
            }
        }
        let after = range.after.max(before_oldest);
        let is_truncated = after > range.after && range.after < range.through;
        let truncated = |page: Page| Page { is_truncated, ..page };
        let memory_from = match state.place_of(range, ReadDirection::Forwards) {
            ReadPlace::Memory(range) => {
                return map_ready(state.window.read(reader.epoch, range, filter, limit), truncated);
            }
            // A log that moves on while pages are loaded would keep the reader from ever being told.
            ReadPlace::Disk { .. } if is_truncated => {
                let (events, through) = (Vec::new(), before_oldest);
                return ReadOutcome::Ready(Page { events, through, is_truncated });
            }
            ReadPlace::Disk { memory_from } => memory_from,
        };
        drop(state);
        let key = page_key(ReadDirection::Forwards, after, filter, limit);
        let Some(loaded) = self.cold.ask(&key, reader.waker) else { return ReadOutcome::Loading };
        let through = range.through;
        match loaded {
            LoadedPage::Events { mut events, to } => {
                events.truncate(events.partition_point(|event| event.sequence() <= through));
                ReadOutcome::Ready(Page { events, through: to.min(through), is_truncated: false })
            }
            LoadedPage::Unreadable { to, .. } => {
                ReadOutcome::Failed { beyond: to.min(memory_from.previous()).min(through) }
            }
        }
    }

    pub(super) fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        let state = self.retained.lock();
        if reader.epoch != self.epoch {
            return ReadOutcome::OtherEpoch;
        }
        let before_oldest = state.oldest().previous();
        let kept = state.window.kept_through(before_oldest).filter(|last| range.after < *last);
        // Behind what is retained comes what rules keep.
        let end = if kept.is_some() { before_oldest } else { range.after };
        if kept.is_some() && range.through <= before_oldest {
            return state.window.read_back(reader.epoch, range, filter, limit);
        }
        let range = ReadRange { after: range.after.max(end), ..range };
        if let ReadPlace::Memory(range) = state.place_of(range, ReadDirection::Backwards) {
            return state.window.read_back(reader.epoch, range, filter, limit);
        }
        let floor = range.after.max(before_oldest);
        drop(state);
        let key = page_key(ReadDirection::Backwards, range.through, filter, limit);
        let Some(loaded) = self.cold.ask(&key, reader.waker) else { return ReadOutcome::Loading };
        // What is before the oldest event is not retained, and nobody looks at it.
        let reached = |to: Sequence| if to <= floor { range.after } else { to };
        match loaded {
            LoadedPage::Events { mut events, to } => {
                events.truncate(events.partition_point(|event| event.sequence() > floor));
                ReadOutcome::Ready(PageBack { events, after: reached(to) })
            }
            LoadedPage::Unreadable { to, .. } => ReadOutcome::Failed { beyond: reached(to) },
        }
    }
}

impl<D: Disk> LogParts<D> {
    /// Loads pages that are asked for, until the log ends.
    pub(super) fn load_cold_pages(&self) {
        threads::stand_behind_others();
        self.cold.work(SegmentPages {
            log: self,
            open: OpenSegments::within(FileLimit::of_this_process()),
        });
    }
}

/// Pages of segments, whose files stay open from one page to the next.
struct SegmentPages<'a, D: Disk> {
    log: &'a LogParts<D>,
    open: OpenSegments<D::File>,
}

impl<D: Disk> PageLoader for SegmentPages<'_, D> {
    fn load(&mut self, key: &ColdPageKey) -> LoadedPage {
        let retained = &self.log.retained;
        let segments = Arc::clone(retained.lock().segments());
        retained.counters().read_page();
        self.log.reader.load_of_open(&mut self.open, &segments, key)
    }

    fn idle(&mut self) {
        self.open.close();
    }
}

fn map_ready<T>(outcome: ReadOutcome<T>, change: impl FnOnce(T) -> T) -> ReadOutcome<T> {
    match outcome {
        ReadOutcome::Ready(read) => ReadOutcome::Ready(change(read)),
        other => other,
    }
}

fn page_key(
    direction: ReadDirection,
    from: Sequence,
    filter: EventFilter<'_>,
    limit: PageLimit,
) -> ColdPageKey {
    let topics = match filter {
        EventFilter::Everything => None,
        EventFilter::Candidates(selectors) => {
            selectors.exact_topics().map(|topics| topics.cloned().collect())
        }
    };
    let PageLimit { events_max, bytes_max } = limit;
    ColdPageKey { direction, from, topics, events_max, bytes_max }
}

//! What a reader of a log asks for, and what it gets.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::Log;
use crate::event::{Epoch, Event, Sequence};
use crate::topic::SelectorSet;
use crate::within::within;

/// How long whoever may wait for a page waits for it.
const LOADED_WAIT_MAX: Duration = Duration::from_secs(30);

/// Who reads.
#[derive(Clone, Copy)]
pub struct LogReader<'a> {
    /// The epoch in which its sequences count.
    pub epoch: Epoch,
    /// Makes what wakes it. Only a log that cannot answer at once calls this.
    pub waker: &'a dyn Fn() -> Waker,
}

impl fmt::Debug for LogReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// What came of reading.
#[derive(Clone, Debug)]
pub enum ReadOutcome<T> {
    Ready(T),
    /// It is not in memory and is being fetched. The reader is woken when it is worth while to read
    /// again, which need not be the last time.
    Loading,
    /// What comes next cannot be read, now or later: nobody knows whether there were events, and
    /// the reader has to be told. It goes on after `beyond`; one that reads backwards, up to
    /// there. `beyond` is always further than where it began.
    Failed {
        beyond: Sequence,
    },
    /// The log has begun another epoch than the reader's.
    OtherEpoch,
}

impl<T> ReadOutcome<T> {
    /// What was read, if it was.
    pub fn ready(self) -> Option<T> {
        match self {
            Self::Ready(read) => Some(read),
            Self::Loading | Self::Failed { .. } | Self::OtherEpoch => None,
        }
    }
}

impl dyn Log {
    /// Reads one page, and waits until it is in memory. For everybody but delivery threads.
    pub async fn read_when_loaded(
        &self,
        epoch: Epoch,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        poll_fn(|context| {
            let waker = || context.waker().clone();
            let reader = LogReader { epoch, waker: &waker };
            match self.read(&reader, range, filter, limit) {
                ReadOutcome::Loading => Poll::Pending,
                outcome => Poll::Ready(outcome),
            }
        })
        .await
    }

    /// The same backwards. A page that is not there in half a minute counts as one that cannot be read.
    pub async fn read_back_when_loaded(
        &self,
        epoch: Epoch,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        let page = poll_fn(|context| {
            let waker = || context.waker().clone();
            let reader = LogReader { epoch, waker: &waker };
            match self.read_back(&reader, range, filter, limit) {
                ReadOutcome::Loading => Poll::Pending,
                outcome => Poll::Ready(outcome),
            }
        });
        let page = within(LOADED_WAIT_MAX, page).await;
        page.unwrap_or(ReadOutcome::Failed { beyond: range.after })
    }
}

/// Everything after one sequence and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRange {
    /// Read from behind this one.
    pub after: Sequence,
    /// Read up to and including this one.
    pub through: Sequence,
}

/// Which events of a range a reader wants.
#[derive(Clone, Copy, Debug)]
pub enum EventFilter<'a> {
    /// All of them.
    Everything,
    /// At least those that match. A log finds exact topics in its index; where there is any other
    /// selector it gives every event, and the reader has to match: that can take long, and is not
    /// done here, where it could not be cut.
    Candidates(&'a SelectorSet),
}

/// How much one page may hold, so that no reader keeps other threads waiting.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The most events returned, and the order of the most events looked at.
    pub events_max: usize,
    /// The most bytes of frames; a page has at least one event all the same.
    pub bytes_max: usize,
}

/// Some events of a range, in order.
#[derive(Clone, Debug)]
pub struct Page {
    /// The events, or candidates.
    pub events: Vec<Arc<Event>>,
    /// Everything up to here has been looked at: the next page goes on after it.
    pub through: Sequence,
    /// The log no longer had the beginning of the range.
    pub is_truncated: bool,
}

/// The end of a range, newest first.
#[derive(Clone, Debug)]
pub struct PageBack {
    /// The events, or candidates, from the newest to the oldest.
    pub events: Vec<Arc<Event>>,
    /// Everything after this one has been looked at: the next page ends here. It is the range's
    /// beginning when there is nothing left.
    pub after: Sequence,
}

/// Reads a log that has everything in memory, in its own epoch.
#[cfg(test)]
pub(crate) trait ReadNow {
    fn read_now(&self, range: ReadRange, filter: EventFilter<'_>, limit: PageLimit) -> Page;
    fn read_back_now(
        &self,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> PageBack;
}

#[cfg(test)]
impl<L: Log + ?Sized> ReadNow for L {
    fn read_now(&self, range: ReadRange, filter: EventFilter<'_>, limit: PageLimit) -> Page {
        let reader = LogReader { epoch: self.bounds().epoch, waker: &|| Waker::noop().clone() };
        self.read(&reader, range, filter, limit).ready().expect("it is in memory")
    }

    fn read_back_now(
        &self,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> PageBack {
        let reader = LogReader { epoch: self.bounds().epoch, waker: &|| Waker::noop().clone() };
        self.read_back(&reader, range, filter, limit).ready().expect("it is in memory")
    }
}

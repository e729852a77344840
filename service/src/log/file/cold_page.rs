//! A page that comes from the disk: what it is to hold, and what it came to.

use std::io;
use std::sync::Arc;

use super::disk::is_media_error;
use crate::event::{Event, Sequence};
use crate::topic::Topic;

/// What a page is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ColdPageKey {
    pub(super) direction: ReadDirection,
    /// Where it begins: forwards behind this sequence, backwards with it.
    pub(super) from: Sequence,
    /// Of these topics only.
    pub(super) topics: Option<Box<[Topic]>>,
    pub(super) events_max: usize,
    /// Of frames; a page has at least one event all the same.
    pub(super) bytes_max: usize,
}

/// Which way a page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReadDirection {
    Forwards,
    Backwards,
}

/// A page as it came from the disk.
#[derive(Clone, Debug)]
pub(super) enum LoadedPage {
    /// Events in the page's direction. Everything up to `to` has been looked at: forwards including
    /// it, backwards without it.
    Events { events: Vec<Arc<Event>>, to: Sequence },
    /// What the page begins with cannot be read, as far as this: forwards including it, backwards
    /// without it.
    Unreadable { to: Sequence, fault: ReadFault },
}

/// Why events cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadFault {
    /// They are missing or damaged: another attempt is likely to find no more of them.
    Lost,
    /// Something else has failed, as where no file can be opened. The next attempt may find them.
    Passing,
}

impl ReadFault {
    /// What an error says of the events that were to be read.
    pub(super) fn of(error: &io::Error) -> Self {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        // What is found wrong in the bytes of a file has no number of the system.
        match error.raw_os_error() {
            Some(_) if !is_gone && !is_media_error(error) => Self::Passing,
            _ => Self::Lost,
        }
    }
}

impl LoadedPage {
    /// Nothing of it can be read, as far as it could reach.
    pub(super) fn unreadable(key: &ColdPageKey) -> Self {
        let to = match key.direction {
            ReadDirection::Forwards => Sequence::MAX,
            ReadDirection::Backwards => Sequence(0),
        };
        Self::Unreadable { to, fault: ReadFault::Passing }
    }
}

/// A page that is being read.
pub(super) struct PageBuilder<'a> {
    pub(super) key: &'a ColdPageKey,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) bytes: usize,
    /// Everything up to here has been looked at, in the page's direction.
    pub(super) to: Sequence,
}

impl PageBuilder<'_> {
    /// Adds an event unless the page is full.
    pub(super) fn push(&mut self, event: Event) -> bool {
        let bytes = self.bytes.saturating_add(event.frame().len());
        if bytes > self.key.bytes_max && !self.events.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.to = match self.key.direction {
            ReadDirection::Forwards => event.sequence(),
            ReadDirection::Backwards => event.sequence().previous(),
        };
        self.events.push(Arc::new(event));
        true
    }

    /// Everything before this event, in the page's direction, has been looked at.
    pub(super) fn reach_before(&mut self, sequence: Sequence) {
        self.to = match self.key.direction {
            ReadDirection::Forwards => sequence.previous(),
            ReadDirection::Backwards => sequence,
        };
    }

    /// Ends before what cannot be read, unless that is what it begins with.
    pub(super) fn end(self, unreadable_to: Sequence, fault: ReadFault) -> LoadedPage {
        if self.to == self.key.from {
            return LoadedPage::Unreadable { to: unreadable_to, fault };
        }
        LoadedPage::Events { events: self.events, to: self.to }
    }
}

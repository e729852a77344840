//! The place for one segment between a shard and the reader of a body.
//!
//! Each side notes what it waits for: the reader its waker, the shard that it found the place full.
//! The side that changes the place finds that note under the same lock, and acts on it after the
//! lock is released; so neither can wait for something that has already happened.

use std::mem;
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::sync::{Mutex, MutexGuard, PoisonError};

/// Holds at most one segment.
#[derive(Debug)]
pub(super) struct SlotCell {
    // Held for a few instructions by the shard or by the reader; never across anything.
    state: Mutex<SlotState>,
}

#[derive(Debug, Default)]
struct SlotState {
    /// Empty when there is nothing to read.
    segment: Bytes,
    /// What is read after the segment, of a stream that ends in order. Boxed, because hardly any
    /// stream is at its end.
    retry_hint: Option<Box<Bytes>>,
    end: Option<SlotEnd>,
    /// The shard found the place full and wants to be notified when it is not.
    wants_wakeup: bool,
    reader_gone: bool,
    reader: Option<Waker>,
}

/// How the shard ended the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotEnd {
    InOrder,
    Cut,
}

/// What became of a segment that the shard put.
#[derive(Debug)]
pub(super) enum TryPut {
    /// It is there; a reader that waits for it is to be woken.
    Taken(Option<Waker>),
    Full,
    Gone,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TakenSegment {
    Segment {
        segment: Bytes,
        /// The shard found the place full and is to be notified that it no longer is.
        wants_wakeup: bool,
    },
    /// The stream has ended in order.
    End,
    /// The shard has cut it: something that it was to carry is missing.
    Cut,
}

impl SlotCell {
    pub(super) fn holding(segment: Bytes) -> Self {
        Self { state: Mutex::new(SlotState { segment, ..SlotState::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard puts a segment; an empty one only looks whether there is room.
    pub(super) fn put(&self, segment: &Bytes) -> TryPut {
        let mut state = self.lock();
        if state.reader_gone {
            return TryPut::Gone;
        }
        if !state.segment.is_empty() {
            state.wants_wakeup = true;
            return TryPut::Full;
        }
        state.segment = segment.clone();
        TryPut::Taken(if segment.is_empty() { None } else { state.reader.take() })
    }

    /// How much is there.
    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        state.segment.len() + state.retry_hint.as_ref().map_or(0, |retry_hint| retry_hint.len())
    }

    /// The shard ends the stream after what is there and `retry_hint`; the reader is to be woken.
    pub(super) fn end(&self, retry_hint: &Bytes) -> Option<Waker> {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(SlotEnd::InOrder);
            // Beside the segment: joined with it, that would be copied, and the copy counted
            // nowhere.
            state.retry_hint = (!retry_hint.is_empty()).then(|| Box::new(retry_hint.clone()));
        }
        state.reader.take()
    }

    /// The shard ends the stream at once, without what is there.
    pub(super) fn cut(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.segment = Bytes::new();
        state.retry_hint = None;
        state.end = Some(SlotEnd::Cut);
        state.reader.take()
    }

    /// The reader takes what is there, or is woken when something is.
    pub(super) fn take(&self, reader: &Waker) -> Poll<TakenSegment> {
        let mut state = self.lock();
        if !state.segment.is_empty() {
            let segment = mem::take(&mut state.segment);
            let wants_wakeup = mem::take(&mut state.wants_wakeup);
            return Poll::Ready(TakenSegment::Segment { segment, wants_wakeup });
        }
        if let Some(retry_hint) = state.retry_hint.take() {
            return Poll::Ready(TakenSegment::Segment {
                segment: *retry_hint,
                wants_wakeup: false,
            });
        }
        match state.end {
            Some(SlotEnd::InOrder) => Poll::Ready(TakenSegment::End),
            Some(SlotEnd::Cut) => Poll::Ready(TakenSegment::Cut),
            None => {
                state.reader = Some(reader.clone());
                Poll::Pending
            }
        }
    }

    /// The reader leaves; true if the stream had not ended.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.lock();
        state.reader_gone = true;
        state.segment = Bytes::new();
        state.retry_hint = None;
        state.end.is_none()
    }
}

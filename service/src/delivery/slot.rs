//! A sink for streams whose bytes somebody else pulls, such as a body that hyper polls.
//!
//! It holds at most one piece: one frame, or everything that was ready at once joined together. The
//! shard fills it, the reader empties it; a second offer before that is answered "full", exactly as
//! a socket would, and emptying it then rings the shard. So a slow reader costs one piece, never a
//! queue.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use super::mailbox::{Mailbox, Notice};
use super::sink::{Offer, Sink};
use super::subscriber::SubscriberKey;

/// Makes a slot that already holds `opening`. `hang_up` cuts whatever carries the reader.
pub(crate) fn slot(
    mailbox: Arc<Mailbox>,
    opening: Bytes,
    hang_up: Box<dyn FnOnce() + Send>,
) -> (SlotSink, SlotReader) {
    let state = State { piece: opening, ..State::default() };
    let shared = Arc::new(Shared { state: Mutex::new(state), mailbox });
    let sink = SlotSink { shared: Arc::clone(&shared), hang_up: Some(hang_up) };
    (sink, SlotReader { shared })
}

#[derive(Debug)]
struct Shared {
    // Held for a few instructions by the shard or by the reader; never across anything.
    state: Mutex<State>,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct State {
    /// Empty when there is nothing to read.
    piece: Bytes,
    ended: bool,
    /// The shard was told "full" and wants to know when that is over.
    promised: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    key: Option<SubscriberKey>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shard's end.
pub(crate) struct SlotSink {
    shared: Arc<Shared>,
    hang_up: Option<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for SlotSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotSink").finish_non_exhaustive()
    }
}

impl SlotSink {
    fn end(&mut self, last: impl FnOnce(&mut State)) {
        let mut state = self.shared.lock();
        last(&mut state);
        state.ended = true;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Sink for SlotSink {
    fn attach(&mut self, key: SubscriberKey) {
        self.shared.lock().key = Some(key);
    }

    fn readiness(&mut self) -> Offer {
        let mut state = self.shared.lock();
        if state.reader_gone {
            return Offer::Gone;
        }
        if state.piece.is_empty() {
            return Offer::Taken;
        }
        state.promised = true;
        Offer::Full
    }

    fn offer(&mut self, frames: &Bytes) -> Offer {
        let mut state = self.shared.lock();
        if state.reader_gone {
            return Offer::Gone;
        }
        if !state.piece.is_empty() {
            state.promised = true;
            return Offer::Full;
        }
        state.piece = frames.clone();
        let reader = state.reader.take();
        // The reader locks as soon as it is woken; it must not have to wait for us.
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Offer::Taken
    }

    fn finish(&mut self, farewell: &Bytes) {
        self.end(|state| {
            if state.piece.is_empty() {
                state.piece = farewell.clone();
            } else {
                let mut joined = BytesMut::with_capacity(state.piece.len() + farewell.len());
                joined.extend_from_slice(&state.piece);
                joined.extend_from_slice(farewell);
                state.piece = joined.freeze();
            }
        });
    }

    fn abort(&mut self) {
        self.end(|state| state.piece = Bytes::new());
        if let Some(hang_up) = self.hang_up.take() {
            hang_up();
        }
    }
}

impl Drop for SlotSink {
    /// A sink that its shard let go of without a word (the shard ended) must not leave a reader
    /// waiting for ever.
    fn drop(&mut self) {
        self.end(|_| ());
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct SlotReader {
    shared: Arc<Shared>,
}

impl SlotReader {
    /// The next piece; `None` when the stream has ended.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.shared.lock();
        if !state.piece.is_empty() {
            let piece = mem::take(&mut state.piece);
            let ready = if mem::take(&mut state.promised) { state.key } else { None };
            drop(state);
            if let Some(key) = ready {
                self.shared.mailbox.post(Notice::Ready(key));
            }
            return Poll::Ready(Some(piece));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for SlotReader {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.reader_gone = true;
        state.piece = Bytes::new();
        let key = if state.ended { None } else { state.key };
        drop(state);
        if let Some(key) = key {
            self.shared.mailbox.post(Notice::Gone(key));
        }
    }
}

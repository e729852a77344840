//! The place for one piece between a shard and the reader of a body.
//!
//! Each side leaves word of what it waits for: the reader its waker, the shard that it was told
//! "full". Whoever changes the place finds that word under the same lock, and acts on it after the
//! lock is released; so neither can wait for something that has already happened.

use std::mem;
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::sync::{Mutex, MutexGuard, PoisonError};

/// Holds at most one piece.
#[derive(Debug)]
pub(super) struct PieceCell {
    // Held for a few instructions by the shard or by the reader; never across anything.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Empty when there is nothing to read.
    piece: Bytes,
    /// What is read after the piece, of a stream that ends in order. Boxed, because hardly any stream
    /// is at its end.
    farewell: Option<Box<Bytes>>,
    end: Option<End>,
    /// The shard was told "full" and wants to know when that is over.
    promised: bool,
    reader_gone: bool,
    reader: Option<Waker>,
}

/// How the shard ended the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    InOrder,
    Cut,
}

/// What became of a piece that the shard put.
#[derive(Debug)]
pub(super) enum Put {
    /// It is there; whoever waits for it is to be woken.
    Taken(Option<Waker>),
    Full,
    Gone,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Piece {
        piece: Bytes,
        /// The shard was told "full" and is to be told that it is not.
        promised: bool,
    },
    /// The stream has ended in order.
    End,
    /// The shard has cut it: something that it was to carry is missing.
    Cut,
}

impl PieceCell {
    pub(super) fn holding(piece: Bytes) -> Self {
        Self { state: Mutex::new(State { piece, ..State::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard puts a piece; an empty one only asks.
    pub(super) fn put(&self, piece: &Bytes) -> Put {
        let mut state = self.lock();
        if state.reader_gone {
            return Put::Gone;
        }
        if !state.piece.is_empty() {
            state.promised = true;
            return Put::Full;
        }
        state.piece = piece.clone();
        Put::Taken(if piece.is_empty() { None } else { state.reader.take() })
    }

    /// How much is there.
    pub(super) fn bytes(&self) -> usize {
        let state = self.lock();
        state.piece.len() + state.farewell.as_ref().map_or(0, |farewell| farewell.len())
    }

    /// The shard ends the stream after what is there and `farewell`; the reader is to be woken.
    pub(super) fn end(&self, farewell: &Bytes) -> Option<Waker> {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(End::InOrder);
            // Beside the piece: joined with it, that would be copied, and the copy counted by nobody.
            state.farewell = (!farewell.is_empty()).then(|| Box::new(farewell.clone()));
        }
        state.reader.take()
    }

    /// The shard ends the stream at once, without what is there.
    pub(super) fn cut(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.piece = Bytes::new();
        state.farewell = None;
        state.end = Some(End::Cut);
        state.reader.take()
    }

    /// The reader takes what is there, or is woken when something is.
    pub(super) fn take(&self, reader: &Waker) -> Poll<Taken> {
        let mut state = self.lock();
        if !state.piece.is_empty() {
            let piece = mem::take(&mut state.piece);
            let promised = mem::take(&mut state.promised);
            return Poll::Ready(Taken::Piece { piece, promised });
        }
        if let Some(farewell) = state.farewell.take() {
            return Poll::Ready(Taken::Piece { piece: *farewell, promised: false });
        }
        match state.end {
            Some(End::InOrder) => Poll::Ready(Taken::End),
            Some(End::Cut) => Poll::Ready(Taken::Cut),
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
        state.piece = Bytes::new();
        state.farewell = None;
        state.end.is_none()
    }
}

//! A sink for streams whose bytes a reader pulls, such as a body that hyper polls.
//!
//! It holds at most one segment: one frame, or everything that was ready at once joined together.
//! The shard fills it, the reader empties it; a second offer before that is refused as "full",
//! exactly as by a socket, and emptying it then wakes the shard. So a slow reader costs one
//! segment, never a queue.

use std::fmt;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use mio::Registry;
use thiserror::Error;

use super::batch::Batch;
use super::carrier::{Carrier, Cut, StreamConnection};
use super::keys::SubscriberKey;
use super::mailbox::{Mailbox, Notice};
use super::sink::{Finish, Offer, Sent, Sink};
use super::slot_cell::{SlotCell, TakenSegment, TryPut};
use crate::event::Block;

/// A shard has ended the stream before its reader had everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stream was cut because its reader takes nothing; it may be resumed")]
pub struct StreamCut;

/// Makes a slot that already holds `opening`. `carrier` is what carries the reader, which may not be
/// polled as long as its client takes nothing.
pub(crate) fn slot(
    mailbox: Arc<Mailbox>,
    opening: Bytes,
    carrier: Box<dyn Carrier>,
) -> (SlotSink, SlotReader) {
    let shared = Arc::new(SharedSlot {
        cell: SlotCell::holding(opening),
        taken: AtomicUsize::new(0),
        key: OnceLock::new(),
        mailbox,
    });
    let sink = SlotSink { shared: Arc::clone(&shared), carrier, is_cut: false };
    (sink, SlotReader { shared })
}

#[derive(Debug)]
struct SharedSlot {
    cell: SlotCell,
    /// Bytes of the segments that the reader took and that have yet to leave.
    taken: AtomicUsize,
    /// By what the shard knows the stream, once it does.
    key: OnceLock<SubscriberKey>,
    mailbox: Arc<Mailbox>,
}

/// The shard's end.
pub(crate) struct SlotSink {
    shared: Arc<SharedSlot>,
    carrier: Box<dyn Carrier>,
    is_cut: bool,
}

impl fmt::Debug for SlotSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotSink").finish_non_exhaustive()
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl SlotSink {
    fn put(&self, frames: &Bytes) -> Offer {
        match self.shared.cell.put(frames) {
            TryPut::Taken(reader) => {
                wake(reader);
                Offer::Taken
            }
            TryPut::Full => Offer::Full,
            TryPut::Gone => Offer::Closed,
        }
    }
}

impl Sink for SlotSink {
    fn attach(&mut self, key: SubscriberKey, _: &Registry) -> io::Result<()> {
        // A sink is attached once.
        let _ = self.shared.key.set(key);
        Ok(())
    }

    fn readiness(&mut self) -> Offer {
        self.put(&Bytes::new())
    }

    fn offer(&mut self, block: &Block) -> Offer {
        self.put(block.frame())
    }

    fn offer_batch(&mut self, batch: &Batch) -> Sent {
        self.put(batch.frames()).into()
    }

    fn finish(&mut self, retry_hint: &Bytes) -> Finish {
        self.carrier.stream_ends();
        wake(self.shared.cell.end(retry_hint));
        self.continue_close()
    }

    fn continue_close(&mut self) -> Finish {
        if self.held() == 0 { Finish::Done } else { Finish::Pending }
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn connection(&self) -> StreamConnection {
        self.carrier.connection()
    }

    fn held(&self) -> usize {
        self.shared.cell.bytes() + self.shared.taken.load(Ordering::Relaxed)
    }

    fn abort(&mut self, _: &Bytes) {
        self.carrier.stream_ends();
        wake(self.shared.cell.cut());
        if !mem::replace(&mut self.is_cut, true) {
            self.carrier.cut(Cut::Stream);
        }
    }

    fn disconnect(&mut self) {
        self.carrier.cut(Cut::Connection);
    }
}

impl Drop for SlotSink {
    /// A sink that its shard dropped without ending the stream (the shard itself ended) must not
    /// leave a reader waiting for ever.
    fn drop(&mut self) {
        self.carrier.stream_ends();
        wake(self.shared.cell.end(&Bytes::new()));
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct SlotReader {
    shared: Arc<SharedSlot>,
}

impl SlotReader {
    /// The next segment; `None` when the stream has ended in order.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StreamCut>>> {
        self.shared.cell.take(context.waker()).map(|taken| match taken {
            TakenSegment::Segment { segment, wants_wakeup } => {
                if wants_wakeup {
                    self.post_notice(Notice::Ready);
                }
                Some(Ok(segment))
            }
            TakenSegment::End => None,
            TakenSegment::Cut => Some(Err(StreamCut)),
        })
    }

    /// A segment to be sent, which counts for this stream until it is dropped.
    #[must_use]
    pub fn counted(&self, bytes: Bytes) -> Segment {
        let counted = bytes.len();
        self.shared.taken.fetch_add(counted, Ordering::Relaxed);
        Segment { bytes, counted, stream: Some(Arc::clone(&self.shared)) }
    }

    /// Before the shard has attached the sink there is nothing to notify: the shard looks at the
    /// sink when it has.
    fn post_notice(&self, notice: fn(SubscriberKey) -> Notice) {
        if let Some(&key) = self.shared.key.get() {
            self.shared.mailbox.post(notice(key));
        }
    }
}

/// Bytes on their way, and for which stream they count.
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    counted: usize,
    stream: Option<Arc<SharedSlot>>,
}

impl From<Bytes> for Segment {
    /// Bytes that count for no stream.
    fn from(bytes: Bytes) -> Self {
        Self { bytes, counted: 0, stream: None }
    }
}

impl Buf for Segment {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.bytes.copy_to_bytes(length)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            stream.taken.fetch_sub(self.counted, Ordering::Relaxed);
        }
    }
}

impl Drop for SlotReader {
    fn drop(&mut self) {
        if self.shared.cell.leave() {
            self.post_notice(Notice::Gone);
        }
    }
}

#[cfg(test)]
mod tests;

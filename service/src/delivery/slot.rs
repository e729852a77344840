//! A sink for streams whose bytes somebody else pulls, such as a body that hyper polls.
//!
//! It holds at most one segment: one frame, or everything that was ready at once joined together. The
//! shard fills it, the reader empties it; a second offer before that is answered "full", exactly as
//! a socket would, and emptying it then wakes the shard. So a slow reader costs one segment, never a
//! queue.

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
use super::keys::SubscriberKey;
use super::mailbox::{Mailbox, Notice};
use super::sink::{Finish, Offer, Sent, Sink};
use super::slot_cell::{SlotCell, Taken, TryPut};
use crate::event::Block;

/// A shard has ended the stream before its reader had everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stream was cut because its reader takes nothing; it may be resumed")]
pub struct StreamCut;

/// What is to be cut from outside, because the reader of a stream takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The stream, with what is held for it.
    Stream,
    /// The connection, if not even the end of a stream gets through. Other streams that it carries
    /// end with it.
    Connection,
}

/// Cuts what carries a stream. It is called from the thread of a shard, and must not block.
pub type HangUp = Box<dyn Fn(Cut) + Send>;

/// Makes a slot that already holds `opening`. `hang_up` cuts whatever carries the reader, which may
/// not ask for what comes next as long as nobody takes what it has.
pub(crate) fn slot(
    mailbox: Arc<Mailbox>,
    opening: Bytes,
    hang_up: HangUp,
) -> (SlotSink, SlotReader) {
    let shared = Arc::new(Shared {
        cell: SlotCell::holding(opening),
        taken: AtomicUsize::new(0),
        key: OnceLock::new(),
        mailbox,
    });
    let sink = SlotSink { shared: Arc::clone(&shared), hang_up, is_cut: false };
    (sink, SlotReader { shared })
}

#[derive(Debug)]
struct Shared {
    cell: SlotCell,
    /// Bytes of the segments that the reader took and that have yet to leave.
    taken: AtomicUsize,
    /// By what the shard knows the stream, once it does.
    key: OnceLock<SubscriberKey>,
    mailbox: Arc<Mailbox>,
}

/// The shard's end.
pub(crate) struct SlotSink {
    shared: Arc<Shared>,
    hang_up: HangUp,
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
        wake(self.shared.cell.end(retry_hint));
        self.continue_close()
    }

    fn continue_close(&mut self) -> Finish {
        if self.held() == 0 { Finish::Done } else { Finish::Pending }
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn held(&self) -> usize {
        self.shared.cell.bytes() + self.shared.taken.load(Ordering::Relaxed)
    }

    fn abort(&mut self, _: &Bytes) {
        wake(self.shared.cell.cut());
        if !mem::replace(&mut self.is_cut, true) {
            (self.hang_up)(Cut::Stream);
        }
    }

    fn disconnect(&mut self) {
        (self.hang_up)(Cut::Connection);
    }
}

impl Drop for SlotSink {
    /// A sink that its shard let go of without a word (the shard ended) must not leave a reader
    /// waiting for ever.
    fn drop(&mut self) {
        wake(self.shared.cell.end(&Bytes::new()));
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct SlotReader {
    shared: Arc<Shared>,
}

impl SlotReader {
    /// The next segment; `None` when the stream has ended in order.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StreamCut>>> {
        self.shared.cell.take(context.waker()).map(|taken| match taken {
            Taken::Segment { segment, wants_wakeup } => {
                if wants_wakeup {
                    self.tell(Notice::Ready);
                }
                Some(Ok(segment))
            }
            Taken::End => None,
            Taken::Cut => Some(Err(StreamCut)),
        })
    }

    /// A segment for whoever sends it, which counts for this stream until it is dropped.
    #[must_use]
    pub fn counted(&self, bytes: Bytes) -> Segment {
        let counted = bytes.len();
        self.shared.taken.fetch_add(counted, Ordering::Relaxed);
        Segment { bytes, counted, stream: Some(Arc::clone(&self.shared)) }
    }

    /// Before the shard has met the stream there is nothing to tell: it asks when it does.
    fn tell(&self, notice: fn(SubscriberKey) -> Notice) {
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
    stream: Option<Arc<Shared>>,
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
            self.tell(Notice::Gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Wake;

    use mio::Token;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Stage {
        mailbox: Arc<Mailbox>,
        sink: SlotSink,
        reader: SlotReader,
        wakes: Arc<Count>,
        hang_ups: Arc<Mutex<Vec<Cut>>>,
        // Keeps the mailbox's waker usable.
        _poll: mio::Poll,
    }

    fn stage(opening: &'static str) -> Stage {
        let poll = mio::Poll::new().unwrap();
        let registry: &Registry = poll.registry();
        let mailbox = Arc::new(Mailbox::new(registry, Token(0)).unwrap());
        let hang_ups = Arc::new(Mutex::new(Vec::new()));
        let hung_up = Arc::clone(&hang_ups);
        let (mut sink, reader) = slot(
            Arc::clone(&mailbox),
            Bytes::from_static(opening.as_bytes()),
            Box::new(move |cut| hung_up.lock().unwrap().push(cut)),
        );
        sink.attach(SubscriberKey::default(), registry).unwrap();
        Stage { mailbox, sink, reader, wakes: Arc::default(), hang_ups, _poll: poll }
    }

    impl Stage {
        fn read(&mut self) -> Poll<Option<Result<Bytes, StreamCut>>> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            self.reader.poll_next(&mut Context::from_waker(&waker))
        }

        fn offer(&mut self, frames: &'static str) -> Offer {
            self.sink.put(&Bytes::from_static(frames.as_bytes()))
        }

        /// What the shard was told since it was asked last.
        fn notices(&self) -> Vec<&'static str> {
            notices(&self.mailbox)
        }
    }

    fn notices(mailbox: &Mailbox) -> Vec<&'static str> {
        let mut notices = std::collections::VecDeque::new();
        mailbox.take(&mut notices);
        let name = |notice: &Notice| match notice {
            Notice::Ready(_) => "ready",
            Notice::Gone(_) => "gone",
            _ => "another",
        };
        notices.iter().map(name).collect()
    }

    fn segment(text: &'static str) -> Poll<Option<Result<Bytes, StreamCut>>> {
        Poll::Ready(Some(Ok(Bytes::from_static(text.as_bytes()))))
    }

    const END: Poll<Option<Result<Bytes, StreamCut>>> = Poll::Ready(None);

    #[test]
    fn a_reader_gets_the_opening_first_and_then_what_was_offered() {
        let mut stage = stage(":\n");
        assert_eq!(stage.offer("a"), Offer::Full);
        assert_eq!(stage.read(), segment(":\n"));
        assert_eq!(stage.offer("a"), Offer::Taken);
        assert_eq!(stage.read(), segment("a"));
        assert_eq!(stage.read(), Poll::Pending);
    }

    #[test]
    fn a_slot_without_an_opening_takes_the_first_offer() {
        let mut stage = stage("");
        assert_eq!(stage.sink.readiness(), Offer::Taken);
        assert_eq!(stage.offer("a"), Offer::Taken);
        assert_eq!(stage.sink.readiness(), Offer::Full);
        assert_eq!(stage.read(), segment("a"));
    }

    #[test]
    fn a_reader_that_waits_is_woken_by_a_piece_and_by_the_end() {
        let mut stage = stage("");
        assert_eq!(stage.read(), Poll::Pending);
        assert_eq!(stage.wakes.get(), 0);
        stage.offer("a");
        assert_eq!(stage.wakes.get(), 1);
        assert_eq!((stage.read(), stage.read()), (segment("a"), Poll::Pending));
        stage.sink.finish(&Bytes::new());
        assert_eq!(stage.wakes.get(), 2);
        assert_eq!(stage.read(), END);
    }

    #[test]
    fn whoever_was_told_that_the_slot_is_full_is_told_once_when_it_is_not() {
        let mut stage = stage("");
        stage.offer("a");
        assert_eq!(stage.read(), segment("a"));
        assert_eq!(stage.notices(), [""; 0], "nobody was told");
        stage.offer("b");
        assert_eq!((stage.offer("c"), stage.sink.readiness()), (Offer::Full, Offer::Full));
        assert_eq!(stage.notices(), [""; 0], "it still is");
        assert_eq!(stage.read(), segment("b"));
        assert_eq!(stage.notices(), ["ready"]);
        stage.offer("d");
        assert_eq!(stage.read(), segment("d"));
        assert_eq!(stage.notices(), [""; 0], "nobody was told since");
        stage.offer("e");
        stage.sink.readiness();
        assert_eq!(stage.read(), segment("e"));
        assert_eq!(stage.notices(), ["ready"]);
    }

    #[test]
    fn a_stream_that_is_finished_ends_after_what_was_taken_and_the_retry_hint() {
        for (taken, retry_hint) in [("a", "bye"), ("", "bye"), ("a", ""), ("", "")] {
            let mut stage = stage("");
            if !taken.is_empty() {
                stage.offer(taken);
            }
            stage.sink.finish(&Bytes::from_static(retry_hint.as_bytes()));
            for read in [taken, retry_hint].into_iter().filter(|read| !read.is_empty()) {
                assert_eq!(stage.sink.continue_close(), Finish::Pending);
                assert_eq!(stage.read(), segment(read));
            }
            assert_eq!((stage.read(), stage.read()), (END, END));
            assert_eq!(stage.sink.continue_close(), Finish::Done);
            assert_eq!(*stage.hang_ups.lock().unwrap(), []);
        }
    }

    #[test]
    fn a_stream_that_is_cut_forgets_what_was_taken_and_hangs_up_once() {
        let mut stage = stage("");
        stage.offer("a");
        stage.sink.abort(&Bytes::new());
        stage.sink.abort(&Bytes::new());
        assert_eq!(*stage.hang_ups.lock().unwrap(), [Cut::Stream]);
        stage.sink.disconnect();
        assert_eq!(*stage.hang_ups.lock().unwrap(), [Cut::Stream, Cut::Connection]);
        assert_eq!(stage.read(), Poll::Ready(Some(Err(StreamCut))));
        drop(stage.sink);
        let waker = Waker::from(stage.wakes);
        let read = stage.reader.poll_next(&mut Context::from_waker(&waker));
        assert_eq!(
            read,
            Poll::Ready(Some(Err(StreamCut))),
            "it never ends as if nothing were missing"
        );
    }

    #[test]
    fn a_piece_counts_as_held_until_whoever_took_it_lets_go_of_it() {
        let mut stage = stage("ab");
        assert_eq!(stage.sink.held(), 2);
        assert_eq!(stage.read(), segment("ab"));
        let mut first = stage.reader.counted(Bytes::from_static(b"ab"));
        assert_eq!(stage.offer("cde"), Offer::Taken);
        assert_eq!(stage.sink.held(), 5);
        first.advance(1);
        assert_eq!((first.remaining(), stage.sink.held()), (1, 5), "it holds all of its memory");
        drop(first);
        assert_eq!(stage.sink.held(), 3);
        stage.sink.abort(&Bytes::new());
        assert_eq!(stage.sink.held(), 0);
    }

    #[test]
    fn a_sink_that_its_shard_lets_go_of_ends_the_stream_after_what_was_taken() {
        let Stage { mut reader, sink, wakes, _poll, .. } = stage("");
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        sink.put(&Bytes::from_static(b"a"));
        assert_eq!(reader.poll_next(&mut context), segment("a"));
        assert_eq!(reader.poll_next(&mut context), Poll::Pending);
        drop(sink);
        assert_eq!(wakes.get(), 1);
        assert_eq!(reader.poll_next(&mut context), END);
    }

    #[test]
    fn a_reader_that_goes_is_reported_and_nothing_is_taken_any_more() {
        let Stage { mailbox, mut sink, reader, _poll, .. } = stage("");
        drop(reader);
        assert_eq!(notices(&mailbox), ["gone"]);
        assert_eq!(sink.readiness(), Offer::Closed);
        assert_eq!(sink.put(&Bytes::from_static(b"a")), Offer::Closed);
    }

    #[test]
    fn a_reader_that_goes_after_the_end_is_no_news() {
        let Stage { mailbox, mut sink, reader, _poll, .. } = stage("");
        sink.finish(&Bytes::new());
        drop(reader);
        assert_eq!(notices(&mailbox), [""; 0]);
    }
}

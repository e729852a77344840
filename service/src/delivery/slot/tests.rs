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

    /// The notices that the shard was sent since the last call.
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
    assert_eq!(read, Poll::Ready(Some(Err(StreamCut))), "it never ends as if nothing were missing");
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

//! Cutting a stream of an HTTP/2 connection, with everything that is held for it.
//!
//! A shard cuts a stream whose reader takes nothing. hyper asks the body for nothing either as long
//! as the client's window is closed, and so would not learn of it, and keep what it has. So each
//! stream's task, which hyper gives to its executor, can be aborted from outside: that resets the
//! stream (RST_STREAM) and drops what waits to be sent.
//!
//! Even a reset has to leave. Where the client does not read the connection itself, what hyper has
//! begun to write is held until the connection is cut.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::delivery::{Carrier, Cut, StreamConnection};

/// Runs the tasks of streams so that each can be aborted.
///
/// A task that is aborted by its runtime needs nothing beside itself for that. Wrapped in a future
/// that can be aborted, every stream would take 200 bytes more.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamExecutor {
    spawned: Arc<Mutex<Vec<AbortHandle>>>,
}

/// So many tasks may have ended before they took their handles, which keep their memory.
const ENDED_MAX: usize = 16;

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        // Under the lock: a task that runs at once waits here for its handle.
        let mut spawned = self.spawned();
        if spawned.len() >= ENDED_MAX {
            spawned.retain(|task| !task.is_finished());
        }
        spawned.push(tokio::spawn(stream).abort_handle());
    }
}

impl StreamExecutor {
    fn spawned(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.spawned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What aborts the task of the stream that is being served. A stream takes it once.
    fn take_this(&self) -> Option<AbortHandle> {
        let id = tokio::task::try_id()?;
        let mut spawned = self.spawned();
        let at = spawned.iter().rposition(|task| task.id() == id)?;
        let task = spawned.swap_remove(at);
        if spawned.is_empty() {
            // A connection keeps no space for as many as came once at a time.
            *spawned = Vec::new();
        }
        Some(task)
    }
}

/// How a connection's socket gets on, and whether it should.
#[derive(Debug, Default)]
pub(super) struct WriteProgress {
    /// For whoever looks at the streams of the connection.
    connection: StreamConnection,
    /// The kernel has not taken all that hyper wanted to write.
    congested: AtomicBool,
    writes: AtomicU64,
    /// A stream has been cut.
    cut: Notify,
    /// The connection is to be cut.
    disconnect: Notify,
}

/// What carries a stream of an HTTP/2 connection.
pub(super) struct Http2Carrier {
    progress: Arc<WriteProgress>,
    stream: Option<AbortHandle>,
}

impl Carrier for Http2Carrier {
    fn cut(&self, cut: Cut) {
        match cut {
            Cut::Stream => {
                if let Some(stream) = &self.stream {
                    stream.abort();
                }
                self.progress.cut.notify_one();
            }
            // Otherwise the end of the stream leaves as soon as hyper gets to it.
            Cut::Connection if self.progress.congested.load(Ordering::Relaxed) => {
                self.progress.disconnect.notify_one();
            }
            Cut::Connection => {}
        }
    }

    fn connection(&self) -> StreamConnection {
        self.progress.connection
    }
}

impl WriteProgress {
    pub(super) fn of(connection: StreamConnection) -> Self {
        Self { connection, ..Self::default() }
    }

    /// What carries the stream that is being served.
    pub(super) fn carrier(self: &Arc<Self>, streams: &StreamExecutor) -> Http2Carrier {
        Http2Carrier { progress: Arc::clone(self), stream: streams.take_this() }
    }

    /// Waits until streams have been cut and the client does not even take that, for so long, or
    /// until the connection is to be cut at once.
    pub(super) async fn stuck(&self, time: Duration) {
        tokio::select! {
            () = self.takes_nothing(time) => {}
            () = self.disconnect.notified() => {}
        }
    }

    async fn takes_nothing(&self, time: Duration) {
        loop {
            self.cut.notified().await;
            let before = self.writes.load(Ordering::Relaxed);
            sleep(time).await;
            let got_on = self.writes.load(Ordering::Relaxed) != before;
            if self.congested.load(Ordering::Relaxed) && !got_on {
                return;
            }
        }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.congested.store(written.is_pending(), Ordering::Relaxed);
        self.writes.fetch_add(u64::from(written.is_ready()), Ordering::Relaxed);
        written
    }

    /// TLS takes some bytes into a buffer of its own, and a flush tells whether the kernel has taken
    /// them. A socket has no such buffer, and its flush never waits.
    fn note_flush(&self, has_to_wait: bool) {
        self.congested.store(has_to_wait, Ordering::Relaxed);
    }
}

/// A socket for hyper whose writes are noted.
#[derive(Debug)]
pub(super) struct ObservedIo<T> {
    pub(super) io: T,
    pub(super) progress: Arc<WriteProgress>,
}

impl<T: Read + Unpin> Read for ObservedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(task, buffer)
    }
}

impl<T: Write + Unpin> Write for ObservedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(task, bytes);
        self.progress.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(task);
        self.progress.note_flush(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(task, slices);
        self.progress.note(written)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const TIME: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_stream_that_is_cut_is_dropped_although_it_waits_for_something_else() {
        let (progress, streams) = (Arc::new(WriteProgress::default()), StreamExecutor::default());
        let (give, given) = tokio::sync::oneshot::channel();
        let held = Arc::new(());
        let stream = {
            let (progress, streams, held) =
                (Arc::clone(&progress), streams.clone(), Arc::clone(&held));
            async move {
                assert!(give.send(progress.carrier(&streams)).is_ok());
                std::future::pending::<()>().await;
                drop(held);
            }
        };
        streams.execute(stream);
        let carrier = given.await.unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        std::thread::spawn(move || carrier.cut(Cut::Stream)).join().unwrap();
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn tasks_that_end_without_asking_for_their_handles_are_forgotten() {
        let streams = StreamExecutor::default();
        for _ in 0..10 * ENDED_MAX {
            streams.execute(async {});
            tokio::task::yield_now().await;
        }
        assert!(streams.spawned().len() <= ENDED_MAX);
    }

    #[tokio::test]
    async fn a_connection_that_is_to_be_cut_is_stuck_at_once_unless_the_kernel_takes_everything() {
        let (progress, streams) = (Arc::new(WriteProgress::default()), StreamExecutor::default());
        progress.carrier(&streams).cut(Cut::Connection);
        assert!(progress.stuck(Duration::MAX).now_or_never().is_none());
        progress.congested.store(true, Ordering::Relaxed);
        progress.carrier(&streams).cut(Cut::Connection);
        progress.stuck(Duration::MAX).await;
    }

    /// As TLS is on a socket that takes nothing: it takes some bytes itself.
    #[derive(Default)]
    struct Buffered {
        is_taken: bool,
    }

    impl Write for Buffered {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Task<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
            if self.is_taken { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn bytes_that_lie_in_a_buffer_of_tls_have_not_been_taken_by_the_kernel() {
        let progress = Arc::new(WriteProgress::default());
        let mut io = ObservedIo { io: Buffered::default(), progress: Arc::clone(&progress) };
        let mut task = Task::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut io).poll_write(&mut task, b"x").is_ready());
        assert!(!progress.congested.load(Ordering::Relaxed));
        assert!(Pin::new(&mut io).poll_flush(&mut task).is_pending());
        assert!(progress.congested.load(Ordering::Relaxed));
        io.io.is_taken = true;
        assert!(Pin::new(&mut io).poll_flush(&mut task).is_ready());
        assert!(!progress.congested.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_stuck_when_it_takes_nothing_after_a_stream_was_cut() {
        let progress = Arc::new(WriteProgress::default());
        let stuck = tokio::spawn({
            let progress = Arc::clone(&progress);
            async move { progress.stuck(TIME).await }
        });
        // Whether something waits to be written, whether a stream is cut, and whether something is
        // written after that.
        let cases = [
            (false, true, false, "nothing waits to be written"),
            (true, false, false, "nothing was cut"),
            (true, true, true, "the client takes something"),
            (true, true, false, "the client takes nothing"),
        ];
        for (congested, is_cut, writes, what) in cases {
            progress.congested.store(congested, Ordering::Relaxed);
            if is_cut {
                progress.cut.notify_one();
            }
            sleep(TIME / 2).await;
            progress.writes.fetch_add(u64::from(writes), Ordering::Relaxed);
            sleep(TIME).await;
            assert_eq!(stuck.is_finished(), what == "the client takes nothing", "{what}");
        }
    }
}

//! One HTTP/2 connection, and when it has to end.
//!
//! hyper keeps a connection for as long as its client answers pings, whatever it does otherwise. So
//! the streams that are open are counted here: a connection without any ends like an idle one of
//! HTTP/1, one whose client does not read its responses is cut, and in a drain a connection ends
//! after the last of its streams. Not before: there are clients that take nothing more, not even
//! the end of their streams, once they have been notified that the connection is going to end
//! (GOAWAY).

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep_until, timeout};

use super::admission::ConnectionGuard;
use super::body::{BodyObserver, HTTP2_SEGMENT_MIN, ObservedBody, ResponseBody};
use super::current::CurrentContext;
use super::exchange::{StreamMode, respond, to_body};
use super::head;
use super::http2_streams::{ObservedIo, StreamExecutor, WriteProgress};
use super::incoming::Incoming;
use super::transport::Transport;
use crate::lifecycle::Lifecycle;
use crate::metrics::{ConnectionEnd, Protocol};

/// Connections are sent a ping this often, and must acknowledge it within as long.
const PING: Duration = Duration::from_secs(20);
/// How much hyper holds for a stream that does not take it.
const STREAM_BUFFER: usize = 64 << 10;
/// How much a client may send on a connection that has not been read; it is all that is held of the
/// bodies of its requests.
const CONNECTION_WINDOW: u32 = 256 << 10;
/// The part of it that one request may take, so that a body that is not read does not hold up the
/// others.
const STREAM_WINDOW: u32 = 128 << 10;
/// How long after its last stream a connection is notified in a drain that it is going to end. A
/// client that finds both in one read loses the end of its stream.
const LAST_MOMENT: Duration = Duration::from_millis(500);
/// How long a client may take nothing after one of its streams was cut because it was not read.
const STUCK: Duration = Duration::from_millis(500);
/// How long streams that end with the window of a drain have for that; it is part of the time after
/// which what is left is cut.
const LAST_MOMENT_MAX: Duration = Duration::from_secs(1);

/// Serves a connection until it ends.
pub(super) async fn serve<T: Transport + 'static>(
    stream: T,
    mode: StreamMode,
    current: Arc<CurrentContext>,
    guard: &mut ConnectionGuard,
) -> Result<(), hyper::Error> {
    let context = current.get();
    let streams = Arc::new(OpenStreams::new());
    let progress = Arc::new(WriteProgress::of(mode.connection(Protocol::Http2, T::IS_TLS)));
    let executor = StreamExecutor::default();
    let service = service_fn(|request| {
        let (context, mut open) = (current.get(), OpenStreams::open(&streams));
        let (progress, executor) = (Arc::clone(&progress), executor.clone());
        // hyper keeps the place of this future for as long as the stream lives; boxed, it is given
        // back with the response.
        Box::pin(async move {
            let response = respond(Incoming::give(request), mode, &context).await;
            // The connection carries other streams too, so that only this one is cut.
            let response =
                to_body(response, &context, HTTP2_SEGMENT_MIN, progress.carrier(&executor));
            Ok::<_, Infallible>(response.map(|body| {
                open.responding_with(&body);
                ObservedBody { body, observer: Box::new(open) }
            }))
        })
    });
    let settings = &context.rules.settings;
    let header_list_max = head::hard_limit(settings.headers_bytes_max);
    let io = ObservedIo { io: TokioIo::new(stream), progress: Arc::clone(&progress) };
    let connection = http2::Builder::new(executor.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .max_send_buf_size(STREAM_BUFFER)
        .max_header_list_size(u32::try_from(header_list_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.http2_streams_max)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        () = streams.idle(settings.headers_timeout) => guard.ends(ConnectionEnd::Idle),
        () = streams.drained(&context.lifecycle) => {}
        () = streams.unread(settings.body_timeout) => {
            guard.ends(ConnectionEnd::Idle);
            return Ok(());
        }
        () = progress.stuck(STUCK) => {
            guard.ends(ConnectionEnd::Stream);
            return Ok(());
        }
    }
    connection.as_mut().graceful_shutdown();
    // A client that keeps to the rules closes now, when it has taken what is on its way. Others are
    // not waited for.
    tokio::select! {
        result = connection => result,
        () = streams.idle(settings.body_timeout) => Ok(()),
        () = streams.unread(settings.body_timeout) => Ok(()),
        () = progress.stuck(STUCK) => Ok(()),
    }
}

/// What is open on a connection.
///
/// A task that waits for something of it looks again when that can be at the earliest, and is not
/// woken by every change: hyper's connection, woken by every stream that comes, would let the heads
/// of a hundred responses pile up before it sends the first, and keeps the memory that they took.
#[derive(Debug)]
struct OpenStreams {
    state: Mutex<StreamsState>,
}

#[derive(Debug)]
struct StreamsState {
    /// How many requests have come whose response hyper does not have to its end.
    open: usize,
    /// When the last of them ended, while there is none.
    idle_since: Instant,
    /// How many responses wait for the client to read, and not for the server. Streams of events
    /// are not among them; they have their policies.
    unread: usize,
    /// When one of those last made progress.
    progress: Instant,
}

impl OpenStreams {
    fn new() -> Self {
        let now = Instant::now();
        let state = StreamsState { open: 0, idle_since: now, unread: 0, progress: now };
        Self { state: Mutex::new(state) }
    }

    fn open(this: &Arc<Self>) -> OpenStream {
        this.state().open += 1;
        OpenStream { streams: Arc::clone(this), waits_for: WaitsFor::Server }
    }

    fn state(&self) -> MutexGuard<'_, StreamsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there has been no stream for so long, from now on.
    async fn idle(&self, time: Duration) {
        let began = Instant::now();
        self.over(time, |state| (state.open == 0).then(|| state.idle_since.max(began))).await;
    }

    /// Waits until something has lasted for so long; `since` tells since when, if it is so now.
    async fn over(&self, time: Duration, since: impl Fn(&StreamsState) -> Option<Instant>) {
        loop {
            let now = Instant::now();
            let due = since(&self.state()).unwrap_or(now) + time;
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }

    /// Waits for a drain, and then for the last stream; or for the end of the window, at which the
    /// streams that are left are ended.
    async fn drained(&self, lifecycle: &Lifecycle) {
        lifecycle.draining().await;
        let mut all_ended = pin!(self.idle(LAST_MOMENT));
        tokio::select! {
            () = &mut all_ended => return,
            () = lifecycle.closing() => {}
        }
        let _ = timeout(LAST_MOMENT_MAX, all_ended).await;
    }

    /// Waits until no response made progress for so long although there are some to be read.
    async fn unread(&self, time: Duration) {
        self.over(time, |state| (state.unread > 0).then_some(state.progress)).await;
    }
}

/// Lies beside a request and its response.
#[derive(Debug)]
struct OpenStream {
    streams: Arc<OpenStreams>,
    waits_for: WaitsFor,
}

/// Which side has to act for the response to make progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    Server,
    Client,
    /// It is a stream of events, for which neither counts as late.
    Neither,
}

impl OpenStream {
    fn responding_with(&mut self, body: &ResponseBody) {
        self.now_waits_for(match body {
            ResponseBody::Events { .. } => WaitsFor::Neither,
            ResponseBody::Whole(_) | ResponseBody::Lines(_) => WaitsFor::Client,
        });
    }

    fn now_waits_for(&mut self, waits_for: WaitsFor) {
        let mut state = self.streams.state();
        state.progress = Instant::now();
        state.unread += usize::from(waits_for == WaitsFor::Client);
        state.unread -= usize::from(self.waits_for == WaitsFor::Client);
        self.waits_for = waits_for;
    }
}

impl BodyObserver for OpenStream {
    fn polled(&mut self, is_ready: bool) {
        if self.waits_for != WaitsFor::Neither {
            self.now_waits_for(if is_ready { WaitsFor::Client } else { WaitsFor::Server });
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.now_waits_for(WaitsFor::Server);
        let mut state = self.streams.state();
        state.open -= 1;
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn seconds(future: impl Future<Output = ()>) -> u64 {
        let began = Instant::now();
        future.await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_it_had_no_stream_for_so_long() {
        let streams = Arc::new(OpenStreams::new());
        assert_eq!(seconds(streams.idle(LIMIT)).await, 10);
        let (first, second) = (OpenStreams::open(&streams), OpenStreams::open(&streams));
        let idle = tokio::spawn({
            let streams = Arc::clone(&streams);
            async move { seconds(streams.idle(LIMIT)).await }
        });
        tokio::time::sleep(LIMIT * 3).await;
        drop(first);
        tokio::time::sleep(LIMIT * 3).await;
        drop(second);
        tokio::time::sleep(LIMIT / 2).await;
        // One that was there for a moment counts too.
        drop(OpenStreams::open(&streams));
        assert_eq!(idle.await.unwrap(), 30 + 30 + 5 + 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_the_last_stream_and_a_moment_and_at_its_end_for_a_second() {
        let (streams, lifecycle) = (Arc::new(OpenStreams::new()), Lifecycle::default());
        let drained = |streams: &Arc<OpenStreams>, lifecycle: &Lifecycle| {
            let (streams, lifecycle) = (Arc::clone(streams), lifecycle.clone());
            tokio::spawn(async move {
                streams.drained(&lifecycle).await;
                Instant::now()
            })
        };
        let began = Instant::now();
        let (stream, stuck) = (OpenStreams::open(&streams), Arc::new(OpenStreams::new()));
        let _stuck = OpenStreams::open(&stuck);
        let first = drained(&streams, &lifecycle);
        let second = drained(&stuck, &lifecycle);
        tokio::time::sleep(LIMIT).await;
        lifecycle.drain();
        tokio::time::sleep(LIMIT).await;
        drop(stream);
        tokio::time::sleep(LIMIT).await;
        lifecycle.close();
        assert_eq!(first.await.unwrap() - began, LIMIT * 2 + LAST_MOMENT);
        assert_eq!(second.await.unwrap() - began, LIMIT * 3 + LAST_MOMENT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_unread_when_it_did_not_get_on_although_it_is_the_clients_turn() {
        let streams = Arc::new(OpenStreams::new());
        let mut page = OpenStreams::open(&streams);
        let mut lines = OpenStreams::open(&streams);
        let mut events = OpenStreams::open(&streams);
        page.now_waits_for(WaitsFor::Client);
        lines.now_waits_for(WaitsFor::Client);
        events.now_waits_for(WaitsFor::Neither);
        let unread = tokio::spawn({
            let streams = Arc::clone(&streams);
            async move { seconds(streams.unread(LIMIT)).await }
        });
        for _ in 0..10 {
            tokio::time::sleep(LIMIT / 2).await;
            lines.polled(true);
        }
        // They wait for the server, so no client is late.
        lines.polled(false);
        drop(page);
        tokio::time::sleep(LIMIT * 5).await;
        events.polled(true);
        assert!(!unread.is_finished());
        lines.polled(true);
        assert!((100 + 10..100 + 20).contains(&unread.await.unwrap()));
    }
}

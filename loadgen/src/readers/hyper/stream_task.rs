//! The task of one subscriber: it waits for its turn to connect, reads the stream, disconnects it
//! where faults are injected, and reconnects.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, StreamRequest, kind_of_hyper};
use super::{TaskContext, WorkerState};
use crate::clock::Moment;
use crate::measure::ReadTime;
use crate::plan::{Class, Protocol, Reconnect};
use crate::readers::faults::{is_in_storm, time_to_disconnect};
use crate::readers::session::{Ending, accept, next_attempt, record_end};
use crate::subscriber::Subscriber;

/// A subscriber and the state of its stream.
pub(super) struct StreamState {
    pub(super) subscriber: Subscriber,
    pub(super) open: bool,
    /// The subscriber does not connect again.
    pub(super) is_final: bool,
}

/// Holds a subscriber's streams, one after another, until the task is ended.
pub(super) async fn run(
    stream: Rc<RefCell<StreamState>>,
    connection: Rc<Connection>,
    mut context: TaskContext,
    delay: Duration,
) {
    sleep(delay).await;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let began = context.plan.timing.clock.now();
        let ending = match attempt(&stream, &connection, &context).await {
            Ok(response) => {
                attempts = 0;
                read_until_end(&stream, response, &mut context).await
            }
            Err(kind) => Ending::Refused(kind),
        };
        let Some(delay) = end(&stream, &ending, attempts, began, &context) else { return };
        sleep(delay).await;
    }
}

async fn attempt(
    stream: &RefCell<StreamState>,
    connection: &Connection,
    context: &TaskContext,
) -> Result<Response<Incoming>, String> {
    let _turn = context.handshakes.acquire().await.map_err(|error| error.to_string())?;
    let clock = context.plan.timing.clock;
    let began = clock.now();
    let wanted = {
        let subscriber = &stream.borrow().subscriber;
        let resumes = context.plan.faults.reconnect != Reconnect::Forget;
        StreamRequest {
            number: subscriber.number,
            topic: subscriber.topic(),
            last_id: if resumes { subscriber.last_id().to_vec() } else { Vec::new() },
            is_reconnecting: subscriber.is_reconnecting(),
        }
    };
    let requested =
        timeout(context.plan.ramp.handshake_timeout, connection.request_stream(context, &wanted));
    let response = requested.await.map_err(|_| "timed out".to_owned())??;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_event_stream = kind.trim().eq_ignore_ascii_case("text/event-stream");
    let coding =
        header("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"));
    accept(response.status().as_u16(), is_event_stream, coding)?;
    let (mut stream, mut state) = (stream.borrow_mut(), context.state.borrow_mut());
    stream.open = true;
    state.open += 1;
    stream.subscriber.opened(began, !wanted.last_id.is_empty(), clock.now(), &mut state.recorder);
    if state.recorder.server_header.is_none() {
        let server = response.headers().get("server").and_then(|server| server.to_str().ok());
        state.recorder.server_header = server.map(|server| server.chars().take(100).collect());
    }
    Ok(response)
}

/// Reads until the stream ends, or until an injected fault disconnects it.
async fn read_until_end(
    stream: &RefCell<StreamState>,
    response: Response<Incoming>,
    context: &mut TaskContext,
) -> Ending {
    let class = stream.borrow().subscriber.class;
    let mut body = response.into_body();
    match class {
        Class::Stopped | Class::Vanished => {
            // Holds the stream and never polls its bytes.
            let () = pending().await;
            drop(body);
            Ending::Closed
        }
        Class::Slow => loop {
            let ending = read(stream, &mut body, context).await;
            match ending {
                Ok(bytes) => {
                    sleep(Duration::from_secs_f64(
                        bytes as f64 / context.plan.faults.slow_rate as f64,
                    ))
                    .await;
                }
                Err(ending) => return ending,
            }
        },
        Class::Fast => {
            let number = stream.borrow().subscriber.number;
            let mut disconnect = std::pin::pin!(disconnect(number, context.clone()));
            loop {
                tokio::select! {
                    read = read(stream, &mut body, context) => if let Err(ending) = read {
                        return ending;
                    },
                    storm = &mut disconnect => {
                        count_cut(storm, context);
                        return Ending::Cut;
                    },
                }
            }
        }
    }
}

/// Reads one frame; says how many bytes it held.
async fn read(
    stream: &RefCell<StreamState>,
    body: &mut Incoming,
    context: &TaskContext,
) -> Result<usize, Ending> {
    let frame = match body.frame().await {
        None => return Err(Ending::Closed),
        Some(Err(error)) => return Err(Ending::Failed(kind_of_hyper(&error))),
        Some(Ok(frame)) => frame,
    };
    let Ok(bytes) = frame.into_data() else { return Ok(0) };
    let (mut stream, mut state) = (stream.borrow_mut(), context.state.borrow_mut());
    let WorkerState { recorder, clock, .. } = &mut *state;
    let now = clock.now();
    stream.subscriber.count(bytes.len(), now, recorder);
    // hyper does not say when the bytes of a frame came.
    let read_time = ReadTime { now, known_since: None };
    let read = stream.subscriber.read(&bytes, read_time, recorder);
    read.map(|()| bytes.len()).map_err(|error| Ending::Broken(error.to_string()))
}

/// Returns when the stream is to be disconnected; says whether by a reconnect storm.
async fn disconnect(number: u32, mut context: TaskContext) -> bool {
    let faults = context.plan.faults;
    if faults.cut_every.is_none() && faults.storm.is_none() {
        return pending().await;
    }
    let Ok(start) =
        context.start.wait_for(|start| *start != Moment::NEVER).await.map(|start| *start)
    else {
        return pending().await;
    };
    if context.state.borrow().faults_paused {
        return pending().await;
    }
    let now = context.plan.timing.clock.now();
    let storm = faults
        .storm
        .filter(|(_, share)| is_in_storm(number, *share))
        .map(|(after, _)| start + after);
    let storm = storm.filter(|at| *at > now).map(|at| now.until(at));
    let disconnect = faults.cut_every.map(|mean| {
        // Before the first event there is no id to resume from: the warm-up brings one.
        now.until(start + context.plan.timing.warmup)
            + time_to_disconnect(mean, &mut context.state.borrow_mut().random)
    });
    match (storm, disconnect) {
        (None, None) => pending().await,
        (storm, disconnect) => {
            let first = storm.unwrap_or(Duration::MAX).min(disconnect.unwrap_or(Duration::MAX));
            sleep(first).await;
            if context.state.borrow().faults_paused {
                return pending().await;
            }
            storm == Some(first)
        }
    }
}

/// Counts a disconnect by an injected fault. A stream of HTTP/2 is always reset; a connection of
/// TLS is always closed in order.
fn count_cut(storm: bool, context: &TaskContext) {
    let counts = &mut context.state.borrow_mut().recorder.counts;
    match context.plan.targets[0].protocol {
        Protocol::Http1 => counts.cut_fin += 1,
        Protocol::Http2 { .. } => counts.cut_rst += 1,
    }
    counts.cut_in_storm += u64::from(storm);
}

/// The stream, or the attempt, is over. Gives the delay before the next attempt, if there is one.
fn end(
    stream: &RefCell<StreamState>,
    ending: &Ending,
    attempts: u32,
    began: Moment,
    context: &TaskContext,
) -> Option<Duration> {
    let (mut stream, mut state) = (stream.borrow_mut(), context.state.borrow_mut());
    let WorkerState { recorder, random, clock, open, .. } = &mut *state;
    let now = clock.now();
    let was_open = std::mem::take(&mut stream.open);
    *open -= u64::from(was_open);
    record_end(&mut stream.subscriber, ending, was_open, now, recorder);
    let began_ago = began.until(now);
    let (plan, subscriber) = (&context.plan, &stream.subscriber);
    let delay = next_attempt(plan, subscriber, attempts, ending, began_ago, random, recorder);
    stream.is_final = delay.is_none();
    delay
}

//! The task of one subscriber: it waits for its turn to connect, reads the stream, disconnects it
//! where faults are injected, and reconnects.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use rand::RngExt as _;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, StreamRequest, kind_of_hyper};
use super::{TaskContext, WorkerState};
use crate::clock::Moment;
use crate::measure::ReadTime;
use crate::plan::{Class, Reconnect, spread};
use crate::readers::backoff::Delay;
use crate::readers::connect::{NO_CONTENT, accept};
use crate::subscriber::Subscriber;

/// A subscriber and the state of its stream.
pub(super) struct StreamState {
    pub(super) subscriber: Subscriber,
    pub(super) open: bool,
    /// The subscriber does not connect again.
    pub(super) is_final: bool,
}

/// Why a stream ended.
enum Ending {
    Closed,
    Failed(String),
    Broken(String),
    Cut { storm: bool },
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
        let mut refused_for_good = false;
        match attempt(&stream, &connection, &context).await {
            Ok(answer) => {
                attempts = 0;
                let ending = read_until_end(&stream, answer, &mut context).await;
                record_end(&stream, ending, &context);
            }
            Err(kind) => {
                refused(&kind, &context);
                refused_for_good = kind == NO_CONTENT;
            }
        }
        if gives_up(&stream, attempts, refused_for_good, &context) {
            return;
        }
        let delay = reconnect_delay(&stream, began, &context);
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
    let answer = requested.await.map_err(|_| "timed out".to_owned())??;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_event_stream = kind.trim().eq_ignore_ascii_case("text/event-stream");
    let coding =
        header("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"));
    accept(answer.status().as_u16(), is_event_stream, coding)?;
    let (mut stream, mut state) = (stream.borrow_mut(), context.state.borrow_mut());
    stream.open = true;
    state.open += 1;
    stream.subscriber.opened(began, !wanted.last_id.is_empty(), clock.now(), &mut state.recorder);
    if state.recorder.server_header.is_none() {
        let server = answer.headers().get("server").and_then(|server| server.to_str().ok());
        state.recorder.server_header = server.map(|server| server.chars().take(100).collect());
    }
    Ok(answer)
}

/// Reads until the stream ends, or until an injected fault disconnects it.
async fn read_until_end(
    stream: &RefCell<StreamState>,
    answer: Response<Incoming>,
    context: &mut TaskContext,
) -> Ending {
    let class = stream.borrow().subscriber.class;
    let mut body = answer.into_body();
    match class {
        Class::Stopped | Class::Vanished => {
            // Holds the stream and never asks for its bytes.
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
                    storm = &mut disconnect => return Ending::Cut { storm },
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
    let place = (spread(number as usize) + 0.5).fract();
    let storm = faults.storm.filter(|(_, share)| place < *share).map(|(after, _)| start + after);
    let storm = storm.filter(|at| *at > now).map(|at| now.until(at));
    let disconnect = faults.cut_every.map(|mean| {
        let uniform: f64 = context.state.borrow_mut().random.random();
        // Before the first event there is no id to resume from: the warm-up brings one.
        now.until(start + context.plan.timing.warmup) + mean.mul_f64(-(1.0 - uniform).ln())
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

/// Records the end of a stream.
fn record_end(stream: &RefCell<StreamState>, ending: Ending, context: &TaskContext) {
    let (mut stream, mut state) = (stream.borrow_mut(), context.state.borrow_mut());
    let now = context.plan.timing.clock.now();
    stream.open = false;
    state.open -= 1;
    stream.subscriber.closed(now, &mut state.recorder);
    let class = stream.subscriber.class;
    if class != Class::Fast {
        let start = state.recorder.facts.start;
        let tally = state.recorder.class(class);
        tally.closed += 1;
        tally.until_closed.record(now.since(start));
    }
    let http2 = context.plan.targets[0].protocol != crate::plan::Protocol::Http1;
    let recorder = &mut state.recorder;
    match ending {
        Ending::Cut { storm } => {
            // A stream of HTTP/2 is always reset; a connection of TLS is always closed in order.
            let count =
                if http2 { &mut recorder.counts.cut_rst } else { &mut recorder.counts.cut_fin };
            *count += 1;
            recorder.counts.cut_in_storm += u64::from(storm);
        }
        Ending::Broken(what) => {
            recorder.counts.broken_streams += 1;
            recorder.record_finding("broken stream", stream.subscriber.number, || what);
        }
        Ending::Closed if stream.subscriber.was_end_announced() => recorder.counts.ended += 1,
        Ending::Closed if class == Class::Fast => {
            recorder.counts.closed_by_server += 1;
            if let Some(second) = recorder.second(now) {
                second.errors += 1;
            }
        }
        Ending::Failed(kind) if class == Class::Fast => recorder.errored(&kind, now),
        Ending::Closed | Ending::Failed(_) => {}
    }
}

fn refused(kind: &str, context: &TaskContext) {
    let mut state = context.state.borrow_mut();
    let now = state.clock.now();
    state.recorder.failed(kind, now);
}

/// Whether there is no further attempt; `refused_for_good` when the server refused it with 204.
fn gives_up(
    stream: &RefCell<StreamState>,
    attempts: u32,
    refused_for_good: bool,
    context: &TaskContext,
) -> bool {
    let mut stream = stream.borrow_mut();
    let never = context.plan.faults.reconnect == Reconnect::Never;
    let is_reconnecting = stream.subscriber.is_reconnecting();
    let gives_up = !is_reconnecting && attempts >= context.plan.ramp.attempts;
    stream.is_final = gives_up || refused_for_good || (is_reconnecting && never);
    if stream.is_final && !is_reconnecting {
        context.state.borrow_mut().recorder.counts.gave_up += 1;
    }
    stream.is_final
}

/// The delay before the next attempt, after one that began at this moment.
fn reconnect_delay(
    stream: &RefCell<StreamState>,
    began: Moment,
    context: &TaskContext,
) -> Duration {
    let retry = stream.borrow().subscriber.retry();
    let mut state = context.state.borrow_mut();
    let chance = state.random.random();
    let ago = began.until(state.clock.now());
    let wait = Delay::of(&context.plan.faults, retry, chance, ago);
    state.recorder.counts.lengthened += u64::from(wait.is_lengthened);
    wait.time
}

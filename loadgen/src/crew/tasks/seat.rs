//! The task of one subscriber: its turn to connect, its stream, its accidents, and again.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use rand::RngExt as _;
use tokio::time::{sleep, timeout};

use super::line::{Caller, Line, kind_of_hyper};
use super::{Desk, Room};
use crate::clock::Moment;
use crate::crew::connect::{FAREWELL, accept};
use crate::crew::pace::Wait;
use crate::measure::Reading;
use crate::plan::{Class, Reconnect, spread};
use crate::subscriber::Subscriber;

/// A subscriber and where it stands.
pub(super) struct Seat {
    pub(super) subscriber: Subscriber,
    pub(super) open: bool,
    /// There is no further attempt.
    pub(super) for_ever: bool,
}

/// Why a stream ended.
enum Ending {
    Closed,
    Failed(String),
    Broken(String),
    Cut { storm: bool },
}

/// Holds a subscriber's streams, one after another, until the task is ended.
pub(super) async fn occupy(
    seat: Rc<RefCell<Seat>>,
    line: Rc<Line>,
    mut room: Room,
    delay: Duration,
) {
    sleep(delay).await;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let began = room.plan.timing.clock.now();
        let mut told = false;
        match attempt(&seat, &line, &room).await {
            Ok(answer) => {
                attempts = 0;
                let ending = stay(&seat, answer, &mut room).await;
                leave(&seat, ending, &room);
            }
            Err(kind) => {
                refused(&kind, &room);
                told = kind == FAREWELL;
            }
        }
        if stays_away(&seat, attempts, told, &room) {
            return;
        }
        let wait = wait(&seat, began, &room);
        sleep(wait).await;
    }
}

async fn attempt(
    seat: &RefCell<Seat>,
    line: &Line,
    room: &Room,
) -> Result<Response<Incoming>, String> {
    let _turn = room.handshakes.acquire().await.map_err(|error| error.to_string())?;
    let clock = room.plan.timing.clock;
    let began = clock.now();
    let caller = {
        let subscriber = &seat.borrow().subscriber;
        let resumes = room.plan.trouble.reconnect != Reconnect::Forget;
        Caller {
            number: subscriber.number,
            topic: subscriber.topic(),
            last_id: if resumes { subscriber.last_id().to_vec() } else { Vec::new() },
            comes_back: subscriber.comes_back(),
        }
    };
    let asked = timeout(room.plan.ramp.handshake_timeout, line.ask(room, &caller));
    let answer = asked.await.map_err(|_| "timed out".to_owned())??;
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_event_stream = kind.trim().eq_ignore_ascii_case("text/event-stream");
    let coding =
        header("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"));
    accept(answer.status().as_u16(), is_event_stream, coding)?;
    let (mut seat, mut desk) = (seat.borrow_mut(), room.desk.borrow_mut());
    seat.open = true;
    desk.open += 1;
    seat.subscriber.opened(began, !caller.last_id.is_empty(), clock.now(), &mut desk.ledger);
    if desk.ledger.server_header.is_none() {
        let server = answer.headers().get("server").and_then(|server| server.to_str().ok());
        desk.ledger.server_header = server.map(|server| server.chars().take(100).collect());
    }
    Ok(answer)
}

/// Reads until the stream ends, or an accident ends it.
async fn stay(seat: &RefCell<Seat>, answer: Response<Incoming>, room: &mut Room) -> Ending {
    let class = seat.borrow().subscriber.class;
    let mut body = answer.into_body();
    match class {
        Class::Stopped | Class::Vanished => {
            // Holds the stream and never asks for its bytes.
            let () = pending().await;
            drop(body);
            Ending::Closed
        }
        Class::Slow => loop {
            let ending = read(seat, &mut body, room).await;
            match ending {
                Ok(bytes) => {
                    sleep(Duration::from_secs_f64(
                        bytes as f64 / room.plan.trouble.slow_rate as f64,
                    ))
                    .await;
                }
                Err(ending) => return ending,
            }
        },
        Class::Fast => {
            let number = seat.borrow().subscriber.number;
            let mut accident = std::pin::pin!(accident(number, room.clone()));
            loop {
                tokio::select! {
                    read = read(seat, &mut body, room) => if let Err(ending) = read {
                        return ending;
                    },
                    storm = &mut accident => return Ending::Cut { storm },
                }
            }
        }
    }
}

/// Reads one frame; says how many bytes it held.
async fn read(seat: &RefCell<Seat>, body: &mut Incoming, room: &Room) -> Result<usize, Ending> {
    let frame = match body.frame().await {
        None => return Err(Ending::Closed),
        Some(Err(error)) => return Err(Ending::Failed(kind_of_hyper(&error))),
        Some(Ok(frame)) => frame,
    };
    let Ok(bytes) = frame.into_data() else { return Ok(0) };
    let (mut seat, mut desk) = (seat.borrow_mut(), room.desk.borrow_mut());
    let Desk { ledger, clock, .. } = &mut *desk;
    let now = clock.now();
    seat.subscriber.count(bytes.len(), now, ledger);
    // hyper does not say when the bytes of a frame came.
    let reading = Reading { now, known_since: None };
    let read = seat.subscriber.read(&bytes, reading, ledger);
    read.map(|()| bytes.len()).map_err(|error| Ending::Broken(error.to_string()))
}

/// Ends when the stream is to be cut; says whether that is in a storm.
async fn accident(number: u32, mut room: Room) -> bool {
    let trouble = room.plan.trouble;
    if trouble.cut_every.is_none() && trouble.storm.is_none() {
        return pending().await;
    }
    let Ok(start) = room.start.wait_for(|start| *start != Moment::NEVER).await.map(|start| *start)
    else {
        return pending().await;
    };
    if room.desk.borrow().calm {
        return pending().await;
    }
    let now = room.plan.timing.clock.now();
    let place = (spread(number as usize) + 0.5).fract();
    let storm = trouble.storm.filter(|(_, share)| place < *share).map(|(after, _)| start + after);
    let storm = storm.filter(|at| *at > now).map(|at| now.until(at));
    let accident = trouble.cut_every.map(|mean| {
        let uniform: f64 = room.desk.borrow_mut().random.random();
        // Before the first event there is no id to resume from: the warm-up brings one.
        now.until(start + room.plan.timing.warmup) + mean.mul_f64(-(1.0 - uniform).ln())
    });
    match (storm, accident) {
        (None, None) => pending().await,
        (storm, accident) => {
            let first = storm.unwrap_or(Duration::MAX).min(accident.unwrap_or(Duration::MAX));
            sleep(first).await;
            if room.desk.borrow().calm {
                return pending().await;
            }
            storm == Some(first)
        }
    }
}

/// Books the end of a stream.
fn leave(seat: &RefCell<Seat>, ending: Ending, room: &Room) {
    let (mut seat, mut desk) = (seat.borrow_mut(), room.desk.borrow_mut());
    let now = room.plan.timing.clock.now();
    seat.open = false;
    desk.open -= 1;
    seat.subscriber.closed(now, &mut desk.ledger);
    let class = seat.subscriber.class;
    if class != Class::Fast {
        let start = desk.ledger.facts.start;
        let tally = desk.ledger.class(class);
        tally.closed += 1;
        tally.until_closed.record(now.since(start));
    }
    let http2 = room.plan.targets[0].protocol != crate::plan::Protocol::Http1;
    let ledger = &mut desk.ledger;
    match ending {
        Ending::Cut { storm } => {
            // A stream of HTTP/2 is always reset; a connection of TLS is always closed in order.
            let count = if http2 { &mut ledger.counts.cut_rst } else { &mut ledger.counts.cut_fin };
            *count += 1;
            ledger.counts.cut_in_storm += u64::from(storm);
        }
        Ending::Broken(what) => {
            ledger.counts.broken_streams += 1;
            ledger.find("broken stream", seat.subscriber.number, || what);
        }
        Ending::Closed if seat.subscriber.was_told_of_the_end() => ledger.counts.ended += 1,
        Ending::Closed if class == Class::Fast => {
            ledger.counts.closed_by_server += 1;
            if let Some(second) = ledger.second(now) {
                second.errors += 1;
            }
        }
        Ending::Failed(kind) if class == Class::Fast => ledger.errored(&kind, now),
        Ending::Closed | Ending::Failed(_) => {}
    }
}

fn refused(kind: &str, room: &Room) {
    let mut desk = room.desk.borrow_mut();
    let now = desk.clock.now();
    desk.ledger.failed(kind, now);
}

/// Whether there is no further attempt; `told` when the server said so.
fn stays_away(seat: &RefCell<Seat>, attempts: u32, told: bool, room: &Room) -> bool {
    let mut seat = seat.borrow_mut();
    let never = room.plan.trouble.reconnect == Reconnect::Never;
    let comes_back = seat.subscriber.comes_back();
    let gives_up = !comes_back && attempts >= room.plan.ramp.attempts;
    seat.for_ever = gives_up || told || (comes_back && never);
    if seat.for_ever && !comes_back {
        room.desk.borrow_mut().ledger.counts.gave_up += 1;
    }
    seat.for_ever
}

/// The wait before the next attempt, after one that began at this moment.
fn wait(seat: &RefCell<Seat>, began: Moment, room: &Room) -> Duration {
    let retry = seat.borrow().subscriber.retry();
    let mut desk = room.desk.borrow_mut();
    let chance = desk.random.random();
    let ago = began.until(desk.clock.now());
    let wait = Wait::of(&room.plan.trouble, retry, chance, ago);
    desk.ledger.counts.lengthened += u64::from(wait.is_lengthened);
    wait.time
}

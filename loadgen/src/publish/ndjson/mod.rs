//! Publishing as one request that goes on: a line of JSON for each event, and an answer line for each
//! in the same order. Events do not wait for the answers of those before them; a window bounds how
//! many may be without one.

mod answers;

use std::io::Write as _;
use std::iter::Peekable;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use self::answers::{Answered, Answers};
use super::client::Client;
use super::lane::{Lane, Slot};
use super::timed::Timed;
use super::{LaneReport, request};
use crate::clock::Moment;
use crate::plan::Rate;

/// Events without an answer.
const WINDOW: usize = 16_384;

/// Bytes of lines that are sent at once when many are due.
const BATCH: usize = 32 << 10;

/// Why a request is over before the schedule is.
const ENDED: &str = "the server ended the request";

/// The events without an answer.
struct Window<'a> {
    asked: SyncSender<Asked>,
    answers: &'a Receiver<Answered>,
}

/// An event whose answer has not come.
struct Asked {
    slot: Slot,
    topic: u32,
    sequence: u64,
    sent: Moment,
}

/// Publishes a lane's whole schedule.
pub(super) fn publish(mut lane: Lane, client: Client) -> LaneReport {
    let Some(stream) = client.into_plain() else { return lane.report };
    let Ok(reading) = stream.socket().try_clone() else { return lane.report };
    let (asked, asked_of) = sync_channel::<Asked>(WINDOW);
    // Answers are booked by the lane itself, whenever it has time: as many as can be waiting.
    let (answered, answers) = sync_channel::<Answered>(2 * WINDOW);
    let over = Arc::new(OnceLock::new());
    let timeout = lane.room.publishing.timeout;
    let reader = Answers::new(asked_of, answered, over.clone(), lane.clock, timeout);
    let reader = thread::spawn(move || reader.read(reading));
    let mut schedule = lane.schedule().peekable();
    let window = Window { asked, answers: &answers };
    let ending = write_events(&mut lane, stream, &window, &mut schedule);
    if ending.is_err() {
        lane.leave_out(&mut schedule);
    }
    // The end of the answer is waited for like an answer. Nobody else says when that begins.
    let _ = over.set(lane.clock.now());
    drop(window);
    // The reader ends with the answer's body, with the connection, or with the time for an answer.
    for answer in &answers {
        book(&mut lane, answer);
    }
    let (left, status) = reader.join().unwrap_or_default();
    let refused =
        status.filter(|status| status / 100 != 2).map(|status| format!("status {status}"));
    let why = refused.or(ending.err()).unwrap_or_else(|| "no answer in time".to_owned());
    for asked in left {
        lane.refused(&why, asked.topic, asked.sequence);
    }
    lane.report
}

fn write_events(
    lane: &mut Lane,
    mut stream: Timed,
    window: &Window<'_>,
    schedule: &mut Peekable<impl Iterator<Item = Moment>>,
) -> Result<(), String> {
    let text = |error: std::io::Error| error.kind().to_string();
    let mut head = b"POST ".to_vec();
    lane.room.publishing.path.write(0, b"", &mut head);
    request::head(&lane.room.publishing, "application/x-ndjson", &mut head);
    head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    let timeout = lane.room.publishing.timeout;
    stream.finish_by(Instant::now() + timeout);
    stream.write_all(&head).map_err(text)?;
    let closed_loop = lane.room.publishing.schedule.rate == Rate::Max;
    let (mut lines, mut chunk) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH + 32));
    while let Some(slot) = lane.wait(schedule) {
        let (topic, sequence, sent) = lane.prepare(slot);
        write_line(&lane.room.publishing.topic.text(topic), &lane.payload, &mut lines);
        let mut event = Asked { slot, topic, sequence, sent };
        while let Err(back) = window.asked.try_send(event) {
            let (back, why) = match back {
                // The window is full: the answers must come first, so what is written must go.
                TrySendError::Full(back) => {
                    match send(&mut stream, timeout, &mut lines, &mut chunk) {
                        Ok(()) => match window.answers.recv_timeout(timeout) {
                            Ok(answer) => {
                                book(lane, answer);
                                (back, None)
                            }
                            Err(_) => (back, Some("no answer in time".to_owned())),
                        },
                        Err(error) => (back, Some(text(error))),
                    }
                }
                TrySendError::Disconnected(back) => (back, Some(ENDED.to_owned())),
            };
            if let Some(why) = why {
                // It has taken its sequence and was never sent: nobody may miss it.
                lane.refused(&why, back.topic, back.sequence);
                return Err(why);
            }
            event = back;
        }
        let next_is_due =
            closed_loop || schedule.peek().is_some_and(|due| *due <= lane.clock.now());
        if !next_is_due || lines.len() >= BATCH {
            send(&mut stream, timeout, &mut lines, &mut chunk).map_err(text)?;
        }
        loop {
            match window.answers.try_recv() {
                Ok(answer) => book(lane, answer),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(ENDED.to_owned()),
            }
        }
    }
    send(&mut stream, timeout, &mut lines, &mut chunk).map_err(text)?;
    stream.finish_by(Instant::now() + timeout);
    stream.write_all(b"0\r\n\r\n").map_err(text)
}

fn write_line(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"topic\":");
    // Writing a text to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, topic);
    out.extend_from_slice(b",\"data\":\"");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\"}\n");
}

/// Writes what is due, all of it within the time for an answer.
fn send(
    stream: &mut Timed,
    timeout: Duration,
    lines: &mut Vec<u8>,
    chunk: &mut Vec<u8>,
) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    chunk.clear();
    write!(chunk, "{:x}\r\n", lines.len())?;
    chunk.extend_from_slice(lines);
    chunk.extend_from_slice(b"\r\n");
    lines.clear();
    stream.finish_by(Instant::now() + timeout);
    stream.write_all(chunk)
}

fn book(lane: &mut Lane, answer: Answered) {
    let Answered { asked, at, refusal } = answer;
    match refusal {
        None => lane.accepted(asked.slot, asked.sent, at),
        Some(kind) => lane.refused(&kind, asked.topic, asked.sequence),
    }
}

//! Publishing as one request that goes on: a line of JSON for each event, and an answer line for each
//! in the same order. Events do not wait for the answers of those before them; a window bounds how
//! many may be without one.

use std::io::{ErrorKind, Read as _, Write as _};
use std::iter::Peekable;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;

use serde::Deserialize;

use super::client::Client;
use super::lane::{Lane, Slot};
use super::{LaneReport, request};
use crate::clock::{Clock, Moment};
use crate::http1::Head;
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
    waiting: Arc<AtomicUsize>,
    answers: &'a Receiver<Answered>,
}

impl Window<'_> {
    fn ask(&self, event: Asked) -> Result<(), TrySendError<Asked>> {
        // Before it can be answered, so that the count never falls below nothing.
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.asked.try_send(event).inspect_err(|_| {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        })
    }
}

/// An event whose answer has not come.
struct Asked {
    slot: Slot,
    topic: u32,
    sequence: u64,
    sent: Moment,
}

/// What the server said of one event, and when.
struct Answered {
    asked: Asked,
    at: Moment,
    refusal: Option<String>,
}

/// An answer line.
#[derive(Deserialize)]
struct Line {
    error: Option<serde_json::Value>,
}

/// Publishes a lane's whole schedule.
pub(super) fn publish(mut lane: Lane, client: Client) -> LaneReport {
    let Some((_, stream)) = client.into_plain() else { return lane.report };
    let Ok(reading) = stream.try_clone() else { return lane.report };
    let (asked, asked_of) = sync_channel::<Asked>(WINDOW);
    // Answers are booked by the lane itself, whenever it has time: as many as can be waiting.
    let (answered, answers) = sync_channel::<Answered>(2 * WINDOW);
    let clock = lane.clock;
    // How many have no answer: only then does silence mean that one is late.
    let waiting = Arc::new(AtomicUsize::new(0));
    let reader = {
        let waiting = waiting.clone();
        thread::spawn(move || read_answers(reading, &asked_of, &answered, &waiting, clock))
    };
    let mut schedule = lane.schedule().peekable();
    let window = Window { asked, waiting, answers: &answers };
    let ending = write_events(&mut lane, stream, &window, &mut schedule);
    if ending.is_err() {
        lane.leave_out(&mut schedule);
    }
    // The end of the answer is waited for like an answer.
    window.waiting.fetch_add(1, Ordering::AcqRel);
    drop(window);
    // The reader ends with the answer's body, with the connection, or with the time for an answer.
    for answer in &answers {
        book(&mut lane, answer);
    }
    let left = reader.join().unwrap_or_default();
    let why = ending.err().unwrap_or_else(|| "no answer".to_owned());
    for asked in left {
        lane.refused(&why, asked.topic, asked.sequence);
    }
    lane.report
}

fn write_events(
    lane: &mut Lane,
    mut stream: TcpStream,
    window: &Window<'_>,
    schedule: &mut Peekable<impl Iterator<Item = Moment>>,
) -> Result<(), String> {
    let text = |error: std::io::Error| error.kind().to_string();
    let mut head = b"POST ".to_vec();
    lane.room.publishing.path.write(0, b"", &mut head);
    request::head(&lane.room.publishing, "application/x-ndjson", &mut head);
    head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    stream.write_all(&head).map_err(text)?;
    let closed_loop = lane.room.publishing.schedule.rate == Rate::Max;
    let (mut lines, mut chunk) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH + 32));
    while let Some(slot) = lane.wait(schedule) {
        let (topic, sequence, sent) = lane.prepare(slot);
        write_line(&lane.room.publishing.topic.text(topic), &lane.payload, &mut lines);
        let mut event = Asked { slot, topic, sequence, sent };
        while let Err(back) = window.ask(event) {
            let (back, why) = match back {
                // The window is full: the answers must come first, so what is written must go.
                TrySendError::Full(back) => match send(&mut stream, &mut lines, &mut chunk) {
                    Ok(()) => match window.answers.recv_timeout(lane.room.publishing.timeout) {
                        Ok(answer) => {
                            book(lane, answer);
                            (back, None)
                        }
                        Err(_) => (back, Some("no answer in time".to_owned())),
                    },
                    Err(error) => (back, Some(text(error))),
                },
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
            send(&mut stream, &mut lines, &mut chunk).map_err(text)?;
        }
        loop {
            match window.answers.try_recv() {
                Ok(answer) => book(lane, answer),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(ENDED.to_owned()),
            }
        }
    }
    send(&mut stream, &mut lines, &mut chunk).map_err(text)?;
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

fn send(stream: &mut TcpStream, lines: &mut Vec<u8>, chunk: &mut Vec<u8>) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    chunk.clear();
    write!(chunk, "{:x}\r\n", lines.len())?;
    chunk.extend_from_slice(lines);
    chunk.extend_from_slice(b"\r\n");
    lines.clear();
    stream.write_all(chunk)
}

fn book(lane: &mut Lane, answer: Answered) {
    let Answered { asked, at, refusal } = answer;
    match refusal {
        None => lane.accepted(asked.slot, asked.sent, at),
        Some(kind) => lane.refused(&kind, asked.topic, asked.sequence),
    }
}

/// Reads answer lines until there are no more. Gives back the events that have none.
fn read_answers(
    mut stream: TcpStream,
    asked: &Receiver<Asked>,
    answered: &SyncSender<Answered>,
    waiting: &AtomicUsize,
    clock: Clock,
) -> Vec<Asked> {
    let mut buffer = vec![0; 64 << 10];
    let mut begin = Vec::new();
    let mut line = Vec::new();
    let mut framing = None;
    let mut status = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(count @ 1..) => count,
            // The time for an answer has passed, and nobody waits for one: a pause in the schedule.
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    && waiting.load(Ordering::Acquire) == 0 =>
            {
                continue;
            }
            _ => break,
        };
        let now = clock.now();
        let mut bytes = &buffer[..count];
        if framing.is_none() {
            begin.extend_from_slice(bytes);
            match Head::parse(&begin) {
                Ok(Some(head)) if head.is_interim() => {
                    begin.drain(..head.length);
                    continue;
                }
                Ok(Some(head)) => {
                    status = head.status;
                    begin.drain(..head.length);
                    framing = Some(head.body);
                    bytes = &begin;
                }
                Ok(None) => continue,
                Err(_) => break,
            }
        }
        let Some(body) = &mut framing else { continue };
        while !bytes.is_empty() {
            let Ok(content) = body.take(&mut bytes) else { return asked.try_iter().collect() };
            for piece in content.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    answer_line(&line, status, now, asked, waiting, answered);
                    waiting.store(
                        waiting.load(Ordering::Acquire).saturating_sub(1),
                        Ordering::Release,
                    );
                    line.clear();
                }
            }
        }
        if body.is_complete() {
            break;
        }
    }
    asked.try_iter().collect()
}

fn answer_line(
    line: &[u8],
    status: u16,
    at: Moment,
    asked: &Receiver<Asked>,
    waiting: &AtomicUsize,
    answered: &SyncSender<Answered>,
) {
    if line.trim_ascii().is_empty() {
        return;
    }
    let refusal = match serde_json::from_slice::<Line>(line) {
        _ if status / 100 != 2 => Some(format!("status {status}")),
        Ok(Line { error: Some(error) }) => {
            let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            Some(text.chars().take(80).collect())
        }
        Ok(Line { error: None }) => None,
        Err(_) => Some("an answer that is no JSON".to_owned()),
    };
    // More answers than events would be the server's fault; they are passed over.
    if let Ok(asked) = asked.try_recv() {
        waiting.fetch_sub(1, Ordering::AcqRel);
        // The lane takes answers whenever it waits, so room comes.
        let _ = answered.send(Answered { asked, at, refusal });
    }
}

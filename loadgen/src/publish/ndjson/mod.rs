//! Publishing as one streaming request: a line of JSON for each event, and a response line for each
//! in the same order. Events do not wait for the responses of those before them; a window bounds
//! how many may be without one.

mod responses;

use std::io::Write as _;
use std::iter::Peekable;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use self::responses::{LineResponse, Responses};
use super::client::Client;
use super::deadline::DeadlineStream;
use super::publisher::{Publisher, Scheduled};
use super::{PublishReport, request};
use crate::clock::Moment;
use crate::plan::Rate;

/// Events without a response.
const WINDOW: usize = 16_384;

/// Bytes of lines that are sent at once when many are due.
const BATCH: usize = 32 << 10;

/// Why a request is over before the schedule is.
const ENDED: &str = "the server ended the request";

/// The events without a response.
struct Window<'a> {
    pending: SyncSender<Pending>,
    responses: &'a Receiver<LineResponse>,
}

/// An event whose response has not come.
struct Pending {
    scheduled: Scheduled,
    topic: u32,
    sequence: u64,
    sent: Moment,
}

/// Publishes the whole schedule of a publisher.
pub(super) fn publish(mut publisher: Publisher, client: Client) -> PublishReport {
    let Some(stream) = client.into_plain() else { return publisher.report };
    let Ok(reading) = stream.socket().try_clone() else { return publisher.report };
    let (pending, pending_of) = sync_channel::<Pending>(WINDOW);
    // Responses are recorded by the publisher itself, whenever it has time: as many as can be
    // waiting.
    let (line_responses, responses) = sync_channel::<LineResponse>(2 * WINDOW);
    let over = Arc::new(OnceLock::new());
    let timeout = publisher.context.publishing.timeout;
    let reader = Responses::new(pending_of, line_responses, over.clone(), publisher.clock, timeout);
    let reader = thread::spawn(move || reader.read(reading));
    let mut schedule = publisher.schedule().peekable();
    let window = Window { pending, responses: &responses };
    let ending = write_events(&mut publisher, stream, &window, &mut schedule);
    if ending.is_err() {
        publisher.skip_missed(&mut schedule);
    }
    // The end of the response is waited for as a response is, from this moment on.
    let _ = over.set(publisher.clock.now());
    drop(window);
    // The reader ends with the response's body, with the connection, or with the time for a
    // response.
    for response in &responses {
        record(&mut publisher, response);
    }
    let (left, status) = reader.join().unwrap_or_default();
    let refused =
        status.filter(|status| status / 100 != 2).map(|status| format!("status {status}"));
    let why = refused.or(ending.err()).unwrap_or_else(|| "no answer in time".to_owned());
    for pending in left {
        publisher.refused(&why, pending.topic, pending.sequence);
    }
    publisher.report
}

fn write_events(
    publisher: &mut Publisher,
    mut stream: DeadlineStream,
    window: &Window<'_>,
    schedule: &mut Peekable<impl Iterator<Item = Moment>>,
) -> Result<(), String> {
    let text = |error: std::io::Error| error.kind().to_string();
    let mut head = b"POST ".to_vec();
    let publishing = &publisher.context.publishing;
    if let Some(target) = publishing.targets.get(publishing.place_of(publisher.number)) {
        target.path.write(0, b"", &mut head);
        request::head(target, "application/x-ndjson", &mut head);
    }
    head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    let timeout = publisher.context.publishing.timeout;
    stream.finish_by(Instant::now() + timeout);
    stream.write_all(&head).map_err(text)?;
    let closed_loop = publisher.context.publishing.schedule.rate == Rate::Max;
    let (mut lines, mut chunk) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH + 32));
    while let Some(scheduled) = publisher.wait(schedule) {
        let (topic, sequence, sent) = publisher.prepare(scheduled);
        write_line(&publisher.context.publishing.topic.text(topic), &publisher.payload, &mut lines);
        let mut event = Pending { scheduled, topic, sequence, sent };
        while let Err(back) = window.pending.try_send(event) {
            let (back, why) = match back {
                // The window is full: the responses must come first, so what is written must go.
                TrySendError::Full(back) => {
                    match send(&mut stream, timeout, &mut lines, &mut chunk) {
                        Ok(()) => match window.responses.recv_timeout(timeout) {
                            Ok(response) => {
                                record(publisher, response);
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
                // It has taken its sequence and was never sent, so it is not missing anywhere.
                publisher.refused(&why, back.topic, back.sequence);
                return Err(why);
            }
            event = back;
        }
        let next_is_due =
            closed_loop || schedule.peek().is_some_and(|due| *due <= publisher.clock.now());
        if !next_is_due || lines.len() >= BATCH {
            send(&mut stream, timeout, &mut lines, &mut chunk).map_err(text)?;
        }
        loop {
            match window.responses.try_recv() {
                Ok(response) => record(publisher, response),
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

/// Writes what is due, all of it within the time for a response.
fn send(
    stream: &mut DeadlineStream,
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

fn record(publisher: &mut Publisher, response: LineResponse) {
    let LineResponse { pending, at, refusal } = response;
    match refusal {
        None => publisher.accepted(pending.scheduled, pending.sent, at),
        Some(kind) => publisher.refused(&kind, pending.topic, pending.sequence),
    }
}

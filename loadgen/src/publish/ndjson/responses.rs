//! The responses to a streaming request: a line for each event, in the order in which they were
//! sent. They are read by a thread of their own, for as long as one is due.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Pending;
use crate::clock::{Clock, Moment};
use crate::http1::{Body, HeadReader};
use crate::publish::deadline::DeadlineStream;

/// Bytes of a response line.
const LONGEST: usize = 64 << 10;

/// What the server said of one event, and when.
pub(super) struct LineResponse {
    pub(super) pending: Pending,
    pub(super) at: Moment,
    pub(super) refusal: Option<String>,
}

/// A response line.
#[derive(Deserialize)]
struct ResponseLine {
    error: Option<serde_json::Value>,
}

/// Reads the responses.
pub(super) struct Responses {
    pending: Receiver<Pending>,
    line_responses: SyncSender<LineResponse>,
    /// When the last event was sent.
    over: Arc<OnceLock<Moment>>,
    clock: Clock,
    timeout: Duration,
    /// The event whose response comes next.
    oldest: Option<Pending>,
    last_response: Moment,
    line: Vec<u8>,
}

impl Responses {
    pub(super) fn new(
        pending: Receiver<Pending>,
        line_responses: SyncSender<LineResponse>,
        over: Arc<OnceLock<Moment>>,
        clock: Clock,
        timeout: Duration,
    ) -> Self {
        let (oldest, line) = (None, Vec::new());
        Self {
            pending,
            line_responses,
            over,
            clock,
            timeout,
            oldest,
            last_response: Moment(0),
            line,
        }
    }

    /// Reads until there are no more, or none in time. Gives back the events without a response,
    /// and the status of the whole.
    pub(super) fn read(mut self, stream: TcpStream) -> (Vec<Pending>, Option<u16>) {
        let mut status = None;
        // Whatever ended it, these events have no response.
        let _ = self.read_lines(stream, &mut status);
        (self.oldest.into_iter().chain(self.pending.try_iter()).collect(), status)
    }

    fn read_lines(&mut self, stream: TcpStream, status: &mut Option<u16>) -> Option<()> {
        let mut stream = DeadlineStream::new(stream, Instant::now());
        let mut buffer = vec![0; 64 << 10];
        let mut reader = HeadReader::default();
        let mut framing: Option<Body> = None;
        loop {
            let count = self.read_some(&mut stream, &mut buffer)?;
            let now = self.clock.now();
            if let Some(body) = &mut framing {
                self.take(body, &buffer[..count], *status, now)?;
            } else if let Some((head, rest)) = reader.feed(&buffer[..count]).ok()? {
                *status = Some(head.status);
                self.take(framing.insert(head.body), &rest, *status, now)?;
            }
            if framing.is_some_and(|body| body.is_complete()) {
                return None;
            }
        }
    }

    /// Waits for bytes until the next response is overdue.
    fn read_some(&mut self, stream: &mut DeadlineStream, buffer: &mut [u8]) -> Option<usize> {
        loop {
            stream.finish_by(Instant::now() + self.time_left()?);
            match stream.read(buffer) {
                Ok(count @ 1..) => return Some(count),
                Err(error)
                    if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                _ => return None,
            }
        }
    }

    /// How long the next response may take; nothing when it is overdue. Without an event that waits
    /// for one, silence is a pause in the schedule. Bytes that are no response do not count.
    fn time_left(&mut self) -> Option<Duration> {
        self.oldest = self.oldest.take().or_else(|| self.pending.try_recv().ok());
        let now = self.clock.now();
        let waits_since = self.oldest.as_ref().map(|oldest| oldest.sent.max(self.last_response));
        let since = waits_since.into_iter().chain(self.over.get().copied()).min().unwrap_or(now);
        let due = since + self.timeout;
        (due > now).then(|| now.until(due))
    }

    fn take(
        &mut self,
        body: &mut Body,
        mut bytes: &[u8],
        status: Option<u16>,
        now: Moment,
    ) -> Option<()> {
        while !bytes.is_empty() {
            for piece in body.take(&mut bytes).ok()?.split_inclusive(|byte| *byte == b'\n') {
                if self.line.len() + piece.len() > LONGEST {
                    return None;
                }
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    self.response(status, now);
                    self.line.clear();
                }
            }
        }
        Some(())
    }

    /// A whole line. More responses than events would be the server's fault; they are passed over.
    fn response(&mut self, status: Option<u16>, at: Moment) {
        if self.line.trim_ascii().is_empty() {
            return;
        }
        let refusal = match (status, serde_json::from_slice::<ResponseLine>(&self.line)) {
            (Some(status), _) if status / 100 != 2 => Some(format!("status {status}")),
            (_, Ok(ResponseLine { error: Some(error) })) => {
                let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
                Some(text.chars().take(80).collect())
            }
            (_, Ok(ResponseLine { error: None })) => None,
            (_, Err(_)) => Some("an answer that is no JSON".to_owned()),
        };
        if let Some(pending) = self.oldest.take().or_else(|| self.pending.try_recv().ok()) {
            self.last_response = at;
            // The publisher takes responses whenever it waits, so there will be room.
            let _ = self.line_responses.send(LineResponse { pending, at, refusal });
        }
    }
}

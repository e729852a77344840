//! Publishing many events in one request: a JSON object a line in, a result a line out.
//!
//! The results flow while the request is still being read, in the same order. A bad line gets an
//! error with its number and does not stop the others. Nothing is held but the line that is not
//! complete yet and the results of one chunk of the body, and both are counted: a client that does
//! not read its response is not read any further either.

mod event_line;
mod lines;

pub(super) mod fuzzing;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::{Request, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument as _;

use super::Context;
use super::authorise::Access;
use super::body::{Content, ResponseLines};
use super::client::{ClientAddress, RequestClient};
use super::incoming::Incoming;
use super::problem::Problem;
use super::publish::{authorise, check_draft};
use super::request_body::RequestBody;
use super::response::{self, HttpResponse};
use super::trace;
use super::whole_body::{body_timeout, check_media_type};
use crate::event::{Draft, EventId};
use crate::memory::HeldMemory;
use crate::metrics::PublishSource;
use lines::{Line, Lines};

const NDJSON: &str = "application/x-ndjson";

/// How many events are appended in one go.
const BATCH_MAX: usize = 256;

/// How long a drain waits for a client that does not read its response.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// How many chunks of a response may wait for the client to read them.
const RESPONSES_WAITING: usize = 4;

/// `POST /events`: many events.
pub(super) async fn publish(
    request: Request<Incoming>,
    client: &RequestClient,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let access = authorise(&request, client, context).await?;
    check_media_type(&request, NDJSON)?;
    let body = RequestBody::of(request, &context.body_memory)?;
    let (responses, response_lines) = ResponseLines::of_sender(RESPONSES_WAITING);
    let batch = BatchPublish {
        lines: Lines::new(context.rules.settings.body_bytes_max, &context.body_memory),
        line_began: None,
        context: Arc::clone(context),
        client: client.address,
        access,
        responses,
        published: 0,
    };
    // The span of the request ends with the batch.
    context.lifecycle.tasks().spawn(batch.run(body).in_current_span());
    let mut response = response::whole(StatusCode::OK, NDJSON, Bytes::new());
    *response.body_mut() = Content::Lines(Box::new(response_lines));
    Ok(response)
}

struct BatchPublish {
    lines: Lines,
    /// The number of the line that is not complete, and when its first byte came.
    line_began: Option<(u64, Instant)>,
    context: Arc<Context>,
    client: ClientAddress,
    access: Access,
    responses: mpsc::Sender<Bytes>,
    published: u64,
}

impl BatchPublish {
    async fn run(mut self, mut body: RequestBody) {
        let Err(problem) = self.publish_all(&mut body).await else { return };
        let is_read = self.refuse_rest(&problem).await;
        // The response ends here, and the rest of the body may still be on its way.
        drop(self);
        if is_read {
            body.pass_over_rest().await;
        }
    }

    /// Publishes until the body ends, or the client is gone.
    async fn publish_all(&mut self, body: &mut RequestBody) -> Result<(), Problem> {
        loop {
            let patience = self.patience(Instant::now());
            let piece = tokio::select! {
                piece = timeout(patience, body.next()) => piece,
                () = self.context.lifecycle.draining() => return Err(Problem::Draining),
            };
            match piece {
                Ok(Ok(Some(piece))) => self.lines.feed(piece),
                Ok(Ok(None)) => {
                    self.lines.end();
                    let _ = self.publish_complete_lines().await;
                    return Ok(());
                }
                Ok(Err(Problem::BodyCut)) => return Ok(()),
                Ok(Err(problem)) => return Err(problem),
                Err(_) => return Err(self.took_too_long()),
            }
            if !self.publish_complete_lines().await {
                return Ok(());
            }
        }
    }

    /// How long the next chunk may take. What is left of a line has to come within the time that
    /// its first byte began: bytes that trickle in do not renew it.
    fn patience(&mut self, now: Instant) -> Duration {
        self.line_began = self.lines.unfinished().map(|number| match self.line_began {
            Some((known, began)) if known == number => (number, began),
            _ => (number, now),
        });
        let spent = self.line_began.map_or(Duration::ZERO, |(_, began)| now - began);
        self.context.rules.settings.body_timeout.saturating_sub(spent)
    }

    fn took_too_long(&self) -> Problem {
        let limit = self.context.rules.settings.body_timeout;
        match self.line_began {
            Some(_) => Problem::LineTimeout { seconds: limit.as_secs() },
            None => body_timeout(limit),
        }
    }

    /// False when the client no longer reads the response.
    async fn publish_complete_lines(&mut self) -> bool {
        loop {
            let mut lines: Vec<Line> = (&mut self.lines).take(BATCH_MAX).collect();
            if lines.is_empty() {
                self.lines.piece_published();
                return true;
            }
            while !lines.is_empty() {
                let responses = match self.allowance(lines.len()).await {
                    Ok(allowed) => {
                        let later = lines.split_off(allowed.min(lines.len()));
                        let now = std::mem::replace(&mut lines, later);
                        self.publish_lines(now).await
                    }
                    Err(problem) => self.refuse_line(lines.remove(0).number, &problem),
                };
                if !self.send(responses).await {
                    return false;
                }
            }
        }
    }

    /// How many of so many lines may be published now, one at least. A publisher that is too fast is
    /// held back, as it is by delivery: nothing more of its body is read meanwhile. But not for longer
    /// than a pause of its own may last, and not in a drain, because its lines take memory.
    async fn allowance(&self, lines: usize) -> Result<usize, Problem> {
        let Context { client_limits, rules, lifecycle, .. } = &*self.context;
        let patience = Instant::now() + rules.settings.body_timeout;
        let mut waiting = None;
        loop {
            let wait = match client_limits.publish(self.client, self.access.holder, lines) {
                Ok(allowed) => return Ok(allowed),
                Err(wait) => wait,
            };
            if Instant::now() + wait > patience {
                return Err(Problem::TooFast { wait });
            }
            waiting.get_or_insert_with(|| client_limits.waiting());
            tokio::select! {
                () = sleep(wait) => {}
                () = lifecycle.draining() => return Err(Problem::Draining),
            }
        }
    }

    fn refuse_line(&self, number: u64, problem: &Problem) -> Bytes {
        if let Some(reason) = problem.rejection() {
            self.context.metrics.publish_rejected(reason);
        }
        let mut responses = BytesMut::new();
        put_error(&mut responses, problem, number);
        self.counted(responses)
    }

    /// A client that does not read its response is waited for as long as one that does not send,
    /// and in a drain for a moment only.
    async fn send(&mut self, responses: Bytes) -> bool {
        let Context { rules, lifecycle, .. } = &*self.context;
        tokio::select! {
            sent = self.responses.send(responses) => sent.is_ok(),
            () = sleep(rules.settings.body_timeout) => false,
            () = async {
                lifecycle.draining().await;
                sleep(DRAIN_PATIENCE).await;
            } => false,
        }
    }

    async fn publish_lines(&mut self, lines: Vec<Line>) -> Bytes {
        let mut drafts = Vec::with_capacity(lines.len());
        // The drafts hold what the lines held, until the log has taken them.
        let mut held: Vec<HeldMemory> = Vec::new();
        let mut checked = Vec::with_capacity(lines.len());
        for line in lines {
            let number = line.number;
            match self.draft(&line).await {
                Ok(draft) => {
                    drafts.push(draft);
                    held.extend(line.held);
                    checked.push((number, None));
                }
                Err(problem) => checked.push((number, Some(problem))),
            }
        }
        let hub = &self.context.hub;
        let mut results = hub.publish_all(PublishSource::Ndjson, drafts).await.into_iter();
        drop(held);
        let mut responses = BytesMut::with_capacity(checked.len() * 64);
        for (number, problem) in checked {
            match problem {
                Some(problem) => {
                    if let Some(reason) = problem.rejection() {
                        self.context.metrics.publish_rejected(reason);
                    }
                    put_error(&mut responses, &problem, number);
                }
                None => match results.next() {
                    Some(Ok(receipt)) => {
                        self.published += 1;
                        put_id(&mut responses, &receipt.id);
                    }
                    Some(Err(error)) => put_error(&mut responses, &error.into(), number),
                    None => {}
                },
            }
        }
        trace::published_so_far(self.published);
        self.counted(responses)
    }

    /// What has been published has to get its line of the response, and so there is always room for
    /// those; there are few at a time.
    fn counted(&self, responses: BytesMut) -> Bytes {
        let held = self.context.body_memory.hold_anyway(responses.capacity());
        Bytes::from_owner(HeldResponses { bytes: responses, _held: held })
    }

    async fn draft(&self, line: &Line) -> Result<Draft, Problem> {
        let max = self.lines.bytes_max();
        let bytes = line.bytes.as_ref().map_err(|full| full.problem(max))?;
        let fields = event_line::read(bytes, self.context.rules.event_limits.topics_max)?;
        Ok(check_draft(fields, &self.access, &self.context).await?.idempotent())
    }

    /// Sends what is wrong with the rest of the body; false when the client no longer reads the
    /// response.
    async fn refuse_rest(&mut self, problem: &Problem) -> bool {
        if let Some(reason) = problem.rejection() {
            self.context.metrics.publish_rejected(reason);
        }
        let mut line_of_response = BytesMut::new();
        put_error(&mut line_of_response, problem, self.lines.next_number());
        self.send(line_of_response.freeze()).await
    }
}

/// The line of the response for an event that was published.
#[derive(Serialize)]
struct PublishedLine<'a> {
    id: &'a EventId,
}

fn put_id(responses: &mut BytesMut, id: &EventId) {
    // Writing into memory cannot fail, and text always serialises.
    let _ = serde_json::to_writer(responses.writer(), &PublishedLine { id });
    responses.put_u8(b'\n');
}

fn put_error(responses: &mut BytesMut, problem: &Problem, line: u64) {
    let status = problem.status().as_u16();
    let line_of_response =
        serde_json::json!({ "error": problem.to_string(), "status": status, "line": line });
    let _ = writeln!(responses.writer(), "{line_of_response}");
}

/// Lines of a response that the client has yet to read.
struct HeldResponses {
    bytes: BytesMut,
    _held: HeldMemory,
}

impl AsRef<[u8]> for HeldResponses {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

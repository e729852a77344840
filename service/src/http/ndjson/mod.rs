//! Publishing many events in one request: a JSON object a line in, an answer a line out.
//!
//! The answers flow while the request is still being read, in the same order. A bad line gets an
//! error with its number and does not stop the others. Nothing is held but the line that is not
//! complete yet and the answers of one piece of the body: a client that does not read its answers
//! is not read any further either.

pub(super) mod fuzzing;

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::Context;
use super::body::Content;
use super::publish::{ask_grants, body_timeout, check_grants, has_media_type};
use super::reply::{self, Problem, Reply};
use super::trace;
use crate::auth::Grants;
use crate::event::{Draft, DraftFields};
use crate::metrics::PublishSource;

const NDJSON: &str = "application/x-ndjson";

/// How many events are appended in one go.
const BATCH_MAX: usize = 256;

/// How long a drain waits for a client that does not read its answers.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// How many pieces of answers may wait for the client to read them.
const ANSWERS_WAITING: usize = 4;

/// `POST /events`: many events.
pub(super) fn publish(
    request: Request<Incoming>,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let grants = ask_grants(&request, context)?;
    if !has_media_type(&request, NDJSON) {
        return Err(Problem::MediaType { expected: NDJSON });
    }
    let (answers, channel) = Channel::new(ANSWERS_WAITING);
    let batch = Batch {
        lines: Lines::new(context.settings.body_bytes_max),
        context: Arc::clone(context),
        grants,
        answers,
        published: 0,
    };
    // The span of the request ends with the batch.
    let run = batch.run(request.into_body()).in_current_span();
    context.lifecycle.tasks().spawn(run);
    let mut reply = reply::whole(StatusCode::OK, NDJSON, Bytes::new());
    *reply.body_mut() = Content::Lines(channel);
    Ok(reply)
}

struct Batch {
    lines: Lines,
    context: Arc<Context>,
    grants: Grants,
    answers: Sender<Bytes, Infallible>,
    published: u64,
}

impl Batch {
    async fn run(mut self, mut body: Incoming) {
        let limit = self.context.settings.body_timeout;
        loop {
            let piece = tokio::select! {
                piece = timeout(limit, body.frame()) => piece,
                () = self.context.lifecycle.draining() => {
                    self.refuse_rest(&Problem::Draining).await;
                    return;
                }
            };
            match piece {
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.lines.feed(&bytes);
                    }
                }
                Ok(Some(Err(_))) => return,
                Ok(None) => {
                    self.lines.end();
                    let _ = self.publish_complete_lines().await;
                    return;
                }
                Err(_) => {
                    self.refuse_rest(&body_timeout(limit)).await;
                    return;
                }
            }
            if !self.publish_complete_lines().await {
                return;
            }
        }
    }

    /// False when nobody reads the answers any more.
    async fn publish_complete_lines(&mut self) -> bool {
        loop {
            let lines: Vec<Line> = (&mut self.lines).take(BATCH_MAX).collect();
            if lines.is_empty() {
                return true;
            }
            let answers = self.publish_lines(lines).await;
            if !self.send(answers).await {
                return false;
            }
        }
    }

    /// A client that does not read its answers is waited for as long as one that does not send,
    /// and in a drain for a moment only.
    async fn send(&mut self, answers: Bytes) -> bool {
        let Context { settings, lifecycle, .. } = &*self.context;
        tokio::select! {
            sent = self.answers.send_data(answers) => sent.is_ok(),
            () = sleep(settings.body_timeout) => false,
            () = async {
                lifecycle.draining().await;
                sleep(DRAIN_PATIENCE).await;
            } => false,
        }
    }

    async fn publish_lines(&mut self, lines: Vec<Line>) -> Bytes {
        let mut drafts = Vec::with_capacity(lines.len());
        let checked: Vec<_> = lines
            .into_iter()
            .map(|line| match self.draft(&line) {
                Ok(draft) => {
                    drafts.push(draft);
                    (line.number, None)
                }
                Err(problem) => (line.number, Some(problem)),
            })
            .collect();
        let mut results =
            self.context.hub.publish_all(PublishSource::Ndjson, drafts).await.into_iter();
        let mut answers = BytesMut::with_capacity(checked.len() * 64);
        for (number, problem) in checked {
            match problem {
                Some(problem) => {
                    if let Some(reason) = problem.rejection() {
                        self.context.metrics.publish_rejected(reason);
                    }
                    put_error(&mut answers, &problem, number);
                }
                None => match results.next() {
                    Some(Ok(receipt)) => {
                        self.published += 1;
                        put_id(&mut answers, &receipt.id);
                    }
                    Some(Err(error)) => put_error(&mut answers, &error.into(), number),
                    None => {}
                },
            }
        }
        trace::published_so_far(self.published);
        answers.freeze()
    }

    fn draft(&self, line: &Line) -> Result<Draft, Problem> {
        let Some(bytes) = &line.bytes else {
            return Err(Problem::BodyTooLarge { max: self.lines.bytes_max });
        };
        let fields: Fields<'_> = serde_json::from_slice(bytes).map_err(|error| {
            Problem::Unreadable(format!(
                "this is not an event: {error}; send an object with `topic` and `data`"
            ))
        })?;
        let draft = fields.into_draft_fields()?.check(&self.context.event_limits)?;
        check_grants(&draft, &self.grants)?;
        Ok(draft)
    }

    async fn refuse_rest(&mut self, problem: &Problem) {
        if let Some(reason) = problem.rejection() {
            self.context.metrics.publish_rejected(reason);
        }
        let mut answer = BytesMut::new();
        put_error(&mut answer, problem, self.lines.number + 1);
        let _ = self.send(answer.freeze()).await;
    }
}

fn put_id(answers: &mut BytesMut, id: &str) {
    // Writing into memory cannot fail, and strings always serialise.
    let _ = writeln!(answers.writer(), "{}", serde_json::json!({ "id": id }));
}

fn put_error(answers: &mut BytesMut, problem: &Problem, line: u64) {
    let answer = serde_json::json!({ "error": problem.to_string(), "line": line });
    let _ = writeln!(answers.writer(), "{answer}");
}

/// One event, as it stands in a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    topic: Option<Topics>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    r#type: Option<String>,
    id: Option<String>,
    retry: Option<serde_json::Value>,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a topic or an array of topics")]
enum Topics {
    One(String),
    Several(Vec<String>),
}

impl<'a> Fields<'a> {
    fn into_draft_fields(self) -> Result<DraftFields<'a>, Problem> {
        let topics = match self.topic {
            None => Vec::new(),
            Some(Topics::One(topic)) => vec![Cow::Owned(topic)],
            Some(Topics::Several(topics)) => topics.into_iter().map(Cow::Owned).collect(),
        };
        Ok(DraftFields {
            topics,
            data: self.data.map_or(Ok(Cow::Borrowed("")), data)?,
            event_type: self.r#type.map(Cow::Owned),
            id: self.id.map(Cow::Owned),
            retry: self.retry.map(|retry| match retry {
                serde_json::Value::String(digits) => Cow::Owned(digits),
                other => Cow::Owned(other.to_string()),
            }),
            private: self.private,
        })
    }
}

/// A string is its text; any other value is sent as it was written.
fn data(raw: &RawValue) -> Result<Cow<'_, str>, Problem> {
    if !raw.get().starts_with('"') {
        return Ok(Cow::Borrowed(raw.get()));
    }
    serde_json::from_str(raw.get())
        .map(Cow::Owned)
        .map_err(|error| Problem::Unreadable(format!("`data` cannot be read: {error}; send text")))
}

/// Cuts a body into lines, of which only an incomplete one is kept.
#[derive(Debug)]
struct Lines {
    bytes_max: usize,
    buffer: BytesMut,
    /// How far the buffer is known to have no line break.
    searched: usize,
    /// The line is too long, and what is left of it is thrown away.
    skipping: bool,
    ended: bool,
    /// Of the last line that came out.
    number: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    /// `None` when it was too long.
    bytes: Option<Bytes>,
}

impl Lines {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            buffer: BytesMut::new(),
            searched: 0,
            skipping: false,
            ended: false,
            number: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Nothing more comes: what is left is the last line.
    fn end(&mut self) {
        self.ended = true;
    }

    fn next_raw(&mut self) -> Option<Line> {
        if let Some(offset) = memchr(b'\n', &self.buffer[self.searched..]) {
            let mut line = self.buffer.split_to(self.searched + offset + 1);
            line.truncate(line.len() - 1);
            self.searched = 0;
            return Some(self.line(line.freeze()));
        }
        if self.buffer.len() > self.bytes_max {
            self.buffer.clear();
            self.skipping = true;
        }
        self.searched = self.buffer.len();
        if self.ended && (self.skipping || !self.buffer.is_empty()) {
            let line = self.buffer.split().freeze();
            self.searched = 0;
            return Some(self.line(line));
        }
        None
    }

    fn line(&mut self, bytes: Bytes) -> Line {
        self.number += 1;
        let too_long = std::mem::take(&mut self.skipping) || bytes.len() > self.bytes_max;
        Line { number: self.number, bytes: (!too_long).then_some(bytes) }
    }
}

impl Iterator for Lines {
    type Item = Line;

    /// The next complete line; blank ones are counted and passed over.
    fn next(&mut self) -> Option<Line> {
        loop {
            let line = self.next_raw()?;
            if line.bytes.as_ref().is_none_or(|bytes| !bytes.trim_ascii().is_empty()) {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! A client of streams that reads line by line, so that a comment is seen as well as an event.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;

use ureq::http::Response;
use ureq::{Body, BodyReader};

use crate::support::client::client;

/// What all streams here are of.
pub(super) const TOPIC: &str = "t";

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) data: String,
}

/// An open stream.
pub(super) struct Stream {
    lines: BufReader<BodyReader<'static>>,
    /// Comments that came since this was last asked for.
    comments: usize,
}

impl Stream {
    /// Asks for it; the answer must be a stream.
    pub(super) fn open(address: SocketAddr, last_event_id: Option<&str>) -> Self {
        Self::of(request(address, last_event_id))
    }

    /// The stream of an answer.
    pub(super) fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { lines: BufReader::new(response.into_body().into_reader()), comments: 0 }
    }

    /// The next event; nothing at the end of the stream, in order or not. A block without data, such
    /// as the place that a stream begins with, is none.
    pub(super) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                _ if line.is_empty() && event.data.is_empty() => event = Event::default(),
                _ if line.is_empty() => return Some(event),
                _ if line.starts_with(':') => self.comments += 1,
                Some(("id", id)) => id.clone_into(&mut event.id),
                Some(("event", kind)) => kind.clone_into(&mut event.kind),
                Some(("data", data)) => event.data.push_str(data),
                _ => {}
            }
        }
    }

    /// Reads until so many comments have come; whether they did before the stream ended.
    pub(super) fn comments(&mut self, count: usize) -> bool {
        while self.comments < count {
            match self.line() {
                Some(line) if line.starts_with(':') => self.comments += 1,
                Some(line) => {
                    assert!(line.is_empty() || line.starts_with("id: "), "nothing was published");
                }
                None => return false,
            }
        }
        self.comments = 0;
        true
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end_matches('\n').to_owned())
    }
}

/// The answer to the request for a stream, whatever it is.
pub(super) fn request(address: SocketAddr, last_event_id: Option<&str>) -> Response<Body> {
    let mut request = client().get(format!("http://{address}/events/{TOPIC}"));
    request = request.header("accept", "text/event-stream");
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    request.call().expect("an answer")
}

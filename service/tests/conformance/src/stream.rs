//! A stream of server-sent events, read as the HTML standard says. Every wait is bounded: a
//! stream that stays silent is a finding, never a hang.

use std::time::Duration;

use crate::outcome::{Checked, Stop};

/// Bytes that may be read without the end of a line; more is no event stream for us.
const LINE_MAX: usize = 4 << 20;
/// Events that are read on the way to the one that is waited for.
const EVENTS_MAX: usize = 100_000;

/// One event as a client is given it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    /// The name; `message` where the stream gives none.
    pub event: String,
    pub data: String,
    pub retry: Option<String>,
}

/// A parser that is fed bytes; events come out where a blank line ends them.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// The last line ended with a CR; a LF that follows belongs to it.
    after_cr: bool,
    last_id: String,
    event: String,
    data: Option<String>,
    retry: Option<String>,
    comments: usize,
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.buffer);
                    messages.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                other => self.buffer.push(other),
            }
        }
        messages
    }

    pub fn comments(&self) -> usize {
        self.comments
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_id),
            "event" => value.clone_into(&mut self.event),
            "retry" => self.retry = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Message> {
        let event = std::mem::take(&mut self.event);
        let retry = self.retry.take();
        let data = self.data.take()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Message { id: self.last_id.clone(), event, data, retry })
    }
}

/// An open subscription.
#[derive(Debug)]
pub struct Subscription {
    pub headers: reqwest::header::HeaderMap,
    pub sent: String,
    response: reqwest::Response,
    parser: Parser,
    ready: std::collections::VecDeque<Message>,
    patience: Duration,
}

impl Subscription {
    pub fn new(response: reqwest::Response, sent: String, patience: Duration) -> Self {
        let headers = response.headers().clone();
        Self { headers, sent, response, parser: Parser::default(), ready: [].into(), patience }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.headers.get(name)?.as_bytes()).into_owned())
    }

    pub fn version(&self) -> reqwest::Version {
        self.response.version()
    }

    /// That a comment comes within a time.
    pub async fn comment(&mut self, within: Duration) -> Checked {
        let commented = tokio::time::timeout(within, async {
            while self.parser.comments() == 0 {
                match self.response.chunk().await {
                    Ok(Some(bytes)) => self.ready.extend(self.parser.feed(&bytes)),
                    _ => return false,
                }
            }
            true
        });
        match commented.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.unmet("a comment", "the end of the stream".to_owned())),
            Err(_) => Err(self.unmet("a comment", format!("none for {within:?}"))),
        }
    }

    /// The next event.
    pub async fn next(&mut self) -> Checked<Message> {
        match tokio::time::timeout(self.patience, self.read()).await {
            Ok(Ok(Some(message))) => Ok(message),
            Ok(Ok(None)) => Err(self.unmet("an event", "the end of the stream".to_owned())),
            Ok(Err(error)) => Err(self.unmet("an event", error)),
            Err(_) => Err(self.unmet("an event", format!("nothing for {:?}", self.patience))),
        }
    }

    /// Everything before the event with this data. What was sent and may not arrive is published
    /// before such a marker, so its absence is shown and not waited for.
    pub async fn until(&mut self, marker: &str) -> Checked<Vec<Message>> {
        let mut before = Vec::new();
        while before.len() < EVENTS_MAX {
            let message = self.next().await.map_err(|stop| match stop {
                Stop::Failed(mut finding) => {
                    finding.expected = format!("the event with the data {marker:?}");
                    Stop::Failed(finding)
                }
                skipped @ Stop::Skipped(_) => skipped,
            })?;
            if message.data == marker {
                return Ok(before);
            }
            before.push(message);
        }
        Err(self.unmet(&format!("the event with the data {marker:?}"), "others".to_owned()))
    }

    /// The event with this data, whatever comes before it.
    pub async fn find(&mut self, data: &str) -> Checked<Message> {
        loop {
            let message = self.next().await.map_err(|stop| match stop {
                Stop::Failed(mut finding) => {
                    finding.expected = format!("the event with the data {data:?}");
                    Stop::Failed(finding)
                }
                skipped @ Stop::Skipped(_) => skipped,
            })?;
            if message.data == data {
                return Ok(message);
            }
        }
    }

    /// That the stream ends within a time; events before its end are passed over.
    pub async fn end(&mut self, within: Duration) -> Checked {
        let read_on = async { while let Ok(Some(_)) = self.read().await {} };
        match tokio::time::timeout(within, read_on).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.unmet("the end of the stream", format!("open after {within:?}"))),
        }
    }

    async fn read(&mut self) -> Result<Option<Message>, String> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.ready.extend(self.parser.feed(&bytes)),
                Ok(None) => return Ok(None),
                Err(error) => return Err(format!("an error of the transport: {error}")),
            }
            if self.parser.buffer.len() > LINE_MAX {
                return Err(format!("a line longer than {LINE_MAX} bytes"));
            }
        }
    }

    fn unmet(&self, expected: &str, came: String) -> Stop {
        Stop::failed(self.sent.clone(), expected, came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, String)> {
        let mut parser = Parser::default();
        // Byte by byte: where a chunk ends must not matter.
        let messages = text.bytes().flat_map(|byte| parser.feed(&[byte])).collect::<Vec<_>>();
        messages.into_iter().map(|message| (message.id, message.event, message.data)).collect()
    }

    #[test]
    fn events_are_read_as_the_html_standard_says() {
        let message = |id: &str, event: &str, data: &str| (id.into(), event.into(), data.into());
        let cases = [
            ("data: a\n\n", vec![message("", "message", "a")]),
            ("id: 1\r\nevent: e\r\ndata:a\r\ndata: b\r\n\r\n", vec![message("1", "e", "a\nb")]),
            (
                "data: a\r\rdata: b\r\r",
                vec![message("", "message", "a"), message("", "message", "b")],
            ),
            ("id: 7\n\ndata\n\n", vec![message("7", "message", "")]),
            (": comment\nretry: 1\n\ndata: cut", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}

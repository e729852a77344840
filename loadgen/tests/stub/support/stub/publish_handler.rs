//! Publishing at the stub server: a raw body, a form, lines of JSON, or JSON with the data inside;
//! and the answers, which may be slow or no. An event that is refused gets no id and is not
//! delivered, but it counts among those that were published.

use std::io::{self, BufRead, Write as _};
use std::net::TcpStream;
use std::thread::sleep;

use fanfare_loadgen::payload;
use serde_json::Value;

use super::event_store::Publish;
use super::request::{self, Head};
use super::{PublishResponses, Shared};

/// Takes the body of a request and answers it.
pub(super) fn take(
    head: &Head,
    from: &mut impl BufRead,
    to: &TcpStream,
    shared: &Shared,
) -> io::Result<()> {
    if head.path == "/lines" && head.is_chunked() {
        return lines(head, from, to, shared);
    }
    let body = head.body(from)?;
    let (topic, data) = match head.path.as_str() {
        "/form" => form(&body),
        "/json" | "/wrapped" => {
            let json: Value = serde_json::from_slice(&body)?;
            let topic = json["channel"].as_str().unwrap_or_default().to_owned();
            // Some servers pass on what they were sent, others what is in it.
            let inside = json["data"].as_str().unwrap_or_default().as_bytes().to_vec();
            (topic, if head.path == "/json" { inside } else { body })
        }
        path => (path.trim_start_matches("/t/").to_owned(), body),
    };
    if let Some((begin, again)) = shared.faults.responses.drips {
        shared.publish(head, &topic, data);
        return super::drip(to, begin, again);
    }
    let status = if shared.publish(head, &topic, data).is_some() { "200 OK" } else { "503 No" };
    let mut to = to;
    to.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
}

fn form(body: &[u8]) -> (String, Vec<u8>) {
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(body);
        let found = fields.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    (field("topic"), field("data").into_bytes())
}

/// A streaming request: each line gets a line of response.
fn lines(
    head: &Head,
    from: &mut impl BufRead,
    mut to: &TcpStream,
    shared: &Shared,
) -> io::Result<()> {
    if let Some((begin, again)) = shared.faults.responses.drips {
        return super::drip(to, begin, again);
    }
    to.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    while let Some(content) = request::chunk(from)? {
        // The program under test writes whole lines into its chunks.
        for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line)?;
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let response = match shared.publish(head, &text("topic"), text("data").into_bytes()) {
                Some(id) => format!("{{\"id\":\"{id}\"}}\n"),
                None => "{\"error\":\"no room\"}\n".to_owned(),
            };
            to.write_all(format!("{:x}\r\n{response}\r\n", response.len()).as_bytes())?;
        }
    }
    to.write_all(b"0\r\n\r\n")
}

impl Shared {
    /// Takes an event, unless it is one that is refused. Gives its id.
    fn publish(&self, head: &Head, topic: &str, data: Vec<u8>) -> Option<u64> {
        let PublishResponses { refuse_every, delay, stop_at, .. } = self.faults.responses;
        let number = self.store.published(Publish {
            method: head.method.clone(),
            kind: head.header("content-type").map(str::to_owned),
            authorization: head.header("authorization").map(str::to_owned),
            stamp: payload::read(&data).ok(),
        });
        if let Some((_, time)) = stop_at.filter(|(at, _)| *at == number) {
            // A server that is stuck neither answers nor delivers.
            sleep(time);
        }
        let is_refused = refuse_every.is_some_and(|every| number.is_multiple_of(every));
        let id = (!is_refused).then(|| self.hub.publish(topic, data));
        // A server that takes its time.
        sleep(delay);
        id
    }
}

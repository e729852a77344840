//! The clients, how each is asked for a stream, and what it saw of it.
//!
//! A test subscribes all of them to one server and compares each with what was published, so every
//! promise is a table over clients. curl has no parser; what it prints goes through our own reading
//! of the standard.

use serde::Deserialize;

use super::process::Process;
use super::standard::Parser;
use crate::support::{TestServer, eventually};

/// A client and the version of HTTP that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// `eventsource` 4 of npm, over the `fetch` of Node: HTTP/1.1.
    EventSource,
    /// Version 5 of it.
    EventSource5,
    /// `event-source-polyfill` of npm, over the `fetch` of Node: HTTP/1.1.
    EventSourcePolyfill,
    /// `httpx-sse`, over HTTP/1.1.
    HttpxSse,
    /// `httpx-sse`, over HTTP/2 with prior knowledge.
    HttpxSseHttp2,
    /// `sseclient-py` over `requests`: HTTP/1.1.
    Sseclient,
    /// `curl -N`, over HTTP/1.1.
    Curl,
    /// `curl -N`, over HTTP/2 with prior knowledge.
    CurlHttp2,
    /// A loop around curl, in the shell, that keeps the last id.
    CurlLoop,
    /// A parser as people write it, to which every block is an event.
    OwnParser,
    /// No parser: lines that begin with `data:` and `id:`.
    LineByLine,
    /// `reqwest-eventsource` of crates.io: HTTP/1.1.
    ReqwestEventsource,
    /// `github.com/r3labs/sse` of Go: HTTP/1.1.
    R3labs,
    /// `github.com/tmaxmax/go-sse` of Go: HTTP/1.1.
    GoSse,
    /// `okhttp-sse` of Java: HTTP/1.1.
    OkhttpSse,
}

/// One event as a client saw it. An empty id is none, as a client that has none says either.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Seen {
    pub(super) id: Option<String>,
    pub(super) event: String,
    pub(super) data: String,
    #[serde(default)]
    pub(super) retry: Option<u64>,
}

impl Seen {
    /// An unnamed event.
    pub(super) fn message(id: &str, data: &str) -> Self {
        let (id, event) = (Some(id.to_owned()), "message".to_owned());
        Self { id, event, data: data.to_owned(), retry: None }
    }

    fn from_json(line: &str) -> Self {
        let mut seen: Self = serde_json::from_str(line).expect("an event in JSON");
        seen.id = seen.id.filter(|id| !id.is_empty());
        seen
    }
}

/// What a client is to read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EventFilter<'a> {
    /// After so many events it goes.
    pub(super) count: usize,
    pub(super) last_event_id: Option<&'a str>,
    /// Names of events to listen for, where that has to be said.
    pub(super) names: &'a [&'a str],
    /// It comes back whenever the stream has ended, and shows no event without data: its library
    /// may have made it of a block that is none. An `EventSource` always comes back.
    pub(super) comes_back: bool,
    /// What it shows in `Authorization`.
    pub(super) token: Option<&'a str>,
}

impl Peer {
    /// Those that a stream is read with once.
    pub(super) const ALL: [Self; 8] = [
        Self::EventSource,
        Self::EventSource5,
        Self::EventSourcePolyfill,
        Self::HttpxSse,
        Self::HttpxSseHttp2,
        Self::Sseclient,
        Self::Curl,
        Self::CurlHttp2,
    ];

    /// An `EventSource` comes back by itself, and shows nobody the wait that it was told.
    pub(super) fn is_event_source(self) -> bool {
        matches!(self, Self::EventSource | Self::EventSource5 | Self::EventSourcePolyfill)
    }

    /// Starts it on a stream.
    pub(super) fn subscribe(self, url: &str, filter: EventFilter<'_>) -> Subscriber {
        let node = |library| node(library, url, filter);
        let python = |name, more: &[&str]| Process::python(name, &script(url, filter, &[], more));
        let process = match self {
            Self::EventSource => node("eventsource"),
            Self::EventSource5 => node("eventsource-5"),
            Self::EventSourcePolyfill => node("event-source-polyfill"),
            Self::HttpxSse => python("read_with_httpx_sse.py", &[]),
            Self::HttpxSseHttp2 => python("read_with_httpx_sse.py", &["--http2"]),
            Self::Sseclient => python("read_with_sseclient.py", &[]),
            Self::Curl => curl(url, filter, "--http1.1"),
            Self::CurlHttp2 => curl(url, filter, "--http2-prior-knowledge"),
            Self::CurlLoop => Process::shell("read_with_curl.sh", &[url]),
            Self::OwnParser => python("read_with_own_parser.py", &[]),
            Self::LineByLine => python("read_line_by_line.py", &[]),
            Self::ReqwestEventsource => {
                Process::rust("read_with_reqwest_eventsource", &plain(url, filter))
            }
            Self::R3labs => Process::go("read_with_r3labs", &plain(url, filter)),
            Self::GoSse => Process::go("read_with_go_sse", &plain(url, filter)),
            Self::OkhttpSse => Process::java("ReadWithOkhttpSse", &plain(url, filter)),
        };
        let prints_the_stream = matches!(self, Self::Curl | Self::CurlHttp2 | Self::CurlLoop);
        let parser = prints_the_stream.then(Parser::default);
        Subscriber { peer: self, process, parser }
    }

    /// Starts all of them, and returns when the server has them.
    pub(super) async fn subscribe_all(
        server: &TestServer,
        url: &str,
        filter: EventFilter<'_>,
    ) -> Vec<Subscriber> {
        Self::subscribe_these(&Self::ALL, server, url, filter).await
    }

    /// Starts some of them, and returns when the server has them.
    pub(super) async fn subscribe_these(
        peers: &[Self],
        server: &TestServer,
        url: &str,
        filter: EventFilter<'_>,
    ) -> Vec<Subscriber> {
        let mut all: Vec<_> = peers.iter().map(|peer| peer.subscribe(url, filter)).collect();
        eventually("all are subscribed", async || {
            all.iter_mut().for_each(|subscriber| subscriber.process.expect_running());
            has_subscribers(server, peers.len()).await
        })
        .await;
        all
    }
}

/// Waits until the server has so many subscribers.
pub(super) async fn subscribers_are(server: &TestServer, count: usize) {
    let what = format!("{count} subscribers");
    eventually(&what, async || has_subscribers(server, count).await).await;
}

async fn has_subscribers(server: &TestServer, count: usize) -> bool {
    server.figure("fanfare_subscribers").await == count as f64
}

fn node(library: &str, url: &str, filter: EventFilter<'_>) -> Process {
    // Scripts of Node have no flag for coming back: an `EventSource` always does.
    let filter = EventFilter { comes_back: false, ..filter };
    let library = format!("--library={library}");
    Process::node("read_with_eventsource.mjs", &script(url, filter, filter.names, &[&library]))
}

fn script(url: &str, filter: EventFilter<'_>, names: &[&str], more: &[&str]) -> Vec<String> {
    let mut arguments = vec![url.to_owned(), filter.count.to_string()];
    let mut option = |name: &str, value: &str| arguments.push(format!("{name}={value}"));
    filter.last_event_id.into_iter().for_each(|id| option("--last-event-id", id));
    filter.token.into_iter().for_each(|token| option("--token", token));
    names.iter().for_each(|name| option("--event", name));
    if filter.comes_back {
        arguments.extend(["--come-back", "--skip-empty"].map(str::to_owned));
    }
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

/// The arguments of a program that always comes back, and begins where the stream does.
fn plain(url: &str, filter: EventFilter<'_>) -> Vec<String> {
    let arguments = [url.to_owned(), filter.count.to_string()];
    arguments.into_iter().chain(filter.token.map(str::to_owned)).collect()
}

fn curl(url: &str, filter: EventFilter<'_>, version: &str) -> Process {
    let resume = filter.last_event_id.map(|id| format!("Last-Event-ID: {id}"));
    let mut arguments = vec!["--no-buffer", version, url];
    if let Some(header) = &resume {
        arguments.extend(["--header", header]);
    }
    Process::curl(&arguments)
}

/// A client on a stream.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) peer: Peer,
    process: Process,
    parser: Option<Parser>,
}

impl Subscriber {
    /// The next event; it fails when the client ends before.
    pub(super) async fn next(&mut self) -> Seen {
        loop {
            let line = self.process.expect_line().await;
            if let Some(seen) = self.read(&line) {
                return seen;
            }
        }
    }

    /// The next so many events.
    pub(super) async fn events(&mut self, count: usize) -> Vec<Seen> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }

    /// It goes: by itself when it has all that it filter, and curl when it is told.
    pub(super) async fn leave(self) {
        if self.parser.is_none() {
            let more = self.process.finish().await;
            assert_eq!(more, [""; 0], "{:?}", self.peer);
        }
    }

    /// All that comes until the client ends, and how it ends: a failure in its own words.
    pub(super) async fn until_the_end(mut self) -> (Vec<Seen>, Result<(), String>) {
        let mut events = Vec::new();
        while let Some(line) = self.process.line().await {
            events.extend(self.read(&line));
        }
        (events, self.process.end().await)
    }

    fn read(&mut self, line: &str) -> Option<Seen> {
        match &mut self.parser {
            None => Some(Seen::from_json(line)),
            // The server ends lines with a line feed alone, so a line makes one event at most.
            Some(parser) => parser.feed(line).pop(),
        }
    }
}

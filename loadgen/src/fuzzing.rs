//! Entry points for fuzzing: one function for each parser of bytes that come from outside. Any
//! bytes may be given; a function returns, or panics when the parser breaks a promise.
//!
//! Where a parser reads a stream, the first byte says in segments of how many bytes the rest comes
//! (0 means in one segment), and what is read must not depend on that. Nothing here opens a file or
//! a connection.

use std::path::Path;

use crate::clock::Moment;
use crate::http1::{Body, HeadReader};
use crate::measure::{ReadTime, Recorder};
use crate::plan::{Plan, Settings};
use crate::result::ResultFile;
use crate::sse::Parser;
use crate::subscriber::Subscriber;
use crate::{report, server_monitor};

/// Inputs up to this length read the same in segments as at once. A longer head is refused as soon
/// as too much of it is there, which depends on the segments.
const SAME: usize = 8 << 10;

/// The rest of the input, in segments of the length that its first byte says.
fn pieces(bytes: &[u8]) -> (&[u8], impl Iterator<Item = &[u8]>) {
    let (length, rest) = match bytes {
        [0, rest @ ..] => (rest.len(), rest),
        [length, rest @ ..] => (usize::from(*length), rest),
        [] => (1, bytes),
    };
    (rest, rest.chunks(length.max(1)))
}

/// The response of a server to a publish call or a subscription: its head, and its body as the head
/// says that it is framed.
pub fn http_response(bytes: &[u8]) {
    let (whole, pieces) = pieces(bytes);
    let found = response(pieces);
    if whole.len() <= SAME {
        assert_eq!(found, response([whole].into_iter()), "it depends on the pieces");
    }
}

/// The status, whether it is a stream, and the content; nothing when it is no response.
fn response<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<(u16, bool, Content)> {
    let mut reader = HeadReader::default();
    let mut found = None;
    let mut content = Content::default();
    for piece in pieces {
        if let Some((_, body)) = &mut found {
            content.take(body, piece);
        } else if let Some((head, rest)) = reader.feed(piece).ok()? {
            let mut body = head.body;
            content.take(&mut body, &rest);
            found = Some((head, body));
        }
    }
    found.map(|(head, _)| (head.status, head.is_event_stream, content))
}

/// What a body held, up to where its framing broke.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    bytes: Vec<u8>,
    is_broken: bool,
}

impl Content {
    fn take(&mut self, body: &mut Body, mut piece: &[u8]) {
        while !self.is_broken && !piece.is_empty() {
            match body.take(&mut piece) {
                Ok(content) => self.bytes.extend_from_slice(content),
                Err(_) => self.is_broken = true,
            }
        }
    }
}

/// The chunks of a body.
pub fn chunked_body(bytes: &[u8]) {
    let (whole, pieces) = pieces(bytes);
    let (mut cut, mut at_once) = (Content::default(), Content::default());
    let mut body = Body::chunked();
    pieces.for_each(|piece| cut.take(&mut body, piece));
    at_once.take(&mut Body::chunked(), whole);
    assert!(cut.bytes.len() <= whole.len(), "more content than bytes");
    if whole.len() <= SAME {
        assert_eq!(cut, at_once, "it depends on the pieces");
    }
}

/// A stream of events, with the payloads in them, as a subscriber judges them.
pub fn event_stream(bytes: &[u8]) {
    let (whole, pieces) = pieces(bytes);
    let cut = events(pieces);
    assert_eq!(cut, events([whole].into_iter()), "it depends on the pieces");
    for any_run in [true, false] {
        judged(whole, any_run);
    }
}

/// Kind, data and id of each event, then what the stream leaves behind: its last id and its wait.
fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<[Vec<u8>; 3]>, Vec<u8>, Option<u32>) {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    let mut given = 0;
    for piece in pieces {
        given += piece.len();
        let event = |event: crate::sse::Event<'_>| {
            events.push([event.kind.to_vec(), event.data.to_vec(), event.id.to_vec()]);
        };
        if parser.feed(piece, event).is_err() {
            break;
        }
        // A buffer is at most doubled when it grows, and there are five.
        assert!(parser.heap() <= 10 * given + 64, "{} bytes hold {}", given, parser.heap());
    }
    parser.end();
    (events, parser.last_id().to_vec(), parser.retry())
}

/// Has a subscriber read it, whose run published something or nothing.
fn judged(stream: &[u8], any_run: bool) {
    let mut recorder = Recorder::default();
    recorder.facts.any_run = any_run;
    let mut subscriber = Subscriber::alone(any_run);
    let read_time = ReadTime { now: Moment(1 << 40), known_since: None };
    subscriber.opened(Moment(0), false, read_time.now, &mut recorder);
    // An end by a line that is too long is one as well.
    let _ = subscriber.read(stream, read_time, &mut recorder);
    subscriber.closed(read_time.now, &mut recorder);
    subscriber.finish(None, true, &mut recorder);
}

/// Two readings of a page of metrics, the first as long as the first two bytes say.
pub fn metrics_page(bytes: &[u8]) {
    let [high, low, rest @ ..] = bytes else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (before, after) = rest.split_at(length);
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let _ = server_monitor::changes(&before, &after);
}

/// A file of results: what reads it, and every report that is made of it.
pub fn result_file(bytes: &[u8]) {
    let Ok(file) = ResultFile::parse(bytes) else { return };
    for run in &file.runs {
        let _ = report::summary(run);
        let _ = report::csv(run);
    }
    let _ = report::markdown(&file);
    let _ = report::html(&file);
    let _ = crate::compare::compare(
        &crate::compare::Input { label: "a", file: &file },
        &crate::compare::Input { label: "b", file: &file },
        true,
    );
}

/// A scenario, up to the plan that follows from it. One that names hosts is not planned, because
/// their addresses would be looked up.
pub fn scenario(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(settings) = Settings::default().over_text(Path::new("scenario"), &text) else { return };
    let _ = settings.shown();
    for slo in &settings.slo {
        let _ = slo.parse::<crate::slo::Slo>();
    }
    if settings.names_no_host()
        && let Ok(plan) = settings.plan()
    {
        assert!(Plan::load_hash(&plan).len() >= 16, "a hash of what was asked for");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::result::SCHEMA;

    /// Bytes that are near to what a parser reads: its words in any order, and anything between.
    fn near(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let word = prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec());
        let other = prop::collection::vec(any::<u8>(), 0..6);
        let part = prop_oneof![8 => word, 1 => other];
        (any::<u8>(), prop::collection::vec(part, 0..40))
            .prop_map(|(first, parts)| [vec![first], parts.concat()].concat())
    }

    const HTTP: &[&str] = &[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 103 x\n",
        "HTTP/1.1 101\r\n\r\n",
        "\r\n",
        "content-length: ",
        "transfer-encoding: chunked\r\n",
        "content-encoding: gzip\r\n",
        "content-type: text/event-stream\r\n",
        "5\r\n",
        "18446744073709551616",
        "hello\r\n",
        "0\r\n\r\n",
        ": ",
        "x",
    ];
    const CHUNKS: &[&str] = &[
        "5\r\n",
        "hello",
        "\r\n",
        "0\r\n",
        "\r",
        "\n",
        "fffffffffffffff",
        ";x=y",
        "a: b\r\n",
        "00",
    ];
    const EVENTS: &[&str] = &[
        "data: x\n",
        "data\r",
        "data:\r\n",
        "id: e:7\n",
        "id\n",
        "id: \0\n",
        "event: fanfare-gap\n",
        "event: fanfare-end\n",
        "data: {\"missed\":18446744073709551615}\n",
        "retry: 99999999999\n",
        "\n",
        "\r\n",
        "\r",
        ":\n",
        "\u{feff}",
        "lg1.",
        "no field\n",
    ];
    const METRICS: &[&str] =
        &["a", "{x=\"}\"}", " ", "1", "NaN", "+Inf", "\n", "# TYPE a counter\n", "}"];
    const SCENARIO: &[&str] = &[
        "subscribe = ['http://127.0.0.1:1/{n}']\n",
        "publish = 'http://u:p@[::1]/x'\n",
        "connections = 5\n",
        "duration = '584000y'\n",
        "warmup = '1s'\n",
        "schedule = 'steps:1/9y,0/0s'\n",
        "rate = 1e300\n",
        "verify = 'sample=2'\n",
        "source = ['0.0.0.0/0']\n",
        "slo = ['gaps==0', 'delivery.p99<1e400ms']\n",
        "payload = '1PB'\n",
        "jitter = 1\n",
        "retry = '9999999999y'\n",
        "publish-command = \"a 'b\"\n",
        "= ",
        "'",
    ];

    proptest! {
        #[test]
        fn an_answer_reads_the_same_in_any_pieces(bytes in near(HTTP)) {
            http_response(&bytes);
        }

        #[test]
        fn chunks_read_the_same_in_any_pieces(bytes in near(CHUNKS)) {
            chunked_body(&bytes);
        }

        #[test]
        fn a_stream_reads_the_same_in_any_pieces_and_is_judged(bytes in near(EVENTS)) {
            event_stream(&bytes);
        }

        #[test]
        fn a_page_of_metrics_may_hold_anything(bytes in near(METRICS)) {
            metrics_page(&bytes);
        }

        #[test]
        fn a_scenario_may_hold_anything(bytes in near(SCENARIO)) {
            scenario(&bytes[1..]);
        }

        #[test]
        fn any_bytes_at_all_are_read_by_every_parser(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for parser in [http_response, chunked_body, event_stream, metrics_page, result_file, scenario] {
                parser(&bytes);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_result_is_refused_or_reported(
            at in any::<prop::sample::Index>(),
            with in prop::sample::select(&["", "0", "-1", "1e308", "null", "\"x\"", "9999999999999999999"][..]),
        ) {
            let file = ResultFile { schema: SCHEMA.to_owned(), runs: vec![crate::slo::sample::run()] };
            let whole = serde_json::to_string_pretty(&file).expect("a file");
            let numbers: Vec<_> = whole.match_indices(": ").map(|(place, _)| place + 2).collect();
            let from = *at.get(&numbers);
            let to = from + whole[from..].find(['\n', ',']).unwrap_or(0);
            result_file(format!("{}{with}{}", &whole[..from], &whole[to..]).as_bytes());
            result_file(&whole.as_bytes()[..from]);
        }
    }
}

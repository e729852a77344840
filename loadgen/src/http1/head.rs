//! The head of a response: whether it is a stream, and how its body is framed.

use super::Body;

/// Bytes of a head.
const LONGEST: usize = 16 << 10;

/// Headers of a head.
const HEADERS: usize = 64;

/// Interim responses before the final one.
const INTERIM: u8 = 16;

/// Characters of a name from the server that are kept for words.
const NAME: usize = 100;

/// A complete head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many bytes it took.
    pub(crate) length: usize,
    pub(crate) status: u16,
    pub(crate) is_event_stream: bool,
    pub(crate) closes: bool,
    pub(crate) body: Body,
    /// A coding of the content, or of the transfer besides chunks: none was requested, and the
    /// bytes are not those of the stream.
    pub(crate) coding: Option<String>,
    pub(crate) server: Option<String>,
}

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("no HTTP")]
    NotHttp,
    #[error("head too long")]
    TooLong,
    #[error("content-length unreadable")]
    Length,
    #[error("more than {INTERIM} interim answers")]
    Interim,
}

impl Head {
    /// Reads the head at the begin of these bytes; nothing while it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, HeadError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() > LONGEST => {
                return Err(HeadError::TooLong);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLong),
            Err(_) => return Err(HeadError::NotHttp),
        };
        if length > LONGEST {
            return Err(HeadError::TooLong);
        }
        let status = response.code.unwrap_or(0);
        let mut head = Self {
            length,
            status,
            is_event_stream: false,
            closes: response.version == Some(0),
            body: Body::UntilClose,
            coding: None,
            server: None,
        };
        for header in response.headers.iter() {
            head.header(header.name, header.value)?;
        }
        if status / 100 == 1 || status == 204 || status == 304 {
            head.body = Body::Length(0);
        }
        Ok(Some(head))
    }

    /// An interim response, after which the final one comes. Behind 101 comes another protocol.
    fn is_interim(&self) -> bool {
        self.status / 100 == 1 && self.status != 101
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        let text = std::str::from_utf8(value).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("content-type") {
            let kind = text.split(';').next().unwrap_or_default().trim();
            self.is_event_stream = kind.eq_ignore_ascii_case("text/event-stream");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                if word.eq_ignore_ascii_case("chunked") {
                    self.body = Body::chunked();
                } else {
                    self.coded(word);
                }
            }
        } else if name.eq_ignore_ascii_case("content-encoding") {
            text.split(',').for_each(|word| self.coded(word.trim()));
        } else if name.eq_ignore_ascii_case("content-length") {
            // Chunked wins over a length, wherever it stands (RFC 9112, 6.3).
            let length = Body::Length(decimal(text).ok_or(HeadError::Length)?);
            match self.body {
                Body::UntilClose => self.body = length,
                Body::Length(_) if self.body != length => return Err(HeadError::Length),
                _ => {}
            }
        } else if name.eq_ignore_ascii_case("connection") {
            self.closes |= text.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if name.eq_ignore_ascii_case("server") {
            self.server = Some(text.chars().take(NAME).collect());
        }
        Ok(())
    }

    fn coded(&mut self, word: &str) {
        if !word.is_empty() && !word.eq_ignore_ascii_case("identity") {
            self.coding = Some(word.chars().take(NAME).collect());
        }
    }
}

/// Digits and nothing else: the parser of numbers would take a sign too.
fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The beginning of a response while it comes: interim responses are passed over, the head is kept
/// until it is whole. Holds one head at most, and what came in the same segment behind it.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    begin: Vec<u8>,
    interim: u8,
}

impl HeadReader {
    /// Takes a segment. Gives the head once it is whole, with the bytes of the body that came with
    /// it.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Option<(Head, Vec<u8>)>, HeadError> {
        self.begin.extend_from_slice(piece);
        while let Some(head) = Head::parse(&self.begin)? {
            self.begin.drain(..head.length);
            if !head.is_interim() {
                return Ok(Some((head, std::mem::take(&mut self.begin))));
            }
            self.interim += 1;
            if self.interim > INTERIM {
                return Err(HeadError::Interim);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Head {
        Head::parse(text.as_bytes()).expect("a head").expect("a whole head")
    }

    #[test]
    fn the_framing_follows_from_the_headers() {
        let cases = [
            ("", Body::UntilClose),
            ("transfer-encoding: chunked\r\n", Body::chunked()),
            ("Transfer-Encoding: gzip, Chunked\r\n", Body::chunked()),
            ("content-length: 12\r\ncontent-length: 12\r\n", Body::Length(12)),
            ("content-length: 12\r\n", Body::Length(12)),
            ("content-length: 12\r\ntransfer-encoding: chunked\r\n", Body::chunked()),
            ("transfer-encoding: chunked\r\ncontent-length: 12\r\n", Body::chunked()),
        ];
        for (headers, body) in cases {
            assert_eq!(parse(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).body, body, "{headers}");
        }
        assert_eq!(parse("HTTP/1.1 204 No Content\r\n\r\n").body, Body::Length(0));
    }

    #[test]
    fn a_length_that_can_be_read_in_two_ways_is_refused() {
        for lengths in [
            "content-length: +5\r\n",
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: \r\n",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n");
            assert_eq!(Head::parse(text.as_bytes()), Err(HeadError::Length), "{lengths}");
        }
    }

    #[test]
    fn a_coding_that_nobody_requested_is_seen() {
        let cases = [
            ("", None),
            ("content-encoding: identity\r\n", None),
            ("Content-Encoding: GZIP\r\n", Some("GZIP")),
            ("content-encoding: identity, br\r\n", Some("br")),
            ("transfer-encoding: chunked\r\n", None),
            ("transfer-encoding: gzip, chunked\r\n", Some("gzip")),
        ];
        for (headers, coding) in cases {
            let head = parse(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
            assert_eq!(head.coding.as_deref(), coding, "{headers}");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_but_not_for_ever() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\n\r\nbody";
        let read = |text: String| {
            let mut reader = HeadReader::default();
            text.as_bytes().chunks(7).find_map(|piece| reader.feed(piece).transpose())
        };
        let (head, rest) = read(early.repeat(3) + last).expect("an answer").expect("a head");
        assert_eq!((head.status, rest.len()), (200, 3), "what is left of the piece");
        assert_eq!(read(early.repeat(100)).expect("an answer"), Err(HeadError::Interim));
        let (switched, _) =
            read("HTTP/1.1 101 Switching\r\n\r\n".repeat(2)).expect("an answer").expect("a head");
        assert_eq!(switched.status, 101);
    }

    #[test]
    fn only_an_event_stream_is_one() {
        let kinds = [
            ("text/event-stream", true),
            ("Text/Event-Stream;charset=utf-8", true),
            ("text/event-stream-x", false),
            ("application/json", false),
        ];
        for (kind, wanted) in kinds {
            let head = parse(&format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n"));
            assert_eq!(head.is_event_stream, wanted, "{kind}");
        }
    }

    #[test]
    fn a_head_may_come_in_pieces_but_not_for_ever() {
        let text = "HTTP/1.1 200 OK\r\nserver: x\r\nconnection: keep-alive, close\r\n\r\nbody";
        for cut in 0..text.len() - 4 {
            assert_eq!(Head::parse(&text.as_bytes()[..cut]), Ok(None), "{cut}");
        }
        let head = parse(text);
        assert_eq!(
            (head.length, head.server.as_deref(), head.closes),
            (text.len() - 4, Some("x"), true)
        );
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(LONGEST));
        assert_eq!(Head::parse(endless.as_bytes()), Err(HeadError::TooLong));
        assert_eq!(Head::parse(b"SSH-2.0-x\r\n"), Err(HeadError::NotHttp));
    }
}

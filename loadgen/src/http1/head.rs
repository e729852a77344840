//! The head of an answer: whether it is a stream, and how its body is framed.

use super::Body;

/// Bytes of a head.
const LONGEST: usize = 16 << 10;

/// Headers of a head.
const HEADERS: usize = 64;

/// A complete head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many bytes it took.
    pub(crate) length: usize,
    pub(crate) status: u16,
    pub(crate) is_event_stream: bool,
    pub(crate) closes: bool,
    pub(crate) body: Body,
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
}

impl Head {
    /// Reads the head at the begin of these bytes; nothing while it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, HeadError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        let length = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() > LONGEST => {
                return Err(HeadError::TooLong);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLong),
            Err(_) => return Err(HeadError::NotHttp),
        };
        let status = answer.code.unwrap_or(0);
        let mut head = Self {
            length,
            status,
            is_event_stream: false,
            closes: answer.version == Some(0),
            body: Body::UntilClose,
            server: None,
        };
        for header in answer.headers.iter() {
            head.header(header.name, header.value)?;
        }
        if status / 100 == 1 || status == 204 || status == 304 {
            head.body = Body::Length(0);
        }
        Ok(Some(head))
    }

    /// An interim answer, after which the real one comes.
    pub(crate) fn is_interim(&self) -> bool {
        self.status / 100 == 1
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        let text = std::str::from_utf8(value).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("content-type") {
            let kind = text.split(';').next().unwrap_or_default().trim();
            self.is_event_stream = kind.eq_ignore_ascii_case("text/event-stream");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let last = text.rsplit(',').next().unwrap_or_default().trim();
            if last.eq_ignore_ascii_case("chunked") {
                self.body = Body::chunked();
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            // Chunked wins over a length, wherever it stands (RFC 9112, 6.3).
            if self.body == Body::UntilClose {
                self.body = Body::Length(text.parse().map_err(|_| HeadError::Length)?);
            }
        } else if name.eq_ignore_ascii_case("connection") {
            self.closes |= text.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if name.eq_ignore_ascii_case("server") {
            self.server = Some(text.chars().take(100).collect());
        }
        Ok(())
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

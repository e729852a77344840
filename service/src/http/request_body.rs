//! The body of a request, in chunks, decoded where it is compressed.
//!
//! Forms, raw bodies and NDJSON read through this, so that a coding means the same for all of them.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use tokio::task::yield_now;

use super::body_memory::Full;
use super::gunzip::{Gunzip, GunzipStep};
use super::incoming::Incoming;
use super::problem::Problem;
use crate::logging::log_limited;
use crate::memory::{MemoryBudget, NoRoom};

/// After so many steps of a decoder, about half a millisecond, the other tasks of its thread have a
/// turn.
const STEPS_AT_A_TIME: usize = 8;

/// The body of a request, of which nothing has been read yet or a part.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    gunzip: Option<Gunzip>,
    steps: usize,
}

impl RequestBody {
    /// Refuses a coding that is not read here.
    pub(super) fn of(request: Request<Incoming>, memory: &MemoryBudget) -> Result<Self, Problem> {
        let gunzip = match coding(request.headers())? {
            Coding::Identity => None,
            Coding::Gzip => Some(Gunzip::new(memory)?),
        };
        Ok(Self { incoming: request.into_body(), gunzip, steps: 0 })
    }

    /// The fewest bytes that are still to be sent, as far as the client has announced them.
    pub(super) fn announced(&self) -> u64 {
        self.incoming.size_hint().lower()
    }

    /// The next chunk, which may be empty; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some(gunzip) = &mut self.gunzip
                && let GunzipStep::Decoded(bytes) = gunzip.step().map_err(|_| not_gzip())?
            {
                self.steps = (self.steps + 1) % STEPS_AT_A_TIME;
                if self.steps == 0 {
                    yield_now().await;
                }
                return Ok(Some(bytes));
            }
            let Some(frame) = self.incoming.frame().await else { return self.last() };
            // What is not data are trailers, which mean nothing to us.
            let Ok(data) = frame.map_err(|_| Problem::BodyCut)?.into_data() else { continue };
            match &mut self.gunzip {
                Some(gunzip) => gunzip.feed(data),
                None => return Ok(Some(data)),
            }
        }
    }

    /// Reads what is left without looking at it, if that is little; then the connection can be used
    /// again.
    pub(super) async fn pass_over_rest(self) {
        drop(self.gunzip);
        self.incoming.pass_over_rest().await;
    }

    fn last(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(mut gunzip) = self.gunzip.take() else { return Ok(None) };
        let rest = gunzip.finish().map_err(|_| not_gzip())?;
        Ok((!rest.is_empty()).then_some(rest))
    }
}

impl From<NoRoom> for Problem {
    fn from(_: NoRoom) -> Self {
        log_limited!(
            WARN,
            "publishes are refused because bodies take all the memory they may; raise --bodies-max"
        );
        Self::TooMany { what: "the bodies that are being read take all the memory they may" }
    }
}

impl Full {
    /// What to say to a client that sent more than `max` bytes, or than there is room for.
    pub(super) fn problem(self, max: usize) -> Problem {
        match self {
            Self::TooLong => Problem::BodyTooLarge { max },
            Self::NoRoom => NoRoom.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

/// Names are compared without case, and several lines are one list (RFC 9110, sections 5.3 and
/// 8.4.1). Only one coding is undone: a client applies two only to make much of little.
fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut coding = Coding::Identity;
    for line in headers.get_all(CONTENT_ENCODING) {
        let line = String::from_utf8_lossy(line.as_bytes());
        for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let gzip = ["gzip", "x-gzip"].iter().any(|known| name.eq_ignore_ascii_case(known));
            if gzip && coding == Coding::Identity {
                coding = Coding::Gzip;
            } else if !name.eq_ignore_ascii_case("identity") {
                return Err(Problem::ContentCoding { given: name.chars().take(80).collect() });
            }
        }
    }
    Ok(coding)
}

fn not_gzip() -> Problem {
    Problem::Unreadable(
        "the body is not whole gzip, as its Content-Encoding says; send all of it and nothing \
         behind it, or leave the header out"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn gzip_alone_is_undone_and_anything_else_is_refused_by_name() {
        let cases: [(&[&str], Result<Coding, &str>); 14] = [
            (&[], Ok(Coding::Identity)),
            (&[""], Ok(Coding::Identity)),
            (&["identity"], Ok(Coding::Identity)),
            (&["Identity, identity"], Ok(Coding::Identity)),
            (&["gzip"], Ok(Coding::Gzip)),
            (&["GZip"], Ok(Coding::Gzip)),
            (&["x-gzip"], Ok(Coding::Gzip)),
            (&[" , gzip ,"], Ok(Coding::Gzip)),
            (&["identity", "gzip"], Ok(Coding::Gzip)),
            (&["br"], Err("br")),
            (&["deflate"], Err("deflate")),
            (&["gzip, gzip"], Err("gzip")),
            (&["gzip", "zstd"], Err("zstd")),
            (&["gzip;q=1"], Err("gzip;q=1")),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            let expected =
                expected.map_err(|given| Problem::ContentCoding { given: given.to_owned() });
            assert_eq!(coding(&headers), expected, "{lines:?}");
        }
    }
}

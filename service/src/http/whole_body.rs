//! Bodies that are read as a whole before anything is done with them.

use std::str::Utf8Error;
use std::time::Duration;

use hyper::Request;
use hyper::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::Context;
use super::body_memory::CountedBuffer;
use super::incoming::Incoming;
use super::problem::Problem;
use super::request_body::RequestBody;
use crate::memory::HeldMemory;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A body that is there as a whole, and its count.
pub(super) struct WholeBody {
    pub(super) bytes: Vec<u8>,
    pub(super) held: HeldMemory,
}

impl WholeBody {
    /// Reads a body of at most so many bytes, within the time that the settings give.
    pub(super) async fn read(
        request: Request<Incoming>,
        max: usize,
        context: &Context,
    ) -> Result<Self, Problem> {
        let limit = context.rules.settings.body_timeout;
        let body = RequestBody::of(request, &context.body_memory)?;
        let whole = Self::read_all(body, max, context);
        timeout(limit, whole).await.unwrap_or_else(|_| Err(body_timeout(limit)))
    }

    async fn read_all(
        mut body: RequestBody,
        max: usize,
        context: &Context,
    ) -> Result<Self, Problem> {
        // A length that is announced and too large is believed, and saves both sides the transfer.
        if body.announced() > max as u64 {
            return Err(Problem::BodyTooLarge { max });
        }
        let mut whole = CountedBuffer::new(&context.body_memory, max);
        while let Some(bytes) = body.next().await? {
            whole.extend(&bytes).map_err(|full| full.problem(max))?;
        }
        let (bytes, held) = whole.take();
        Ok(Self { bytes, held })
    }
}

/// Refuses a body that is, or may be, something else. The parameters of a type do not matter here.
pub(super) fn check_media_type<B>(
    request: &Request<B>,
    expected: &'static str,
) -> Result<(), Problem> {
    let mut lines = request.headers().get_all(CONTENT_TYPE).iter();
    let given = lines.next().and_then(|line| line.to_str().ok()).unwrap_or_default();
    if lines.next().is_some() {
        let twice = format!("the Content-Type is there more than once; send one, {expected}");
        return Err(Problem::Unreadable(twice));
    }
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Problem::MediaType { expected })
}

pub(super) fn body_timeout(limit: Duration) -> Problem {
    Problem::BodyTimeout { seconds: limit.as_secs() }
}

pub(super) fn not_utf8(what: &str, error: Utf8Error) -> Problem {
    let at = error.valid_up_to();
    Problem::Unreadable(format!(
        "{what} is not UTF-8 at byte {at}; send text, or encode binary data as Base64"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_compared_without_case_and_parameters_and_stands_once() {
        let media_type = || Problem::MediaType { expected: FORM };
        let twice = "the Content-Type is there more than once";
        let cases: [(&[&str], Result<(), &str>); 9] = [
            (&["application/x-www-form-urlencoded"], Ok(())),
            (&["Application/X-WWW-Form-URLEncoded; Charset=\"UTF-8\""], Ok(())),
            (&[" application/x-www-form-urlencoded ;"], Ok(())),
            (&[], Err("this path reads")),
            (&[""], Err("this path reads")),
            (&["application/x-www-form-urlencodedx"], Err("this path reads")),
            (&["application/x-www-form-urlencoded, text/plain"], Err("this path reads")),
            (&["application/json"], Err("this path reads")),
            (&[FORM, "text/plain"], Err(twice)),
        ];
        for (lines, expected) in cases {
            let request = lines
                .iter()
                .fold(Request::builder(), |request, line| request.header(CONTENT_TYPE, *line));
            let found = check_media_type(&request.body(()).unwrap(), FORM);
            assert_eq!(found.is_ok(), expected.is_ok(), "{lines:?}");
            if let (Err(problem), Err(text)) = (found, expected) {
                assert!(problem.to_string().contains(text), "{lines:?}: {problem}");
                assert_eq!(problem == media_type(), text != twice, "{lines:?}");
            }
        }
    }
}

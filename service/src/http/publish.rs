//! Publishing one event: as a form, or as a raw body.

use std::borrow::Cow;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use super::Context;
use super::body_memory::HeldMemory;
use super::incoming::Incoming;
use super::parameters::{Pairs, check_spelling, pairs, path_part};
use super::request_body::RequestBody;
use super::response::{self, HttpResponse, Problem};
use super::trace;
use crate::auth::Grants;
use crate::event::{Draft, DraftFields};
use crate::metrics::PublishSource;

const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of an event whose body is the data, in the query.
const PARAMETERS: [&str; 4] = ["type", "id", "retry", "private"];

/// `POST /.well-known/mercure`: the fields of a form.
pub(super) async fn form(
    request: Request<Incoming>,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let grants = ask_grants(&request, context)?;
    check_media_type(&request, FORM)?;
    let Body { bytes, held } = read_body(request, context).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_utf8("the form", error))?;
    let draft = check_draft(form_fields(pairs(text)?), &grants, context)?;
    drop(bytes);
    accept(PublishSource::Form, draft, held, context).await
}

/// `POST /events/{topic}`: the body is the data, byte for byte.
pub(super) async fn raw(
    request: Request<Incoming>,
    encoded_topic: &str,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let grants = ask_grants(&request, context)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameters = pairs(&query)?;
    check_spelling(parameters.iter().map(|(name, _)| name.as_ref()), &PARAMETERS)?;
    let mut fields = form_fields(parameters);
    fields.topics = vec![path_part(encoded_topic)?];
    let Body { bytes, held } = read_body(request, context).await?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| not_utf8("the body", error.utf8_error()))?;
    fields.data = Cow::Owned(text);
    let draft = check_draft(fields, &grants, context)?;
    accept(PublishSource::Raw, draft, held, context).await
}

/// Who wants to publish may do what? Asked before anything is read.
pub(super) fn ask_grants<B>(request: &Request<B>, context: &Context) -> Result<Grants, Problem> {
    context.origins.check_publish(request)?;
    Ok(context.authority.grants())
}

/// The event that a publisher from outside wants, if it is one and the grants cover its topics.
pub(super) fn check_draft(
    fields: DraftFields<'_>,
    grants: &Grants,
    context: &Context,
) -> Result<Draft, Problem> {
    let draft = fields.check(&context.event_limits)?;
    match draft.topics().iter().find(|topic| !grants.may_publish(topic.as_str())) {
        Some(topic) => Err(Problem::NotGranted { topic: topic.to_string() }),
        None => Ok(draft),
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

/// Fields that we do not know are left alone, as the protocol asks.
pub(super) fn form_fields(pairs: Pairs<'_>) -> DraftFields<'_> {
    let mut fields = DraftFields::default();
    for (name, value) in pairs {
        match name.as_ref() {
            "topic" => fields.topics.push(value),
            "data" => fields.data = value,
            "type" => fields.event_type = Some(value),
            "id" => fields.id = Some(value),
            "retry" => fields.retry = Some(value),
            // Its interest counts, whatever its value.
            "private" => fields.private = true,
            _ => {}
        }
    }
    // Forms send fields that were left empty.
    fields.id = fields.id.filter(|id| !id.is_empty());
    fields.retry = fields.retry.filter(|retry| !retry.is_empty());
    fields
}

/// Hands an event to the log. What its body held is counted until then, as the draft holds it.
async fn accept(
    source: PublishSource,
    draft: Draft,
    held: HeldMemory,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let receipt = context.hub.publish_from(source, draft).await;
    drop(held);
    let receipt = receipt?;
    trace::published(&receipt);
    Ok(response::whole(StatusCode::OK, "text/plain; charset=utf-8", receipt.id))
}

/// A body that is there as a whole, and its count.
struct Body {
    bytes: Vec<u8>,
    held: HeldMemory,
}

async fn read_body(request: Request<Incoming>, context: &Context) -> Result<Body, Problem> {
    let limit = context.settings.body_timeout;
    let body = RequestBody::of(request, &context.body_memory)?;
    let whole = read_whole(body, context);
    timeout(limit, whole).await.unwrap_or_else(|_| Err(body_timeout(limit)))
}

async fn read_whole(mut body: RequestBody, context: &Context) -> Result<Body, Problem> {
    let max = context.settings.body_bytes_max;
    // A length that is announced and too large is believed, and saves both sides the transfer.
    if body.announced() > max as u64 {
        return Err(Problem::BodyTooLarge { max });
    }
    let mut whole = context.body_memory.buffer(max);
    while let Some(piece) = body.next().await? {
        whole.extend(&piece).map_err(|full| full.problem(max))?;
    }
    let (bytes, held) = whole.take();
    Ok(Body { bytes, held })
}

pub(super) fn body_timeout(limit: Duration) -> Problem {
    Problem::BodyTimeout { seconds: limit.as_secs() }
}

fn not_utf8(what: &str, error: Utf8Error) -> Problem {
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

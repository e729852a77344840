//! Publishing one event: as a form, or as a raw body.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use super::Context;
use super::parameters::{Pairs, pairs, path_part};
use super::reply::{self, Problem, Reply};
use super::trace;
use crate::auth::Grants;
use crate::event::{Draft, DraftFields};
use crate::logging::rarely;
use crate::metrics::PublishSource;

const FORM: &str = "application/x-www-form-urlencoded";

/// `POST /.well-known/mercure`: the fields of a form.
pub(super) async fn form(
    request: Request<Incoming>,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let grants = ask_grants(&request, context)?;
    if !has_media_type(&request, FORM) {
        return Err(Problem::MediaType { expected: FORM });
    }
    let body = read_body(request, context).await?;
    let text = text(&body, "the form")?;
    let draft = form_fields(pairs(text)?).check(&context.event_limits)?;
    accept(PublishSource::Form, draft, &grants, context).await
}

/// `POST /events/{topic}`: the body is the data.
pub(super) async fn raw(
    request: Request<Incoming>,
    encoded_topic: &str,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    let grants = ask_grants(&request, context)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut fields = form_fields(pairs(&query)?);
    fields.topics = vec![path_part(encoded_topic)?];
    let body = read_body(request, context).await?;
    fields.data = Cow::Borrowed(text(&body, "the body")?);
    let draft = fields.check(&context.event_limits)?;
    accept(PublishSource::Raw, draft, &grants, context).await
}

/// Who wants to publish may do what? Asked before anything is read.
pub(super) fn ask_grants<B>(request: &Request<B>, context: &Context) -> Result<Grants, Problem> {
    context.origins.check_publish(request)?;
    Ok(context.authority.grants())
}

/// Refuses a draft with a topic that the grants do not cover.
pub(super) fn check_grants(draft: &Draft, grants: &Grants) -> Result<(), Problem> {
    match draft.topics().iter().find(|topic| !grants.may_publish(topic.as_str())) {
        Some(topic) => Err(Problem::NotGranted { topic: topic.to_string() }),
        None => Ok(()),
    }
}

pub(super) fn has_media_type<B>(request: &Request<B>, expected: &str) -> bool {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| {
        let essence = given.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(expected)
    })
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
            // Its presence counts, whatever its value.
            "private" => fields.private = true,
            _ => {}
        }
    }
    // Forms send fields that were left empty.
    fields.id = fields.id.filter(|id| !id.is_empty());
    fields.retry = fields.retry.filter(|retry| !retry.is_empty());
    fields
}

async fn accept(
    source: PublishSource,
    draft: Draft,
    grants: &Grants,
    context: &Arc<Context>,
) -> Result<Reply, Problem> {
    check_grants(&draft, grants)?;
    let receipt = context.hub.publish_from(source, draft).await?;
    trace::published(&receipt);
    Ok(reply::whole(StatusCode::OK, "text/plain; charset=utf-8", receipt.id))
}

async fn read_body(request: Request<Incoming>, context: &Context) -> Result<Bytes, Problem> {
    let max = context.settings.body_bytes_max;
    let body = request.into_body();
    // A length that is announced is believed, and saves both sides the transfer.
    if body.size_hint().lower() > max as u64 {
        return Err(Problem::BodyTooLarge { max });
    }
    // A body of unknown length may become as large as one may be. The place is given back when the
    // body has been read: what is made of it is bounded by the limits of an event.
    let upper = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
    let kibibytes = upper.unwrap_or(max).div_ceil(1 << 10);
    let place = context.body_memory.try_acquire_many(u32::try_from(kibibytes).unwrap_or(u32::MAX));
    let _place = place.map_err(|_| {
        rarely!(
            WARN,
            "publishes are refused because bodies take all the memory they may; raise --bodies-max"
        );
        Problem::TooMany { what: "too many bodies are being read" }
    })?;
    let limit = context.settings.body_timeout;
    match timeout(limit, Limited::new(body, max).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge { max }),
        Ok(Err(_)) => Err(Problem::Unreadable("the body ended early; send it whole".to_owned())),
        Err(_) => Err(body_timeout(limit)),
    }
}

pub(super) fn body_timeout(limit: Duration) -> Problem {
    Problem::BodyTimeout { seconds: limit.as_secs() }
}

fn text<'a>(body: &'a Bytes, what: &str) -> Result<&'a str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::Unreadable(format!(
            "{what} is not UTF-8 at byte {at}; send text, or encode binary data as Base64"
        ))
    })
}

//! Publishing one event: as a form, or as a raw body.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::{Request, StatusCode};

use super::Context;
use super::authorise::{self, Access};
use super::client::RequestClient;
use super::credentials;
use super::incoming::Incoming;
use super::parameters::{Pairs, check_spelling, pairs, path_part};
use super::payloads::{MATCH_STEPS, covers};
use super::problem::Problem;
use super::response::{self, HttpResponse};
use super::trace;
use super::whole_body::{FORM, WholeBody, check_media_type, not_utf8};
use crate::auth::Grants;
use crate::auth::token::{Dialect, TokenPlace};
use crate::event::{Draft, DraftError, DraftFields, ReservedName, is_hub};
use crate::memory::HeldMemory;
use crate::metrics::PublishSource;
use crate::topic::Topic;

/// The fields of an event whose body is the data, in the query.
pub(super) const PARAMETERS: [&str; 6] =
    ["type", "id", "retry", "private", "end", credentials::PARAMETER];

/// `POST /.well-known/mercure`: the fields of a form.
pub(super) async fn form(
    request: Request<Incoming>,
    client: &RequestClient,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let access = authorise(&request, client, context).await?;
    check_rate(client, &access, context)?;
    check_media_type(&request, FORM)?;
    let max = context.rules.settings.body_bytes_max;
    let WholeBody { bytes, held } = WholeBody::read(request, max, context).await?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_utf8("the form", error))?;
    let draft = check_draft(form_fields(pairs(text)?), &access, context).await?;
    drop(bytes);
    accept(PublishSource::Form, draft, held, context).await
}

/// `POST /events/{topic}`: the body is the data, byte for byte.
pub(super) async fn raw(
    request: Request<Incoming>,
    encoded_topic: &str,
    client: &RequestClient,
    context: &Arc<Context>,
) -> Result<HttpResponse, Problem> {
    let access = authorise(&request, client, context).await?;
    check_rate(client, &access, context)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameters = pairs(&query)?;
    check_spelling(parameters.iter().map(|(name, _)| name.as_ref()), &PARAMETERS)?;
    let mut fields = form_fields(parameters);
    fields.topics = vec![path_part(encoded_topic)?];
    let max = context.rules.settings.body_bytes_max;
    let WholeBody { bytes, held } = WholeBody::read(request, max, context).await?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| not_utf8("the body", error.utf8_error()))?;
    fields.data = Cow::Owned(text);
    let draft = check_draft(fields, &access, context).await?.idempotent();
    accept(PublishSource::Raw, draft, held, context).await
}

/// What a request to publish may do, which is found before anything of its body is read.
///
/// A form can be posted by any page that a browser has open. So where nothing but the browser's
/// cookies speaks for it, or nothing has to, its page must be one that may call us.
pub(super) async fn authorise<B>(
    request: &Request<B>,
    client: &RequestClient,
    context: &Context,
) -> Result<Access, Problem> {
    let parameters = pairs(request.uri().query().unwrap_or_default())?;
    let (access, place) = authorise::publisher(request.headers(), &parameters, context).await?;
    check_page(request, place, client, context)?;
    Ok(access)
}

/// Refuses the request of a page that may not call us, where its token stands in no place that such a
/// page could not use.
pub(super) fn check_page<B>(
    request: &Request<B>,
    place: Option<TokenPlace>,
    client: &RequestClient,
    context: &Context,
) -> Result<(), Problem> {
    match place {
        Some(TokenPlace::Header | TokenPlace::Query | TokenPlace::Ticket) => Ok(()),
        Some(TokenPlace::Cookie) => {
            let public_urls = context.rules.authority.public_urls();
            context.rules.origins.check_cookie_publish(request, client.scheme, public_urls)
        }
        None => context.rules.origins.check_publish(request),
    }
}

/// Refuses an event that comes faster than its publisher may publish, before its body is read.
fn check_rate(client: &RequestClient, access: &Access, context: &Context) -> Result<(), Problem> {
    let taken = context.client_limits.publish(client.address, access.holder, 1);
    taken.map(|_| ()).map_err(|wait| Problem::TooFast { wait })
}

/// The event that a publisher from outside wants, if it is one and the grants cover its topics.
pub(super) async fn check_draft(
    fields: DraftFields<'_>,
    access: &Access,
    context: &Context,
) -> Result<Draft, Problem> {
    // The token may have expired while the body came.
    access.check_time(context)?;
    let draft = fields.check(&context.rules.event_limits)?;
    let names = draft.topics().iter().map(Topic::as_str);
    if access.dialect == Dialect::AccessToken && names.into_iter().any(is_hub) {
        return Err(DraftError::from(ReservedName::HubTopic).into());
    }
    match not_granted(&draft, &access.grants).await {
        Some(topic) => Err(Problem::NotGranted { topic: topic.to_string() }),
        None => Ok(draft),
    }
}

/// The first topic that a publisher has no grant for. A thousand topics and as many patterns take
/// seconds, so that other requests have their turn meanwhile.
async fn not_granted<'a>(draft: &'a Draft, grants: &Grants) -> Option<&'a Topic> {
    let Some(selectors) = grants.publish_selectors() else { return draft.topics().first() };
    let mut steps = MATCH_STEPS;
    for topic in draft.topics() {
        if !covers(selectors, topic, &mut steps).await {
            return Some(topic);
        }
    }
    None
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
            // That they are there counts, whatever their values.
            "private" => fields.private = true,
            "end" => fields.end = true,
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
    Ok(response::whole(StatusCode::OK, "text/plain; charset=utf-8", receipt.id.to_string()))
}

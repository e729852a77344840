//! `POST /tickets`: a ticket for the token of a request.

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Request, StatusCode};

use super::Context;
use super::authorise;
use super::client::RequestClient;
use super::credentials;
use super::parameters::{check_spelling, pairs};
use super::problem::Problem;
use super::publish::check_page;
use super::response::{self, HttpResponse};
use crate::auth::ticket::TicketKey;

pub(super) const PATH: &str = "/tickets";

/// The most characters of a ticket. Whoever passes a request on need not take a longer target than
/// 8,000 octets (RFC 9110, section 4.1), and the selectors stand there, too.
const CHARACTERS_MAX: usize = 7_000;

/// A ticket for the token of the request. Nothing of its body is looked at.
pub(super) async fn issue<B>(
    request: &Request<B>,
    client: &RequestClient,
    context: &Context,
) -> Result<HttpResponse, Problem> {
    let parameters = pairs(request.uri().query().unwrap_or_default())?;
    check_spelling(parameters.iter().map(|(name, _)| name.as_ref()), &[credentials::PARAMETER])?;
    let credential = authorise::ticketed(request.headers(), &parameters, context).await?;
    check_page(request, Some(credential.place), client, context)?;
    if TicketKey::characters(credential.token.len()) > CHARACTERS_MAX {
        return Err(Problem::TokenTooLong { max: CHARACTERS_MAX });
    }
    let sealed = context.tickets.seal(&context.rules.ticket_keys, &credential.token);
    let ticket = sealed.map_err(|error| Problem::NoTicket { reason: error.to_string() })?;
    context.metrics.ticket_issued();
    let mut response = response::whole(StatusCode::CREATED, "text/plain; charset=utf-8", ticket);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

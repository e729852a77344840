//! What a client can find out about the tokens of this hub: OAuth 2.0 Protected Resource Metadata
//! (RFC 9728), as 1.0 of the protocol asks for it. That there is none says that the hub takes
//! tokens of draft-07 only.

use hyper::{Request, StatusCode};
use serde_json::json;
use url::{self, Url};

use super::Context;
use super::host::called_host;
use super::problem::Problem;
use super::response::{self, HttpResponse};
use crate::auth::Authority;
use crate::auth::token::Verifier;

/// Its path, which follows from that of the hub (RFC 9728, section 3.1).
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource/.well-known/mercure";

/// Its URL at the host that is called; `None` where there is none.
pub(super) fn url(verifier: &Verifier, called: Option<&str>) -> Option<String> {
    let hub = Url::parse(resource(verifier, called)?).ok()?;
    hub.join(PATH).ok().map(String::from)
}

/// The URL of the hub at the host that is called: a client does not believe a document of another
/// one (RFC 9728, section 3.3). `None` where no tokens of 1.0 are taken.
fn resource<'a>(verifier: &'a Verifier, called: Option<&str>) -> Option<&'a String> {
    let is_called = |url: &&String| {
        let url = Url::parse(url).ok();
        url.is_some_and(|url| {
            called.is_some_and(|called| {
                called == &url[url::Position::BeforeHost..url::Position::AfterPort]
            })
        })
    };
    let urls = &verifier.audience;
    let url = urls.iter().find(is_called).or_else(|| urls.first());
    url.filter(|_| verifier.takes_access_tokens())
}

/// `GET /.well-known/oauth-protected-resource/.well-known/mercure`.
pub(super) fn document<B>(
    request: &Request<B>,
    context: &Context,
) -> Result<HttpResponse, Problem> {
    let Authority::Tokens { verifier, .. } = &context.rules.authority else {
        return Err(Problem::NotFound);
    };
    let called = called_host(request).ok().flatten();
    let hub = resource(verifier, called).ok_or(Problem::NotFound)?;
    let issuers: Vec<&str> = verifier.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let mut document = json!({
        "resource": hub,
        "authorization_servers": issuers,
        "authorization_details_types_supported": ["https://mercure.rocks/authorization-detail"],
        "bearer_methods_supported": ["header"],
        "mercure_cookie": context.rules.token_places.cookies.first(),
    });
    if context.active_subscriptions.is_some() {
        document["mercure_subscriptions"] = true.into();
    }
    Ok(response::whole(StatusCode::OK, "application/json", document.to_string()))
}

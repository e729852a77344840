//! What a client can find out about the tokens of this hub: OAuth 2.0 Protected Resource Metadata
//! (RFC 9728), as 1.0 of the protocol asks for it. That there is none says that the hub takes
//! tokens of draft-07 only.

use hyper::StatusCode;
use serde_json::json;
use url::Url;

use super::Context;
use super::response::{self, HttpResponse, Problem};
use crate::auth::Authority;
use crate::auth::token::Verifier;

/// Its path, which follows from that of the hub (RFC 9728, section 3.1).
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource/.well-known/mercure";

/// Its URL; `None` where there is none.
pub(super) fn url(verifier: &Verifier) -> Option<String> {
    if !verifier.takes_access_tokens() {
        return None;
    }
    let hub = Url::parse(verifier.audience.first()?).ok()?;
    hub.join(PATH).ok().map(String::from)
}

/// `GET /.well-known/oauth-protected-resource/.well-known/mercure`.
pub(super) fn document(context: &Context) -> Result<HttpResponse, Problem> {
    let Authority::Tokens { verifier, .. } = &context.authority else {
        return Err(Problem::NotFound);
    };
    let Some(hub) = verifier.audience.first().filter(|_| verifier.takes_access_tokens()) else {
        return Err(Problem::NotFound);
    };
    let issuers: Vec<&str> = verifier.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    let document = json!({
        "resource": hub,
        "authorization_servers": issuers,
        "authorization_details_types_supported": ["https://mercure.rocks/authorization-detail"],
        "bearer_methods_supported": ["header"],
        "mercure_cookie": context.token_places.cookies.first(),
    });
    Ok(response::whole(StatusCode::OK, "application/json", document.to_string()))
}

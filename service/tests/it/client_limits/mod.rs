//! What one client may take, whether it comes by itself, through a proxy, over one connection or many,
//! with one token or several.

/// Who a request is from.
mod addresses;
/// How fast one may publish.
mod rates;
/// What strangers select delays and displaces no grant, and what a request may have compiled.
mod selecting;
/// Limits of tokens.
mod tokens;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{Http2, TestServer, Wire, eventually, form};

const SECRET: &str = "a secret of draft-07, for tests, with 32 bytes or more";
const HUB: &str = "/.well-known/mercure";
/// The tests themselves are the proxy.
const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

async fn start(flags: &[&[&str]]) -> TestServer {
    TestServer::start_with(&flags.concat()).await
}

/// A request that a proxy passes on for this client.
fn for_client(request: RequestBuilder, client: &str) -> RequestBuilder {
    request.header("x-forwarded-for", client)
}

async fn open(request: RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

/// The detail of the answer to a request that is over a limit, and when it may come back.
async fn refusal(request: RequestBuilder) -> (String, u64) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let retry = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(problem["status"], 429);
    (problem["detail"].as_str().unwrap().to_owned(), retry)
}

/// A token of draft-07 with these claims beside its grants.
fn token(grants: &Value, claims: &[(&str, Value)]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = (now + Duration::from_secs(3_600)).as_secs();
    let mut all = json!({ "exp": expires, "mercure": grants });
    for (name, value) in claims {
        all[*name] = value.clone();
    }
    let key = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    encode(&Header::default(), &all, &key).unwrap()
}

//! Active subscriptions: who is told which streams are open, and of what.

/// Who may read and see what.
mod authorisation;
/// Streams that come, go, and are too many.
mod bounds;
/// Every way in which a stream ends.
mod ends;
/// The documents, the lists and the events of both dialects.
mod forms;
/// What the presence channels of Laravel do.
mod laravel;
/// From a list to the events after it.
mod places;

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{EventStream, TestServer, eventually};

const HUB: &str = "/.well-known/mercure";
const LIST: &str = "/.well-known/mercure/subscriptions";
const ON: &str = "--subscriptions";
const SECRET: &str = "a secret of draft-07, for tests, with 32 bytes or more";
const ISSUER_SECRET: &str = "a secret of an issuer, for tests, with 32 bytes or more";
const ISSUER: &str = "https://issuer.example";
const PUBLIC_URL: &str = "http://localhost:8080/.well-known/mercure";
/// Keys for tokens of both dialects.
const KEYS: [&str; 9] = [
    ON,
    "--jwt-secret",
    SECRET,
    "--issuer",
    ISSUER,
    "--issuer-secret",
    ISSUER_SECRET,
    "--public-url",
    PUBLIC_URL,
];

/// A token of draft-07.
fn legacy(subscribe: &[&str], payload: Option<Value>) -> String {
    let mut mercure = json!({ "subscribe": subscribe });
    if let Some(payload) = payload {
        mercure["payload"] = payload;
    }
    sign(&Header::default(), &json!({ "mercure": mercure }), SECRET)
}

/// A token of 1.0 with these details, for an hour.
fn access(details: &[Value]) -> String {
    access_until(now() + 3_600, details)
}

fn access_until(expires: u64, details: &[Value]) -> String {
    let header = Header { typ: Some("at+jwt".to_owned()), ..Header::default() };
    let claims = json!({
        "iss": ISSUER, "aud": PUBLIC_URL, "exp": expires, "authorization_details": details,
    });
    sign(&header, &claims, ISSUER_SECRET)
}

fn sign(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes()).unwrap()).unwrap()
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A detail of a token of 1.0 that grants subscribing to topics, each a `match` and its `match_type`.
fn detail(topics: &[(&str, &str)], payload: Option<Value>) -> Value {
    let topics =
        topics.iter().map(|(match_type, text)| json!({ "match": text, "match_type": match_type }));
    let mut detail = json!({
        "type": "https://mercure.rocks/authorization-detail",
        "actions": ["subscribe"],
        "topics": topics.collect::<Vec<_>>(),
    });
    if let Some(payload) = payload {
        detail["payload"] = payload;
    }
    detail
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn stream(server: &TestServer, parameters: &[(&str, &str)]) -> RequestBuilder {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    server.get(&format!("{HUB}?{}", pairs.collect::<Vec<_>>().join("&")))
}

/// The document of an answer, which must be there.
async fn document(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    json_of(response).await
}

async fn json_of(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The members of one name of all subscriptions that are listed, in their order.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let subscriptions = list["subscriptions"].as_array().unwrap();
    subscriptions.iter().map(|it| it[member].as_str().unwrap()).collect()
}

/// Waits until a list has so many subscriptions, and gives it.
async fn list_of(count: usize, request: impl Fn() -> RequestBuilder) -> Value {
    let mut list = Value::Null;
    eventually("so many subscriptions are listed", async || {
        list = document(request()).await;
        list["subscriptions"].as_array().unwrap().len() == count
    })
    .await;
    list
}

/// The place that an answer names.
fn place(response: &Response) -> String {
    let link = response.headers()["link"].to_str().unwrap();
    let (_, rest) = link.split_once("last-event-id=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// The next event of a stream about a subscription, as its name and its document.
async fn told(stream: &mut EventStream) -> (Option<String>, Value) {
    let event = stream.next().await.expect("an event");
    (event.event, serde_json::from_str(&event.data).unwrap())
}

//! Servers on which each status of each operation can be come to.

use futures_util::stream::pending;
use reqwest::{Body, Method, RequestBuilder, Response, header};

use super::Operation;
use crate::support::{EventStream, TestServer, eventually};
use crate::tokens::{ACCESS, HUB, LEGACY, access, legacy};

/// Whose pages may publish with a cookie.
pub(super) const PAGE: &str = "https://app.example";

/// What a body that is too large has beyond the rest, in bytes.
const TOO_MUCH: usize = 2_000;

pub(super) struct Scene {
    /// With keys of both dialects, and nothing without a token.
    pub(super) keyed: TestServer,
    /// Open, without what can be switched off.
    bare: TestServer,
    /// That takes small bodies only, and soon.
    limited: TestServer,
    /// On which this client has published as much, and has as many streams, as it may.
    busy: TestServer,
    draining: TestServer,
    /// On which the topic has ended.
    ended: TestServer,
    /// A token of draft-07 that grants everything.
    pub(super) token: String,
    /// One that grants what nobody asks for.
    useless: String,
    /// One of 1.0 that grants everything.
    pub(super) access_token: String,
    /// The subscriber of the stream that is open in each dialect, draft-07 first.
    subscribers: [String; 2],
    _streams: Vec<EventStream>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let keys = [&LEGACY[..], &ACCESS, &["--subscriptions", "--cors-origin", PAGE]].concat();
        let keyed = TestServer::start_with(&keys).await;
        let token = legacy(&["--publish", "*", "--subscribe", "*"]);
        let mut streams = Vec::new();
        for query in ["topic=hello", "match=hello&match_urlpattern=hello"] {
            let request = keyed.get(&format!("{HUB}?{query}")).bearer_auth(&token);
            streams.push(EventStream::open(request).await);
        }
        let subscribers = [
            subscriber(&keyed, "hello", &token).await,
            subscriber(&keyed, "urlpattern/hello", &token).await,
        ];
        let busy = ["--publish-rate", "1/h", "--publish-burst", "1", "--streams-per-address", "1"];
        let busy = TestServer::start_with(&busy).await;
        busy.publish("hello", "x").await;
        streams.push(EventStream::open(busy.get("/events/hello")).await);
        Self {
            keyed,
            bare: TestServer::start_with(&["--demos=false"]).await,
            limited: TestServer::start_with(&[
                "--body-max",
                "1KiB",
                "--event-data-max",
                "1KiB",
                "--body-timeout",
                "100ms",
            ])
            .await,
            busy,
            draining: draining().await,
            ended: ended().await,
            token,
            useless: legacy(&["--subscribe", "elsewhere"]),
            access_token: access(&["--publish", "*", "--subscribe", "*"]),
            subscribers,
            _streams: streams,
        }
    }

    /// The path of an operation, where what it names is there.
    pub(super) fn target(&self, operation: &Operation<'_>) -> String {
        let legacy = operation.path.contains("/{topic}/");
        let subscriber = &self.subscribers[usize::from(!legacy)];
        let target = operation.target();
        let is_one = operation.path.ends_with("{subscriber}");
        match target.rsplit_once('/').filter(|_| is_one) {
            Some((list, _)) => format!("{list}/{subscriber}"),
            None => target,
        }
    }

    /// The least that an operation takes, with further parameters.
    pub(super) fn least(
        &self,
        server: &TestServer,
        operation: &Operation<'_>,
        query: &str,
    ) -> RequestBuilder {
        let needs_selector = operation.path == HUB && operation.media_type().is_none();
        let selector = if needs_selector { "topic=hello" } else { "" };
        self.request(server, operation, &format!("{selector}&{query}"))
    }

    /// A request with exactly these parameters.
    pub(super) fn request(
        &self,
        server: &TestServer,
        operation: &Operation<'_>,
        query: &str,
    ) -> RequestBuilder {
        let url = server.url(&format!("{}?{query}", self.target(operation)));
        let request = server.client.request(operation.method(), url);
        match operation.media_type() {
            Some("*/*") => request.body("x"),
            Some(media_type) => {
                let request = request.header(header::CONTENT_TYPE, media_type);
                request.body(body_of(media_type))
            }
            None => request,
        }
    }

    /// A request that may do everything.
    pub(super) fn authorised(&self, operation: &Operation<'_>, query: &str) -> RequestBuilder {
        self.least(&self.keyed, operation, query).bearer_auth(&self.token)
    }

    /// A ticket that has opened nothing yet.
    pub(super) async fn ticket(&self) -> String {
        let request = self.keyed.post("/tickets").bearer_auth(&self.access_token);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Lets an operation come to a status.
    pub(super) async fn come_to(&self, operation: &Operation<'_>, status: u16) -> Response {
        let keyed = || self.least(&self.keyed, operation, "");
        let request = match status {
            204 if operation.method() != Method::OPTIONS => self.least(&self.ended, operation, ""),
            200 | 201 | 204 => self.authorised(operation, ""),
            304 => {
                let response = self.authorised(operation, "").send().await.unwrap();
                let tag = response.headers()[header::ETAG].clone();
                self.authorised(operation, "").header(header::IF_NONE_MATCH, tag)
            }
            400 => keyed().header(header::AUTHORIZATION, "Basic YTpi"),
            401 => keyed(),
            403 if operation.method() == Method::POST => {
                let cookie = format!("mercureAuthorization={}", self.token);
                keyed().header(header::COOKIE, cookie).header(header::ORIGIN, "https://a.example")
            }
            403 => keyed().bearer_auth(&self.useless),
            404 => self.nowhere(operation),
            408 => {
                let never = Body::wrap_stream(pending::<Result<String, std::io::Error>>());
                self.least(&self.limited, operation, "").body(never)
            }
            409 if operation.path == HUB => self.least(&self.ended, operation, ""),
            409 => {
                let first = self.authorised(operation, "id=taken").send().await.unwrap();
                assert_eq!(first.status(), 200);
                self.authorised(operation, "id=taken").body("another")
            }
            413 => {
                let too_much = format!("topic=hello&data={}", "x".repeat(TOO_MUCH));
                self.least(&self.limited, operation, "").body(too_much)
            }
            415 => self.authorised(operation, "").header(header::CONTENT_ENCODING, "br"),
            429 => self.least(&self.busy, operation, ""),
            503 => self.least(&self.draining, operation, ""),
            _ => panic!("nobody knows how {} comes to {status}", operation.name()),
        };
        request.send().await.unwrap()
    }

    /// A request for what is not there.
    fn nowhere(&self, operation: &Operation<'_>) -> RequestBuilder {
        let target = operation.target();
        let target = match operation.path.rsplit_once('/') {
            Some((folder, hole)) if hole.starts_with('{') => format!("{folder}/nothing"),
            _ => target,
        };
        let url = self.bare.url(&target);
        self.bare.client.request(operation.method(), url)
    }
}

fn body_of(media_type: &str) -> &'static str {
    match media_type {
        "application/x-www-form-urlencoded" => "topic=hello",
        "application/x-ndjson" => "{\"topic\":\"hello\"}\n{}\n",
        _ => panic!("nobody knows a body of the type {media_type}"),
    }
}

/// Who has subscribed, once that is told.
async fn subscriber(server: &TestServer, selector: &str, token: &str) -> String {
    let path = format!("{HUB}/subscriptions/{selector}");
    let mut subscriber = None;
    eventually("the stream is listed", async || {
        let response = server.get(&path).bearer_auth(token).send().await.unwrap();
        let list: serde_json::Value =
            serde_json::from_str(&response.text().await.unwrap()).unwrap();
        subscriber = list["subscriptions"][0]["subscriber"].as_str().map(str::to_owned);
        subscriber.is_some()
    })
    .await;
    subscriber.unwrap()
}

/// A server in a drain that does not end by itself.
async fn draining() -> TestServer {
    let mut server = TestServer::start_with(&["--subscriptions", "--drain-window", "1h"]).await;
    drain(&mut server).await;
    server
}

/// A server on which a topic has ended.
async fn ended() -> TestServer {
    let server = TestServer::start().await;
    server.publish_form(&[("topic", "hello"), ("end", "")]).await;
    server
}

/// Begins the drain, and waits until it has begun.
pub(super) async fn drain(server: &mut TestServer) {
    server.ask_to_stop();
    eventually("it drains", async || {
        let ready = server.client.get(format!("http://{}/readyz", server.admin)).send().await;
        ready.is_ok_and(|response| response.status() == 503)
    })
    .await;
}

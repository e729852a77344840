//! Tokens: who may publish and subscribe, in both dialects, wherever the token stands.

use std::process::Command;

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{EventStream, Http2, PROGRAM, TestServer, eventually, form};

const HUB: &str = "/.well-known/mercure";
const METADATA: &str = "/.well-known/oauth-protected-resource/.well-known/mercure";
const SECRET: &str = "a secret of draft-07, for tests, with 32 bytes or more";
const ISSUER_SECRET: &str = "a secret of an issuer, for tests, with 32 bytes or more";
const ISSUER: &str = "https://issuer.example";
const PUBLIC_URL: &str = "http://localhost:8080";
const LEGACY: [&str; 2] = ["--jwt-secret", SECRET];
const ACCESS: [&str; 6] =
    ["--issuer", ISSUER, "--issuer-secret", ISSUER_SECRET, "--public-url", PUBLIC_URL];

/// A token as `fanfare token` makes it.
fn token(flags: &[&str]) -> String {
    let made = Command::new(PROGRAM).arg("token").args(flags).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

fn legacy(flags: &[&str]) -> String {
    token(&[&LEGACY, flags].concat())
}

fn access(flags: &[&str]) -> String {
    token(&[&ACCESS, flags].concat())
}

async fn start(flags: &[&[&str]]) -> TestServer {
    TestServer::start_with(&flags.concat()).await
}

fn publish(server: &TestServer, topic: &str, data: &str) -> RequestBuilder {
    let request = server.post(HUB).header("content-type", "application/x-www-form-urlencoded");
    request.body(form(&[("topic", topic), ("data", data), ("private", "on")]))
}

async fn refusal(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(status >= 400, "a stream was opened");
    let challenge = challenge(&response);
    let text = response.text().await.unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    (status, challenge, problem["detail"].as_str().unwrap().to_owned())
}

fn challenge(response: &Response) -> String {
    let value = response.headers().get(WWW_AUTHENTICATE);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn nobody_publishes_or_subscribes_without_a_token() {
    let server = start(&[&LEGACY]).await;
    let ndjson = server.post("/events").header("content-type", "application/x-ndjson").body("{}");
    let requests = [
        server.get("/events/t"),
        server.get(&format!("{HUB}?topic=t")),
        server.get("/stream-time"),
        server.get("/stream-training"),
        server.post("/events/t").body("x"),
        publish(&server, "t", "x"),
        ndjson,
    ];
    for request in requests {
        let what = format!("{request:?}");
        let (status, challenge, detail) = refusal(request).await;
        assert_eq!((status, challenge.as_str()), (401, "Bearer"), "{what}");
        assert!(detail.contains("needs a token"), "{what}: {detail}");
    }
    for page in ["/", "/demo/clock"] {
        assert_eq!(server.get(page).send().await.unwrap().status(), 200, "pages have no secrets");
    }
    let unauthorized = "fanfare_subscribe_rejected_total{reason=\"unauthorized\"}";
    assert_eq!(server.figure(unauthorized).await, 4.0);
    assert_eq!(server.figure("fanfare_publish_rejected_total{reason=\"unauthorized\"}").await, 3.0);
}

#[tokio::test]
async fn tokens_of_both_dialects_publish_and_see_private_events_of_what_they_grant() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    for (dialect, token) in [("draft-07", legacy as fn(&[&str]) -> String), ("1.0", access)] {
        let writer = token(&["--publish", "news/*", "--publish", "exact"]);
        let reader = token(&["--subscribe", "news/1"]);
        let request =
            server.get(&format!("{HUB}?topic=news%2F1&topic=news%2F2")).bearer_auth(&reader);
        let mut stream = EventStream::open(request).await;
        for (topic, data) in [("news/2", "hidden"), ("news/1", "seen"), ("exact", "elsewhere")] {
            let published =
                publish(&server, topic, data).bearer_auth(&writer).send().await.unwrap();
            assert_eq!(published.status(), 200, "{dialect}: {topic}");
        }
        assert_eq!(stream.data(1).await, ["seen"], "{dialect}");
        let (status, challenge, detail) =
            refusal(publish(&server, "other", "x").bearer_auth(&writer)).await;
        assert_eq!(status, 403, "{dialect}");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(detail.contains("`other`"), "{detail}");
        let (status, _, detail) =
            refusal(publish(&server, "news/1", "x").bearer_auth(&reader)).await;
        assert_eq!(status, 403, "{dialect}: a reader publishes nothing");
        assert!(detail.contains("no topic"), "{detail}");
    }
}

#[tokio::test]
async fn the_private_events_of_others_are_seen_neither_live_nor_in_a_replay_nor_in_a_gap() {
    let server = start(&[&LEGACY, &["--anonymous-subscribe", "--retain-events", "20"]]).await;
    let writer = legacy(&["--publish", "*"]);
    let public = async |data: &str| {
        let request = server.post("/events/t").bearer_auth(&writer).body(data.to_owned());
        request.send().await.unwrap().text().await.unwrap()
    };
    let private = async |id: &str| {
        let request = server.post(&format!("/events/t?private&id={id}")).bearer_auth(&writer);
        request.body("private").send().await.unwrap().text().await.unwrap()
    };
    let first = public("1").await;
    let mut live = EventStream::open(server.get(&format!("{HUB}?topic=*"))).await;
    private("only-for-some").await;
    public("2").await;
    assert_eq!(live.data(1).await, ["2"]);
    for resume in [first.as_str(), "earliest"] {
        let path = format!("{HUB}?match=*&last_event_id={resume}");
        let mut stream = EventStream::open(server.get(&path)).await;
        let expected: &[&str] = if resume == "earliest" { &["1", "2"] } else { &["2"] };
        assert_eq!(stream.data(expected.len()).await, expected, "{resume}");
    }
    // Whether an id exists that only others may see cannot be found out.
    let asked = |id: &str| server.get(&format!("/events/t?last_event_id={id}"));
    for id in ["only-for-some", "made-up"] {
        let mut stream = EventStream::open(asked(id)).await;
        let gap = stream.next().await.unwrap();
        assert_eq!(gap.event.as_deref(), Some("fanfare-gap"), "{id}");
        assert!(gap.data.contains(&format!("\"after\":\"{id}\"")), "{}", gap.data);
        assert_eq!(stream.data(2).await, ["1", "2"], "{id}");
    }
    for n in 0..30 {
        private(&format!("hidden-{n}")).await;
    }
    let mut stream = EventStream::open(asked(&first)).await;
    let gap = stream.next().await.unwrap();
    assert!(gap.data.contains("\"missed\":null") && !gap.data.contains("hidden"), "{}", gap.data);
}

#[tokio::test]
async fn a_token_may_stand_in_a_header_a_url_or_a_cookie_and_the_first_of_them_decides() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let (old, new) = (legacy(&["--subscribe", "*"]), access(&["--subscribe", "*"]));
    let hub = format!("{HUB}?topic=t");
    let in_url = |token: &str| format!("{hub}&authorization={token}");
    let cookie = |name: &str, token: &str| format!("a=b; {name}={token}; c=d");
    let secure = "__Secure-mercure_access_token";
    let accepted = [
        server.get(&hub).bearer_auth(&old),
        server.get(&hub).bearer_auth(&new),
        server.get(&hub).header("authorization", format!("bearer {new}")),
        server.get(&in_url(&old)),
        server.get(&hub).header("cookie", cookie(secure, &new)),
        server.get(&hub).header("cookie", cookie(secure, &old)),
        server.get(&hub).header("cookie", cookie("mercureAuthorization", &old)),
        server.get(&hub).header("cookie", cookie("mercureAuthorization", &new)),
        server.get(&hub).bearer_auth(&new).header("cookie", cookie(secure, "nonsense")),
    ];
    for request in accepted {
        let what = format!("{request:?}");
        assert_eq!(request.send().await.unwrap().status(), 200, "{what}");
    }
    let refused = [
        (server.get(&in_url(&new)), 401, "in the URL"),
        (server.get(&in_url("")), 401, "no JSON Web Token"),
        (server.get(&hub).bearer_auth("x").header("cookie", cookie(secure, &new)), 401, "no JSON"),
        (server.get(&in_url("x")).header("cookie", cookie(secure, &new)), 401, "no JSON"),
        (
            server
                .get(&hub)
                .header("cookie", format!("mercureAuthorization={old}; {}", cookie(secure, "x"))),
            401,
            "no JSON",
        ),
        (server.get(&hub).header("authorization", format!("Basic {old}")), 400, "not `Bearer`"),
        (server.get(&hub).header("authorization", "Bearer"), 400, "not `Bearer`"),
    ];
    for (request, expected, text) in refused {
        let what = format!("{request:?}");
        let (status, challenge, detail) = refusal(request).await;
        assert_eq!(status, expected, "{what}");
        let error = if expected == 400 { "invalid_request" } else { "invalid_token" };
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
        assert!(detail.contains(text), "{what}: {detail}");
    }
    let server = start(&[&LEGACY, &["--query-token=false"]]).await;
    assert_eq!(server.get(&in_url(&old)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_publish_by_cookie_comes_from_a_page_of_the_hub_or_one_that_is_listed() {
    let listed = "https://app.example";
    let server = start(&[&LEGACY, &["--cors-origin", listed]]).await;
    let cookie = format!("mercureAuthorization={}", legacy(&["--publish", "*"]));
    let own = format!("http://{}", server.address);
    let page = format!("{own}/demo/clock");
    let cases: [(Option<(&str, &str)>, u16); 8] = [
        (Some(("origin", &own)), 200),
        (Some(("referer", &page)), 200),
        (Some(("origin", listed)), 200),
        (Some(("referer", "https://app.example/chat?x")), 200),
        (None, 403),
        (Some(("origin", "https://attacker.example")), 403),
        (Some(("origin", "null")), 403),
        (Some(("referer", "not a url")), 403),
    ];
    for (header, expected) in cases {
        let mut request = publish(&server, "t", "x").header("cookie", &cookie);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), expected, "{header:?}");
    }
    // A token that a page has to have in its hands is enough by itself.
    let token = legacy(&["--publish", "*"]);
    let request =
        publish(&server, "t", "x").bearer_auth(token).header("origin", "https://x.example");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stream_ends_with_its_token_on_both_protocols() {
    let server = start(&[&LEGACY, &["--heartbeat", "0s"]]).await;
    let token = legacy(&["--subscribe", "*", "--expires", "2s"]);
    let mut stream = EventStream::open(server.get("/events/t").bearer_auth(&token)).await;
    let connection = Http2::open(&server).await;
    let bearer = format!("Bearer {token}");
    let request = connection.ask_with("/events/t", &[("authorization", &bearer)]).await;
    let mut over_http2 = request.stream().await;
    while let Some(last) = stream.next().await {
        assert_eq!(last.data, "", "nothing but when to come back");
    }
    while over_http2.frame().await.is_ok_and(|frame| frame.is_some()) {}
    let ended = "fanfare_streams_closed_total{reason=\"token_expired\"}";
    eventually("both have ended", async || server.figure(ended).await == 2.0).await;
    // A stream ends up to a tenth of a second before its token.
    let expired = async || {
        let probe = server.client.head(server.url("/events/t")).bearer_auth(&token).send();
        probe.await.unwrap().status() == 401
    };
    eventually("the token expires", expired).await;
    let (status, challenge, detail) = refusal(server.get("/events/t").bearer_auth(&token)).await;
    assert_eq!(status, 401);
    assert!(detail.contains("expired") && challenge.contains("error_description"), "{detail}");
    assert_eq!(server.figure("fanfare_tokens_refused_total{reason=\"time\"}").await, 2.0);
}

#[tokio::test]
async fn a_request_that_lasts_longer_than_its_token_publishes_nothing_more() {
    let server = start(&[&LEGACY]).await;
    let token = legacy(&["--publish", "*", "--expires", "1s"]);
    let (lines, body) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(4);
    let line = || Ok("{\"topic\":\"t\",\"data\":\"x\"}\n".to_owned());
    lines.send(line()).await.unwrap();
    let stream = futures_util::stream::unfold(body, async |mut body| {
        let line = body.recv().await?;
        Some((line, body))
    });
    let request = server
        .post("/events")
        .bearer_auth(&token)
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(Box::pin(stream)));
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"{\"id\":"), "{first:?}");
    let expired = async || {
        let probe = server.post("/events/t").bearer_auth(&token).body("probe").send();
        probe.await.unwrap().status() == 401
    };
    eventually("the token expires", expired).await;
    lines.send(line()).await.unwrap();
    let second: Value = serde_json::from_slice(&response.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!(second["status"], 401, "{second}");
}

#[tokio::test]
async fn why_a_token_was_refused_is_in_the_response_on_loopback_alone() {
    let local = start(&[&LEGACY]).await;
    let wrong =
        token(&["--jwt-secret", "another secret, with 32 bytes or more of it", "--subscribe", "*"]);
    let (_, challenge, detail) = refusal(local.get("/events/t").bearer_auth(&wrong)).await;
    assert!(detail.contains("bad signature") && detail.contains("reference"), "{detail}");
    assert!(challenge.contains("error_description=\"bad signature\""), "{challenge}");
    for (more, explains) in [(&[][..], false), (&["--explain-tokens"][..], true)] {
        let server = TestServer::start_at("0.0.0.0:0", &[&LEGACY, more].concat()).await;
        let (status, challenge, detail) =
            refusal(server.get("/events/t").bearer_auth(&wrong)).await;
        assert_eq!(status, 401);
        assert_eq!(detail.contains("bad signature"), explains, "{detail}");
        assert_eq!(challenge.contains("error_description"), explains, "{challenge}");
    }
}

#[tokio::test]
async fn a_hub_of_1_0_says_what_tokens_it_takes_and_serves_no_other_host() {
    let server = start(&[&ACCESS]).await;
    let response = server.get(METADATA).send().await.unwrap();
    let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let resource = format!("{PUBLIC_URL}{HUB}");
    let expected = json!({
        "resource": resource,
        "authorization_servers": [ISSUER],
        "authorization_details_types_supported": ["https://mercure.rocks/authorization-detail"],
        "bearer_methods_supported": ["header"],
        "mercure_cookie": "__Secure-mercure_access_token",
    });
    assert_eq!(document, expected);
    let (_, challenge, _) = refusal(server.get("/events/t")).await;
    assert_eq!(challenge, format!("Bearer resource_metadata=\"{PUBLIC_URL}{METADATA}\""));
    let elsewhere = server.get("/events/t").header("host", "attacker.example");
    assert_eq!(elsewhere.send().await.unwrap().status(), 421);
    let server = start(&[&LEGACY]).await;
    assert_eq!(
        server.get(METADATA).send().await.unwrap().status(),
        404,
        "a hub of draft-07 has none"
    );
}

#[tokio::test]
async fn those_without_a_token_may_be_let_in_to_public_events_alone() {
    let server = start(&[&ACCESS, &["--anonymous-subscribe"]]).await;
    let writer = access(&["--publish", "*"]);
    let mut anonymous = EventStream::open(server.get("/events/t")).await;
    let mut demo = EventStream::open(server.get("/stream-time")).await;
    assert!(demo.next().await.is_some());
    publish(&server, "t", "private").bearer_auth(&writer).send().await.unwrap();
    let public = server.post("/events/t").bearer_auth(&writer).body("public");
    assert_eq!(public.send().await.unwrap().status(), 200);
    assert_eq!(anonymous.data(1).await, ["public"]);
    assert_eq!(server.post("/events/t").body("x").send().await.unwrap().status(), 401);
    // A token that is wrong is not as good as none.
    assert_eq!(server.get("/events/t").bearer_auth("x").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_origin_of_a_page_is_allowed_only_where_it_is_listed_once_there_are_tokens() {
    let server =
        start(&[&LEGACY, &["--anonymous-subscribe", "--cors-origin", "https://app.example"]]).await;
    for (origin, allowed) in [("https://app.example", true), ("http://localhost:3000", false)] {
        let request =
            server.client.request(Method::OPTIONS, server.url(HUB)).header("origin", origin);
        let response =
            request.header("access-control-request-method", "POST").send().await.unwrap();
        let found = response.headers().get("access-control-allow-origin").is_some();
        assert_eq!(found, allowed, "{origin}");
    }
}

#[test]
fn settings_of_tokens_that_cannot_be_used_keep_the_server_from_starting() {
    let short = "too short to be a secret";
    let cases: [(&[&str], &str); 9] = [
        (&["--jwt-secret", short], "needs at least 32"),
        (&["--jwt-secret-file", "/nowhere"], "--jwt-secret-file /nowhere cannot be read"),
        (&["--jwt-key", "/etc/hostname"], "no public key"),
        (&["--jwt-secret", SECRET, "--jwt-algorithm", "RS256"], "not an algorithm of this kind"),
        (&["--issuer", ISSUER], "--issuer has no key"),
        (&["--issuer-secret", ISSUER_SECRET], "--issuer is missing"),
        (&["--issuer", ISSUER, "--issuer-secret", ISSUER_SECRET], "--public-url is missing"),
        (
            &[&ACCESS[..], &["--jwt-secret", ISSUER_SECRET]].concat(),
            "is given for tokens of draft-07, too",
        ),
        (
            &["--issuer", "me", "--issuer-secret", ISSUER_SECRET, "--public-url", PUBLIC_URL],
            "is no URL",
        ),
    ];
    for (flags, expected) in cases {
        let ran =
            Command::new(PROGRAM).args(["--listen", "127.0.0.1:0"]).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(64), "{flags:?}: {said}");
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert!(!said.contains(short) && !said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_secret_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let path = file.to_str().unwrap();
    let make = |flags: &[&str]| Command::new(PROGRAM).arg("secret").args(flags).output().unwrap();
    assert!(make(&["--file", path]).status.success());
    let first = std::fs::read_to_string(&file).unwrap();
    assert!(first.trim().len() >= 64, "{first}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(make(&["--file", path, "--if-missing"]).status.success());
    let again = make(&["--file", path]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("--if-missing"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    let printed = [make(&[]).stdout, make(&[]).stdout];
    assert_ne!(printed[0], printed[1]);
    let token = token(&["--jwt-secret-file", path, "--publish", "*"]);
    assert_eq!(token.split('.').count(), 3);
}

#[tokio::test]
async fn a_query_needs_its_token_before_its_body_and_not_in_it() {
    let server = start(&[&LEGACY]).await;
    let token = legacy(&["--subscribe", "*"]);
    let method = Method::from_bytes(b"QUERY").unwrap();
    let query = |path: &str, fields: &[(&str, &str)]| {
        let request = server.client.request(method.clone(), server.url(path));
        request.header("content-type", "application/x-www-form-urlencoded").body(form(fields))
    };
    let in_body = query(HUB, &[("match", "t"), ("authorization", &token)]);
    assert_eq!(refusal(in_body).await.0, 401);
    let no_form = server.client.request(method.clone(), server.url(HUB)).body("x".repeat(100_000));
    assert_eq!(refusal(no_form).await.0, 401, "not 415: nothing of the body was looked at");
    let mut stream = EventStream::open(query(HUB, &[("match", "t")]).bearer_auth(&token)).await;
    let writer = legacy(&["--publish", "*"]);
    publish(&server, "t", "private").bearer_auth(writer).send().await.unwrap();
    assert_eq!(stream.data(1).await, ["private"]);
}

#[tokio::test]
async fn the_hub_itself_is_no_topic_for_tokens_of_1_0_and_is_one_for_those_of_draft_07() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let (old, new) = (legacy(&["--publish", "*"]), access(&["--publish", "*"]));
    for (topic, of_old, of_new) in [
        ("#general", 200, 400),
        ("mercure", 200, 400),
        ("/.well-known/%6dercure", 200, 400),
        ("general", 200, 200),
        ("/.well-known/mercure/x", 400, 400),
        ("*", 400, 400),
    ] {
        for (token, expected) in [(&old, of_old), (&new, of_new)] {
            let response = publish(&server, topic, "x").bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), expected, "{topic}");
        }
    }
}

#[tokio::test]
async fn with_public_urls_the_scheme_of_a_page_counts_and_metadata_is_of_the_host_that_is_called() {
    let second = "https://push.example";
    let server = start(&[&ACCESS, &["--public-url", second]]).await;
    let cookie = format!("__Secure-mercure_access_token={}", access(&["--publish", "*"]));
    for (origin, expected) in [
        (second, 200),
        (PUBLIC_URL, 200),
        ("http://push.example", 403),
        ("https://localhost:8080", 403),
        ("null", 403),
    ] {
        let request = publish(&server, "t", "x").header("cookie", &cookie).header("origin", origin);
        let response = request.header("host", "push.example").send().await.unwrap();
        assert_eq!(response.status(), expected, "{origin}");
    }
    for (host, url) in [("push.example", second), ("localhost:8080", PUBLIC_URL)] {
        let response = server.get(METADATA).header("host", host).send().await.unwrap();
        let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(document["resource"], format!("{url}{HUB}"), "{host}");
        let (_, challenge, _) = refusal(server.get("/events/t").header("host", host)).await;
        assert!(challenge.contains(&format!("\"{url}{METADATA}\"")), "{challenge}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_nearly_that_of_a_token_is_refused() {
    let server = start(&[&LEGACY, &["--anonymous-subscribe"]]).await;
    let token = legacy(&["--subscribe", "*"]);
    let path = format!("/events/t?Authorization={token}");
    let (status, _, detail) = refusal(server.get(&path)).await;
    assert_eq!(status, 400);
    assert!(detail.contains("`authorization`"), "{detail}");
}

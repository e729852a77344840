use std::collections::BTreeSet;

use super::*;
use crate::support::{TestServer, Wire};
use crate::tokens::LEGACY;

/// Types that nobody can come to from outside: the log in memory takes everything, and a ticket can be
/// sealed whenever there is a token.
const UNREACHABLE: [&str; 3] = [
    "urn:fanfare:problem:log-unavailable",
    "urn:fanfare:problem:no-ticket",
    "urn:fanfare:problem:outcome-unknown",
];

/// With a body that is announced and sent.
fn post(target: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: {length}\r\n\r\n{body}"
    )
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n")
}

/// The types that an open server with small limits gives.
fn cases() -> Vec<(&'static str, String)> {
    let filler = "f: x\r\n".repeat(101);
    vec![
        ("unreadable", get("/events/a?lastEventIDs=1", "")),
        ("event", post("/events/a?type=mercure", "", "x")),
        ("event", post("/events/a", "", &"x".repeat(101))),
        ("selector", get("/.well-known/mercure", "")),
        ("topic", get("/events/", "")),
        ("bad-host", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("host", "GET / HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n".to_owned()),
        ("origin", post("/events/a", "origin: https://elsewhere.example\r\n", "x")),
        ("not-found", get("/nowhere", "")),
        ("method", "DELETE / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned()),
        (
            "timeout",
            "POST /events/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n".to_owned(),
        ),
        ("body-too-large", post("/events/a", "", &"x".repeat(1_025))),
        ("target-too-long", get(&format!("/{}", "x".repeat(3_000)), "")),
        ("head-too-large", get("/", &format!("f: {}\r\n", "x".repeat(3_000)))),
        ("too-many-fields", get("/", &filler)),
        ("media-type", post("/events", "content-type: text/plain\r\n", "{}")),
        ("content-coding", post("/events/a", "content-encoding: br\r\n", "x")),
        ("duplicate-id", post("/events/a?id=1", "", "another")),
        ("topic-ended", post("/events/ended", "", "x")),
    ]
}

/// The types that a server with keys gives, whose issuer cannot be asked for its own. The ticket is that of
/// an open stream.
fn cases_of_tokens(ticket: &str) -> Vec<(&'static str, String)> {
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let useless = crate::tokens::legacy(&["--subscribe", "elsewhere"]);
    let access = crate::tokens::access(&["--subscribe", "*"]);
    let topic = "x".repeat(3_000);
    let long = crate::tokens::legacy(&["--subscribe", &topic, "--publish", &topic]);
    vec![
        ("no-token", get("/events/a", "")),
        ("authorization", get("/events/a", "authorization: Basic YTpi\r\n")),
        ("token", get("/events/a", &bearer("rubbish"))),
        ("not-granted", post("/events/a", &bearer(&useless), "x")),
        ("no-keys-yet", get("/events/a", &bearer(&access))),
        ("token", post("/tickets", &bearer(&long), "")),
        ("ticket", get("/events/a?ticket=rubbish", "")),
        ("ticket-in-use", get(&format!("/events/a?ticket={ticket}"), "")),
    ]
}

/// Asserts that a problem is described with the status that it came with, and gives both.
async fn problem(document: &OpenApi, server: &TestServer, request: &str) -> (u16, String) {
    let mut wire = Wire::open(server).await;
    wire.say(request).await;
    let response = wire.response().await;
    let (status, problem) = (response.head.status, response.problem());
    let schema = &document.response(&status.to_string())["content"]["application/problem+json"];
    document.assert_allowed(&schema["schema"], &problem, request);
    (status, problem["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_type_of_problem_comes_with_the_status_that_the_document_gives_it() {
    let document = OpenApi::read();
    let small = [
        "--event-data-max",
        "100",
        "--body-max",
        "1KiB",
        "--headers-max",
        "2KiB",
        "--body-timeout",
        "100ms",
    ];
    let open = TestServer::start_with(&small).await;
    open.post("/events/a?id=1").body("x").send().await.unwrap();
    open.post("/events/ended?end").send().await.unwrap();
    let full = ["--streams-per-address", "1", "--publish-rate", "1/h", "--publish-burst", "1"];
    let full = TestServer::start_with(&full).await;
    full.publish("a", "x").await;
    let _stream = full.get("/events/a").send().await.unwrap();
    let unreachable =
        ["--issuer", "https://issuer.example", "--issuer-jwks", "http://127.0.0.1:1/"];
    let url = ["--public-url", "http://localhost:8080"];
    let keyed = TestServer::start_with(&[&LEGACY[..], &unreachable, &url].concat()).await;
    let token = crate::tokens::legacy(&["--subscribe", "*"]);
    let ticket = keyed.post("/tickets").bearer_auth(token).send().await.unwrap();
    let ticket = ticket.text().await.unwrap();
    let _stream_of_ticket = keyed.get(&format!("/events/a?ticket={ticket}")).send().await.unwrap();
    let mut draining = TestServer::start_with(&["--drain-window", "1h"]).await;
    scene::drain(&mut draining).await;

    let mut seen = BTreeSet::new();
    let of_full =
        vec![("too-many", get("/events/a", "")), ("too-fast", post("/events/a", "", "x"))];
    let of_draining = vec![("draining", get("/", ""))];
    let all = [
        (&open, cases()),
        (&keyed, cases_of_tokens(&ticket)),
        (&full, of_full),
        (&draining, of_draining),
    ];
    for (server, cases) in all {
        for (expected, request) in cases {
            let found = problem(&document, server, &request).await;
            let start = request.lines().next().unwrap();
            assert_eq!(found.1, format!("urn:fanfare:problem:{expected}"), "{start}");
            seen.insert(found);
        }
    }
    // Of a server that listens on no port, which `sockets` has.
    seen.insert((409, "urn:fanfare:problem:no-plain-listener".to_owned()));
    seen.extend(UNREACHABLE.map(|name| (503, name.to_owned())));
    assert_eq!(seen, document.problems());
}

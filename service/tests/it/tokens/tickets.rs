use std::time::{Duration, SystemTime};

use fanfare::auth::ticket::TicketKey;
use rustix::process::Signal;
use tempfile::NamedTempFile;

use super::*;
use crate::support::Program;

const TICKET_SECRET: &str = "a secret of tickets, for tests, with 32 bytes or more";
const REFUSED: &str = "fanfare_tickets_refused_total";

async fn ticket(server: &TestServer, token: &str) -> String {
    let response = server.post("/tickets").bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.text().await.unwrap()
}

fn secret_file(secret: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    file
}

/// A ticket that was made so long ago.
fn aged(secret: &str, token: &str, age: Duration) -> String {
    let key = TicketKey::of_secret(secret.as_bytes()).unwrap();
    key.seal(token, SystemTime::now() - age).unwrap()
}

/// A token that is signed with another secret.
fn of_stranger() -> String {
    token(&["--jwt-secret", "0123456789abcdef0123456789abcdef", "--subscribe", "*"])
}

/// Waits until a ticket of a stream that was cut may bring it back.
async fn is_free(server: &TestServer, count: f64) {
    let free = "fanfare_tickets{stream=\"ended\"}";
    eventually("the stream has ended", async || server.figure(free).await == count).await;
}

#[tokio::test]
async fn a_ticket_opens_a_stream_with_the_grants_of_its_token_in_both_dialects() {
    let server = start(&[&LEGACY, &ACCESS]).await;
    let publisher = legacy(&["--publish", "*"]);
    for (kind, make) in [("legacy", legacy as fn(&[&str]) -> String), ("access", access)] {
        let token = make(&["--subscribe", "mine"]);
        let ticket = ticket(&server, &token).await;
        assert!(!ticket.contains(&token[..20]) && !ticket.contains('.'), "{ticket}");
        let path = format!("{HUB}?topic=mine&topic=other&ticket={ticket}");
        let mut stream = EventStream::open(server.get(&path)).await;
        for topic in ["other", "mine"] {
            let request = publish(&server, topic, &format!("{topic} {kind}"));
            assert_eq!(request.bearer_auth(&publisher).send().await.unwrap().status(), 200);
        }
        assert_eq!(stream.data(1).await, [format!("mine {kind}")], "private events of its topics");
    }
    let streams = ["GET /events/mine", "HEAD /events/mine", "GET /stream-time", "QUERY"];
    let token = access(&["--subscribe", "mine"]);
    for kind in streams {
        let ticket = ticket(&server, &token).await;
        let request = match kind.split_once(' ') {
            Some((method, path)) => {
                let method: Method = method.parse().unwrap();
                server.client.request(method, server.url(&format!("{path}?ticket={ticket}")))
            }
            None => server
                .client
                .request("QUERY".parse().unwrap(), server.url(&format!("{HUB}?ticket={ticket}")))
                .header("content-type", "application/x-www-form-urlencoded")
                .body("topic=mine"),
        };
        assert_eq!(request.send().await.unwrap().status(), 200, "{kind}");
    }
    assert_eq!(server.figure("fanfare_tickets_issued_total").await, 6.0);
}

#[tokio::test]
async fn a_ticket_brings_its_stream_back_and_opens_no_second_one_meanwhile() {
    let server = start(&[&LEGACY]).await;
    let ticket = ticket(&server, &legacy(&["--subscribe", "*"])).await;
    let path = format!("/events/t?ticket={ticket}");
    let open = "fanfare_tickets{stream=\"open\"}";
    for round in 1..=3 {
        let stream = EventStream::open(server.get(&path)).await;
        assert_eq!(server.figure(open).await, 1.0);
        for method in ["GET", "HEAD"] {
            let request = server.client.request(method.parse().unwrap(), server.url(&path));
            let second = request.send().await.unwrap();
            assert_eq!(second.status(), 401, "{method} {round}");
            assert!(challenge(&second).contains("invalid_token"), "{second:?}");
        }
        drop(stream);
        is_free(&server, 1.0).await;
        assert_eq!(server.figure(open).await, 0.0);
    }
    let stream = EventStream::open(server.get(&path)).await;
    // An EventSource whose line was cut may be back before the server knows, and gives up for ever on
    // an error.
    let again = server.get(&path).header("last-event-id", "x");
    let again = again.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(again.status(), 200);
    let text = again.text().await.unwrap();
    assert!(text.starts_with("retry: "), "when to come back, and nothing else: {text:?}");
    drop(stream);
    assert_eq!(server.figure(&format!("{REFUSED}{{reason=\"in_use\"}}")).await, 7.0);
    is_free(&server, 1.0).await;
    // What is refused for something else leaves the ticket as it was.
    assert_eq!(refusal(server.get(&format!("{HUB}?ticket={ticket}"))).await.0, 400);
    assert_eq!(server.get(&path).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_ticket_is_free_again_however_its_stream_ends() {
    let server = start(&[&LEGACY]).await;
    let ticket = ticket(&server, &legacy(&["--subscribe", "*"])).await;
    let path = format!("/events/t?ticket={ticket}");
    let connection = Http2::open(&server).await;
    let over_http2 = connection.stream(&path).await;
    over_http2.reset();
    is_free(&server, 1.0).await;
    let over_http1 = EventStream::open(server.get(&path)).await;
    drop(over_http1);
    is_free(&server, 1.0).await;
    let request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", server.address);
    let mut old = tokio::net::TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut old, request.as_bytes()).await.unwrap();
    let open = "fanfare_tickets{stream=\"open\"}";
    eventually("HTTP/1.0 has a stream", async || server.figure(open).await == 1.0).await;
    drop(old);
    is_free(&server, 1.0).await;
}

#[tokio::test]
async fn a_ticket_that_is_late_changed_or_of_another_server_opens_nothing() {
    let file = secret_file(TICKET_SECRET);
    let server = start(&[&LEGACY, &["--ticket-secret-file", file.path().to_str().unwrap()]]).await;
    let token = legacy(&["--subscribe", "*"]);
    let good = ticket(&server, &token).await;
    let unreadable = "was not sealed with the key of this server";
    let late = "has to open its stream within 30 s";
    let cases = [
        (String::new(), unreadable),
        ("x".to_owned(), unreadable),
        (token.clone(), unreadable),
        (format!("{good}A"), unreadable),
        (good.replace(&good[..1], if good.starts_with('A') { "B" } else { "A" }), unreadable),
        (
            aged("another secret of tickets, with 32 bytes or more", &token, Duration::ZERO),
            unreadable,
        ),
        (aged(TICKET_SECRET, &token, Duration::from_secs(31)), late),
        (aged(TICKET_SECRET, "no token", Duration::ZERO), "no JSON Web Token"),
        (aged(TICKET_SECRET, &of_stranger(), Duration::ZERO), "bad signature"),
    ];
    for (ticket, text) in &cases {
        let (status, challenge, detail) =
            refusal(server.get(&format!("/events/t?ticket={ticket}"))).await;
        assert_eq!(status, 401, "{ticket}");
        assert!(challenge.contains("invalid_token"), "{ticket}: {challenge}");
        assert!(challenge.contains("error_description"), "{ticket}: {challenge}");
        assert!(detail.contains(text), "{ticket}: {detail}");
    }
    assert_eq!(server.figure(&format!("{REFUSED}{{reason=\"unreadable\"}}")).await, 6.0);
    assert_eq!(server.figure(&format!("{REFUSED}{{reason=\"late\"}}")).await, 1.0);
    let server = start(&[&LEGACY, &["--explain-tokens=false"]]).await;
    let (_, challenge, detail) = refusal(server.get("/events/t?ticket=x")).await;
    assert!(detail.contains("(reference "), "whoever runs the server finds it: {detail}");
    assert!(!challenge.contains("error_description"), "{challenge}");
    assert!(!detail.contains("sealed"), "strangers are not told why: {detail}");
}

#[tokio::test]
async fn servers_with_the_same_secret_bring_back_each_others_streams() {
    let file = secret_file(TICKET_SECRET);
    let flags = ["--ticket-secret-file", file.path().to_str().unwrap()];
    let (one, other) = (start(&[&LEGACY, &flags]).await, start(&[&LEGACY, &flags]).await);
    let token = legacy(&["--subscribe", "*"]);
    let new = ticket(&one, &token).await;
    assert_eq!(other.get(&format!("/events/t?ticket={new}")).send().await.unwrap().status(), 200);
    // Its stream was open for a minute elsewhere, of which this server knows nothing.
    let path = format!("/events/t?ticket={}", aged(TICKET_SECRET, &token, Duration::from_secs(60)));
    assert_eq!(other.get(&path).send().await.unwrap().status(), 401);
    let returning = other.get(&path).header("last-event-id", "x");
    assert_eq!(returning.send().await.unwrap().status(), 200);
    let alone = start(&[&LEGACY]).await;
    assert_eq!(refusal(alone.get(&format!("/events/t?ticket={new}"))).await.0, 401);
}

#[tokio::test]
async fn a_ticket_ends_with_its_token_and_with_the_key_of_its_token() {
    let secret = secret_file(SECRET);
    let program = Program::start(&["--jwt-secret-file", secret.path().to_str().unwrap()]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let issue = async |token: &str| {
        let request = client.post(format!("{}/tickets", program.url)).bearer_auth(token);
        request.send().await.unwrap().text().await.unwrap()
    };
    let status = async |ticket: &str| {
        let request = client.head(format!("{}/events/t?ticket={ticket}", program.url));
        request.send().await.unwrap().status().as_u16()
    };
    let long = issue(&legacy(&["--subscribe", "*"])).await;
    let short = issue(&legacy(&["--subscribe", "*", "--expires", "5s"])).await;
    let stream = client.get(format!("{}/events/t?ticket={short}", program.url)).send().await;
    let text = stream.unwrap().text().await.unwrap();
    assert!(text.contains("retry:"), "the stream ends with the token: {text}");
    eventually("the token has ended", async || status(&short).await == 401).await;
    assert_eq!(status(&long).await, 200);
    std::fs::write(secret.path(), "another secret of draft-07, with 32 bytes or more").unwrap();
    program.signal(Signal::HUP);
    eventually("its key is taken away", async || status(&long).await == 401).await;
}

#[tokio::test]
async fn a_ticket_is_for_streams_alone_and_stands_between_written_tokens_and_cookies() {
    let server = start(&[&LEGACY, &["--subscriptions"]]).await;
    let token = legacy(&["--subscribe", "*", "--publish", "*"]);
    let good = ticket(&server, &token).await;
    let with = |path: &str| format!("{path}?ticket={good}");
    for request in [
        server.post(&with(HUB)).body(form(&[("topic", "t"), ("data", "x"), ("ticket", &good)])),
        server.post(&with("/events/t")).body("x"),
        server.post(&with("/tickets")),
        server.get(&with(&format!("{HUB}/subscriptions"))),
    ] {
        assert_eq!(refusal(request).await.0, 401);
    }
    let bad_cookie = "mercureAuthorization=x";
    let cases = [
        (server.get("/events/t?ticket=x").bearer_auth(&token), 200),
        (server.get(&format!("/events/t?ticket=x&authorization={token}")), 200),
        (server.get(&with("/events/t")).bearer_auth("x"), 401),
        (
            server
                .get("/events/t?ticket=x")
                .header("cookie", format!("mercureAuthorization={token}")),
            401,
        ),
        (server.get(&format!("/events/t?tickets={good}")), 400),
        (server.get(&with("/events/t")).header("cookie", bad_cookie), 200),
    ];
    for (request, expected) in cases {
        let what = format!("{request:?}");
        assert_eq!(request.send().await.unwrap().status(), expected, "{what}");
    }
}

#[tokio::test]
async fn a_ticket_is_issued_for_a_good_token_and_not_to_pages_from_elsewhere() {
    let server = start(&[&LEGACY, &ACCESS, &["--anonymous-subscribe"]]).await;
    let token = legacy(&["--subscribe", "*"]);
    let cookie = format!("mercureAuthorization={token}");
    let of = || server.post("/tickets");
    let large: Vec<String> =
        (0..1_000).flat_map(|i| ["--subscribe".to_owned(), format!("topic {i}")]).collect();
    let large: Vec<&str> = large.iter().map(String::as_str).collect();
    let cases = [
        (of(), 401),
        (of().bearer_auth("x"), 401),
        (of().bearer_auth(of_stranger()), 401),
        (of().bearer_auth(access(&["--subscribe", "*"])), 201),
        (of().bearer_auth(&token).body("whatever"), 201),
        (server.post(&format!("/tickets?authorization={token}")), 201),
        (of().header("cookie", &cookie), 403),
        (of().header("cookie", &cookie).header("origin", "https://attacker.example"), 403),
        (of().header("cookie", &cookie).header("origin", PUBLIC_URL), 201),
        (of().bearer_auth(legacy(&large)), 400),
        (server.get("/tickets").bearer_auth(&token), 405),
    ];
    for (request, expected) in cases {
        let what: String = format!("{request:?}").chars().take(400).collect();
        assert_eq!(request.send().await.unwrap().status(), expected, "{what}");
    }
    let open = TestServer::start().await;
    let (status, _, detail) = refusal(open.post("/tickets")).await;
    assert_eq!((status, detail.contains("subscribe without one")), (404, true), "{detail}");
    let ignored = open.get("/events/t?ticket=x").send().await.unwrap();
    assert_eq!(ignored.status(), 200);
}

#[tokio::test]
async fn as_many_streams_with_tickets_are_open_as_there_may_be() {
    let server = start(&[&LEGACY, &["--tickets-max", "1"]]).await;
    let token = legacy(&["--subscribe", "*"]);
    let first = format!("/events/t?ticket={}", ticket(&server, &token).await);
    let second = format!("/events/t?ticket={}", ticket(&server, &token).await);
    let stream = EventStream::open(server.get(&first)).await;
    let refused = server.get(&second).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.text().await.unwrap().contains("--tickets-max"));
    drop(stream);
    is_free(&server, 1.0).await;
    assert_eq!(server.get(&second).send().await.unwrap().status(), 200);
}

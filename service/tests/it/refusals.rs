//! An error is not the end of a connection: the next request on it is answered, or the client has
//! been told to open another.

use crate::support::{TestServer, Wire};

const PUBLISH: &str = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\ngood";

/// Requests with a body that are refused, up to the length of the body.
const REFUSED: [(&str, u16); 8] = [
    ("POST /nowhere HTTP/1.1\r\nhost: localhost\r\n", 404),
    ("PUT /events/t HTTP/1.1\r\nhost: localhost\r\n", 405),
    ("DELETE /events/t HTTP/1.1\r\nhost: localhost\r\n", 405),
    ("POST /events/t HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n", 403),
    ("POST /events/t HTTP/1.1\r\nhost: evil.example\r\n", 421),
    ("POST /events/t HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n", 400),
    ("POST /.well-known/mercure HTTP/1.1\r\nhost: localhost\r\ncontent-type: a/b\r\n", 415),
    ("POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n", 415),
];

/// A body with its length before it, or in chunks.
fn framed(bytes: usize, in_chunks: bool) -> (String, String) {
    let body = "x".repeat(bytes);
    if in_chunks {
        return (
            "transfer-encoding: chunked\r\n\r\n".into(),
            format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n"),
        );
    }
    (format!("content-length: {bytes}\r\n\r\n"), body)
}

/// Lets the server, which runs on the same thread, do what it can with all that it has been sent.
async fn its_turn() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn after_an_error_the_rest_of_a_small_body_is_read_and_the_connection_stays() {
    let server = TestServer::start().await;
    for (head, status) in REFUSED {
        for (bytes, in_chunks) in [(1, false), (1, true), (100_000, false), (100_000, true)] {
            let (length, body) = framed(bytes, in_chunks);
            let mut wire = Wire::open(&server).await;
            // The rest of the body comes when the answer could have left already, and at once then: the
            // server waits for it for a second.
            wire.say(format!("{head}{length}")).await;
            let (first, second) = body.split_at(body.len() / 2);
            wire.say(first).await;
            its_turn().await;
            wire.say(second).await;
            let response = wire.response().await;
            assert_eq!(response.head.status, status, "{head}{length}");
            assert_eq!(response.head.field("connection"), None, "{head}{length}");
            assert!(response.problem()["detail"].is_string());
            wire.say(PUBLISH).await;
            assert_eq!(wire.response().await.head.status, 200, "after {head}{length}");
        }
    }
    assert_eq!(server.figure("fanfare_subscribers").await, 0.0);
}

#[tokio::test]
async fn after_an_error_to_a_large_body_the_client_is_told_that_the_connection_closes() {
    let server = TestServer::start().await;
    for (head, status) in REFUSED {
        for in_chunks in [false, true] {
            let (length, body) = framed(3 << 20, in_chunks);
            let mut wire = Wire::open(&server).await;
            wire.say(format!("{head}{length}")).await;
            // All of it is taken from a client that sends before it reads.
            wire.say(&body).await;
            let response = wire.response().await;
            assert_eq!(response.head.status, status, "{head}{length}");
            assert_eq!(response.head.field("connection"), Some("close"), "{head}{length}");
            wire.assert_closed().await;
        }
    }
}

#[tokio::test]
async fn a_body_that_stops_is_not_waited_for() {
    let server = TestServer::start().await;
    let mut wire = Wire::open(&server).await;
    wire.say("POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf").await;
    let response = wire.response().await;
    assert_eq!((response.head.status, response.head.field("connection")), (404, Some("close")));
    wire.assert_closed().await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_its_body_is_refused_without_it() {
    let server = TestServer::start().await;
    for (head, status) in REFUSED {
        let mut wire = Wire::open(&server).await;
        wire.say(format!("{head}expect: 100-continue\r\ncontent-length: 10\r\n\r\n")).await;
        // No `100 Continue` before it.
        let response = wire.response().await;
        assert_eq!(response.head.status, status, "{head}");
        assert_eq!(response.head.field("connection"), Some("close"), "{head}");
        wire.assert_closed().await;
    }
    let mut wire = Wire::open(&server).await;
    let head = "POST /events/t HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n";
    wire.say(format!("{head}content-length: 4\r\n\r\n")).await;
    assert_eq!(wire.head().await.status, 100);
    wire.say("good").await;
    assert_eq!(wire.response().await.head.status, 200);
    wire.say(PUBLISH).await;
    assert_eq!(wire.response().await.head.status, 200);
}

#[tokio::test]
async fn an_event_that_is_too_large_or_no_text_leaves_the_connection_usable_too() {
    let flags = ["--event-data-max", "100KiB", "--body-max", "200KiB"];
    let server = TestServer::start_with(&flags).await;
    let cases = [
        (framed(150 << 10, false), 413, None),
        (framed(250 << 10, false), 413, None),
        (framed(250 << 10, true), 413, None),
        (framed(2 << 20, true), 413, Some("close")),
    ];
    for ((length, body), status, connection) in cases {
        let mut wire = Wire::open(&server).await;
        wire.say(format!("POST /events/t HTTP/1.1\r\nhost: localhost\r\n{length}")).await;
        wire.say(&body).await;
        let response = wire.response().await;
        assert_eq!(response.head.status, status, "{length}");
        assert_eq!(response.head.field("connection"), connection, "{length}");
        if connection.is_none() {
            wire.say(PUBLISH).await;
            assert_eq!(wire.response().await.head.status, 200, "{length}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_refused_leaves_the_connection_usable() {
    let server = TestServer::start().await;
    let mut wire = Wire::open(&server).await;
    for _ in 0..3 {
        wire.say(
            "GET /.well-known/mercure HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody",
        )
        .await;
        assert_eq!(wire.response().await.head.status, 400);
    }
    wire.say(PUBLISH).await;
    assert_eq!(wire.response().await.head.status, 200);
}

/// Its answer has begun when the fault is found, so that nothing but a rest that is read keeps the
/// connection usable.
#[tokio::test]
async fn after_lines_that_are_refused_in_the_middle_the_rest_of_a_small_body_is_read() {
    let server = TestServer::start().await;
    for (bytes, in_chunks) in [(20, false), (20, true), (100_000, false), (100_000, true)] {
        let (length, body) = framed(bytes, in_chunks);
        let mut wire = Wire::open(&server).await;
        wire.say(format!(
            "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
             content-encoding: gzip\r\n{length}"
        ))
        .await;
        let (first, second) = body.split_at(body.len() - 3);
        wire.say(first).await;
        let response = wire.chunked_response().await.body;
        assert!(response.contains("\"status\":400") && response.contains("gzip"), "{response}");
        wire.say(second).await;
        wire.say(PUBLISH).await;
        assert_eq!(wire.response().await.head.status, 200, "{bytes} bytes, in chunks: {in_chunks}");
    }
}

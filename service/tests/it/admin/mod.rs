//! The admin listener answers a probe, whoever else is connected and whatever they do.

/// Who may do what, and hostile requests.
mod access;
/// What the console of the public listener may read.
mod console;
/// Changing the log level, on the real program.
mod log_level;
/// The metrics as OpenMetrics.
mod open_metrics;
/// How the server is, and the document that describes it.
mod status;
/// The open streams, and the end of one.
mod streams;
/// The topics, and the newest events of one.
mod topics;

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{PATIENCE, TestServer, Wire};

const METRICS: &str = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Asks as a probe does, on a connection of its own.
async fn assert_alive(server: &TestServer, meanwhile: &str) {
    let probe = async {
        let mut wire = Wire::open_at(server.admin).await;
        wire.say("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        let response = wire.response().await;
        assert_eq!((response.head.status, response.body.as_str()), (200, "alive\n"), "{meanwhile}");
    };
    // Sooner than any deadline of the others: those are not what it waits for.
    let responded = timeout(Duration::from_secs(8), probe).await;
    responded.unwrap_or_else(|_| panic!("no answer while {meanwhile}"));
}

#[tokio::test]
async fn a_probe_is_answered_while_others_hold_all_places() {
    let ten = METRICS.repeat(10);
    let cases = [
        ("they never read", ten.as_str()),
        ("they say nothing", ""),
        ("they stop in the head", "GET /metr"),
        ("they speak HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (
            "they never send their body",
            "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n",
        ),
        ("they asked once", METRICS),
    ];
    for (meanwhile, bytes) in cases {
        let server = TestServer::start().await;
        let mut others = Vec::new();
        for count in [64, 136] {
            for _ in 0..count {
                let mut wire = Wire::open_at_with_window(server.admin, 4 << 10).await;
                wire.say(bytes).await;
                others.push(wire);
            }
            for _ in 0..5 {
                assert_alive(&server, meanwhile).await;
            }
        }
        drop(others);
    }
}

#[tokio::test]
async fn a_probe_is_answered_while_others_send_their_head_byte_by_byte() {
    let server = TestServer::start().await;
    let mut others = Vec::new();
    for _ in 0..80 {
        others.push(Wire::open_at(server.admin).await);
    }
    for byte in METRICS.as_bytes() {
        for wire in &mut others {
            // Some have made room.
            let _ = wire.try_say([*byte]).await;
        }
        assert_alive(&server, "heads come slowly").await;
    }
}

#[tokio::test]
async fn requests_that_follow_each_other_are_answered_in_order_on_one_connection() {
    let server = TestServer::start().await;
    let mut wire = Wire::open_at(server.admin).await;
    let requests = [
        ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", 200, "alive\n"),
        ("GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n", 404, "there is nothing here; try /,"),
        ("DELETE /healthz HTTP/1.1\r\nhost: a\r\n\r\n", 405, "this has GET, HEAD alone"),
        ("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n", 200, "ready\n"),
    ];
    wire.say(requests.map(|(request, _, _)| request).concat()).await;
    for (request, status, body) in requests {
        let response = wire.response().await;
        assert_eq!(response.head.status, status, "{request}");
        assert!(response.body.contains(body), "{request}: {}", response.body);
        assert_eq!(response.head.field("connection"), None, "{request}");
    }
    wire.say("HEAD /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("6")));
    wire.say("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.response().await.body, "alive\n");
    wire.assert_closed().await;
}

#[tokio::test]
async fn a_request_with_a_body_is_answered_and_is_the_last() {
    let server = TestServer::start().await;
    for body in ["content-length: 5\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n5\r\nhel"] {
        for method in ["GET", "POST"] {
            let mut wire = Wire::open_at(server.admin).await;
            wire.say(format!("{method} /healthz HTTP/1.1\r\nhost: a\r\n{body}")).await;
            let response = wire.response().await;
            assert_eq!(response.head.status, if method == "GET" { 200 } else { 405 }, "{body}");
            assert_eq!(response.head.field("connection"), Some("close"), "{method} {body}");
            wire.assert_closed().await;
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_a_connection_makes_so_many_requests() {
    let server = TestServer::start().await;
    let mut wire = Wire::open_at(server.admin).await;
    let large = "x".repeat(20 << 10);
    wire.say(format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {large}\r\n\r\n")).await;
    assert_eq!(wire.head().await.status, 431);

    let mut wire = Wire::open_at(server.admin).await;
    let mut responses = 0;
    loop {
        wire.say("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
        responses += 1;
        if timeout(PATIENCE, wire.response()).await.unwrap().head.field("connection").is_some() {
            break;
        }
    }
    assert_eq!(responses, 100);
    wire.assert_closed().await;
}

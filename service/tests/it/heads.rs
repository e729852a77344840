//! The head of a request: which host it is for, how large it may be, and that every answer explains
//! itself, on both protocols.

use crate::support::{Http2, RawResponse, TestServer, Wire, stream_request};

/// Sends it on a connection of its own.
async fn ask(server: &TestServer, bytes: impl AsRef<[u8]>) -> RawResponse {
    let mut wire = Wire::open(server).await;
    wire.say(bytes).await;
    wire.response().await
}

/// An answer that a client can do something with.
fn assert_explains(response: &RawResponse, status: u16, slug: &str, case: &str) {
    assert_eq!(response.head.status, status, "{case}: {}", response.body);
    let problem = response.problem();
    assert_eq!(problem["type"], format!("urn:fanfare:problem:{slug}"), "{case}");
    assert_eq!(problem["status"], status, "{case}");
    assert!(problem["detail"].as_str().unwrap().contains("; "), "what to do: {problem}");
    let date = response.head.field("date").unwrap_or_else(|| panic!("{case}: no date"));
    assert!(httpdate::parse_http_date(date).is_ok(), "{case}: {date}");
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let server = TestServer::start().await;
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad-host"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400, "bad-host"),
        ("GET / HTTP/1.0\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400, "bad-host"),
        ("GET / HTTP/1.1\r\nhost: local host\r\n\r\n", 400, "bad-host"),
        ("GET / HTTP/1.1\r\nhost: localhost@evil.example\r\n\r\n", 400, "bad-host"),
        ("GET http://localhost/ HTTP/1.1\r\n\r\n", 400, "bad-host"),
        ("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n", 421, "host"),
        // The host of the target counts.
        ("GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n", 421, "host"),
        (
            "POST http://evil.example/events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx",
            421,
            "host",
        ),
    ];
    for (request, status, slug) in cases {
        assert_explains(&ask(&server, request).await, status, slug, request);
    }
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET http://localhost/ HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        "GET http://127.0.0.1:1/demo/clock HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ] {
        assert_eq!(ask(&server, request).await.head.status, 200, "{request}");
    }
    // Where every host is served, that much is asked for nevertheless.
    let open = TestServer::start_with(&["--open"]).await;
    for (request, status, slug) in &cases[..6] {
        assert_explains(&ask(&open, request).await, *status, slug, request);
    }
}

#[tokio::test]
async fn a_head_has_a_hundred_fields_at_most_on_both_protocols() {
    let server = TestServer::start().await;
    let http2 = Http2::open(&server).await;
    for (count, status) in [(100, 200), (101, 431), (150, 431), (600, 431), (3_000, 431)] {
        let others = "a: b\r\n".repeat(count - 1);
        let response =
            ask(&server, format!("GET / HTTP/1.1\r\nhost: localhost\r\n{others}\r\n")).await;
        let over_http2 = http2.get("/", &vec![("a", "b"); count]).await;
        assert_eq!((response.head.status, over_http2.0), (status, status), "{count}");
        // More than so many bytes is another problem, whatever they are.
        if status == 431 && count < 3_000 {
            assert_explains(&response, 431, "too-many-fields", &count.to_string());
            assert_eq!(over_http2.1, response.body, "{count}");
        }
    }
}

#[tokio::test]
async fn what_is_too_long_is_told_by_its_part_however_long_it_is() {
    let server = TestServer::start().await;
    for bytes in [17 << 10, 33 << 10, 70 << 10, 200 << 10] {
        let long = "x".repeat(bytes);
        let target = format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_explains(&ask(&server, target).await, 414, "target-too-long", &bytes.to_string());
        let field = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n");
        assert_explains(&ask(&server, field).await, 431, "head-too-large", &bytes.to_string());
    }
    // An empty line before it changes nothing.
    let target = format!("\r\n\r\nGET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(40_000));
    assert_explains(&ask(&server, target).await, 414, "target-too-long", "after empty lines");
}

#[tokio::test]
async fn what_is_no_request_is_told_so_also_behind_requests_that_are() {
    let server = TestServer::start().await;
    let cases = [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\n\0: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    ];
    for case in cases {
        let mut wire = Wire::open(&server).await;
        wire.say(case).await;
        let response = wire.response().await;
        assert_explains(&response, 400, "unreadable", case);
        assert_eq!(response.head.field("connection"), Some("close"), "{case}");
        wire.assert_closed().await;

        let mut wire = Wire::open(&server).await;
        let good = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let publish = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
        wire.say(format!("{good}{publish}{case}")).await;
        for _ in 0..2 {
            assert_eq!(wire.response().await.head.status, 200, "{case}");
        }
        assert_explains(&wire.response().await, 400, "unreadable", case);
        wire.assert_closed().await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_a_connection_has_a_date() {
    let server = TestServer::start_with(&["--headers-timeout", "200ms"]).await;
    let response = ask(&server, "GET / HTTP/1.1\r\n").await;
    assert_explains(&response, 408, "timeout", "a slow head");
    let pipelined = stream_request("/events/t") + "x";
    assert_explains(&ask(&server, pipelined).await, 400, "pipelined", "bytes behind a stream");
}

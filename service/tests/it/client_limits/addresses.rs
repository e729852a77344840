use tokio::time::timeout;

use super::*;
use crate::support::PATIENCE;

const ONE_STREAM: [&str; 2] = ["--streams-per-address", "1"];
const STREAM_CLIENTS: &str = "fanfare_stream_clients{client=\"address\"}";
const REJECTED: &str = "fanfare_subscribe_rejected_total{reason=\"address_limit\"}";

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let server = start(&[&PROXY, &ONE_STREAM]).await;
    let stream = |client: &str| for_client(server.get("/events/t"), client);
    let mut streams = Vec::new();
    for client in 1..=30 {
        streams.push(open(stream(&format!("192.0.2.{client}"))).await);
    }
    streams.push(open(stream("2001:db8:1:2::1")).await);
    streams.push(open(stream("2001:db8:1:3::1")).await);
    assert_eq!(server.figure(STREAM_CLIENTS).await, 32.0);
    for client in ["192.0.2.7", "::ffff:192.0.2.7", "203.0.113.1, 192.0.2.7", "2001:db8:1:2::ffff"]
    {
        let (detail, retry) = refusal(stream(client)).await;
        assert!(detail.contains("your address has as many streams"), "{client}: {detail}");
        assert!((1..=5).contains(&retry), "{client}: {retry}");
    }
    assert_eq!(server.figure(REJECTED).await, 4.0);
    drop(streams);
    eventually("all have left", async || server.figure(STREAM_CLIENTS).await == 0.0).await;
    open(stream("192.0.2.7")).await;
}

#[tokio::test]
async fn a_forged_header_of_somebody_else_changes_nothing() {
    for flags in [&[][..], &["--trusted-proxy", "10.0.0.0/8,unix"]] {
        let server = start(&[&ONE_STREAM, flags]).await;
        let _stream = open(for_client(server.get("/events/t"), "192.0.2.1")).await;
        for name in ["x-forwarded-for", "forwarded"] {
            let value = if name == "forwarded" { "for=192.0.2.2" } else { "192.0.2.2" };
            refusal(server.get("/events/t").header(name, value)).await;
        }
        assert_eq!(server.figure(STREAM_CLIENTS).await, 1.0, "{flags:?}");
    }
}

#[tokio::test]
async fn a_page_that_wants_a_stream_is_told_to_come_back() {
    let server = start(&[&ONE_STREAM, &["--retry", "1500ms..1500ms"]]).await;
    let _stream = open(server.get("/events/t")).await;
    let response = open(server.get("/events/t").header("accept", "text/event-stream")).await;
    assert_eq!(response.text().await.unwrap(), "retry: 1500\n\n");
    assert_eq!(server.figure(REJECTED).await, 1.0);
}

#[tokio::test]
async fn streams_of_one_http2_connection_count_each() {
    let server = start(&[&["--streams-per-address", "2"]]).await;
    let connection = Http2::open(&server).await;
    let first = connection.stream("/events/t").await;
    let _second = connection.stream("/events/t").await;
    // A stream that is opened after all has no end.
    let third = timeout(PATIENCE, connection.get("/events/t", &[])).await;
    assert_eq!(third.expect("an answer that ends").0, 429);
    let elsewhere = Http2::open(&server).await;
    assert_eq!(elsewhere.get("/events/t", &[]).await.0, 429);
    assert_eq!(elsewhere.get("/", &[]).await.0, 200, "other requests are no streams");
    first.reset();
    eventually("its place is free", async || {
        server.get("/events/t").send().await.unwrap().status() == 200
    })
    .await;
}

#[tokio::test]
async fn the_place_of_a_stream_is_free_when_its_client_has_the_end() {
    let server = start(&[&ONE_STREAM]).await;
    let connection = Http2::open(&server).await;
    server.publish("t", "one").await;
    for round in 0..20 {
        let response = server.get("/events/t?poll").send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        assert_eq!(status, 200, "HTTP/1.1, {round}: {text}");
        let (status, text) = connection.get("/events/t?poll", &[]).await;
        assert_eq!(status, 200, "HTTP/2, {round}: {text}");
    }
    assert_eq!(server.figure(STREAM_CLIENTS).await, 0.0);
}

#[tokio::test]
async fn the_place_of_a_stream_is_free_when_its_client_is_told_to_come_back() {
    let server = start(&[&ONE_STREAM, &["--age-max", "100ms"]]).await;
    let connection = Http2::open(&server).await;
    for round in 0..5 {
        let (status, text) = connection.get("/events/t", &[]).await;
        assert_eq!(status, 200, "HTTP/2, {round}: {text}");
        assert!(text.contains("retry: "), "HTTP/2, {round}: {text}");
        let response = server.get("/events/t").send().await.unwrap();
        assert_eq!(response.status(), 200, "HTTP/1.1, {round}");
        let text = response.text().await.unwrap();
        assert!(text.contains("retry: "), "HTTP/1.1, {round}: {text}");
    }
}

#[tokio::test]
async fn the_connections_of_a_proxy_are_not_those_of_one_client() {
    let server = start(&[&PROXY, &["--connections-per-address", "2"]]).await;
    let stream = |client: &str| for_client(server.get("/events/t"), client);
    let mut streams = Vec::new();
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.4"] {
        streams.push(open(stream(client)).await);
    }
    let (detail, _) = refusal(stream("192.0.2.4")).await;
    assert!(detail.contains("as many requests as one may have"), "{detail}");
    refusal(for_client(server.get("/"), "192.0.2.4")).await;
    open(for_client(server.get("/"), "192.0.2.3")).await;
    assert_eq!(server.figure("fanfare_proxied_clients").await, 4.0);
    let refused = "fanfare_connections_rejected_total{reason=\"address_limit\"}";
    assert_eq!(server.figure(refused).await, 0.0);
}

#[tokio::test]
async fn a_request_of_many_events_counts_until_it_ends() {
    let server = start(&[&PROXY, &["--connections-per-address", "1"]]).await;
    let mut batch = Wire::open(&server).await;
    batch
        .say(
            "POST /events HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 192.0.2.1\r\n\
             content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n\
             19\r\n{\"topic\":\"t\",\"data\":\"x\"}\n\r\n",
        )
        .await;
    assert_eq!(batch.head().await.status, 200);
    let (detail, _) = refusal(for_client(server.get("/"), "192.0.2.1")).await;
    assert!(detail.contains("as many requests as one may have"), "{detail}");
    open(for_client(server.get("/"), "192.0.2.2")).await;
    batch.reset();
    eventually("it has ended", async || {
        for_client(server.get("/"), "192.0.2.1").send().await.unwrap().status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_by_which_scheme_a_page_called() {
    let server = start(&[&PROXY, &["--host", "push.example", "--jwt-secret", SECRET]]).await;
    let cookie = format!("mercureAuthorization={}", token(&json!({ "publish": ["*"] }), &[]));
    let publish = |origin: &str, lines: &[(&str, &str)]| {
        let request = server.post("/events/t").header("host", "push.example").body("x");
        let request = request.header("cookie", &cookie).header("origin", origin);
        lines.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let https: [&[(&str, &str)]; 2] = [
        &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")],
        &[("forwarded", "for=192.0.2.1;proto=https")],
    ];
    for lines in https {
        for (origin, status) in [("https://push.example", 200), ("http://push.example", 403)] {
            let response = publish(origin, lines).send().await.unwrap();
            assert_eq!(response.status(), status, "{origin} {lines:?}");
        }
    }
    for origin in ["https://push.example", "http://push.example"] {
        assert_eq!(publish(origin, &[]).send().await.unwrap().status(), 200, "{origin}");
    }
}

#[tokio::test]
async fn a_request_that_names_no_host_is_for_none_of_those_that_are_served() {
    let cases = [(&["--host", "push.example"][..], 400), (&[], 200)];
    for (flags, status) in cases {
        let server = start(&[flags]).await;
        let mut wire = Wire::open(&server).await;
        wire.say("GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(wire.head().await.status, status, "{flags:?}");
    }
}

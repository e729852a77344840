//! Streams: what they begin with, what their selectors match, and what breaks their silence.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{EventStream, RawStream, TestServer};

const HUB: &str = "/.well-known/mercure";

#[tokio::test]
async fn a_stream_opens_at_once_with_headers_that_no_proxy_buffers() {
    let server = TestServer::start().await;
    let mut stream = RawStream::open(&server, "/events/quiet").await;
    assert_eq!(stream.head.field("content-type"), Some("text/event-stream"));
    assert_eq!(stream.head.field("cache-control"), Some("no-store"));
    assert_eq!(stream.head.field("x-accel-buffering"), Some("no"));
    assert_eq!(stream.head.field("last-event-id"), None);
    let place = stream.place().await;
    assert!(place.starts_with("e:") && place.len() == 23, "{place}");
}

#[tokio::test]
async fn selectors_are_exact_topics_templates_or_everything() {
    let server = TestServer::start().await;
    let cases = [
        ("topic=orders%2F1", vec!["1"]),
        ("topic=orders%2F%7Bid%7D", vec!["1", "2"]),
        ("topic=orders%2F1&topic=other", vec!["1", "3"]),
        ("topic=other&topic=orders%2F%7Bid%7D", vec!["1", "2", "3"]),
        ("topic=orders%2F%7Bid", vec!["5"]),
        ("topic=*", vec!["1", "2", "3", "4", "5"]),
    ];
    let mut streams = Vec::new();
    for (query, expected) in &cases {
        streams.push((EventStream::open(server.get(&format!("{HUB}?{query}"))).await, expected));
    }
    for (topic, data) in [
        ("orders/1", "1"),
        ("orders/2", "2"),
        ("other", "3"),
        ("orders/1/x", "4"),
        ("orders/{id", "5"),
    ] {
        server.publish_form(&[("topic", topic), ("data", data)]).await;
    }
    let all = ["orders/1", "other", "orders/{id"].map(|topic| ("topic", topic));
    server.publish_form(&[&all[..], &[("data", "end")]].concat()).await;
    for (mut stream, expected) in streams {
        let mut filter = expected.clone();
        filter.push("end");
        assert_eq!(stream.data(filter.len()).await, filter);
    }
}

#[tokio::test]
async fn a_star_is_no_topic_of_its_own_and_no_stream_says_that_it_has_it() {
    let server = TestServer::start_with(&["--subscriptions"]).await;
    for path in ["/events/*", "/events/%2A", "/events/%2a?lastEventID=earliest"] {
        assert_eq!(server.client.head(server.url(path)).send().await.unwrap().status(), 400);
        assert_eq!(server.post(path).body("x").send().await.unwrap().status(), 400, "{path}");
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(problem["type"], "urn:fanfare:problem:topic");
        assert!(problem["detail"].as_str().unwrap().contains("`*` as a selector"), "{problem}");
    }
    // What only looks like it has events like any other.
    for topic in ["**", "*/a", "%20*"] {
        let mut stream = EventStream::open(server.get(&format!("/events/{topic}"))).await;
        server.publish(topic, "x").await;
        assert_eq!(stream.data(1).await, ["x"], "{topic}");
    }
    let listed = server.get(&format!("{HUB}/subscriptions/exact/*")).send().await.unwrap();
    assert!(listed.text().await.unwrap().contains("\"subscriptions\":[]"));
}

#[tokio::test]
async fn a_subscription_that_cannot_be_read_gets_a_problem() {
    let server = TestServer::start().await;
    let many = format!("{HUB}?{}", "topic=a&".repeat(1_001));
    let long = format!("{HUB}?topic={}", "a".repeat(4_097));
    let cases = [
        (HUB, 400, "selector"),
        (&format!("{HUB}?other=1"), 400, "selector"),
        (&format!("{HUB}?topic="), 400, "selector"),
        (&format!("{HUB}?topic=%7Bx:9999%7D"), 400, "too complex"),
        (&format!("{HUB}?topic=%0A"), 400, "control character"),
        (&many, 400, "1000"),
        (&long, 400, "4096"),
        ("/events/%00", 400, "control character"),
        ("/nowhere", 404, "nothing is served at this path"),
    ];
    for (path, status, detail) in cases {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
}

#[tokio::test]
async fn a_path_takes_its_own_methods_and_names_them() {
    let server = TestServer::start().await;
    let cases = [
        (Method::PUT, "/events/t", "GET, HEAD, POST, OPTIONS"),
        (Method::DELETE, HUB, "GET, HEAD, QUERY, POST, OPTIONS"),
        (Method::GET, "/events", "POST, OPTIONS"),
        (Method::POST, "/", "GET, HEAD, OPTIONS"),
        (Method::POST, "/stream-time", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allow) in cases {
        let response = server.client.request(method, server.url(path)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &allow.parse().unwrap()),
            "{path}"
        );
    }
    for path in ["/events/t", "/stream-time", "/stream-training", "/", "/demo/clock"] {
        let response = server.client.head(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.text().await.unwrap(), "", "{path}");
    }
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 0.0);
}

#[tokio::test]
async fn the_server_as_a_whole_can_be_asked_for_its_methods() {
    let server = TestServer::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
    assert!(response.contains("allow: GET, HEAD, QUERY, POST, OPTIONS"), "{response}");
}

#[tokio::test]
async fn a_training_run_above_the_limit_is_rejected_with_a_retry() {
    let server = TestServer::start().await;
    let mut runs = Vec::new();
    for _ in 0..fanfare::demo::TRAINING_RUNS_MAX {
        runs.push(EventStream::open(server.get("/stream-training")).await);
    }
    assert_eq!(server.get("/stream-training").send().await.unwrap().status(), 429);
    let rejected = server.get("/stream-training").header("accept", "text/event-stream");
    let text = rejected.send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("retry: "), "{text}");
}

/// Neither by a stream of everything, nor by templates or the replay of all that is retained.
#[tokio::test]
async fn a_training_run_is_seen_by_its_own_stream_alone() {
    let server = TestServer::start().await;
    let queries = ["topic=*", "topic=demo%2Ftraining%2F%7Bid%7D&topic=end", "topic=%7B%2Bx%7D"];
    let mut others = Vec::new();
    for query in queries {
        others.push(EventStream::open(server.get(&format!("{HUB}?{query}"))).await);
    }
    let mut run = EventStream::open(server.get("/stream-training")).await;
    for _ in 0..3 {
        assert_eq!(run.next().await.unwrap().event.as_deref(), Some("progress"));
    }
    server.publish("end", "end").await;
    for query in queries {
        let replay = format!("{HUB}?{query}&lastEventID=earliest");
        others.push(EventStream::open(server.get(&replay)).await);
    }
    for mut stream in others {
        loop {
            let event = stream.next().await.unwrap();
            assert_ne!(event.event.as_deref(), Some("progress"), "{event:?}");
            if event.data == "end" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_origins_that_are_allowed() {
    let server = TestServer::start_with(&["--cors-origin", "https://app.example"]).await;
    for (origin, allowed) in [
        ("https://app.example", true),
        ("http://localhost:1234", true),
        ("https://other.example", false),
    ] {
        let request = server.client.request(Method::OPTIONS, server.url("/events/t"));
        let response = request.header("origin", origin).send().await.unwrap();
        assert_eq!(response.status(), 204, "{origin}");
        let granted = response.headers().get("access-control-allow-headers");
        assert_eq!(
            granted.is_some_and(|names| names.to_str().unwrap().contains("Last-Event-ID")),
            allowed,
            "{origin}"
        );
        assert_eq!(response.headers()["vary"], "Origin");
    }
}

#[tokio::test]
async fn silence_is_broken_by_comments_and_by_places_that_are_new_to_the_client() {
    let server = TestServer::start_with(&["--heartbeat", "200ms"]).await;
    let mut stream = RawStream::open(&server, "/events/quiet").await;
    let place = stream.place().await;
    for _ in 0..2 {
        stream.expect(":\n").await;
    }
    let elsewhere = server.publish("another", "x").await;
    let mut renewed = stream.frame().await.expect("a place");
    // Comments that were on their way already.
    while let Some(rest) = renewed.strip_prefix(":\n") {
        renewed = rest.to_owned();
    }
    assert_eq!(renewed, format!("id: {elsewhere}\n\n"));
    assert_ne!(place, elsewhere);
    stream.expect(":\n:\n").await;
}

#[tokio::test]
async fn a_stream_that_is_old_enough_ends_with_a_time_to_come_back() {
    let flags = ["--age-max", "300ms", "--retry", "1234ms..1234ms"];
    let server = TestServer::start_with(&flags).await;
    let mut stream = RawStream::open(&server, "/events/t").await;
    stream.place().await;
    let rest = stream.rest().await;
    assert_eq!((rest.text.as_str(), rest.whole), ("retry: 1234\n\n", true));
    assert_eq!(server.figure("fanfare_streams_closed_total{reason=\"max_age\"}").await, 1.0);
}

//! Streams: what they begin with, what their selectors match, and where they resume.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{EventStream, TestServer};

const HUB: &str = "/.well-known/mercure";

#[tokio::test]
async fn a_stream_opens_at_once_with_headers_that_no_proxy_buffers() {
    let server = TestServer::start().await;
    let mut answer = server.get("/events/quiet").send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-accel-buffering"), "no");
    assert!(answer.headers().get("last-event-id").is_none());
    assert_eq!(answer.chunk().await.unwrap().unwrap(), ":\n");
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
        let mut wanted = expected.clone();
        wanted.push("end");
        assert_eq!(stream.data(wanted.len()).await, wanted);
    }
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
        ("/nowhere", 404, "nothing at this path"),
    ];
    for (path, status, detail) in cases {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
}

#[tokio::test]
async fn a_path_takes_its_own_methods_and_names_them() {
    let server = TestServer::start().await;
    let cases = [
        (Method::PUT, "/events/t", "GET, HEAD, POST, OPTIONS"),
        (Method::DELETE, HUB, "GET, HEAD, POST, OPTIONS"),
        (Method::GET, "/events", "POST, OPTIONS"),
        (Method::POST, "/", "GET, HEAD, OPTIONS"),
        (Method::POST, "/stream-time", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allow) in cases {
        let answer = server.client.request(method, server.url(path)).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &allow.parse().unwrap()),
            "{path}"
        );
    }
    for path in ["/events/t", "/stream-time", "/stream-training", "/", "/demo/clock"] {
        let answer = server.client.head(server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.text().await.unwrap(), "", "{path}");
    }
    assert_eq!(server.figure("fanfare_subscribed_total").await, 0.0);
}

#[tokio::test]
async fn the_server_as_a_whole_can_be_asked_for_its_methods() {
    let server = TestServer::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(answer.contains("allow: GET, HEAD, POST, OPTIONS"), "{answer}");
}

#[tokio::test]
async fn as_many_training_runs_as_may_be_and_then_a_gentle_refusal() {
    let server = TestServer::start().await;
    let mut runs = Vec::new();
    for _ in 0..fanfare::demo::TRAINING_RUNS_MAX {
        runs.push(EventStream::open(server.get("/stream-training")).await);
    }
    assert_eq!(server.get("/stream-training").send().await.unwrap().status(), 429);
    let gentle = server.get("/stream-training").header("accept", "text/event-stream");
    let text = gentle.send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("retry: "), "{text}");
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
        let answer = request.header("origin", origin).send().await.unwrap();
        assert_eq!(answer.status(), 204, "{origin}");
        let granted = answer.headers().get("access-control-allow-headers");
        assert_eq!(
            granted.is_some_and(|names| names.to_str().unwrap().contains("Last-Event-ID")),
            allowed,
            "{origin}"
        );
        assert_eq!(answer.headers()["vary"], "Origin");
    }
}

#[tokio::test]
async fn a_stream_resumes_after_the_event_that_it_names() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for data in ["1", "2", "3"] {
        ids.push(server.publish("t", data).await);
        server.publish("another", "not for this one").await;
    }
    let custom = server.publish_form(&[("topic", "t"), ("data", "4"), ("id", "custom")]).await;
    let query = |name: &str, id: &str| format!("/events/t?{name}={}", id.replace('#', "%23"));
    let cases = [
        (query("lastEventID", &ids[0]), None, vec!["2", "3", "4"], ids[0].as_str()),
        (query("last_event_id", &ids[1]), None, vec!["3", "4"], &ids[1]),
        (query("Last-Event-ID", &ids[2]), None, vec!["4"], &ids[2]),
        (query("lastEventID", "earliest"), None, vec!["1", "2", "3", "4"], "earliest"),
        (query("lastEventID", &ids[0]), Some(ids[2].as_str()), vec!["4"], &ids[2]),
        ("/events/t".to_owned(), Some(&custom), vec![], &custom),
    ];
    let mut streams = Vec::new();
    for (path, header, expected, after) in cases {
        let mut request = server.get(&path);
        if let Some(id) = header {
            request = request.header("Last-Event-ID", id);
        }
        let stream = EventStream::open(request).await;
        assert_eq!(stream.resumed_after.as_deref(), Some(after), "{path}");
        streams.push((stream, expected));
    }
    server.publish("t", "live").await;
    for (mut stream, mut expected) in streams {
        expected.push("live");
        assert_eq!(stream.data(expected.len()).await, expected);
    }
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_what_is_missing() {
    let server = TestServer::start_with(&["--log-events", "3"]).await;
    let mut ids = Vec::new();
    for data in ["1", "2", "3", "4", "5"] {
        ids.push(server.publish("t", data).await);
    }
    let cases = [
        // Event 2 is gone too, but it was seen, so nothing is missing.
        ("?topic=t", ids[1].as_str(), None, ids[1].as_str()),
        ("?topic=*", ids[0].as_str(), Some(Value::from(1)), "earliest"),
        ("?topic=t", ids[0].as_str(), Some(Value::Null), "earliest"),
        ("?topic=t", "never-heard-of", Some(Value::Null), "earliest"),
        (
            "?topic=t",
            "urn:uuid:018f0000-0000-7001-8000-000000000005",
            Some(Value::Null),
            "earliest",
        ),
    ];
    for (query, id, missed, after) in cases {
        let request = server.get(&format!("{HUB}{query}")).header("Last-Event-ID", id);
        let mut stream = EventStream::open(request).await;
        assert_eq!(stream.resumed_after.as_deref(), Some(after), "{query} {id}");
        if let Some(missed) = missed {
            let gap = stream.next().await.unwrap();
            assert_eq!((gap.event.as_deref(), gap.id), (Some("fanfare-gap"), None));
            let told: Value = serde_json::from_str(&gap.data).unwrap();
            assert_eq!(
                (&told["missed"], &told["after"], &told["before"]),
                (&missed, &Value::from(id), &Value::from(ids[2].as_str()))
            );
        }
        assert_eq!(stream.data(3).await, ["3", "4", "5"], "{query} {id}");
    }
}

#[tokio::test]
async fn silence_is_broken_by_comments() {
    let server = TestServer::start_with(&["--heartbeat", "200ms"]).await;
    let mut answer = server.get("/events/quiet").send().await.unwrap();
    for _ in 0..3 {
        assert_eq!(answer.chunk().await.unwrap().unwrap(), ":\n");
    }
}

#[tokio::test]
async fn a_stream_that_is_old_enough_ends_with_a_time_to_come_back() {
    let flags = ["--age-max", "300ms", "--retry", "1234ms..1234ms"];
    let server = TestServer::start_with(&flags).await;
    let text = server.get("/events/t").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, ":\nretry: 1234\n\n");
    assert_eq!(server.figure("fanfare_disconnects_total{reason=\"max_age\"}").await, 1.0);
}

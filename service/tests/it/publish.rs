//! Events go in by form, raw body and NDJSON, and bad ones get a clear answer.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::{EventStream, TestServer, form};

#[tokio::test]
async fn an_event_published_with_one_post_reaches_its_subscriber() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/hello")).await;
    let id = server.publish("hello", "Hello, world").await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.data, "Hello, world");
    assert_eq!(event.id, Some(id));
    assert_eq!(event.event, None);
}

#[tokio::test]
async fn a_form_may_set_every_field_of_an_event() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/.well-known/mercure?topic=second")).await;
    let fields = [
        ("topic", "first"),
        ("topic", "second"),
        ("data", "one\ntwo"),
        ("type", "news"),
        ("id", "my-id"),
        ("retry", "2500"),
        ("private", "on"),
        ("unknown", "left alone"),
    ];
    assert_eq!(server.publish_form(&fields).await, "my-id");
    let event = stream.next().await.unwrap();
    assert_eq!(event.data, "one\ntwo");
    assert_eq!(event.event.as_deref(), Some("news"));
    assert_eq!(event.id.as_deref(), Some("my-id"));
    assert_eq!(event.retry, Some(2_500));
}

#[tokio::test]
async fn a_raw_body_takes_the_other_fields_from_the_query_and_the_topic_from_the_path() {
    let server = TestServer::start().await;
    let selector = "/.well-known/mercure?topic=https%3A%2F%2Fexample.com%2F%7Bid%7D";
    let mut stream = EventStream::open(server.get(selector)).await;
    let path = "/events/https:%2F%2Fexample.com/42?type=sale&id=n%C2%B01&retry=7";
    let response = server.post(path).body("{\"price\": 3}").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.text().await.unwrap(), "n°1");
    let event = stream.next().await.unwrap();
    assert_eq!(
        (event.data.as_str(), event.event.as_deref(), event.id.as_deref(), event.retry),
        ("{\"price\": 3}", Some("sale"), Some("n°1"), Some(7))
    );
}

#[tokio::test]
async fn many_events_go_in_as_lines_and_a_bad_one_does_not_stop_the_others() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/.well-known/mercure?topic=*")).await;
    let lines = [
        r#"{"topic":"a","data":"text"}"#,
        r#"{"topic":["a","b"],"data":{"any":["json",1.50]},"type":"t","id":"mine"}"#,
        "not json",
        "",
        r#"{"data":"no topic"}"#,
        r#"{"topic":"a","id":"mine"}"#,
        r#"{"topic":"c"}"#,
    ];
    let request = server.post("/events").header("content-type", "application/x-ndjson");
    let response = request.body(lines.join("\r\n")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    let responses: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shapes: Vec<Value> = responses
        .iter()
        .map(|response| match response.get("line") {
            Some(line) => line.clone(),
            None => response["id"].clone(),
        })
        .collect();
    assert_eq!(shapes[1..], [json!("mine"), json!(3), json!(5), json!(6), shapes[5].clone()]);
    assert!(shapes[0].as_str().unwrap().starts_with("e:"), "{text}");
    assert_eq!(stream.data(3).await, ["text", r#"{"any":["json",1.50]}"#, ""]);
}

#[tokio::test]
async fn bad_requests_get_a_problem_that_says_what_to_do() {
    let server = TestServer::start_with(&["--event-data-max", "1KiB", "--body-max", "2KiB"]).await;
    server.publish_form(&[("topic", "t"), ("id", "taken")]).await;
    let form_type = "application/x-www-form-urlencoded";
    let hub = "/.well-known/mercure";
    let long = "x".repeat(1_025);
    let longer = "x".repeat(2_049);
    let cases: Vec<(&str, &str, String, u16, &str)> = vec![
        (hub, form_type, "data=x".into(), 400, "at least one `topic`"),
        (hub, form_type, form(&[("topic", "a\nb")]), 400, "control character"),
        (hub, form_type, form(&[("topic", "t"), ("id", "#x")]), 400, "`#`"),
        (hub, form_type, form(&[("topic", "t"), ("id", "earliest")]), 400, "reserved"),
        (hub, form_type, form(&[("topic", "t"), ("id", "a\nid: b")]), 400, "control character"),
        (hub, form_type, form(&[("topic", "t"), ("type", "a\rdata: b")]), 400, "control character"),
        (hub, form_type, form(&[("topic", "t"), ("retry", "1s")]), 400, "ASCII digits"),
        (hub, form_type, "topic=%FF".into(), 400, "UTF-8"),
        (hub, form_type, form(&[("topic", "*")]), 400, "stands for every topic"),
        (hub, form_type, form(&[("topic", "t"), ("id", "now")]), 400, "reserved"),
        (hub, form_type, form(&[("topic", "a\u{200d}b")]), 400, "format character"),
        ("/events/t?id=taken", form_type, "other content".into(), 409, "use a new id"),
        (hub, form_type, form(&[("topic", "t"), ("data", &long)]), 413, "at most 1024"),
        (hub, form_type, form(&[("topic", "t"), ("data", &longer)]), 413, "2048 bytes"),
        ("/events/t", form_type, "\n".repeat(300), 413, "short lines"),
        (hub, "multipart/form-data; boundary=x", "--x--".into(), 415, form_type),
        (hub, "application/json", "{}".into(), 415, form_type),
        ("/events", form_type, "{}".into(), 415, "x-ndjson"),
        ("/events/", form_type, "x".into(), 400, "topic"),
        ("/events/%FF", form_type, "x".into(), 400, "UTF-8"),
        ("/events/t?retry=-1", form_type, "x".into(), 400, "ASCII digits"),
    ];
    for (path, content_type, body, status, detail) in cases {
        let request = server.post(path).header("content-type", content_type);
        let response = request.body(body).send().await.unwrap();
        let what = format!("{path} {content_type} {detail}");
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{what}");
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(problem["status"], status, "{what}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{what}: {problem}");
    }
    assert_eq!(server.figure("fanfare_events_published_total").await, 1.0);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_publish() {
    let server = TestServer::start().await;
    let post = async |origin: &'static str| {
        let request = server.post("/events/t").header("origin", origin).body("x");
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.headers().clone())
    };
    let (status, headers) = post("https://evil.example").await;
    assert_eq!((status, allowed_origin(&headers)), (403, None));
    let (status, headers) = post("http://localhost:3000").await;
    assert_eq!((status, allowed_origin(&headers)), (200, Some("http://localhost:3000")));
}

/// A page anywhere can have its own name resolve to this machine; the name gives it away.
#[tokio::test]
async fn without_open_only_calls_by_a_loopback_name_are_served() {
    let cases = [
        ("127.0.0.1:8080", true),
        ("localhost", true),
        ("app.localhost:99", true),
        ("[::1]:1", true),
        ("evil.example:8080", false),
        ("127.0.0.1.evil.example", false),
    ];
    for flags in [&[][..], &["--open"]] {
        let server = TestServer::start_with(flags).await;
        for (host, loopback) in cases {
            for path in ["/", "/events/t"] {
                let request = server.get(path).header("host", host);
                let status = request.send().await.unwrap().status();
                let served = loopback || !flags.is_empty();
                assert_eq!(status, if served { 200 } else { 421 }, "{host} {path} {flags:?}");
            }
        }
    }
}

fn allowed_origin(headers: &HeaderMap) -> Option<&str> {
    headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_confirmed_and_delivered_once() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let post = async |path: &str, body: &str| {
        let response = server.post(path).body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let path = "/events/t?id=order-1&type=order&retry=5";
    for _ in 0..3 {
        assert_eq!(post(path, "paid").await, (200, "order-1".to_owned()));
    }
    for (path, body) in [
        (path, "unpaid"),
        ("/events/t?id=order-1&type=other&retry=5", "paid"),
        ("/events/t?id=order-1&type=order", "paid"),
        ("/events/t?id=order-1&type=order&retry=5&private", "paid"),
        ("/events/u?id=order-1&type=order&retry=5", "paid"),
    ] {
        let (status, problem) = post(path, body).await;
        assert_eq!(status, 409, "{path}: {problem}");
        assert!(problem.contains("sent again at any time"), "{problem}");
    }
    server.publish("t", "next").await;
    assert_eq!(stream.data(2).await, ["paid", "next"]);
    assert_eq!(server.figure("fanfare_publish_repeats_total").await, 2.0);
    assert_eq!(server.figure("fanfare_events_published_total{source=\"raw\"}").await, 2.0);
    assert_eq!(server.figure("fanfare_publish_rejected_total{reason=\"duplicate_id\"}").await, 5.0);
}

#[tokio::test]
async fn lines_that_are_sent_again_are_confirmed_also_within_one_request() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let lines = [
        r#"{"topic":"t","data":"1","id":"a"}"#,
        r#"{"topic":"t","data":"1","id":"a"}"#,
        r#"{"topic":"t","data":"2","id":"a"}"#,
        r#"{"topic":"t","data":"3"}"#,
    ];
    let request = server.post("/events").header("content-type", "application/x-ndjson");
    let response = request.body(lines.join("\n")).send().await.unwrap().text().await.unwrap();
    let responses: Vec<Value> =
        response.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&responses[0]["id"], &responses[1]["id"]), (&"a".into(), &"a".into()));
    assert_eq!((&responses[2]["status"], &responses[2]["line"]), (&409.into(), &3.into()));
    assert_eq!(stream.data(2).await, ["1", "3"]);
}

#[tokio::test]
async fn an_id_that_came_by_a_form_is_taken_and_may_come_by_a_form_again() {
    let server = TestServer::start().await;
    let fields = [("topic", "t"), ("data", "1"), ("id", "a")];
    assert_eq!(server.publish_form(&fields).await, "a");
    assert_eq!(server.publish_form(&fields).await, "a");
    server.publish("t", "2").await;
    let repeat = server.post("/events/t?id=a").body("1").send().await.unwrap();
    assert_eq!(repeat.status(), 200);
    let other = server.post("/events/t?id=a").body("2").send().await.unwrap();
    assert_eq!(other.status(), 409);
    // Everything after the first of them comes again, the second too.
    let mut stream = EventStream::open(server.get("/events/t").header("last-event-id", "a")).await;
    assert_eq!(stream.data(2).await, ["1", "2"]);
}

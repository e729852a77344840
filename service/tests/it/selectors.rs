//! What a stream may ask for, in both dialects of the protocol, and in a body.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::{EventStream, TestServer, eventually, form};

const HUB: &str = "/.well-known/mercure";
const FORM: &str = "application/x-www-form-urlencoded";

fn query(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let method = Method::from_bytes(b"QUERY").unwrap();
    let request = server.client.request(method, server.url(path));
    request.header("content-type", FORM).body(form(fields))
}

/// The parameters of a request.
type Query<'a> = &'a [(&'a str, &'a str)];

async fn problem(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(status >= 400, "a stream was opened");
    let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, document["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn both_dialects_name_topics_and_patterns_in_their_own_way() {
    let server = TestServer::start().await;
    let cases: [(Query<'_>, &[&str]); 9] = [
        (&[("topic", "https://example.com/{id}")], &["1", "2", "template"]),
        (&[("match", "https://example.com/{id}")], &["template"]),
        (&[("match_exact", "https://example.com/1"), ("match", "other")], &["1", "other"]),
        (&[("match", "*")], &["1", "2", "deep", "template", "other", "relative"]),
        (&[("match_urlpattern", "https://example.com/:id")], &["1", "2", "template"]),
        (&[("match_urlpattern", "https://example.com/*")], &["1", "2", "deep", "template"]),
        (&[("match_urlpattern", "https://example.com/(\\d+)")], &["1", "2"]),
        (&[("match_urlpattern", "orders/:id")], &["relative"]),
        (
            &[("match_urlpattern", "*"), ("match", "no")],
            &["1", "2", "deep", "template", "other", "relative"],
        ),
    ];
    let mut streams = Vec::new();
    for (parameters, expected) in cases {
        let path = format!("{HUB}?{}", form(parameters));
        streams.push((path.clone(), EventStream::open(server.get(&path)).await, expected));
    }
    for (topic, data) in [
        ("https://example.com/1", "1"),
        ("https://example.com/2", "2"),
        ("https://example.com/2/3", "deep"),
        ("https://example.com/{id}", "template"),
        ("other", "other"),
        ("orders/1", "relative"),
    ] {
        server.publish_form(&[("topic", topic), ("data", data)]).await;
    }
    for (path, mut stream, expected) in streams {
        assert_eq!(stream.data(expected.len()).await, expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_a_selector_of_either_dialect_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    let patterns = format!("{HUB}?{}", "match_urlpattern=/:x&".repeat(257));
    let cases = [
        (format!("{HUB}?topic=a&match=b"), "both `topic` and `match"),
        (format!("{HUB}?match_regexp=a"), "`match_regexp` is no kind of selector"),
        (format!("{HUB}?Match=a"), "`Match` is no kind of selector"),
        (format!("{HUB}?match"), "the selector is empty"),
        (format!("{HUB}?match=a%0Ab"), "control character"),
        (format!("{HUB}?match=a%E2%80%8Db"), "format character"),
        (format!("{HUB}?match_urlpattern=/%7Ba"), "not complete"),
        (format!("{HUB}?match_urlpattern=/(%5B)"), "regular expression"),
        (format!("{HUB}?match_urlpattern=/(.*a.%7B25%7D)b"), "too complex"),
        (patterns, "more than 256 URL patterns"),
    ];
    for (path, expected) in cases {
        let (status, detail) = problem(server.get(&path)).await;
        assert_eq!(status, 400, "{path}: {detail}");
        assert!(detail.contains(expected), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_query_has_its_selectors_in_a_form_and_in_its_target() {
    let server = TestServer::start().await;
    let many: Vec<_> = (0..900).map(|n| format!("https://example.com/{n:0100}")).collect();
    let mut fields: Vec<_> = many.iter().map(|topic| ("match", topic.as_str())).collect();
    fields.push(("match_urlpattern", "/.well-known/x/:id"));
    let request = query(&server, &format!("{HUB}?match=in-target"), &fields);
    let mut stream = EventStream::open(request).await;
    for (topic, data) in
        [(&*many[0], "1"), ("no", "2"), ("in-target", "3"), (&*many[899], "4"), ("x/5", "5")]
    {
        server.publish_form(&[("topic", topic), ("data", data)]).await;
    }
    assert_eq!(stream.data(4).await, ["1", "3", "4", "5"]);
}

#[tokio::test]
async fn a_query_resumes_after_the_header_or_else_its_target_or_else_its_form() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for data in ["1", "2", "3", "4"] {
        ids.push(server.publish_form(&[("topic", "t"), ("data", data)]).await);
    }
    let in_form = [("topic", "t"), ("last_event_id", &*ids[0])];
    let target = format!("{HUB}?{}", form(&[("last_event_id", &ids[1])]));
    let cases = [
        (query(&server, HUB, &in_form), 2),
        (query(&server, &target, &in_form), 3),
        (query(&server, &target, &in_form).header("last-event-id", &ids[2]), 4),
    ];
    for (request, first) in cases {
        let mut stream = EventStream::open(request).await;
        assert_eq!(stream.data(1).await, [first.to_string()]);
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_leaves_its_connection_usable() {
    let server = TestServer::start().await;
    let json = query(&server, HUB, &[]).header("content-type", "application/json");
    let json = json.build().unwrap();
    assert_eq!(server.client.execute(json).await.unwrap().status(), 400, "two content types");
    let method = Method::from_bytes(b"QUERY").unwrap();
    let cases = [
        (server.client.request(method.clone(), server.url(HUB)).body("topic=t"), 415),
        (query(&server, HUB, &[]).body("topic=%FF"), 400),
        (query(&server, HUB, &[("topics", "t")]), 400),
        (query(&server, HUB, &[]).body(format!("topic=t&x={}", "y".repeat(1 << 20))), 413),
        (server.client.request(method.clone(), server.url("/events/t")), 405),
    ];
    for (request, status) in cases {
        let (found, detail) = problem(request).await;
        assert_eq!(found, status, "{detail}");
    }
    let options = server.client.request(Method::OPTIONS, server.url(HUB)).send().await.unwrap();
    assert_eq!(options.headers()["accept-query"], FORM);
    assert_eq!(options.headers()["allow"], "GET, HEAD, QUERY, POST, OPTIONS");
    assert_eq!(server.figure("fanfare_subscribe_rejected_total{reason=\"invalid\"}").await, 5.0);
}

#[tokio::test]
async fn a_query_on_http_1_is_served_by_a_shard_like_any_stream() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(query(&server, HUB, &[("topic", "t")])).await;
    server.publish("t", "1").await;
    assert_eq!(stream.data(1).await, ["1"]);
    drop(stream);
    // Connections that have left for a shard end as streams.
    let ended = "fanfare_connections_closed_total{reason=\"stream\"}";
    eventually("it ends", async || server.figure(ended).await == 1.0).await;
}

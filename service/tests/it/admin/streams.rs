//! `GET /streams`, and `DELETE /streams/{id}`.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::status::assert_described;
use crate::support::{EventStream, Http2, TestServer, Wire, eventually, stream_request};

impl TestServer {
    async fn streams(&self, query: &str) -> Vec<Value> {
        let page = self.admin_json(&format!("/streams{query}")).await;
        assert_described("StreamPage", &page);
        page["streams"].as_array().unwrap().clone()
    }

    async fn end(&self, id: &str) -> (StatusCode, String) {
        let url = self.admin_url(&format!("/streams/{id}"));
        let response = self.client.delete(url).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn each_stream_is_shown_with_what_carries_it() {
    let server = TestServer::start_with(&["--demos=false", "--age-max", "10h"]).await;
    let mut socket = Wire::open(&server).await;
    socket.say(stream_request("/events/orders/42")).await;
    let socket = socket.stream().await;
    let http2 = Http2::open(&server).await;
    let mut other = http2.stream("/.well-known/mercure?topic=a%7Bb%7D&topic=c").await;
    other.place().await;
    let mut old = Wire::open(&server).await;
    old.say("GET /events/old HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.head().await.status, 200);
    let mut streams = Vec::new();
    eventually("three streams", async || {
        streams = server.streams("").await;
        streams.len() == 3
    })
    .await;
    let with = |selectors: Value| {
        let found = streams.iter().find(|stream| stream["selectors"] == selectors);
        found.unwrap_or_else(|| panic!("{selectors} in {streams:?}")).clone()
    };
    let cases = [
        (with(json!(["orders/42"])), "http/1.1"),
        (with(json!(["c", "a{b}"])), "http/2"),
        (with(json!(["old"])), "http/1.0"),
    ];
    let mut ids = BTreeSet::new();
    for (stream, protocol) in cases {
        let expected = [
            ("protocol", json!(protocol)),
            ("tls", json!(false)),
            ("policy", json!("disconnect")),
            ("state", json!("live")),
            ("slow", json!(false)),
            ("lag_events", json!(0)),
        ];
        for (field, value) in expected {
            assert_eq!(stream[field], value, "{field} of {stream}");
        }
        assert!(stream["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{stream}");
        assert_eq!(stream["ends"]["reason"], "max_age", "{stream}");
        ids.insert(stream["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 3);
    drop((socket, old, other));
    drop(http2);
    eventually("none is left", async || server.streams("").await.is_empty()).await;
}

#[tokio::test]
async fn pages_have_every_stream_of_every_shard_once() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let mut streams = Vec::new();
    for n in 0..25 {
        streams.push(EventStream::open(server.get(&format!("/events/{}", n % 4))).await);
    }
    for limit in [1, 3, 24, 25, 1_000] {
        let (mut ids, mut next) = (Vec::new(), String::new());
        loop {
            let page = server.admin_json(&format!("/streams?limit={limit}{next}")).await;
            assert_described("StreamPage", &page);
            assert_eq!(page["open"], 25);
            let found = page["streams"].as_array().unwrap();
            assert!(found.len() <= limit);
            ids.extend(found.iter().map(|stream| stream["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(place) => next = format!("&after={place}"),
                None => break,
            }
        }
        assert_eq!(ids.len(), 25, "pages of {limit}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 25, "pages of {limit}");
    }
}

#[tokio::test]
async fn the_slowest_of_all_shards_come_first() {
    let flags = ["--demos=false", "--send-buffer", "8KiB", "--policy", "*=catch-up"];
    let server = TestServer::start_with(&flags).await;
    let mut fast = Vec::new();
    for _ in 0..6 {
        fast.push(EventStream::open(server.get("/events/t")).await);
    }
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::open_at_with_window(server.address, 4 << 10).await;
        wire.say(stream_request("/events/t")).await;
        slow.push(wire);
    }
    eventually("all are open", async || server.figure("fanfare_subscribers").await == 9.0).await;
    for _ in 0..40 {
        server.publish("t", "x".repeat(10_000)).await;
    }
    for stream in &mut fast {
        stream.data(40).await;
    }
    let mut found = Vec::new();
    eventually("those who read have everything", async || {
        found = server.streams("?sort=lag").await;
        let lags: Vec<_> =
            found.iter().map(|stream| stream["lag_events"].as_u64().unwrap()).collect();
        lags.len() == 9 && lags[..3].iter().all(|lag| *lag > 0) && lags[3..] == [0; 6]
    })
    .await;
    for stream in &found[..3] {
        assert_eq!((&stream["slow"], &stream["blocked"]), (&json!(true), &json!(true)), "{stream}");
        assert_eq!(stream["policy"], "catch-up");
        assert!(stream["lag_bytes"].as_u64().unwrap() >= 10_000, "{stream}");
    }
    assert_eq!(server.streams("?sort=lag&limit=2").await.len(), 2);
}

#[tokio::test]
async fn a_stream_is_ended_as_the_server_ends_one_and_its_client_comes_back() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let mut other = EventStream::open(server.get("/events/t")).await;
    let http2 = Http2::open(&server).await;
    let mut carried = http2.stream("/events/u").await;
    carried.place().await;
    server.publish("t", "one").await;
    assert_eq!(
        (stream.data(1).await, other.data(1).await),
        (vec!["one".into()], vec!["one".into()])
    );
    let ids = server.streams("").await;
    let id_of = |topic: &str| {
        let found = ids.iter().find(|stream| stream["selectors"] == json!([topic]));
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    for id in [id_of("t"), id_of("u")] {
        assert_eq!(server.end(&id).await, (StatusCode::NO_CONTENT, String::new()));
        let (status, body) = server.end(&id).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains("no-stream") && body.contains("GET /streams"), "{body}");
    }
    let closed = "fanfare_streams_closed_total{reason=\"operator\"}";
    assert_eq!(server.figure(closed).await, 2.0);
    // One of the two on this topic has ended, with a time to come back; the other goes on.
    server.publish("t", "two").await;
    let (mut ended, mut went_on) = (0, 0);
    for stream in [&mut stream, &mut other] {
        match stream.next().await {
            Some(event) if event.data == "two" => went_on += 1,
            Some(event) => {
                assert!(event.retry.is_some(), "{event:?}");
                assert!(stream.next().await.is_none());
                ended += 1;
            }
            None => panic!("an end without a time to come back"),
        }
    }
    assert_eq!((ended, went_on), (1, 1));
}

#[tokio::test]
async fn what_names_no_stream_is_told_from_one_that_is_not_there() {
    let server = TestServer::start().await;
    let cases = [
        ("0-1-1", StatusCode::NOT_FOUND),
        ("99-1-1", StatusCode::NOT_FOUND),
        ("0-4294967295-2147483647", StatusCode::NOT_FOUND),
        ("0-0-0", StatusCode::NOT_FOUND),
        ("", StatusCode::BAD_REQUEST),
        ("0", StatusCode::BAD_REQUEST),
        ("0-1-1/", StatusCode::BAD_REQUEST),
        ("0-1-01", StatusCode::BAD_REQUEST),
        ("..", StatusCode::NOT_FOUND),
        ("0-1-99999999999999999999", StatusCode::BAD_REQUEST),
        ("%30-1-1", StatusCode::BAD_REQUEST),
    ];
    for (id, status) in cases {
        let (came, body) = server.end(id).await;
        // The client takes `..` for the folder above.
        let expected = if id == ".." { StatusCode::METHOD_NOT_ALLOWED } else { status };
        assert_eq!(came, expected, "{id:?}: {body}");
    }
}

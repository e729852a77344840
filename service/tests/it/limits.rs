//! Everything has a limit, and whoever reaches it is told so; nobody else notices.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{EventStream, PATIENCE, TestServer, eventually};

/// Sends raw bytes and reads until the server closes.
async fn talk(server: &TestServer, parts: &[&str]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for part in parts {
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut response = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut response)).await;
    let _ = read.expect("the server closes");
    response
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_answered_and_closed() {
    let server = TestServer::start_with(&["--headers-timeout", "200ms"]).await;
    for parts in
        [&["GET / HT"][..], &["PRI"], &["GET / HTTP/1.1\r\nhost: localhost\r\n", "x-slow: "]]
    {
        let response = talk(&server, parts).await;
        if parts == ["PRI"] {
            assert_eq!(response, "", "it might have become HTTP/2");
            continue;
        }
        assert!(response.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{parts:?}: {response}");
        assert!(response.contains("application/problem+json"), "{response}");
    }
    assert_eq!(talk(&server, &[]).await, "", "a connection that says nothing is just closed");
    let closed = "fanfare_connections_closed_total{reason=\"headers_timeout\"}";
    assert_eq!(server.figure(closed).await, 4.0);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered() {
    let server = TestServer::start_with(&["--body-timeout", "200ms"]).await;
    let head = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf";
    let response = talk(&server, &[head]).await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains("the body took longer"), "{response}");
}

#[tokio::test]
async fn a_head_over_the_limit_gets_a_431() {
    let server = TestServer::start_with(&["--headers-max", "8KiB"]).await;
    let near = server.get("/").header("x-large", "x".repeat(7 << 10)).send().await.unwrap();
    assert_eq!(near.status(), 200);
    for bytes in [9 << 10, 100 << 10] {
        let response = server.get("/").header("x-large", "x".repeat(bytes)).send().await;
        // Far over the limit the server stops reading, which a client may see as a reset.
        if let Ok(response) = response {
            assert_eq!(response.status(), 431, "{bytes}");
        } else {
            assert!(bytes > 16 << 10, "{bytes}");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_gets_a_413_before_it_is_sent() {
    let server = TestServer::start_with(&["--body-max", "1MiB"]).await;
    let head = "POST /events/t HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 999999999\r\n\r\n";
    let response = talk(&server, &[head]).await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
}

#[tokio::test]
async fn the_largest_event_goes_through_and_one_byte_more_does_not() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let largest = "x".repeat(1 << 20);
    server.publish("t", largest.clone()).await;
    let received = stream.next().await.unwrap();
    assert_eq!(received.data.len(), largest.len());
    let more = server.post("/events/t").body(largest + "x").send().await.unwrap();
    assert_eq!(more.status(), 413);
}

fn hub(selectors: impl IntoIterator<Item = String>) -> String {
    let topics: Vec<_> = selectors.into_iter().map(|text| format!("topic={text}")).collect();
    format!("/.well-known/mercure?{}", topics.join("&"))
}

#[tokio::test]
async fn equal_templates_of_many_streams_are_held_once() {
    let server = TestServer::start().await;
    assert_eq!(server.figure("fanfare_selector_bytes").await, 0.0);
    let templates = || hub((0..50).map(|n| format!("t{n}%7Bx:80%7D")));
    let mut streams = vec![EventStream::open(server.get(&templates())).await];
    let held = server.figure("fanfare_selector_bytes").await;
    assert!(held > 50.0 * 4_000.0 && held < 50.0 * 16_000.0, "{held}");
    for _ in 0..10 {
        streams.push(EventStream::open(server.get(&templates())).await);
        let head = reqwest::Client::new().head(server.url(&templates()));
        assert_eq!(head.send().await.unwrap().status(), 200);
    }
    assert_eq!(server.figure("fanfare_selector_bytes").await, held);
    server.publish("t49abc", "seen").await;
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().data, "seen");
    }
}

#[tokio::test]
async fn templates_share_a_bounded_memory_and_are_refused_when_streams_take_all_of_it() {
    let server = TestServer::start_with(&["--selectors-max", "1MiB"]).await;
    let templates = |stream: usize| hub((0..20).map(|n| format!("{stream}t{n}%7Bx:80%7D")));
    let mut streams = Vec::new();
    let refused = loop {
        let response = server.get(&templates(streams.len())).send().await.unwrap();
        if response.status() != 200 {
            break response;
        }
        streams.push(response);
        assert!(streams.len() < 50, "1 MiB is enough for six or so");
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let body = refused.text().await.unwrap();
    assert!(
        body.contains("urn:fanfare:problem:too-many") && body.contains("--selectors-max"),
        "{body}"
    );
    assert!(server.figure("fanfare_selector_bytes").await <= 1_048_576.0);
    let others = ["topic=a", "topic=*", "topic=0t0%7Bx:80%7D", "topic=%7Bx"];
    for query in others {
        let response = server.get(&format!("/.well-known/mercure?{query}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{query} needs no room");
    }
    let next = templates(streams.len());
    streams.clear();
    eventually("there is room again", async || {
        server.get(&next).send().await.unwrap().status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_stream_over_the_limit_of_connections_is_rejected_with_a_retry() {
    let server = TestServer::start_with(&["--connections", "2", "--retry", "1500ms..1500ms"]).await;
    let streams = [
        EventStream::open(server.get("/events/t")).await,
        EventStream::open(server.get("/events/t")).await,
    ];
    let refused = server.get("/").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "2");
    let rejected =
        server.get("/events/t").header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(rejected.status(), 200);
    assert_eq!(rejected.text().await.unwrap(), "retry: 1500\n\n");
    drop(streams);
    eventually("there is room again", async || {
        server.get("/").send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
}

#[tokio::test]
async fn an_address_may_have_so_many_connections_and_others_still_have_theirs() {
    let server = TestServer::start_with(&["--connections-per-address", "1"]).await;
    let _stream = EventStream::open(server.get("/events/t")).await;
    assert_eq!(server.get("/").send().await.unwrap().status(), 429);
    let elsewhere = reqwest::Client::builder()
        .no_proxy()
        .local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap());
    let elsewhere = elsewhere.build().unwrap();
    assert_eq!(elsewhere.get(server.url("/")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_batch_that_pauses_too_long_keeps_what_it_has_published() {
    let server = TestServer::start_with(&["--body-timeout", "300ms"]).await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let head = "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
                content-length: 1000\r\n\r\n{\"topic\":\"t\",\"data\":\"in time\"}\n{\"topic\"";
    let response = talk(&server, &[head]).await;
    assert!(response.contains("{\"id\":\"e:"), "{response}");
    assert!(response.contains("the line took longer"), "{response}");
    assert_eq!(stream.data(1).await, ["in time"]);
}

#[tokio::test]
async fn requests_that_are_not_http_are_refused_and_harm_nobody() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(server.get("/events/t")).await;
    let long = "A".repeat(200_000);
    let cases = [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /events/t HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &long,
    ];
    for case in cases {
        let response = talk(&server, &[case]).await;
        assert!(!response.starts_with("HTTP/1.1 2"), "{case:.40}: {response:.80}");
    }
    server.publish("t", "still here").await;
    assert_eq!(stream.data(1).await, ["still here"]);
}

#[tokio::test]
async fn streams_of_one_http2_connection_end_one_by_one() {
    let server = TestServer::start().await;
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let mut streams = Vec::new();
    for index in 0..50 {
        let url = server.url(&format!("/events/t?index={index}"));
        streams.push(EventStream::open(http2.get(url)).await);
    }
    // The publisher has a connection of its own.
    server.publish("t", "to all").await;
    for stream in &mut streams {
        assert_eq!(stream.data(1).await, ["to all"]);
    }
    assert_eq!(server.figure("fanfare_connections").await, 2.0);
    streams.truncate(20);
    eventually("thirty have left", async || server.figure("fanfare_subscribers").await == 20.0)
        .await;
    tokio::time::timeout(Duration::from_secs(30), async {
        server.publish("t", "to the rest").await;
        for stream in &mut streams {
            assert_eq!(stream.data(1).await, ["to the rest"]);
        }
    })
    .await
    .unwrap();
}

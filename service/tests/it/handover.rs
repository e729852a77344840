//! Requests for streams over plain HTTP/1.1, byte by byte: the socket leaves the HTTP library for
//! the thread that delivers, and nothing of what a client may send before, with or after its
//! request is lost or misread on the way.

use crate::support::{RawStream, TestServer, Wire, eventually, frame, stream_request};

const SUBSCRIBERS: &str = "fanfare_subscribers";
const MISBEHAVED: &str = "fanfare_streams_closed_total{reason=\"misbehaved\"}";

/// Nothing but events after the first comment, whatever the time.
const QUIET: [&str; 2] = ["--heartbeat", "0s"];

/// Reads the first comment and one event that is published now.
async fn assert_served(server: &TestServer, streams: &mut [RawStream]) {
    for stream in &mut *streams {
        stream.place().await;
    }
    let id = server.publish("t", "to all").await;
    for stream in streams {
        stream.expect(&frame(&id, "to all")).await;
    }
}

#[tokio::test]
async fn the_head_of_a_request_may_be_cut_anywhere() {
    let server = TestServer::start_with(&QUIET).await;
    let heads = [
        stream_request("/events/t"),
        "GET /.well-known/mercure?topic=t HTTP/1.1\r\nHost: localhost\r\nAccept: \
         text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
            .to_owned(),
    ];
    for head in heads {
        let mut wires = Vec::new();
        for cut in 1..head.len() {
            let mut wire = Wire::open(&server).await;
            wire.say(&head[..cut]).await;
            wires.push((wire, cut));
        }
        // Long after these were accepted the server has answered another.
        assert_eq!(server.get("/").send().await.unwrap().status(), 200);
        let mut streams = Vec::new();
        for (mut wire, cut) in wires {
            wire.say(&head[cut..]).await;
            streams.push(wire.stream().await);
        }
        assert_served(&server, &mut streams).await;
    }
}

#[tokio::test]
async fn a_stream_is_answered_in_chunks_on_a_connection_that_ends_with_it() {
    let server = TestServer::start_with(&QUIET).await;
    let stream = RawStream::open(&server, "/events/t").await;
    let fields = [
        ("content-type", Some("text/event-stream")),
        ("cache-control", Some("no-store")),
        ("x-accel-buffering", Some("no")),
        ("transfer-encoding", Some("chunked")),
        ("connection", Some("close")),
        ("content-length", None),
    ];
    for (name, value) in fields {
        assert_eq!(stream.head.field(name), value, "{name}");
    }
    assert_eq!(stream.head.version, "HTTP/1.1");
    let date = httpdate::parse_http_date(stream.head.field("date").unwrap());
    assert!(date.is_ok());
}

#[tokio::test]
async fn a_stream_may_follow_other_requests_on_its_connection() {
    let server = TestServer::start_with(&QUIET).await;
    let page = server.get("/").send().await.unwrap().text().await.unwrap();
    let publish =
        "POST /events/other HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello";
    let before = [
        ("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
        (publish, 200),
        ("GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("GET /.well-known/mercure HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    ];
    let mut streams = Vec::new();
    let mut one_by_one = Wire::open(&server).await;
    for (request, status) in before {
        one_by_one.say(request).await;
        assert_eq!(one_by_one.response().await.head.status, status, "{request}");
    }
    one_by_one.say(stream_request("/events/t")).await;
    streams.push(one_by_one.stream().await);

    // All of them in one write, and the stream last.
    let mut at_once = Wire::open(&server).await;
    let requests: String = before.iter().map(|(request, _)| *request).collect();
    at_once.say(requests + &stream_request("/events/t")).await;
    for (request, status) in before {
        let response = at_once.response().await;
        assert_eq!(response.head.status, status, "{request}");
        if request.starts_with("GET / ") {
            assert_eq!(response.body, page);
        }
    }
    streams.push(at_once.stream().await);
    assert_served(&server, &mut streams).await;
}

/// The client has not read the answers before its stream, so they are still in the server.
#[tokio::test]
async fn a_stream_that_follows_answers_which_were_not_read_comes_after_them() {
    const PAGES: usize = 30;
    let flags = ["--heartbeat", "0s", "--send-buffer", "4KiB", "--unsent-max", "4KiB"];
    let server = TestServer::start_with(&flags).await;
    let page = server.get("/").send().await.unwrap().text().await.unwrap();
    let mut wire = Wire::open_with_window(&server, 4 << 10).await;
    let requests = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(PAGES);
    wire.say(requests + &stream_request("/events/t")).await;
    for index in 0..PAGES {
        assert_eq!(wire.response().await.body, page, "{index}");
    }
    assert_served(&server, &mut [wire.stream().await]).await;
}

#[tokio::test]
async fn a_request_behind_that_for_a_stream_is_answered_with_a_problem_and_the_end() {
    let server = TestServer::start().await;
    let post = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
    let behind = [stream_request("/"), stream_request("/events/t"), post.into(), "x".into()];
    for bytes in behind {
        let mut wire = Wire::open(&server).await;
        wire.say(stream_request("/events/t") + &bytes).await;
        let response = wire.response().await;
        assert_eq!(response.head.status, 400, "{bytes}");
        assert_eq!(response.head.field("connection"), Some("close"), "{bytes}");
        let problem = response.problem();
        assert_eq!(problem["type"], "urn:fanfare:problem:pipelined", "{bytes}");
        assert_eq!((&problem["status"], &problem["title"]), (&400.into(), &"Bad Request".into()));
        assert!(problem["detail"].as_str().unwrap().contains("connections of their own"));
        wire.assert_closed().await;
    }
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 0.0);
    assert_eq!(server.figure("fanfare_events_published_total").await, 0.0);
}

#[tokio::test]
async fn bytes_on_an_open_stream_end_it_and_harm_nobody_else() {
    let server = TestServer::start_with(&QUIET).await;
    let mut neighbours =
        [RawStream::open(&server, "/events/t").await, RawStream::open(&server, "/events/t").await];
    let long = "\r\n".repeat(4 << 10);
    let cases = ["x", "\r\n\r\nx", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "\0", " ", &long];
    for (count, bytes) in (1..).zip(cases) {
        let mut stream = RawStream::open(&server, "/events/t").await;
        stream.place().await;
        stream.say(bytes).await;
        let rest = stream.rest().await;
        assert_eq!((rest.text.as_str(), rest.whole), ("", false), "{bytes:.10}");
        eventually("it is counted", async || server.figure(MISBEHAVED).await == f64::from(count))
            .await;
    }
    assert_eq!(server.figure(SUBSCRIBERS).await, 2.0);
    assert_served(&server, &mut neighbours).await;
}

#[tokio::test]
async fn empty_lines_before_and_after_a_request_are_forgiven() {
    let server = TestServer::start_with(&QUIET).await;
    let request = stream_request("/events/t");
    let mut streams = Vec::new();
    for bytes in [format!("\r\n{request}"), format!("{request}\r\n"), format!("{request}\n\r\n")] {
        let mut wire = Wire::open(&server).await;
        wire.say(bytes).await;
        streams.push(wire.stream().await);
    }
    let mut later = RawStream::open(&server, "/events/t").await;
    later.say("\r\n").await;
    streams.push(later);
    assert_served(&server, &mut streams).await;
    // What was sent before is heard before what is sent now.
    streams[3].say("x").await;
    eventually("the fourth ends", async || server.figure(MISBEHAVED).await == 1.0).await;
    assert_eq!(server.figure(SUBSCRIBERS).await, 3.0);
}

#[tokio::test]
async fn so_many_empty_lines_are_forgiven_and_no_more_however_they_come() {
    let server = TestServer::start_with(&QUIET).await;
    let mut stream = RawStream::open(&server, "/events/t").await;
    stream.place().await;
    for _ in 0..4 {
        stream.say("\r\n".repeat(30)).await;
        let id = server.publish("t", "patience").await;
        stream.expect(&frame(&id, "patience")).await;
    }
    stream.say("\r\n".repeat(30)).await;
    assert_eq!(stream.rest().await.text, "");
    eventually("it is counted", async || server.figure(MISBEHAVED).await == 1.0).await;
}

#[tokio::test]
async fn a_request_with_a_body_is_served_as_well() {
    let server = TestServer::start_with(&QUIET).await;
    let bodies = [
        "content-length: 0\r\n\r\n",
        "content-length: 5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    let mut streams = Vec::new();
    for body in bodies {
        let mut wire = Wire::open(&server).await;
        wire.say(format!("GET /events/t HTTP/1.1\r\nhost: localhost\r\n{body}")).await;
        streams.push(wire.stream().await);
    }
    assert!(streams.iter().all(RawStream::is_chunked));
    assert_served(&server, &mut streams).await;
    drop(streams);
    eventually("all have left", async || server.figure(SUBSCRIBERS).await == 0.0).await;
}

#[tokio::test]
async fn http_1_0_knows_no_chunks_and_gets_a_stream_that_ends_with_the_connection() {
    let server = TestServer::start_with(&["--heartbeat", "0s", "--retry", "7ms..7ms"]).await;
    let mut streams = Vec::new();
    for extra in ["", "connection: keep-alive\r\n"] {
        let mut wire = Wire::open(&server).await;
        wire.say(format!("GET /events/t HTTP/1.0\r\nhost: localhost\r\n{extra}\r\n")).await;
        streams.push(wire.stream().await);
    }
    for stream in &streams {
        assert!(!stream.is_chunked());
        assert_eq!(stream.head.field("content-length"), None);
    }
    assert_served(&server, &mut streams).await;
    server.stop().await;
    for stream in streams {
        assert_eq!(stream.rest().await.text, "retry: 7\n\n");
    }
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone_and_opens_nothing() {
    let server = TestServer::start_with(&QUIET).await;
    let mut wire = Wire::open(&server).await;
    for path in ["/events/t", "/stream-time", "/stream-training"] {
        wire.say(format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        let head = wire.head().await;
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
        // It would be that of a stream, which has none.
        assert_eq!(head.field("content-length"), None, "{path}");
    }
    assert_eq!(server.figure("fanfare_streams_opened_total").await, 0.0);
    wire.say(stream_request("/events/t")).await;
    assert_served(&server, &mut [wire.stream().await]).await;
}

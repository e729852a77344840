//! While a server drains it is still there: whoever comes is told when to come back, and nobody is
//! refused a connection before the window is over.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Http2, Program, RawStream, TestServer, Wire, eventually, stream_request};

/// A known farewell, and a window that never ends by itself.
const FLAGS: [&str; 6] = ["--retry", "1500ms..1500ms", "--drain-window", "1h", "--heartbeat", "0s"];
const RETRY_HINT: &str = "retry: 1500\n\n";

fn event_source(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
}

/// Begins the drain, and waits until it has begun.
async fn drain(server: &mut TestServer) {
    server.ask_to_stop();
    eventually("it drains", async || {
        let ready = server.client.get(format!("http://{}/readyz", server.admin)).send().await;
        ready.is_ok_and(|response| response.status() == 503)
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_asked_for_in_a_drain_is_told_when_to_come_back() {
    let mut server = TestServer::start_with(&FLAGS).await;
    drain(&mut server).await;
    for path in ["/events/t", "/.well-known/mercure?topic=t", "/stream-time"] {
        let mut wire = Wire::open(&server).await;
        wire.say(event_source(path)).await;
        let response = wire.response().await;
        assert_eq!((response.head.status, response.body.as_str()), (200, RETRY_HINT), "{path}");
        assert_eq!(response.head.field("content-type"), Some("text/event-stream"), "{path}");
        assert_eq!(response.head.field("connection"), Some("close"), "{path}");
        wire.assert_closed().await;
    }
}

#[tokio::test]
async fn everything_else_that_is_asked_for_in_a_drain_is_unavailable_for_a_moment() {
    let mut server = TestServer::start_with(&FLAGS).await;
    drain(&mut server).await;
    let requests = [
        "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx",
        "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: 1\r\n\r\n\n",
        &stream_request("/events/t"),
    ];
    for request in requests {
        let mut wire = Wire::open(&server).await;
        wire.say(request).await;
        let response = wire.response().await;
        assert_eq!(response.head.status, 503, "{request}");
        assert_eq!(response.head.field("retry-after"), Some("2"), "{request}");
        assert_eq!(response.head.field("connection"), Some("close"), "{request}");
        assert_eq!(response.problem()["type"], "urn:fanfare:problem:draining", "{request}");
        wire.assert_closed().await;
    }
}

#[tokio::test]
async fn a_connection_that_was_open_before_the_drain_has_one_more_answer() {
    let mut server = TestServer::start_with(&FLAGS).await;
    let mut wires = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(&server).await;
        wire.say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert_eq!(wire.response().await.head.field("connection"), None);
        wires.push(wire);
    }
    // One that has begun its first request.
    let mut begun = Wire::open(&server).await;
    begun.say("GET /events/t HTTP/1.1\r\nhost: local").await;
    drain(&mut server).await;
    begun.say("host\r\naccept: text/event-stream\r\n\r\n").await;
    wires.push(begun);
    for wire in &mut wires[..2] {
        wire.say(event_source("/events/t")).await;
    }
    for mut wire in wires {
        let response = wire.response().await;
        assert_eq!((response.head.status, response.body.as_str()), (200, RETRY_HINT));
        assert_eq!(response.head.field("connection"), Some("close"));
        wire.assert_closed().await;
    }
}

#[tokio::test]
async fn an_http2_connection_is_not_told_to_end_before_its_last_stream_has_ended() {
    let mut server = TestServer::start_with(&FLAGS).await;
    let connection = Http2::open(&server).await;
    // Their moments are spread over the hour.
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = connection.stream("/events/t").await;
        stream.place().await;
        streams.push(stream);
    }
    let idle = Http2::open(&server).await;
    assert_eq!(idle.get("/", &[]).await.0, 200);
    drain(&mut server).await;
    idle.ended().await;
    // New streams on the old connection are told to come back, and it goes on.
    for _ in 0..3 {
        let late = connection.get("/events/t", &[("accept", "text/event-stream")]).await;
        assert_eq!(late, (200, RETRY_HINT.to_owned()));
    }
    for stream in streams {
        stream.reset();
    }
    connection.ended().await;
}

#[tokio::test]
async fn streams_of_http2_are_told_when_to_come_back_before_their_connection_ends() {
    let flags = ["--retry", "1500ms..1500ms", "--drain-window", "6s", "--heartbeat", "0s"];
    let mut server = TestServer::start_with(&flags).await;
    let connection = Http2::open(&server).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = connection.stream("/events/t").await;
        stream.place().await;
        streams.push(stream);
    }
    drain(&mut server).await;
    for mut stream in streams {
        assert_eq!(stream.frame().await.unwrap().as_deref(), Some(RETRY_HINT));
        assert_eq!(stream.frame().await.unwrap(), None);
    }
    connection.ended().await;
    server.stop().await;
}

#[tokio::test]
async fn the_ports_are_open_to_the_end_of_the_window_and_then_the_program_ends() {
    let mut program = Program::start(&["--drain-window", "6s", "--retry", "7ms..7ms"]);
    let mut wire = Wire::open_at(program.address()).await;
    wire.say(stream_request("/events/t")).await;
    let mut stream: RawStream = wire.stream().await;
    stream.place().await;
    program.signal(Signal::TERM);
    // Its client comes back again and again, as it is told to, and is never refused.
    let rest = stream.rest().await;
    assert_eq!((rest.text.as_str(), rest.whole), ("retry: 7\n\n", true));
    let mut responses = 0;
    while let Ok(socket) = tokio::net::TcpStream::connect(program.address()).await {
        let mut wire = Wire::of(socket);
        if wire.try_say(event_source("/events/t")).await.is_err() {
            break;
        }
        let Some(head) = wire.try_head().await else { break };
        assert_eq!(head.status, 200);
        responses += 1;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    assert!(responses > 0, "it was refused at once");
    assert_eq!(program.exit_code().await, Some(0));
}

//! Events in great number, and streams that are held without being read.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::support::PATIENCE;
use crate::support::client::{body, post};

/// Publishes so many events of so many bytes in one request.
pub(super) fn publish_many(server: SocketAddr, topic: &str, count: usize, bytes: usize) {
    let data = "x".repeat(bytes);
    let lines = format!("{{\"topic\":\"{topic}\",\"data\":\"{data}\"}}\n").repeat(count);
    let response = body(post(server, "/events", "application/x-ndjson", &lines));
    assert_eq!(response.matches("\"id\"").count(), count, "{response}");
}

/// Opens a stream and reads its head; then nobody reads it any more.
pub(super) fn open(server: SocketAddr, topic: &str, last_event_id: Option<&str>) -> TcpStream {
    let mut connection = connect(server);
    let last = last_event_id.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    write!(
        connection,
        "GET /events/{topic} HTTP/1.1\r\nhost: {server}\r\naccept: text/event-stream\r\n{last}\r\n"
    )
    .expect("the server reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    connection
}

/// Reads some of what has arrived.
pub(super) fn read_on(stream: &mut TcpStream) {
    stream.set_nonblocking(true).expect("a socket");
    // Nothing there and an end are both no matter here.
    let _ = stream.read(&mut [0; 64 * 1024]);
    stream.set_nonblocking(false).expect("a socket");
}

pub(super) fn connect(server: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(server).expect("it listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    connection
}

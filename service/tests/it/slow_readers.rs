//! A reader that stops reading is bounded, is disconnected at the limit, and loses nothing when it
//! comes back; the others do not notice it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{EventStream, TestServer, Wire, eventually, frame, stream_request};

/// Small limits, so that a test passes them quickly.
const LIMITS: [&str; 6] = ["--lag-events", "100", "--lag-bytes", "1MiB", "--send-buffer", "16KiB"];
const SLOW: &str = "fanfare_streams_closed_total{reason=\"slow\"}";

#[tokio::test]
async fn a_reader_that_stops_is_disconnected_at_the_limit_and_the_others_get_everything() {
    const EVENTS: usize = 1_500;
    let server = TestServer::start_with(&LIMITS).await;
    let mut fast = EventStream::open(server.get("/events/t")).await;
    let mut stuck = open_and_stop_reading(&server).await;
    let mut ids = Vec::new();
    for n in 0..EVENTS {
        ids.push(server.publish("t", format!("{n} {}", "x".repeat(4_000))).await);
        assert!(fast.next().await.unwrap().data.starts_with(&format!("{n} ")));
    }
    eventually("the stuck reader is disconnected", async || server.figure(SLOW).await == 1.0).await;
    eventually("its connection is closed", async || {
        // One is the other stream, and one is kept alive by the publisher.
        server.figure("fanfare_connections").await <= 2.0
    })
    .await;
    assert_eq!(server.figure("fanfare_subscribers").await, 1.0);

    // What it still finds in its socket ends in the middle of the flood; it goes on from there.
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest).await;
    let text = String::from_utf8_lossy(&rest);
    let whole = text.rsplit_once("\n\n").expect("some events").0;
    let last_id = whole.rsplit("id: ").next().unwrap().lines().next().unwrap();
    let seen = ids.iter().position(|id| id == last_id).expect("an id that was published");
    assert!(seen < EVENTS - 1, "it was never behind");
    let mut back =
        EventStream::open(server.get("/events/t").header("Last-Event-ID", last_id)).await;
    for id in &ids[seen + 1..] {
        assert_eq!(back.next().await.unwrap().id.as_ref(), Some(id));
    }
}

/// A raw socket with a small window, so that the kernel does not read on the test's behalf.
async fn open_and_stop_reading(server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /events/t HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    eventually("it is subscribed", async || {
        server.figure("fanfare_streams_opened_total").await >= 2.0
    })
    .await;
    stream
}

/// Behind, but within the limits: it is served from the log, in order, with nothing lost.
#[tokio::test]
async fn a_reader_that_pauses_within_the_limits_gets_everything_late() {
    const EVENTS: usize = 300;
    let flags = ["--lag-events", "1000", "--lag-bytes", "64MiB", "--send-buffer", "16KiB"];
    let server = TestServer::start_with(&flags).await;
    let _fast = EventStream::open(server.get("/events/t")).await;
    let mut paused = open_and_stop_reading(&server).await;
    for n in 0..EVENTS {
        server.publish("t", format!("{n} {}", "x".repeat(8_000))).await;
    }
    let mut seen = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut text = Vec::new();
    while seen.len() < EVENTS {
        let read = tokio::time::timeout(Duration::from_secs(30), paused.read(&mut buffer));
        let count = read.await.expect("it goes on").expect("it is open");
        assert!(count > 0, "closed after {} events", seen.len());
        text.extend_from_slice(&buffer[..count]);
        seen = numbers(&text);
    }
    assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>());
    assert_eq!(server.figure(SLOW).await, 0.0);
}

#[tokio::test]
async fn a_reader_of_one_byte_at_a_time_gets_every_event_whole_and_in_order() {
    const EVENTS: usize = 400;
    let flags = ["--send-buffer", "4KiB", "--unsent-max", "4KiB", "--heartbeat", "0s"];
    let server = TestServer::start_with(&flags).await;
    let mut wire = Wire::open_with_window(&server, 4 << 10).await;
    wire.say(stream_request("/events/t")).await;
    let mut stream = wire.stream().await;
    stream.place().await;
    let mut expected = String::new();
    // Of all sizes, so that the kernel's room ends at every place in an event and its chunk.
    for size in 0..EVENTS {
        let id = server.publish("t", "x".repeat(size)).await;
        expected += &frame(&id, &"x".repeat(size));
        // Fewer than come, so that it falls behind.
        for _ in 0..40 {
            assert!(stream.read(1).await, "closed at {size}");
        }
    }
    while stream.received() < expected.len() {
        assert!(stream.read(1).await, "closed at the end");
    }
    stream.expect(&expected).await;
}

/// The number at the beginning of each complete event; chunk sizes stand on lines of their own.
fn numbers(text: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(text);
    let complete = text.rfind("x\n\n").map_or("", |end| &text[..end + 3]);
    let data = complete.split("data: ").skip(1);
    data.filter_map(|data| data.split(' ').next()?.parse().ok()).collect()
}

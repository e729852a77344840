//! How streams of plain HTTP/1.1 end, to the last byte: by their client, in whatever way it goes;
//! by their age, their topic or a drain, and then with the last chunk; and that whoever ends gives
//! its place to the next.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::support::{
    EventStream, Program, RawStream, TestServer, Wire, eventually, frame, stream_request,
};

const SUBSCRIBERS: &str = "fanfare_subscribers";
const DELIVERED: &str = "fanfare_events_delivered_total";
const BY_CLIENT: &str = "fanfare_streams_closed_total{reason=\"client\"}";

/// Nothing but events after the first comment, and a known farewell.
const KNOWN: [&str; 4] = ["--heartbeat", "0s", "--retry", "7ms..7ms"];
const RETRY_HINT: &str = "retry: 7\n\n";

/// How a client leaves its stream.
type Way = fn(RawStream);

#[tokio::test]
async fn a_client_that_goes_has_left_in_whatever_way_it_goes() {
    let server = TestServer::start_with(&KNOWN).await;
    let mut neighbour = RawStream::open(&server, "/events/t").await;
    neighbour.place().await;
    let ways: [Way; 2] = [drop, RawStream::reset];
    for (count, way) in (1..).zip(ways) {
        let stream = RawStream::open(&server, "/events/t").await;
        way(stream);
        eventually("it has left", async || server.figure(BY_CLIENT).await == f64::from(count))
            .await;
    }
    // One that closes its side only is gone too: there is no other way to say so.
    let mut half = RawStream::open(&server, "/events/t").await;
    half.place().await;
    half.close_this_side().await;
    assert_eq!(half.rest().await.text, "");
    eventually("it has left", async || server.figure(BY_CLIENT).await == 3.0).await;
    assert_eq!(server.figure(SUBSCRIBERS).await, 1.0);
    let id = server.publish("t", "to who is left").await;
    neighbour.expect(&frame(&id, "to who is left")).await;
}

#[tokio::test]
async fn clients_that_vanish_before_their_answer_leave_nothing_behind() {
    const CLIENTS: usize = 200;
    let mut server = TestServer::start_with(&KNOWN).await;
    for index in 0..CLIENTS {
        let mut wire = Wire::open(&server).await;
        wire.say(stream_request("/events/t")).await;
        match index % 3 {
            0 => drop(wire),
            1 => wire.reset(),
            _ => {
                wire.close_this_side().await;
            }
        }
    }
    server.forget_connections();
    eventually("all connections are seen", async || {
        server.figure("fanfare_connections_opened_total").await >= CLIENTS as f64
    })
    .await;
    eventually("all are closed", async || server.figure("fanfare_connections").await == 0.0).await;
    let stats = [SUBSCRIBERS, "fanfare_streams_opened_total", BY_CLIENT];
    let [left, came, gone] = server.stats(stats).await;
    assert_eq!((left, came), (0.0, gone));
}

#[tokio::test]
async fn a_stream_that_is_old_enough_ends_with_the_last_chunk() {
    let flags = [&KNOWN[..], &["--age-max", "300ms"]].concat();
    let server = TestServer::start_with(&flags).await;
    let mut stream = RawStream::open(&server, "/events/t").await;
    stream.place().await;
    let rest = stream.rest().await;
    assert_eq!((rest.text.as_str(), rest.whole), (RETRY_HINT, true));
}

#[tokio::test]
async fn a_stream_whose_topic_ends_ends_with_the_last_event_and_the_last_chunk() {
    let server = TestServer::start_with(&KNOWN).await;
    let mut stream = RawStream::open(&server, "/stream-training").await;
    stream.place().await;
    let mut last = String::new();
    for _ in 0..=1_000 {
        last = stream.frame().await.expect("a thousand steps, and the last event");
    }
    assert!(last.ends_with("\nevent: complete\ndata: Training complete!\n\n"), "{last}");
    let id = last.lines().next().and_then(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    let (topic, step) = id.rsplit_once('/').unwrap();
    assert_eq!(step, "1001");
    let told = format!("event: fanfare-end\ndata: {{\"topics\":[\"{topic}\"]}}\n\n");
    assert_eq!(stream.frame().await, Some(told));
    let rest = stream.rest().await;
    assert_eq!((rest.text.as_str(), rest.whole), ("", true));
    assert_eq!(server.figure("fanfare_streams_closed_total{reason=\"finished\"}").await, 1.0);
    let again = server.get("/stream-training").header("last-event-id", &id).send().await.unwrap();
    assert_eq!(again.status(), 204, "a browser does not begin another run");
}

#[tokio::test]
async fn a_client_that_is_back_soon_goes_on_with_its_training_run() {
    let server = TestServer::start().await;
    let mut first = EventStream::open(server.get("/stream-training")).await;
    for _ in 0..3 {
        first.next().await.unwrap();
    }
    let id = first.last_id.clone().unwrap();
    drop(first);
    let back = server.get("/stream-training").header("last-event-id", &id);
    let mut stream = EventStream::open(back).await;
    assert_eq!(stream.resumed_after.as_deref(), Some(&*id));
    let next = stream.next().await.unwrap();
    let (run, step) = id.rsplit_once('/').unwrap();
    assert_eq!(step, "3");
    assert_eq!(next.id, Some(format!("{run}/4")), "nothing is missing");
    // An id of a run that nobody knows begins another.
    let unknown = "demo/training/0c1fbd4d-6e9f-4f4e-8a3d-1f0a8e3f2b11/7";
    let other = server.get("/stream-training").header("last-event-id", unknown);
    let mut other = EventStream::open(other).await;
    assert!(other.next().await.unwrap().id.unwrap().ends_with("/1"));
}

#[tokio::test]
async fn a_drain_ends_streams_one_after_another_and_the_program_in_order() {
    const STREAMS: usize = 20;
    let mut program = Program::start(&[&KNOWN[..], &["--drain-window", "8s"]].concat());
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut wire = Wire::open_at(program.address()).await;
        wire.say(stream_request("/events/t")).await;
        let mut stream = wire.stream().await;
        stream.place().await;
        streams.push(stream);
    }
    program.signal(Signal::TERM);
    let mut left = BTreeSet::new();
    eventually("half of them have ended", async || {
        let count = program.figure(SUBSCRIBERS).await as usize;
        left.insert(count);
        count <= STREAMS / 2
    })
    .await;
    // However late a look is: those are ended one by one, and not together.
    assert!(left.iter().any(|count| (1..STREAMS).contains(count)), "all at once: {left:?}");
    for stream in streams {
        let rest = stream.rest().await;
        assert_eq!((rest.text.as_str(), rest.whole), (RETRY_HINT, true));
    }
    assert_eq!(program.exit_code().await, Some(0));
}

/// It has bytes to come that it does not take. They are waited for, but not for ever.
#[tokio::test]
async fn a_drain_is_not_held_up_by_a_reader_that_has_stopped() {
    let flags = ["--drain-window", "0s", "--send-buffer", "4KiB"];
    let server = TestServer::start_with(&[&KNOWN[..], &flags].concat()).await;
    let mut wire = Wire::open_with_window(&server, 4 << 10).await;
    wire.say(stream_request("/events/t")).await;
    let mut stuck = wire.stream().await;
    let id = server.publish("t", "x".repeat(1 << 20)).await;
    eventually("its event is on its way", async || server.figure(DELIVERED).await == 1.0).await;
    server.stop().await;
    // What it had been sent of the event is what it finds.
    stuck.place().await;
    let rest = stuck.rest().await;
    assert!(!rest.whole);
    assert!(frame(&id, &"x".repeat(1 << 20)).starts_with(&rest.text));
}

#[tokio::test]
async fn a_stream_that_has_ended_keeps_its_place_for_a_moment_only_if_nobody_reads_it() {
    let flags = ["--age-max", "4s", "--send-buffer", "4KiB"];
    let mut server = TestServer::start_with(&[&KNOWN[..], &flags].concat()).await;
    let mut wire = Wire::open_with_window(&server, 4 << 10).await;
    wire.say(stream_request("/events/t")).await;
    let stuck = wire.stream().await;
    server.publish("t", "x".repeat(1 << 20)).await;
    server.forget_connections();
    eventually("it is old enough", async || server.figure(SUBSCRIBERS).await == 0.0).await;
    eventually("it is free", async || server.figure("fanfare_connections").await == 0.0).await;
    assert!(!stuck.rest().await.whole);
}

#[tokio::test]
async fn a_reader_that_is_slow_to_take_its_last_bytes_gets_them_all() {
    let flags = ["--drain-window", "0s", "--send-buffer", "4KiB"];
    let mut server = TestServer::start_with(&[&KNOWN[..], &flags].concat()).await;
    let mut wire = Wire::open_with_window(&server, 4 << 10).await;
    wire.say(stream_request("/events/t")).await;
    let mut slow = wire.stream().await;
    // More than the buffers on its way hold, and little enough to be taken in good time.
    let data = "x".repeat(40_000);
    let id = server.publish("t", data.clone()).await;
    eventually("its event is on its way", async || server.figure(DELIVERED).await == 1.0).await;
    server.ask_to_stop();
    eventually("its stream has ended", async || server.figure(SUBSCRIBERS).await == 0.0).await;
    slow.place().await;
    let rest = slow.rest().await;
    assert_eq!((rest.text, rest.whole), (frame(&id, &data) + RETRY_HINT, true));
    server.stop().await;
}

#[tokio::test]
async fn the_place_of_a_stream_is_free_again_when_it_has_ended_however_it_ended() {
    let ends: [(&str, Way); 3] =
        [("closed", drop), ("reset", RawStream::reset), ("misbehaved", misbehave)];
    for limit in ["--connections", "--connections-per-address"] {
        let server = TestServer::start_with(&[limit, "1"]).await;
        for (how, end) in ends {
            let stream = RawStream::open(&server, "/events/t").await;
            assert_eq!(get(&server, "/").await, 429, "{limit}, {how}");
            assert_eq!(get(&server, "/events/t").await, 429, "{limit}, {how}");
            end(stream);
            eventually("there is room", async || get(&server, "/").await == 200).await;
            eventually("it is free", async || server.figure("fanfare_connections").await == 0.0)
                .await;
        }
    }
}

fn misbehave(mut stream: RawStream) {
    tokio::spawn(async move {
        stream.say("x").await;
        stream.rest().await;
    });
}

/// The status of an answer on a connection of its own, which is closed then.
async fn get(server: &TestServer, path: &str) -> u16 {
    let mut wire = Wire::open(server).await;
    wire.say(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
    wire.head().await.status
}

#[tokio::test]
async fn the_place_of_a_stream_that_the_server_ends_is_free_again() {
    let server = TestServer::start_with(&["--connections", "1", "--age-max", "300ms"]).await;
    for _ in 0..3 {
        let stream = RawStream::open(&server, "/events/t").await;
        assert!(stream.rest().await.whole);
        eventually("it is free", async || server.figure("fanfare_connections").await == 0.0).await;
    }
}

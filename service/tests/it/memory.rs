//! Connections leave nothing behind: after very many that came and went, the real program holds as
//! much memory as after the first few thousand.

use crate::support::{Http2, Program, RawStream, Wire, eventually, stream_request};

/// How many there are at a time, and how often they come: 100,000 and more altogether, and a fifth
/// of that where the program is slow.
const WAVE: usize = 400;
const WAVES: usize = if cfg!(debug_assertions) { 50 } else { 250 };
/// An allocator keeps what was freed, and has as much as it needs only after some waves.
const WAVES_BEFORE: usize = 10;
/// What memory may differ by, in percent: allocators keep a little here and there.
const TOLERANCE: u64 = 10;

/// Nothing that grows by itself.
const FLAGS: [&str; 3] = ["--demos=false", "--heartbeat", "0s"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_came_and_went_leave_no_memory_behind() {
    let program = Program::start_with_one_heap(&FLAGS);
    for _ in 0..WAVES_BEFORE {
        wave_of_streams(&program).await;
    }
    let before = program.resident_bytes();
    for _ in 0..WAVES {
        wave_of_streams(&program).await;
    }
    let came = program.figure("fanfare_streams_opened_total").await;
    assert_eq!(came, ((WAVES_BEFORE + WAVES) * WAVE) as f64);
    assert_back_at(before, &program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_connections_that_came_and_went_leave_no_memory_behind() {
    let program = Program::start_with_one_heap(&FLAGS);
    for _ in 0..WAVES_BEFORE {
        wave_of_http2(&program).await;
    }
    let before = program.resident_bytes();
    for _ in 0..WAVES / 5 {
        wave_of_http2(&program).await;
    }
    assert_back_at(before, &program);
}

/// So many streams are opened, have an event, and go: most of them without a word.
async fn wave_of_streams(program: &Program) {
    let mut streams = Vec::new();
    for _ in 0..WAVE {
        let mut wire = Wire::open_at(program.address()).await;
        wire.say(stream_request("/events/t")).await;
        streams.push(wire.stream().await);
    }
    publish(program).await;
    for (index, mut stream) in streams.into_iter().enumerate() {
        stream.place().await;
        assert!(stream.frame().await.is_some());
        // A reset leaves no port waiting on this side, and there are not that many.
        if index % 10 == 0 {
            drop(stream);
        } else {
            RawStream::reset(stream);
        }
    }
    assert_all_gone(program).await;
}

/// The same with two streams on each connection, one of which is reset before it goes.
async fn wave_of_http2(program: &Program) {
    let mut connections = Vec::new();
    for _ in 0..WAVE {
        let connection = Http2::open_at(program.address()).await;
        let stays = connection.stream("/events/t").await;
        let goes = connection.stream("/events/t").await;
        connections.push((connection, stays, goes));
    }
    publish(program).await;
    for (connection, mut stays, goes) in connections {
        goes.reset();
        stays.place().await;
        assert!(stays.frame().await.unwrap().is_some());
        connection.cut();
    }
    assert_all_gone(program).await;
}

async fn publish(program: &Program) {
    let mut publisher = Wire::open_at(program.address()).await;
    let post = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello";
    publisher.say(post).await;
    assert_eq!(publisher.response().await.head.status, 200);
}

async fn assert_all_gone(program: &Program) {
    for figure in ["fanfare_connections", "fanfare_subscribers"] {
        eventually("all have gone", async || program.figure(figure).await == 0.0).await;
    }
}

fn assert_back_at(before: u64, program: &Program) {
    let after = program.resident_bytes();
    assert!(
        after <= before + before * TOLERANCE / 100,
        "{before} bytes after the first {WAVES_BEFORE} waves, and {after} in the end"
    );
}

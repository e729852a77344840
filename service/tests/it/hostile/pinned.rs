//! Readers that stop in the middle of a large event, each of another one: what the log has dropped and
//! they still hold is counted and limited.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::attackers::connect_with_window;
use super::frames::{END_STREAM, Kind, WINDOW_UPDATE, beginning, frame, header_block, request};
use super::{ROUNDS, Scene};
use crate::support::{PATIENCE, eventually};

const OUTPUT_BUFFERS: &str = "fanfare_output_buffer_bytes";
const FLAGS: [&str; 6] =
    ["--retain-bytes", "16MiB", "--output-buffers-max", "16MiB", "--policy", "catch-up"];
const ENDED_FOR_IT: &str = "fanfare_streams_closed_total{reason=\"output_buffers\"}";
const READERS: usize = 80;
const EVENT_BYTES: usize = 1 << 20;
/// In mebibytes: the log, the buffers, of which half as much again may be held for a moment, and
/// bodies that are being read.
const GROWTH_MIB: u64 = 16 + 24 + 12;
/// Bodies that are being read, and what requests and streams take beside that.
const SLACK_BYTES: u64 = 6 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_in_a_replayed_event_hold_no_more_than_the_limit() {
    let mut scene = Scene::start(&FLAGS).await;
    let (mut readers, mut counted_max) = (Vec::new(), 0);
    for number in 0..READERS {
        publish_large(&scene, number).await;
        let get = format!(
            "GET /events/large/{number} HTTP/1.1\r\nhost: localhost\r\nlast-event-id: earliest\r\n\r\n"
        );
        readers.push(take_a_little(&scene, get.as_bytes()).await);
        counted_max = counted_max.max(counted_after_a_round(&mut scene).await);
    }
    assert_bounded(&mut scene, counted_max, "replays over HTTP/1.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_http2_that_stop_in_a_replayed_event_hold_no_more_than_the_limit() {
    let mut scene = Scene::start(&FLAGS).await;
    let (mut readers, mut counted_max) = (Vec::new(), 0);
    for number in 0..READERS {
        publish_large(&scene, number).await;
        let path = format!("/events/large/{number}");
        let block = header_block(Kind::Get, &path, &[("last-event-id", "earliest")]);
        // The window of a stream is what is taken of it.
        let said = [beginning(&[(4, 3_000)]), request(1, END_STREAM, &block)].concat();
        readers.push(take_a_little(&scene, &said).await);
        counted_max = counted_max.max(counted_after_a_round(&mut scene).await);
    }
    assert_bounded(&mut scene, counted_max, "replays over HTTP/2").await;
}

/// Not even the reset of a stream gets through to a client that does not read the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_http2_that_nobody_reads_hold_no_more_than_the_limit() {
    const STREAMS: usize = 4;
    let mut scene = Scene::start(&FLAGS).await;
    let (mut readers, mut counted_max) = (Vec::new(), 0);
    for first in (0..READERS).step_by(STREAMS) {
        // Windows as large as may be.
        let mut said = beginning(&[(4, 0x7FFF_FFFF)]);
        said.extend(frame(WINDOW_UPDATE, 0, 0, &0x7FFE_0000_u32.to_be_bytes()));
        for (stream, number) in (0..).zip(first..first + STREAMS) {
            publish_large(&scene, number).await;
            let path = format!("/events/large/{number}");
            let block = header_block(Kind::Get, &path, &[("last-event-id", "earliest")]);
            said.extend(request(2 * stream + 1, END_STREAM, &block));
        }
        readers.push(take_a_little(&scene, &said).await);
        counted_max = counted_max.max(counted_after_a_round(&mut scene).await);
    }
    assert_bounded(&mut scene, counted_max, "connections that nobody reads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_in_a_live_event_hold_no_more_than_the_limit() {
    let mut scene = Scene::start(&FLAGS).await;
    let (mut readers, mut counted_max) = (Vec::new(), 0);
    for number in 0..READERS {
        let get = format!("GET /events/large/{number} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let mut reader = connect_with_window(scene.address(), 4 << 10).await;
        reader.write_all(get.as_bytes()).await.unwrap();
        read_a_little(&mut reader, 100).await;
        publish_large(&scene, number).await;
        read_a_little(&mut reader, 3_000).await;
        readers.push(reader);
        counted_max = counted_max.max(counted_after_a_round(&mut scene).await);
    }
    assert_bounded(&mut scene, counted_max, "live events").await;
}

/// What the server says that the log and slow readers hold, in bytes.
async fn counted_after_a_round(scene: &mut Scene) -> u64 {
    scene.rounds(1).await;
    (scene.sum("fanfare_retained_bytes").await + scene.sum(OUTPUT_BUFFERS).await) as u64
}

/// Asserts that no more was held than may be, and that it was what the server said, whose largest
/// count this is.
async fn assert_bounded(scene: &mut Scene, counted_max: u64, what: &str) {
    scene.rounds(ROUNDS).await;
    scene.assert_grew_at_most(GROWTH_MIB, what);
    let grew = scene.grew();
    let off = grew.abs_diff(counted_max);
    assert!(
        off <= counted_max / 10 + SLACK_BYTES,
        "{what}: grew by {} MiB, and counted {}",
        grew >> 20,
        counted_max >> 20
    );
    // What streams that were ended held is given back a moment later.
    eventually(what, async || scene.sum(OUTPUT_BUFFERS).await <= f64::from(16 << 20)).await;
    let ended = scene.sum(ENDED_FOR_IT).await;
    // All but those whose events the log still has, and those that the limit has room for.
    let expected = READERS - 16 - 16;
    assert!(
        ended >= (expected / 2) as f64 && ended <= READERS as f64,
        "{what}: {ended} were ended"
    );
    scene.assert_shards_are_prompt(what).await;
}

async fn publish_large(scene: &Scene, number: usize) {
    let url = scene.url(&format!("/events/large/{number}"));
    let response = scene.client().post(url).body("x".repeat(EVENT_BYTES)).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Asks, takes three kilobytes of the answer, and no more.
async fn take_a_little(scene: &Scene, said: &[u8]) -> TcpStream {
    let mut socket = connect_with_window(scene.address(), 4 << 10).await;
    socket.write_all(said).await.unwrap();
    read_a_little(&mut socket, 3_000).await;
    socket
}

/// A reader that holds more than it may is closed, and that is right.
async fn read_a_little(socket: &mut TcpStream, bytes: usize) {
    let mut taken = vec![0; bytes];
    let _ = timeout(PATIENCE, socket.read_exact(&mut taken)).await.expect("bytes in time");
}

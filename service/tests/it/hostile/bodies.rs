//! Bodies that are announced and never come, that come in crumbs, and lines without an end: memory is
//! for what has come, whoever holds it, and nobody else's publish is refused for what has not.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::attackers::connect_with_window;
use super::{Attackers, ROUNDS, Scene, head_of};
use crate::support::{PATIENCE, eventually};

const BODY_MEMORY: &str = "fanfare_body_memory_bytes";
const NDJSON: &str =
    "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_announced_take_nothing_from_others() {
    let form = "POST /.well-known/mercure HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    let raw = "POST /events/t HTTP/1.1\r\nhost: localhost\r\n";
    let cases = [
        ("a length", format!("{raw}content-length: 4194304\r\n\r\n")),
        ("a length and a byte", format!("{raw}content-length: 4194304\r\n\r\nx")),
        ("a form", format!("{form}content-length: 4194304\r\n\r\ntopic=")),
        ("chunks", format!("{raw}transfer-encoding: chunked\r\n\r\n5\r\nhe")),
        ("one large chunk", format!("{raw}transfer-encoding: chunked\r\n\r\n3fffff\r\nhe")),
        ("lines", format!("{NDJSON}content-length: 4194304\r\n\r\n{{")),
        ("an expectation", format!("{raw}expect: 100-continue\r\ncontent-length: 4194304\r\n\r\n")),
    ];
    let mut scene = Scene::start(&["--bodies-max", "16MiB"]).await;
    for (what, said) in cases {
        let mut attackers = Attackers::default();
        attackers.hold(scene.address(), 100, said).await;
        scene.rounds(ROUNDS).await;
        // What came is a few bytes; what is held for them may be a piece each.
        scene.assert_counted(BODY_MEMORY, 100 * (16 << 10)).await;
        scene.assert_grew_at_most(24, what);
    }
    scene.assert_shards_are_prompt("announced bodies").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_publishers_at_once_with_small_chunked_bodies_are_all_accepted() {
    let mut scene = Scene::start(&[]).await;
    let head = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut sockets = Vec::new();
    for _ in 0..100 {
        let mut socket = connect_with_window(scene.address(), 64 << 10).await;
        socket.write_all(head.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    // All heads have been read when those who come after them are served.
    scene.rounds(ROUNDS).await;
    for socket in &mut sockets {
        socket.write_all(b"5\r\nhello\r\n0\r\n\r\n").await.unwrap();
    }
    for mut socket in sockets {
        let mut response = vec![0; 64];
        let count = timeout(PATIENCE, socket.read(&mut response)).await.expect("in time").unwrap();
        let response = String::from_utf8_lossy(&response[..count]).into_owned();
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    eventually("all of it is given back", async || scene.sum(BODY_MEMORY).await == 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_without_an_end_are_counted_and_bounded() {
    let mut scene = Scene::start(&["--bodies-max", "16MiB"]).await;
    let mut attackers = Attackers::default();
    for _ in 0..64 {
        let head = format!("{NDJSON}content-length: 9000000\r\n\r\n{{\"topic\":\"t\",\"data\":\"");
        let mut parts = vec![head.into_bytes()];
        parts.extend((0..61).map(|_| vec![b'x'; 64 << 10]));
        attackers.send(scene.address(), parts).await;
    }
    scene.rounds_until_still(attackers.progress()).await;
    let held = scene.sum(BODY_MEMORY).await;
    assert!(held > 0.0, "{BODY_MEMORY} does not say what is held");
    scene.assert_counted(BODY_MEMORY, 16 << 20).await;
    scene.assert_grew_at_most(16 + 24, "64 lines of 3.9 MiB");
    scene.assert_shards_are_prompt("64 lines of 3.9 MiB").await;
}

/// A line that never ends is a pause between events, however often a byte of it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_comes_byte_by_byte_has_a_deadline() {
    let mut scene = Scene::start(&["--body-timeout", "500ms"]).await;
    let head = format!("{NDJSON}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n");
    let (socket, response) = head_of(scene.address(), head).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let (mut reading, mut writing) = socket.into_split();
    let mut attackers = Attackers::default();
    attackers.spawn(async move {
        while writing.write_all(b"1\r\n \r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    scene.rounds(ROUNDS).await;
    let mut rest = String::new();
    let end = timeout(PATIENCE, reading.read_to_string(&mut rest)).await;
    assert!(end.is_ok(), "the request goes on for ever");
    let notified = response + &rest;
    assert!(notified.contains("longer"), "the client is told why: {notified}");
}

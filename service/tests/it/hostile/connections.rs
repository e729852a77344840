//! Connections that come and go by the thousand, that only keep themselves alive, that are slow to say
//! what they want, or say too much at once.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Attackers, ROUNDS, Scene, head_of, subscribe};
use crate::support::{PATIENCE, eventually, stream_request};

/// Bounded by the ports and files of a machine that has other tests to run.
const CROWD: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_that_join_and_leave_at_once_hold_nobody_up() {
    let mut scene = Scene::start(&[]).await;
    let selectors = subscribe(&["crowd/{a}/{b}".to_owned(), "*".to_owned()], "");
    let requests = [stream_request("/events/healthy"), selectors];
    for wave in 0..6 {
        let request = &requests[wave % 2];
        let mut crowd = Attackers::default();
        let address = scene.address().to_owned();
        crowd.hold(&address, CROWD, request).await;
        // Half of the waves leave before they have been seen.
        if wave % 3 == 0 {
            eventually("they are here", async || {
                scene.sum("fanfare_subscribers").await == (CROWD + 2) as f64
            })
            .await;
            scene.rounds(ROUNDS).await;
        }
        drop(crowd);
        scene.rounds(ROUNDS).await;
    }
    scene.assert_shards_are_prompt("joins and leaves").await;
    eventually("all have left", async || scene.sum("fanfare_subscribers").await == 2.0).await;
    scene.assert_grew_at_most(64, "joins and leaves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_connections_that_only_answer_pings_are_idle_and_closed() {
    let mut scene = Scene::start(&["--headers-timeout", "500ms"]).await;
    // The library answers pings by itself. Some send their own too, some have had an answer before.
    let (with_stream, mut requests) = open_http2(scene.address()).await;
    let request = hyper::Request::get(scene.url("/events/healthy")).body(()).unwrap();
    let (response, _) = requests.send_request(request, true).unwrap();
    let mut stream = response.await.expect("an answer").into_body();
    let mut idle = Vec::new();
    for number in 0..6 {
        let (mut connection, requests) = open_http2_with(scene.address(), number % 2 == 0).await;
        if number % 3 == 0 {
            let request = hyper::Request::get(scene.url("/")).body(()).unwrap();
            let (response, _) = requests.clone().send_request(request, true).unwrap();
            assert_eq!(response.await.expect("an answer").status(), 200);
        }
        idle.push(async move {
            // The handle keeps the library from closing it.
            let _requests = requests;
            timeout(PATIENCE, &mut connection).await
        });
    }
    scene.rounds(ROUNDS).await;
    for end in join_all(idle).await {
        assert!(end.is_ok(), "a connection without a stream is kept for ever");
    }
    assert!(!with_stream.is_finished(), "one with a stream is not idle");
    scene.rounds(1).await;
    let data = timeout(PATIENCE, stream.data()).await.expect("data in time");
    assert!(data.expect("a stream that goes on").is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_are_closed_and_hold_nobody_up() {
    let mut scene = Scene::start(&["--headers-timeout", "1s"]).await;
    let address = scene.address().to_owned();
    let mut attackers = Attackers::default();
    for number in 0..300 {
        let address = address.clone();
        attackers.spawn(async move {
            let said = ["GET / HTTP/1.1\r\nx-slow: ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "G"];
            let mut socket = TcpStream::connect(address).await.unwrap();
            let said = said[number % said.len()];
            socket.write_all(said.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = socket.into_split();
            let drip = async {
                let more = if said.starts_with("PRI") { "" } else { "x" };
                while writing.write_all(more.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                std::future::pending::<()>().await;
            };
            let mut response = Vec::new();
            tokio::select! {
                _ = reading.read_to_end(&mut response) => {}
                () = drip => {}
            }
        });
    }
    scene.rounds(ROUNDS).await;
    scene.assert_grew_at_most(32, "slow heads");
    let mut closed = 0;
    eventually("all are closed", async || {
        closed += attackers.finished();
        closed == 300
    })
    .await;
    scene.assert_shards_are_prompt("slow heads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_sent_all_at_once_are_answered_one_by_one() {
    let mut scene = Scene::start(&[]).await;
    let get = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let post = "POST /events/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
    let mut attackers = Attackers::default();
    for said in [get, post] {
        for _ in 0..10 {
            attackers.send(scene.address(), vec![said.repeat(200).into_bytes(); 50]).await;
        }
    }
    scene.rounds_until_still(attackers.progress()).await;
    scene.assert_grew_at_most(32, "pipelines that nobody reads");
    let behind_a_stream = stream_request("/events/t") + &stream_request("/events/t");
    let (_, response) = head_of(scene.address(), behind_a_stream).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    scene.assert_shards_are_prompt("pipelines").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_of_tls_on_a_port_without_it_are_refused_as_what_is_no_http() {
    let mut scene = Scene::start(&[]).await;
    // The beginning of a first message, and that of one with all that belongs to it.
    let begun = [22, 3, 1, 2, 0].to_vec();
    let whole = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..], &[7; 506]].concat();
    for hello in [begun, whole] {
        let mut held = Vec::new();
        for _ in 0..300 {
            let (socket, response) = head_of(scene.address(), &hello).await;
            assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
            held.push(socket);
        }
        scene.rounds(ROUNDS).await;
        // Held open by its client, such a connection is closed by the server.
        let only_the_healthy = async || scene.sum("fanfare_connections").await <= 3.0;
        eventually("all are closed", only_the_healthy).await;
    }
    let broken = "fanfare_connections_closed_total{reason=\"protocol\"}";
    assert_eq!(scene.sum(broken).await, 600.0);
    scene.assert_grew_at_most(10, "TLS on a plain port");
    scene.assert_shards_are_prompt("TLS on a plain port").await;
}

type Requests = h2::client::SendRequest<Bytes>;

async fn open_http2(address: &str) -> (JoinHandle<()>, Requests) {
    open_http2_with(address, false).await
}

/// A connection, and whether it sends pings of its own as fast as they are answered.
async fn open_http2_with(address: &str, pings: bool) -> (JoinHandle<()>, Requests) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (requests, mut connection) = h2::client::handshake(socket).await.unwrap();
    let mut ping_pong = connection.ping_pong().expect("the first time");
    if pings {
        tokio::spawn(async move {
            while ping_pong.ping(h2::Ping::opaque()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    (connection, requests)
}

//! A reader that stops reading over TLS is bounded, is disconnected at the limit, and loses nothing
//! when it comes back; the others do not notice it.

use super::clients::{SecureHttp2Stream, SecureWire, connect};
use super::scene::SecureServer;
use crate::support::eventually;

/// Small limits, so that a test passes them quickly.
const LIMITS: [&str; 6] = ["--lag-events", "100", "--lag-bytes", "1MiB", "--send-buffer", "16KiB"];
/// What TLS holds for those who take nothing, beside the output buffers.
const TLS_HOLDS: &str = "fanfare_tls_write_buffer_bytes";
const SLOW: &str = "fanfare_streams_closed_total{reason=\"slow\"}";
const EVENTS: usize = 1_000;

async fn flood(scene: &SecureServer, fast: &mut SecureWire) -> Vec<String> {
    let mut publisher = scene.connect().await;
    let mut ids = Vec::new();
    for n in 0..EVENTS {
        let data = format!("{n} {};", "x".repeat(4_000));
        ids.push(publisher.publish("t", &data).await);
        let text = fast.until(";\n\n").await;
        assert!(text.contains(&format!("data: {n} x")), "{n}");
    }
    ids
}

/// Where in the flood the text ends that a slow reader still found in its socket.
fn last_seen(text: &str, ids: &[String]) -> usize {
    let whole = text.rsplit_once("\n\n").expect("some events").0;
    let last_id = whole.rsplit("id: ").next().unwrap().lines().next().unwrap();
    ids.iter().position(|id| id == last_id).expect("an id that was published")
}

async fn comes_back(scene: &SecureServer, ids: &[String], seen: usize) {
    assert!(seen < EVENTS - 1, "it was never behind");
    let mut back = scene.connect().await;
    back.ask(&format!("/events/t?lastEventID={}", ids[seen])).await;
    for id in &ids[seen + 1..] {
        back.until(&format!("id: {id}\n")).await;
    }
}

#[tokio::test]
async fn a_reader_over_http_1_that_stops_is_disconnected_and_comes_back_without_a_loss() {
    let scene = SecureServer::start(&LIMITS).await;
    let mut fast = scene.subscribe("t").await;
    let connector = scene.certificates.connector(&["http/1.1"]);
    let stream = connect(&connector, scene.server.address, Some(4 << 10)).await;
    let mut stuck = SecureWire::over(stream);
    stuck.ask("/events/t").await;
    let ids = flood(&scene, &mut fast).await;
    eventually("it is disconnected", async || scene.server.figure(SLOW).await == 1.0).await;
    eventually("its connection is closed", async || {
        scene.server.figure("fanfare_connections").await <= 1.0
    })
    .await;
    eventually("nothing is held for it", async || {
        scene.server.figure("fanfare_output_buffer_bytes").await == 0.0
    })
    .await;
    let (text, whole) = stuck.rest().await;
    assert!(!whole, "a stream that is cut does not look like one that ended");
    comes_back(&scene, &ids, last_seen(&text, &ids)).await;
}

#[tokio::test]
async fn a_reader_over_http_2_that_stops_is_disconnected_and_comes_back_without_a_loss() {
    let scene = SecureServer::start(&LIMITS).await;
    let mut fast = scene.subscribe("t").await;
    let stuck = SecureHttp2Stream::open(&scene, "t", Some(4 << 10)).await;
    let ids = flood(&scene, &mut fast).await;
    eventually("it is disconnected", async || scene.server.figure(SLOW).await == 1.0).await;
    eventually("nothing is held for it", async || {
        scene.server.figure("fanfare_output_buffer_bytes").await == 0.0
    })
    .await;
    let text = stuck.rest().await;
    comes_back(&scene, &ids, last_seen(&text, &ids)).await;
}

#[tokio::test]
async fn what_tls_holds_for_readers_that_stop_is_bounded_and_told() {
    const STUCK: usize = 20;
    let scene = SecureServer::start(&["--send-buffer", "16KiB"]).await;
    let mut fast = scene.subscribe("t").await;
    let connector = scene.certificates.connector(&["http/1.1"]);
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        let stream = connect(&connector, scene.server.address, Some(4 << 10)).await;
        let mut wire = SecureWire::over(stream);
        wire.ask("/events/t").await;
        stuck.push(wire);
    }
    assert_eq!(scene.server.figure(TLS_HOLDS).await, 0.0);
    let mut publisher = scene.connect().await;
    for n in 0..EVENTS / 4 {
        publisher.publish("t", &format!("{n} {};", "x".repeat(4_000))).await;
        fast.until(";\n\n").await;
    }
    let held = scene.server.figure(TLS_HOLDS).await;
    let most = (STUCK * 18 * 1024) as f64;
    assert!(held > 10_000.0 && held <= most, "{held}");
    drop(stuck);
    let nothing = async || scene.server.figure(TLS_HOLDS).await == 0.0;
    eventually("nothing is held for those that have gone", nothing).await;
}

//! Streams over TLS end in order: the end of the body, and then that of TLS, which tells a client
//! that nothing was cut off.

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::clients::SecureHttp2Stream;
use super::scene::SecureServer;
use crate::support::{PATIENCE, eventually};

#[tokio::test]
async fn a_drain_ends_streams_over_both_versions_in_order_and_tells_when_to_come_back() {
    let scene = SecureServer::start(&[]).await;
    let mut http1 = scene.subscribe("t").await;
    let mut http2 = SecureHttp2Stream::open(&scene, "t", None).await;
    scene.publish("t", "the last one").await;
    let SecureServer { server, certificates: _files } = scene;
    let stopping = tokio::spawn(server.stop());
    http1.until("data: the last one\n\n").await;
    http1.until("retry: ").await;
    http1.reads_to_the_end().await;
    // The library takes an end without the message that closes TLS for an error.
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, http1.stream.read_to_end(&mut rest)).await.expect("in time");
    assert_eq!(read.expect("TLS is closed in order"), 0);
    http2.until("data: the last one\n\n").await;
    assert!(http2.rest().await.contains("retry: "));
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_without_an_event_being_published() {
    let scene = SecureServer::start(&[]).await;
    let http1 = scene.subscribe("t").await;
    let http2 = SecureHttp2Stream::open(&scene, "t", None).await;
    eventually("both are there", async || scene.server.figure("fanfare_subscribers").await == 2.0)
        .await;
    drop((http1, http2));
    eventually("both are gone", async || scene.server.figure("fanfare_subscribers").await == 0.0)
        .await;
}

//! A server that is about to end ends its streams over a window of time, so clients that were among the
//! first come back while it still runs: nobody is refused before the window has ended.

use std::time::{Duration, Instant};

use memchr::memmem;

use super::cut_off::filter;
use super::peer::{Peer, subscribers_are};
use super::proxy::Proxy;
use crate::support::TestServer;

const PEERS: [Peer; 5] =
    [Peer::EventSource, Peer::EventSource5, Peer::HttpxSse, Peer::HttpxSseHttp2, Peer::Sseclient];

#[tokio::test]
async fn clients_that_come_back_within_the_window_of_a_drain_are_not_refused() {
    const WINDOW: Duration = Duration::from_secs(3);
    let flags = ["--drain-window", "3s", "--retry", "100ms..100ms"];
    let server = TestServer::start_at_own_address(&flags).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let url = proxy.url("/events/quiet");
    let mut subscribers: Vec<_> =
        PEERS.iter().map(|peer| peer.subscribe(&url, filter(usize::MAX))).collect();
    subscribers_are(&server, PEERS.len()).await;
    let address = server.address.to_string();
    let begun = Instant::now();
    server.stop().await;
    let early: Vec<_> =
        proxy.refused().iter().map(|at| *at - begun).filter(|after| *after < WINDOW).collect();
    assert_eq!(early, [Duration::ZERO; 0], "connections were refused within the window");
    let notified = memmem::find_iter(&proxy.forwarded(), b"retry: 100\n").count();
    assert!(notified >= PEERS.len(), "{notified} streams were told when to come back");

    // All are still there, and come back to the server behind it.
    let server = TestServer::start_at(&address, &flags).await;
    subscribers_are(&server, PEERS.len()).await;
    server.publish("quiet", "after").await;
    for subscriber in &mut subscribers {
        // Who had an id of the old server may be told of a gap first.
        while subscriber.next().await.data != "after" {}
    }
}

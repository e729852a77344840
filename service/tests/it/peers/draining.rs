//! In a drain clients read to the end of their stream, and are told when to come back. The HTTP/2 of
//! Python takes nothing more of a connection that it has been told is going to end, not even that.

use super::peer::{EventFilter, Peer, subscribers_are};
use crate::support::TestServer;

#[tokio::test]
async fn a_stream_ends_in_order_in_a_drain_whatever_the_client() {
    let flags = ["--heartbeat", "0s", "--retry", "1500ms..1500ms", "--drain-window", "2s"];
    // `EventSource` comes back by itself, and is not at its end.
    let clients = [
        Peer::HttpxSse,
        Peer::HttpxSseHttp2,
        Peer::HttpxSseHttp2,
        Peer::Sseclient,
        Peer::Curl,
        Peer::CurlHttp2,
    ];
    let mut server = TestServer::start_with(&flags).await;
    let url = server.url("/events/t");
    let filter = EventFilter { count: 100, ..EventFilter::default() };
    let subscribers = Peer::subscribe_these(&clients, &server, &url, filter).await;
    subscribers_are(&server, clients.len()).await;
    server.ask_to_stop();
    for subscriber in subscribers {
        let peer = subscriber.peer;
        let (seen, end) = subscriber.until_the_end().await;
        assert_eq!(end, Ok(()), "{peer:?}");
        // Those that hand on a `retry:` by itself.
        if matches!(peer, Peer::HttpxSse | Peer::HttpxSseHttp2) {
            let retries: Vec<_> = seen.iter().map(|event| event.retry).collect();
            assert_eq!(retries, [Some(1500)], "{peer:?}");
        }
    }
}

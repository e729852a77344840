//! Clients are cut off and come back, by themselves or by the loop that their users write, and miss
//! nothing.

use futures_util::future::join_all;

use super::peer::{EventFilter, Peer, Seen, subscribers_are};
use super::proxy::Proxy;
use crate::support::{TestServer, eventually};

/// Those that keep an id that comes without data.
pub(super) const KEEPS_A_PLACE: [Peer; 8] = [
    Peer::EventSource5,
    Peer::HttpxSse,
    Peer::HttpxSseHttp2,
    Peer::CurlLoop,
    Peer::OwnParser,
    Peer::LineByLine,
    Peer::R3labs,
    Peer::GoSse,
];

/// Those that take an id only from an event with data: `eventsource` 4.1.1 (its parser hands on
/// nothing else), `event-source-polyfill` 1.0.31, `sseclient-py` 1.9.0, `reqwest-eventsource` 0.6.0 and
/// `okhttp-sse` 5.5.1.
pub(super) const FORGETS_A_PLACE: [Peer; 5] = [
    Peer::EventSource,
    Peer::EventSourcePolyfill,
    Peer::Sseclient,
    Peer::ReqwestEventsource,
    Peer::OkhttpSse,
];

pub(super) fn filter(count: usize) -> EventFilter<'static> {
    EventFilter { count, names: &["fanfare-gap"], comes_back: true, ..EventFilter::default() }
}

/// An event as a client shows it that may know nothing of names and of ids that it did not keep.
pub(super) fn data_of(events: Vec<Seen>) -> Vec<String> {
    events.into_iter().map(|event| event.data).collect()
}

/// All that come back, by themselves or by a loop.
#[tokio::test]
async fn every_client_that_is_cut_off_after_its_first_event_gets_exactly_the_rest() {
    let all = KEEPS_A_PLACE.into_iter().chain(FORGETS_A_PLACE);
    join_all(all.map(comes_back_after_its_first_event)).await;
}

async fn comes_back_after_its_first_event(peer: Peer) {
    let server = TestServer::start().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let mut subscriber = peer.subscribe(&proxy.url("/events/quiet"), filter(4));
    subscribers_are(&server, 1).await;
    server.publish("quiet", "first").await;
    assert_eq!(data_of(subscriber.events(1).await), ["first"], "{peer:?}");
    is_away_during(peer, &server, &proxy, "meanwhile").await;
    assert_eq!(data_of(subscriber.events(1).await), ["meanwhile"], "{peer:?}");
    is_away_during(peer, &server, &proxy, "and again").await;
    server.publish("quiet", "after").await;
    assert_eq!(data_of(subscriber.events(2).await), ["and again", "after"], "{peer:?}");
    subscriber.leave().await;
}

/// Cuts a client off, publishes, and waits until it has come back.
pub(super) async fn is_away_during(
    peer: Peer,
    server: &TestServer,
    proxy: &Proxy,
    data: &'static str,
) {
    proxy.cut();
    subscribers_are(server, 0).await;
    server.publish("quiet", data).await;
    proxy.let_in();
    let is_back = async || server.figure("fanfare_subscribers").await == 1.0;
    eventually(&format!("{peer:?} comes back for what came {data}"), is_back).await;
}

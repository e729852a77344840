//! Clients come back before their first event: a stream begins with a block that has an id alone, and
//! whoever keeps it misses nothing of what was published meanwhile.
//!
//! By the standard such a block sets the last event id and is no event. Not every client keeps to
//! that: some forget an id that comes without data, and are safe only from their first event on.

use futures_util::future::join_all;
use memchr::memmem;

use super::cut_off::{FORGETS_A_PLACE, KEEPS_A_PLACE, data_of, filter, is_away_during};
use super::peer::{Peer, Seen, subscribers_are};
use super::process::Process;
use super::proxy::Proxy;
use super::standard::Parser;
use crate::support::TestServer;

/// How many blocks with an id alone stand in these bytes of HTTP/1.1 or HTTP/2.
fn places(bytes: &[u8]) -> usize {
    let ends = |at: usize| {
        let value = &bytes[at + b"id: ".len()..];
        memchr::memchr(b'\n', value).is_some_and(|end| value.get(end + 1) == Some(&b'\n'))
    };
    memmem::find_iter(bytes, b"id: ").filter(|at| ends(*at)).count()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memmem::find(bytes, text.as_bytes()).is_some()
}

#[tokio::test]
async fn a_stream_that_ends_before_its_first_event_loses_nothing_for_whoever_keeps_its_place() {
    join_all(KEEPS_A_PLACE.map(comes_back_before_its_first_event)).await;
}

async fn comes_back_before_its_first_event(peer: Peer) {
    let server = TestServer::start().await;
    server.publish("quiet", "long ago").await;
    let mut proxy = Proxy::cut_by_hand(server.address).await;
    let mut subscriber = peer.subscribe(&proxy.url("/events/quiet"), filter(2));
    proxy.has_forwarded("a block with an id alone", |bytes| places(bytes) == 1).await;
    is_away_during(peer, &server, &proxy, "meanwhile").await;
    server.publish("quiet", "after").await;
    assert_eq!(data_of(subscriber.events(2).await), ["meanwhile", "after"], "{peer:?}");
    subscriber.leave().await;
}

#[tokio::test]
async fn heartbeats_renew_the_place_of_a_quiet_topic_beside_a_busy_one() {
    join_all(KEEPS_A_PLACE.map(comes_back_after_heartbeats)).await;
}

/// The log has long passed the place that the stream began with.
async fn comes_back_after_heartbeats(peer: Peer) {
    const RETAINED: usize = 20;
    let flags = ["--heartbeat", "100ms", "--retain-events", "20"];
    let server = TestServer::start_with(&flags).await;
    let mut proxy = Proxy::cut_by_hand(server.address).await;
    let mut subscriber = peer.subscribe(&proxy.url("/events/quiet"), filter(2));
    proxy.has_forwarded("a block with an id alone", |bytes| places(bytes) == 1).await;
    let mut head = String::new();
    for number in 0..2 * RETAINED {
        head = server.publish("busy", number.to_string()).await;
    }
    let renewed = format!("id: {head}\n\n");
    proxy.has_forwarded("the last place", |bytes| holds(bytes, &renewed)).await;
    is_away_during(peer, &server, &proxy, "meanwhile").await;
    server.publish("quiet", "after").await;
    assert_eq!(data_of(subscriber.events(2).await), ["meanwhile", "after"], "{peer:?}");
    subscriber.leave().await;
}

/// Against the standard. A version that shows what came meanwhile keeps a place, fails here, and
/// belongs to the others.
#[tokio::test]
async fn these_clients_forget_a_place_and_get_everything_from_their_first_event_on() {
    join_all(FORGETS_A_PLACE.map(forgets_its_place)).await;
}

async fn forgets_its_place(peer: Peer) {
    let server = TestServer::start().await;
    let mut proxy = Proxy::cut_by_hand(server.address).await;
    let mut subscriber = peer.subscribe(&proxy.url("/events/quiet"), filter(4));
    proxy.has_forwarded("a block with an id alone", |bytes| places(bytes) == 1).await;
    is_away_during(peer, &server, &proxy, "before its first event").await;
    server.publish("quiet", "first").await;
    assert_eq!(data_of(subscriber.events(1).await), ["first"], "{peer:?}");
    is_away_during(peer, &server, &proxy, "meanwhile").await;
    assert_eq!(data_of(subscriber.events(1).await), ["meanwhile"], "{peer:?}");
    is_away_during(peer, &server, &proxy, "and again").await;
    server.publish("quiet", "after").await;
    assert_eq!(data_of(subscriber.events(2).await), ["and again", "after"], "{peer:?}");
    subscriber.leave().await;
}

#[tokio::test]
async fn every_spelling_of_the_last_event_id_in_a_url_resumes_alike() {
    // What `EventSource` polyfills send, what Mercure names it, and how people write it.
    const NAMES: [&str; 6] = [
        "lastEventId",
        "lastEventID",
        "Last-Event-ID",
        "last_event_id",
        "last-event-id",
        "LASTEVENTID",
    ];
    let server = TestServer::start().await;
    let ids = server.publish_all(&["1", "2", "3"].map(|data| ("x", data.to_owned()))).await;
    for name in NAMES {
        let url = server.url(&format!("/events/x?{name}={}", ids[0]));
        let mut curl = Process::curl(&["--no-buffer", &url]);
        subscribers_are(&server, 1).await;
        // It comes to those too who were not resumed.
        let live = Seen::message(&server.publish("x", name).await, name);
        let mut parser = Parser::default();
        let mut seen = Vec::new();
        while seen.last() != Some(&live) {
            seen.extend(parser.feed(&curl.expect_line().await));
        }
        let data: Vec<_> = seen.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(data[..data.len().min(2)], ["2", "3"], "{name}");
        drop(curl);
        subscribers_are(&server, 0).await;
    }
}

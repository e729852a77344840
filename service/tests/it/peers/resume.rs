//! Clients come back and miss nothing: told where they were, or by themselves.
//!
//! Each gives its last id as its users do: in a header, or, because `EventSource` has no way to set
//! one, in the query. Only `EventSource` comes back by itself.

use std::time::{Duration, Instant};

use super::peer::{EventFilter, Peer, Seen, subscribers_are};
use super::proxy::Proxy;
use crate::support::{TestServer, eventually};

/// `eventsource` 4.1.1 waits for 3 s before it comes back, unless it is told. Here it is told 6 s: whatever
/// holds it up makes it later, so that it waits at least this long if it heeds that.
const LONGER_THAN_UNTOLD: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_client_comes_back_with_an_id_of_the_server_and_gets_exactly_the_rest() {
    every_client_comes_back_after(2).await;
}

#[tokio::test]
async fn every_client_comes_back_with_an_id_of_the_publisher_and_gets_exactly_the_rest() {
    every_client_comes_back_after(3).await;
}

/// Of five events it takes some and goes; one is published while it is away, and one after.
async fn every_client_comes_back_after(count: usize) {
    let server = TestServer::start().await;
    let url = server.url("/events/resumed");
    let filter = EventFilter { count, ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &url, filter).await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(publish_numbered(&server, number).await);
    }
    for mut subscriber in subscribers {
        assert_eq!(subscriber.events(count).await, all[..count], "{:?}", subscriber.peer);
        subscriber.leave().await;
    }
    subscribers_are(&server, 0).await;
    all.push(publish_numbered(&server, 5).await);
    let last_event_id = all[count - 1].id.as_deref();
    let filter = EventFilter { count: 7 - count, last_event_id, ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &url, filter).await;
    let after = publish_numbered(&server, 6).await;
    let expected = [&all[count..], &[after]].concat();
    for mut subscriber in subscribers {
        assert_eq!(subscriber.events(7 - count).await, expected, "{:?}", subscriber.peer);
        subscriber.leave().await;
    }
}

/// Every other event has an id of the publisher's.
async fn publish_numbered(server: &TestServer, number: usize) -> Seen {
    let (data, own) = (format!("event {number}"), format!("order {number}/7: {{a=b&c}} %20+"));
    let id = if number.is_multiple_of(2) { own.as_str() } else { "" };
    let id = server.publish_form(&[("topic", "resumed"), ("data", &data), ("id", id)]).await;
    Seen::message(&id, &data)
}

#[tokio::test]
async fn every_client_is_told_when_the_server_does_not_know_its_id() {
    let server = TestServer::start().await;
    let names = &["fanfare-gap"][..];
    let filter =
        EventFilter { count: 2, last_event_id: Some("long gone"), names, ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &server.url("/events/gone"), filter).await;
    let id = server.publish("gone", "after the gap").await;
    for mut subscriber in subscribers {
        let gap = subscriber.next().await;
        assert_eq!((gap.id, gap.event.as_str()), (None, "fanfare-gap"), "{:?}", subscriber.peer);
        let notice: serde_json::Value = serde_json::from_str(&gap.data).unwrap();
        assert_eq!(notice["after"], "long gone", "{:?}", subscriber.peer);
        let after = subscriber.next().await;
        assert_eq!(after, Seen::message(&id, "after the gap"), "{:?}", subscriber.peer);
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn event_source_comes_back_by_itself_when_it_is_cut_off_inside_an_event() {
    const CUT: &str = "cut here";
    let server = TestServer::start().await;
    let proxy = Proxy::cut_behind(CUT, server.address).await;
    let filter = EventFilter { count: 4, ..EventFilter::default() };
    let mut peer = Peer::EventSource.subscribe(&proxy.url("/events/cut"), filter);
    subscribers_are(&server, 1).await;
    let id = server.publish_form(&[("topic", "cut"), ("data", "1"), ("retry", "6000")]).await;
    assert_eq!(peer.next().await, Seen::message(&id, "1"));
    let torn = format!("2, {CUT} and never before\nor after");
    let before = Instant::now();
    let mut expected = vec![Seen::message(&server.publish("cut", torn.clone()).await, &torn)];
    subscribers_are(&server, 0).await;
    expected.push(Seen::message(&server.publish("cut", "3").await, "3"));
    eventually("it comes back", async || proxy.accepted() == 2).await;
    assert!(before.elapsed() > LONGER_THAN_UNTOLD, "it waits as the event said");
    proxy.let_in();
    subscribers_are(&server, 1).await;
    expected.push(Seen::message(&server.publish("cut", "4").await, "4"));
    assert_eq!(peer.events(3).await, expected);
    peer.leave().await;
}

#[tokio::test]
async fn event_source_comes_back_by_itself_to_a_server_that_was_restarted() {
    let flags = ["--retry", "6s..6s"];
    let server = TestServer::start_at_own_address(&flags).await;
    let names = &["fanfare-gap"][..];
    let filter = EventFilter { count: 3, names, ..EventFilter::default() };
    let mut peer = Peer::EventSource.subscribe(&server.url("/events/restart"), filter);
    subscribers_are(&server, 1).await;
    let id = server.publish("restart", "before").await;
    assert_eq!(peer.next().await, Seen::message(&id, "before"));
    let address = server.address.to_string();
    let before = Instant::now();
    server.stop().await;
    let server = TestServer::start_at(&address, &flags).await;
    subscribers_are(&server, 1).await;
    assert!(before.elapsed() > LONGER_THAN_UNTOLD, "it waits as the goodbye said");
    // The new server has its log in memory, so it cannot know what came after.
    let gap = peer.next().await;
    let notice: serde_json::Value = serde_json::from_str(&gap.data).unwrap();
    assert_eq!(notice["after"], id);
    // By the standard an event without an id bears the one before; 4.1.1 gives it none, and yet
    // keeps the one before for its return.
    assert_eq!((gap.event.as_str(), gap.id), ("fanfare-gap", None));
    let id = server.publish("restart", "after").await;
    assert_eq!(peer.next().await, Seen::message(&id, "after"));
    peer.leave().await;
}

#[tokio::test]
async fn the_goodbye_of_a_server_is_no_event_except_to_httpx_sse() {
    let server = TestServer::start_with(&["--retry", "70s..70s"]).await;
    let filter = EventFilter { count: 3, ..EventFilter::default() };
    // `EventSource` would come back: that is shown above.
    let others: Vec<_> = Peer::ALL.into_iter().filter(|peer| !peer.is_event_source()).collect();
    let url = server.url("/events/goodbye");
    let mut subscribers = Peer::subscribe_these(&others, &server, &url, filter).await;
    let only = Seen::message(&server.publish("goodbye", "the only event").await, "the only event");
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.next().await, only, "{:?}", subscriber.peer);
    }
    server.stop().await;
    let goodbye = [Seen { data: String::new(), retry: Some(70_000), ..only }];
    for subscriber in subscribers {
        let peer = subscriber.peer;
        match (peer, subscriber.until_the_end().await) {
            // A wait without data is no event by the standard. httpx-sse 0.4.3 makes one of it,
            // empty and with the id of the event before, and so passes the wait on.
            (Peer::HttpxSse | Peer::HttpxSseHttp2, end) => {
                assert_eq!(end, (goodbye.to_vec(), Ok(())), "{peer:?}");
            }
            (_, end) => assert_eq!(end, (vec![], Ok(())), "{peer:?}"),
        }
    }
}

//! Reading from the real server, over a line that is cut, and after a restart.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::{Client, Reader, Told};
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, eventually};

async fn subscribers_are(server: &TestServer, count: f64) {
    let figure = async || server.figure("fanfare_subscribers").await == count;
    eventually(&format!("{count} subscribers"), figure).await;
}

#[tokio::test]
async fn a_client_that_is_cut_off_three_times_among_500_events_has_each_once_and_in_order() {
    join_all(Client::WITH_TRIO.map(is_cut_off_three_times)).await;
}

async fn is_cut_off_three_times(client: Client) {
    const PARTS: usize = 4;
    let server = TestServer::start().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let mut reader =
        client.read(vec![json!({ "address": proxy.url("/events/many"), "count": 500 })]);
    subscribers_are(&server, 1.0).await;
    let (mut published, mut seen) = (Vec::new(), Vec::new());
    for part in 0..PARTS {
        // Of these some are on their way when the line is cut, and most are published behind that.
        publish(&server, &mut published, 40).await;
        read(&mut reader, &mut seen, 20).await;
        if part + 1 < PARTS {
            proxy.cut();
            subscribers_are(&server, 0.0).await;
        }
        publish(&server, &mut published, 85).await;
        proxy.let_in();
        read(&mut reader, &mut seen, 105).await;
    }
    assert_eq!(seen, published, "{client:?}");
    assert_eq!(reader.rest().await, [Told::Over(true)], "{client:?}");
    assert!(proxy.accepted() >= PARTS, "{client:?} was never cut off");
}

/// Publishes the next numbers.
async fn publish(server: &TestServer, published: &mut Vec<Told>, count: usize) {
    let next = published.len()..published.len() + count;
    let events: Vec<_> = next.map(|number| ("many", format!("event {number} 😀"))).collect();
    let ids = server.publish_all(&events).await;
    published.extend(ids.iter().zip(&events).map(|(id, (_, data))| Told::message(data, id)));
}

async fn read(reader: &mut Reader, seen: &mut Vec<Told>, count: usize) {
    for _ in 0..count {
        seen.push(reader.next_but_waits().await);
    }
}

#[tokio::test]
async fn a_client_that_is_cut_off_before_its_first_event_misses_nothing() {
    join_all(Client::ALL.map(|client| async move {
        let server = TestServer::start().await;
        let mut proxy = Proxy::cut_by_hand(server.address).await;
        let mut reader =
            client.read(vec![json!({ "address": proxy.url("/events/a"), "count": 1 })]);
        let place = |bytes: &[u8]| memchr::memmem::find(bytes, b"id: e:").is_some();
        proxy.has_forwarded("a place", place).await;
        subscribers_are(&server, 1.0).await;
        proxy.cut();
        subscribers_are(&server, 0.0).await;
        let id = server.publish("a", "meanwhile").await;
        proxy.let_in();
        assert_eq!(reader.next_but_waits().await, Told::message("meanwhile", &id), "{client:?}");
        assert_eq!(reader.rest().await, [Told::Over(true)], "{client:?}");
    }))
    .await;
}

#[tokio::test]
async fn what_was_missed_for_good_is_told_before_what_is_still_there() {
    let server = TestServer::start_with(&["--retain-events", "5"]).await;
    let events: Vec<_> = (0..20).map(|number| ("a", number.to_string())).collect();
    let ids = server.publish_all(&events).await;
    let retained = |told: &mut Vec<Told>, count: usize| {
        let kept = (20 - count..20).map(|at| Told::message(&events[at].1, &ids[at]));
        told.extend(kept.chain([Told::Over(true)]));
    };
    let gap = |missed: Option<u32>, after: &str, before: &str| {
        Told::Gap(json!({ "missed": missed, "after": after, "before": before }))
    };
    let mut expected = vec![gap(None, &ids[2], &ids[14])];
    retained(&mut expected, 5);
    expected.push(gap(Some(12), &ids[2], &ids[14]));
    retained(&mut expected, 5);
    retained(&mut expected, 3);
    let stream = |topic: &str, id: &str, count: u32| json!({ "address": server.url("/"), "topics": topic, "lastEventId": id, "count": count });
    let streams = vec![stream("a", &ids[2], 5), stream("*", &ids[2], 5), stream("a", &ids[16], 3)];
    for client in Client::ALL {
        assert_eq!(client.read(streams.clone()).rest().await, expected, "{client:?}");
    }
}

#[tokio::test]
async fn a_client_goes_on_at_a_server_that_was_restarted_and_is_told_that_it_may_have_missed_some()
{
    join_all(Client::ALL.map(|client| async move {
        let server = TestServer::start_at_own_address(&["--retry", "100ms..100ms"]).await;
        let address = server.address.to_string();
        let mut reader =
            client.read(vec![json!({ "address": server.url("/events/a"), "count": 2 })]);
        subscribers_are(&server, 1.0).await;
        let before = server.publish("a", "before").await;
        assert_eq!(reader.next().await, Told::message("before", &before), "{client:?}");
        server.stop().await;
        let server = TestServer::start_at(&address, &[]).await;
        let Told::Gap(gap) = reader.next_but_waits().await else { panic!("{client:?}: no gap") };
        assert_eq!(gap["after"], json!(before), "{client:?}");
        let after = server.publish("a", "after").await;
        assert_eq!(reader.next_but_waits().await, Told::message("after", &after), "{client:?}");
        assert_eq!(reader.rest().await, [Told::Over(true)], "{client:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_client_reads_what_it_asks_for_in_every_way_to_ask() {
    let server = TestServer::start().await;
    let topics = ["a b/ü", "orders/1", "orders/2", "https://example.com/books/1"];
    for topic in topics {
        server.publish_form(&[("topic", topic), ("data", topic), ("type", "order")]).await;
    }
    let cases = [
        (json!({ "topics": ["a b/ü"] }), vec![0]),
        (json!({ "topics": ["orders/1", "orders/2"] }), vec![1, 2]),
        (json!({ "topics": "*" }), vec![0, 1, 2, 3]),
        (json!({ "templates": "orders/{id}" }), vec![1, 2]),
        (json!({ "patterns": ["https://example.com/books/:id"] }), vec![3]),
        (json!({ "patterns": "https://example.com/:any/:id", "topics": "orders/2" }), vec![2, 3]),
        (json!({ "address": server.url("/events/a%20b%2F%C3%BC") }), vec![0]),
        (json!({ "address": server.url("/.well-known/mercure?match=orders/1") }), vec![1]),
    ];
    let stream = |(asked, expected): &(Value, Vec<usize>)| {
        let mut stream = json!({ "address": server.url("/"), "lastEventId": "earliest" });
        stream["count"] = json!(expected.len());
        stream.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        stream
    };
    let streams: Vec<_> = cases.iter().map(stream).collect();
    for client in Client::ALL {
        let mut reader = client.read(streams.clone());
        for (asked, expected) in &cases {
            for at in expected {
                let Told::Event(kind, data, _) = reader.next().await else { panic!("{asked}") };
                assert_eq!((kind.as_str(), data.as_str()), ("order", topics[*at]), "{asked}");
            }
            assert_eq!(reader.next().await, Told::Over(true), "{client:?}: {asked}");
        }
        assert_eq!(reader.rest().await, []);
    }
}

#[tokio::test]
async fn a_client_begins_with_the_newest_of_each_topic_or_with_what_came_since() {
    let server = TestServer::start().await;
    let events: Vec<_> = (0..6).map(|at| (["a", "b"][at % 2], at.to_string())).collect();
    let ids = server.publish_all(&events).await;
    let stream = |more: Value, count: u32| {
        let mut stream = json!({ "address": server.url(""), "topics": ["a", "b"], "count": count });
        stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stream
    };
    let streams = vec![
        stream(json!({ "last": 1 }), 2),
        stream(json!({ "last": 2 }), 4),
        stream(json!({ "since": "1h" }), 6),
        // An id that is found wins, as it does when a client comes back.
        stream(json!({ "last": 1, "lastEventId": ids[2] }), 3),
    ];
    let begins = [4, 2, 0, 3];
    for client in Client::ALL {
        let mut reader = client.read(streams.clone());
        for begin in begins {
            for at in begin..6 {
                assert_eq!(
                    reader.next().await,
                    Told::message(&events[at].1, &ids[at]),
                    "{client:?}"
                );
            }
            assert_eq!(reader.next().await, Told::Over(true), "{client:?}");
        }
        assert_eq!(reader.rest().await, []);
    }
}

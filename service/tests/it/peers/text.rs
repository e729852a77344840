//! Text comes out as it went in, except that every line break becomes a line feed: that is all that
//! the format can carry.
//!
//! None of the pinned versions departs from the standard here, not even where line breaks of
//! Unicode, which only some languages take for line breaks, stand in the text.

use super::peer::{EventFilter, Peer, Seen};
use super::proxy::Proxy;
use crate::support::TestServer;

/// What is published, and what every client must see.
const TEXTS: [(&str, &str); 32] = [
    ("plain", "plain"),
    ("", ""),
    ("a\nb", "a\nb"),
    ("a\rb", "a\nb"),
    ("a\r\nb", "a\nb"),
    ("a\n\rb", "a\n\nb"),
    ("a\r\n\nb\r\rc\n\nd", "a\n\nb\n\nc\n\nd"),
    ("a\n", "a\n"),
    ("a\r", "a\n"),
    ("a\r\n", "a\n"),
    ("\na", "\na"),
    ("\n", "\n"),
    ("\r", "\n"),
    ("\r\n", "\n"),
    ("\n\n\n", "\n\n\n"),
    ("\r\n\r\n", "\n\n"),
    (" a", " a"),
    ("   a   \n  b  ", "   a   \n  b  "),
    (" ", " "),
    ("\ta\t", "\ta\t"),
    ("\u{feff}a", "\u{feff}a"),
    ("a\n\u{feff}b", "a\n\u{feff}b"),
    (":a\n:b", ":a\n:b"),
    ("a: b", "a: b"),
    ("data: a\n\ndata: b\nid: 7\nevent: x", "data: a\n\ndata: b\nid: 7\nevent: x"),
    ("a\0b", "a\0b"),
    ("\0", "\0"),
    ("a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f", "a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f"),
    ("a\u{85}b\u{2028}c\u{2029}d", "a\u{85}b\u{2028}c\u{2029}d"),
    (r#"{"quotes": "\" \\ \u0000"}"#, r#"{"quotes": "\" \\ \u0000"}"#),
    ("é ß 漢字 עברית 👩‍👩‍👧‍👦", "é ß 漢字 עברית 👩‍👩‍👧‍👦"),
    ("\u{fffd}\u{ffff}\u{10ffff}\u{7f}", "\u{fffd}\u{ffff}\u{10ffff}\u{7f}"),
];

#[tokio::test]
async fn every_client_sees_every_text_as_the_standard_says() {
    let server = TestServer::start().await;
    let filter = EventFilter { count: TEXTS.len(), ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &server.url("/events/texts"), filter).await;
    let mut expected = Vec::new();
    for (published, seen) in TEXTS {
        let id = server.publish("texts", published).await;
        expected.push(Seen::message(&id, seen));
    }
    for mut subscriber in subscribers {
        for expected in &expected {
            assert_eq!(subscriber.next().await, *expected, "{:?}", subscriber.peer);
        }
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn every_client_sees_the_name_the_id_and_the_retry_of_an_event() {
    const NAMES: [&str; 4] = ["price", "a name: with spaces ", "prix élevé 😀", "data"];
    const ID: &str = "order 42/7: {a=b}, \"c\" %20+&";
    let server = TestServer::start().await;
    let filter = EventFilter { count: NAMES.len() + 1, names: &NAMES, ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &server.url("/events/named"), filter).await;
    let mut expected = Vec::new();
    for (number, name) in NAMES.into_iter().enumerate() {
        let id = format!("{ID} {number}");
        let fields = [("topic", "named"), ("data", "a"), ("type", name), ("id", &id)];
        let response = server.publish_form(&[&fields[..], &[("retry", "60000")]].concat()).await;
        assert_eq!(response, id);
        let seen = Seen { event: name.to_owned(), retry: Some(60_000), ..Seen::message(&id, "a") };
        expected.push(seen);
    }
    let id = server.publish("named", "b").await;
    expected.push(Seen::message(&id, "b"));
    for mut subscriber in subscribers {
        for expected in &expected {
            let mut expected = expected.clone();
            // As in a browser, nobody is shown the wait: that it is kept is shown by the return.
            expected.retry = expected.retry.filter(|_| !subscriber.peer.is_event_source());
            assert_eq!(subscriber.next().await, expected, "{:?}", subscriber.peer);
        }
        subscriber.leave().await;
    }
}

#[tokio::test]
async fn every_client_sees_text_that_comes_one_byte_at_a_time() {
    const TEXTS: [(&str, &str); 3] =
        [("👩‍👩‍👧‍👦 漢字 é", "👩‍👩‍👧‍👦 漢字 é"), ("\u{feff}a\r\n😀\r", "\u{feff}a\n😀\n"), ("", "")];
    let server = TestServer::start().await;
    let proxy = Proxy::byte_by_byte(server.address).await;
    let filter = EventFilter { count: TEXTS.len(), ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &proxy.url("/events/bytes"), filter).await;
    let mut expected = Vec::new();
    for (published, seen) in TEXTS {
        let id = server.publish("bytes", published).await;
        expected.push(Seen::message(&id, seen));
    }
    for mut subscriber in subscribers {
        assert_eq!(subscriber.events(TEXTS.len()).await, expected, "{:?}", subscriber.peer);
        subscriber.leave().await;
    }
}

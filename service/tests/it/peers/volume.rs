//! Long events, and many of them: nothing is lost, doubled, reordered or torn inside a character.
//!
//! Clients read in pieces of their own size, from 128 bytes to 64 KiB, so characters of four bytes
//! at every alignment are cut by each of them.

use super::peer::{EventFilter, Peer, Seen, Subscriber};
use crate::support::TestServer;

/// The most that an event may have, unless it is configured.
const EVENT_BYTES_MAX: usize = 1 << 20;

#[tokio::test]
async fn every_client_sees_emoji_whole_wherever_the_stream_is_cut() {
    let texts = ["", "a", "ab", "abc"].map(|prefix| prefix.to_owned() + &"😀".repeat(17_000));
    every_client_sees(&texts).await;
}

#[tokio::test]
async fn every_client_sees_an_event_of_exactly_the_largest_size() {
    let text = "é\n漢😀".repeat(EVENT_BYTES_MAX / 1_024) + &"z".repeat(EVENT_BYTES_MAX);
    let text = text[..EVENT_BYTES_MAX].to_owned();
    every_client_sees(&[text]).await;
}

#[tokio::test]
async fn a_byte_more_than_the_largest_size_is_refused() {
    let server = TestServer::start().await;
    let response = server.post("/events/long").body("z".repeat(EVENT_BYTES_MAX + 1)).send().await;
    assert_eq!(response.unwrap().status(), 413);
}

async fn every_client_sees(texts: &[String]) {
    let server = TestServer::start().await;
    let filter = EventFilter { count: texts.len(), ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &server.url("/events/long"), filter).await;
    let mut expected = Vec::new();
    for text in texts {
        let id = server.publish("long", text.clone()).await;
        expected.push(Seen::message(&id, text));
    }
    for mut subscriber in subscribers {
        assert_same(&mut subscriber, &expected).await;
        subscriber.leave().await;
    }
}

/// Without printing megabytes when it fails.
async fn assert_same(subscriber: &mut Subscriber, expected: &[Seen]) {
    for expected in expected {
        let seen = subscriber.next().await;
        assert_eq!((&seen.id, &seen.event), (&expected.id, &expected.event));
        let same = seen.data.bytes().zip(expected.data.bytes()).take_while(|(a, b)| a == b);
        let same = same.count();
        assert!(seen.data == expected.data, "{:?} differs at byte {same}", subscriber.peer);
    }
}

#[tokio::test]
async fn every_client_sees_500_events_published_at_full_speed_once_and_in_order() {
    const COUNT: usize = 500;
    let server = TestServer::start().await;
    // One more, so that a copy of the last of them would be seen.
    let filter = EventFilter { count: COUNT + 1, ..EventFilter::default() };
    let subscribers = Peer::subscribe_all(&server, &server.url("/events/many"), filter).await;
    let texts: Vec<_> = (0..COUNT).map(|number| format!("event {number} 😀")).collect();
    let ids = publish_lines(&server, "many", &texts).await;
    let mut expected: Vec<_> =
        ids.iter().zip(&texts).map(|(id, text)| Seen::message(id, text)).collect();
    let last = server.publish("many", "last").await;
    expected.push(Seen::message(&last, "last"));
    for mut subscriber in subscribers {
        assert_eq!(subscriber.events(COUNT + 1).await, expected, "{:?}", subscriber.peer);
        subscriber.leave().await;
    }
}

/// Publishes all in one request and returns the ids.
async fn publish_lines(server: &TestServer, topic: &str, texts: &[String]) -> Vec<String> {
    let line = |text: &String| serde_json::json!({ "topic": topic, "data": text }).to_string();
    let body: Vec<_> = texts.iter().map(line).collect();
    let request = server.post("/events").header("content-type", "application/x-ndjson");
    let response = request.body(body.join("\n")).send().await.expect("an answer");
    let responses = response.text().await.expect("answers");
    let id = |line: &str| {
        let response: serde_json::Value = serde_json::from_str(line).expect("an answer in JSON");
        response["id"].as_str().expect("an id").to_owned()
    };
    responses.lines().map(id).collect()
}

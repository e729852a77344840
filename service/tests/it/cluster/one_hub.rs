//! Two servers are one hub.

use std::collections::BTreeSet;

use rustix::process::Signal;
use tokio::time::timeout;

use crate::support::{PATIENCE, client, eventually};

use super::brokers::Brokers;
use super::{publish, start, stream_after};

/// The bytes of a stream from the oldest event to one whose data ends like this.
async fn bytes_through(url: &str, topic: &str, end: &str) -> String {
    let url = format!("{url}/events/{topic}?lastEventID=earliest");
    let mut response = client().get(url).send().await.expect("an answer");
    let mut text = String::new();
    while !text.contains(&format!("{end}\n\n")) {
        let chunk = timeout(PATIENCE, response.chunk()).await.expect("it in time");
        let chunk = chunk.expect("a chunk").expect("it goes on");
        text.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_at_one_is_delivered_by_both_with_the_same_ids_and_bytes() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    let mut at_other = stream_after(&client, &other, "t", "earliest").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let node = if number % 3 == 0 { &other } else { &one };
        let (status, id) = publish(&client, node, "t", &format!("{number}\nand more")).await;
        assert_eq!(status, 200, "{id}");
        ids.push(id);
    }
    for (number, id) in ids.iter().enumerate() {
        let event = at_other.next().await.expect("an event");
        assert_eq!((event.data, event.id), (format!("{number}\nand more"), Some(id.clone())));
    }
    assert!(ids.is_sorted());
    let bytes = bytes_through(&one.url, "t", "19\ndata: and more").await;
    assert_eq!(bytes_through(&other.url, "t", "19\ndata: and more").await, bytes);
    // One that comes later has them too.
    let later = start(&brokers, &[]);
    assert_eq!(bytes_through(&later.url, "t", "19\ndata: and more").await, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_same_events_wherever_it_is_opened() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    let mut last = String::new();
    for number in 0..30 {
        let node = if number % 3 == 0 { &other } else { &one };
        let (status, id) =
            publish(&client, node, &format!("t/{}", number % 4), &number.to_string()).await;
        assert_eq!(status, 200, "{id}");
        last = id;
    }
    for query in
        ["topic=t/{x}&last=1", "topic=*&last=3", "topic=t/1&topic=t/2&last=2", "topic=*&since=1h"]
    {
        let mut answers = Vec::new();
        for node in [&one, &other] {
            // With the id of the last event it has been read there; from here on nothing is missing.
            let url = format!("{}/events/t/1?poll&lastEventID={last}", node.url);
            assert_eq!(client.get(url).send().await.unwrap().headers()["last-event-id"], *last);
            let url = format!("{}/.well-known/mercure?poll&{query}", node.url);
            answers.push(client.get(url).send().await.unwrap().text().await.unwrap());
        }
        assert_eq!(answers[0], answers[1], "{query}");
        assert!(
            answers[0].ends_with(&format!("id: {last}\n\n")) || answers[0].contains(&last),
            "{query}"
        );
        let count = answers[0].matches("\ndata: ").count();
        let expected = [("t/{x}&last=1", 4), ("*&last=3", 12), ("last=2", 4), ("since", 30)];
        let expected = expected.iter().find(|(part, _)| query.contains(part)).unwrap().1;
        assert_eq!(count, expected, "{query}: {}", answers[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_server_that_was_killed_goes_on_at_the_other_with_nothing_missing_or_twice() {
    let brokers = Brokers::one().await;
    let (mut one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    let (_, place) = publish(&client, &other, "t", "0").await;
    let mut stream = stream_after(&client, &one, "t", &place).await;
    let publishing = async {
        for number in 1..=300 {
            let (status, body) = publish(&client, &other, "t", &number.to_string()).await;
            assert_eq!(status, 200, "{body}");
        }
    };
    let reading = async {
        let (mut seen, mut last) = (Vec::new(), place.clone());
        while seen.len() < 300 {
            if seen.len() == 100 && one.child.try_wait().expect("its state").is_none() {
                one.child.kill().expect("it runs");
            }
            match stream.next().await {
                Some(event) => {
                    assert_eq!(event.event, None, "{}", event.data);
                    last = event.id.expect("an id");
                    seen.push(event.data);
                }
                None => stream = stream_after(&client, &other, "t", &last).await,
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(publishing, reading);
    assert_eq!(seen, (1..=300).map(|number: u32| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotent_id_at_two_servers_at_once_is_one_event() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    let mut expected = BTreeSet::new();
    for round in 0..40 {
        let path = format!("t?id=id-{round}");
        let is_same = round % 2 == 0;
        let second = if is_same { "first" } else { "second" };
        let (at_one, at_other) = tokio::join!(
            publish(&client, &one, &path, "first"),
            publish(&client, &other, &path, second)
        );
        let statuses = [at_one.0, at_other.0];
        match is_same {
            true => assert_eq!(statuses, [200, 200], "{at_one:?} {at_other:?}"),
            false => assert!([[200, 409], [409, 200]].contains(&statuses), "{statuses:?}"),
        }
        expected.insert(format!("id-{round}"));
        // It stays what it is, at both.
        let winner = if at_one.0 == 200 { "first" } else { "second" };
        for node in [&one, &other] {
            assert_eq!(publish(&client, node, &path, winner).await.0, 200);
            assert_eq!(publish(&client, node, &path, "something else").await.0, 409);
        }
    }
    for node in [&one, &other] {
        let mut stream = stream_after(&client, node, "t", "earliest").await;
        let mut ids = Vec::new();
        while ids.len() < expected.len() {
            ids.push(stream.next().await.expect("an event").id.expect("an id"));
        }
        assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), expected);
        eventually("nothing is published twice", async || {
            node.figure("fanfare_retained_events").await == expected.len() as f64
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_behind_its_client_waits_until_it_has_read_as_much() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    for round in 0..10 {
        other.signal(Signal::STOP);
        let (status, id) = publish(&client, &one, "t", &format!("seen {round}")).await;
        assert_eq!(status, 200, "{id}");
        other.signal(Signal::CONT);
        let mut stream = stream_after(&client, &other, "t", &id).await;
        publish(&client, &one, "t", &format!("next {round}")).await;
        let event = stream.next().await.expect("an event");
        assert_eq!((event.event, event.data), (None, format!("next {round}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_come_to_a_server_that_starts_later_too() {
    let brokers = Brokers::one().await;
    let one = start(&brokers, &[]);
    let client = client();
    let data = |number: usize| format!("{number} {}", "x".repeat(900_000));
    for number in 0..40 {
        let (status, body) = publish(&client, &one, "t", &data(number)).await;
        assert_eq!(status, 200, "{body}");
    }
    let later = start(&brokers, &[]);
    let mut stream = stream_after(&client, &later, "t", "earliest").await;
    for number in 0..40 {
        assert!(stream.next().await.expect("an event").data == data(number), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_ended_at_one_has_ended_at_all_also_at_one_that_comes_later() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    let mut stream = stream_after(&client, &other, "t", "earliest").await;
    assert_eq!(publish(&client, &one, "t?id=1", "first").await.0, 200);
    // Publishers at both, and one of them ends the topic meanwhile.
    let many = async |node, name: &str| {
        let mut confirmed = Vec::new();
        for number in 0..50 {
            let data = format!("{name} {number}");
            match publish(&client, node, "t", &data).await {
                (200, _) => confirmed.push(data),
                (status, body) => assert!(status == 409 && body.contains("topic-ended"), "{body}"),
            }
        }
        confirmed
    };
    let end = async {
        for number in 0..10 {
            publish(&client, &one, "other", &number.to_string()).await;
        }
        publish(&client, &other, "t?id=last&end", "last").await
    };
    let (mut confirmed, more, (status, _)) =
        tokio::join!(many(&one, "one"), many(&other, "other"), end);
    assert_eq!(status, 200);
    confirmed.extend(more);
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        seen.push((event.event, event.data));
    }
    let (told, events) = seen.split_last().expect("it was told");
    assert_eq!(told.0.as_deref(), Some("fanfare-end"));
    assert_eq!((events[0].1.as_str(), events[events.len() - 1].1.as_str()), ("first", "last"));
    let events = &events[1..events.len() - 1];
    let events: BTreeSet<String> = events.iter().map(|(_, data)| data.clone()).collect();
    assert_eq!(events, confirmed.into_iter().collect());
    let later = start(&brokers, &[]);
    for node in [&one, &other, &later] {
        assert_eq!(publish(&client, node, "t", "more").await.0, 409);
        assert_eq!(publish(&client, node, "t?id=1", "first").await.0, 200, "a repeat");
        assert_eq!(publish(&client, node, "t?id=last&end", "last").await.0, 200, "a repeat");
        let url = format!("{}/events/t?lastEventID=last", node.url);
        assert_eq!(client.get(url).send().await.unwrap().status(), 204);
    }
}

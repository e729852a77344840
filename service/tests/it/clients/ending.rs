//! Topics that end at the real server, by the clients themselves.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::{Client, Told};
use crate::support::Program;

#[tokio::test]
async fn a_client_has_all_of_a_topic_that_ends_and_does_not_come_back() {
    let server = Program::start(&[]);
    let publishers = Client::PUBLISHERS.into_iter().cycle();
    let pairs = Client::ALL.into_iter().zip(publishers);
    join_all(pairs.map(|(client, publisher)| ends(&server, client, publisher))).await;
}

async fn ends(server: &Program, client: Client, publisher: Client) {
    let (x, y) = (format!("x/{client:?}/{publisher:?}"), format!("y/{client:?}/{publisher:?}"));
    let published = async |event: Value| {
        let told = publisher.publish(event).await;
        let Told::Published(id) = told else { panic!("{publisher:?}: {told:?}") };
        id
    };
    let of_x = |data: &str, end: bool| json!({ "server": server.url, "topic": x, "data": data, "end": end });
    let both = json!({ "address": server.url, "topics": [x, y], "lastEventId": "earliest" });
    let ended = json!({ "address": server.url, "topics": x });
    let replayed = json!({ "address": server.url, "topics": [x], "lastEventId": "earliest" });
    let mut reader = client.read(vec![both, ended, replayed]);

    let one = published(of_x("one", false)).await;
    assert_eq!(reader.next().await, Told::message("one", one.as_str().unwrap()), "{client:?}");
    let last = published(of_x("last", true)).await;
    assert_eq!(reader.next().await, Told::message("last", last.as_str().unwrap()), "{client:?}");
    assert_eq!(reader.next().await, Told::End(vec![x.clone()]), "{client:?}");
    let late = publisher.publish(of_x("late", false)).await;
    assert!(matches!(late, Told::Failed { status: Some(409), .. }), "{publisher:?}: {late:?}");
    published(json!({ "server": server.url, "events": [{ "topic": y, "end": true }] })).await;

    let events = ["one", "last"].iter().zip([one, last]);
    let events = events.map(|(data, id)| Told::message(data, id.as_str().unwrap()));
    let over = [Told::End(vec![y]), Told::Over(true), Told::Over(true)];
    let again = events.chain([Told::End(vec![x]), Told::Over(true)]);
    let expected: Vec<_> = over.into_iter().chain(again).collect();
    assert_eq!(reader.rest().await, expected, "{client:?}");
}

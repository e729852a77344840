//! How long clients wait before they come back, and where they go on.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::{Client, Told};
use super::scripted::{Answer, Request, Scripted};

/// All that each client is told of these answers, the last of which is 204, and what the server is asked.
async fn every_client_at(
    answers: Vec<Answer>,
    more: Value,
    check: impl Fn(Client, Vec<Told>, Vec<Request>),
) {
    let all = Client::ALL.map(async |client| {
        let over = Answer::status(204, "", "");
        let server = Scripted::start([&answers[..], &[over]].concat()).await;
        let mut stream = json!({ "address": server.url("/events/a") });
        stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = client.read(vec![stream]).rest().await;
        (client, told, server.requests())
    });
    for (client, told, requests) in join_all(all).await {
        check(client, told, requests);
    }
}

#[tokio::test]
async fn clients_wait_as_long_as_the_server_says_and_longer_after_each_failure_in_a_row() {
    let answers = vec![
        Answer::stream("retry: 100\n\n"),
        Answer::Nothing,
        Answer::status(500, "", ""),
        Answer::status(503, "Retry-After: 1\r\n", ""),
        Answer::status(429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ""),
        // It is there again, and so failures begin anew.
        Answer::stream("retry: 20\n\n"),
    ];
    let least = [100, 200, 400, 1000, 1600, 100];
    every_client_at(answers, json!({}), |client, told, requests| {
        let (over, waits) = told.split_last().unwrap();
        assert_eq!((over, waits.len()), (&Told::Over(true), least.len()), "{client:?}: {told:?}");
        for (told, least) in waits.iter().zip(least) {
            let Told::Retry { delay, .. } = told else { panic!("{client:?}: {told:?}") };
            let all = least..=(least * 3 / 2).max(1200);
            assert!(all.contains(delay), "{client:?} waits {delay} and not {least} ms");
        }
        let reasons: Vec<_> = waits
            .iter()
            .map(|told| {
                let Told::Retry { error, .. } = told else { panic!("{told:?}") };
                error.as_deref().map(|error| error.split(':').next().unwrap().to_owned())
            })
            .collect();
        let expected =
            [None, Some("the connection failed"), Some("500"), Some("503"), Some("429"), None];
        assert_eq!(reasons, expected.map(|reason| reason.map(str::to_owned)), "{client:?}");
        // The platform may send a request again by itself that was answered by nothing.
        assert!(requests.len() >= 7, "{client:?}: {requests:?}");
    })
    .await;
}

#[tokio::test]
async fn clients_resume_after_the_last_id_of_a_whole_block_whatever_brought_it() {
    let bodies = [
        // What was sent, and the id that the next request has to bring.
        ("retry: 1\n\n", Some("given")),
        (":\nid: place\n\n", Some("place")),
        ("id: 1\ndata: a\n\nid: 2\ndata: half", Some("1")),
        ("event: fanfare-gap\ndata: {\"missed\":1}\n\n", Some("1")),
        ("id: 3\0\ndata: b\n\n", Some("1")),
        ("id: ü😀\ndata: c\n\n", Some("ü😀")),
        ("data: d\n\nid\n\n", None),
    ];
    let answers = bodies.map(|(body, _)| Answer::stream(body)).to_vec();
    every_client_at(answers, json!({ "lastEventId": "given" }), |client, told, requests| {
        let asked: Vec<_> =
            requests.iter().map(|request| request.header("last-event-id")).collect();
        let expected = [Some("given")].into_iter().chain(bodies.map(|(_, id)| id));
        assert_eq!(asked, expected.collect::<Vec<_>>(), "{client:?}");
        let told: Vec<_> =
            told.into_iter().filter(|told| !matches!(told, Told::Retry { .. })).collect();
        let gap = Told::Gap(json!({ "missed": 1, "after": null, "before": null }));
        let expected = [
            Told::message("a", "1"),
            gap,
            Told::message("b", "1"),
            Told::message("c", "ü😀"),
            Told::message("d", "ü😀"),
            Told::Over(true),
        ];
        assert_eq!(told, expected, "{client:?}");
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_opened_anew() {
    // More than are needed: on a slow machine an answer may come too late, which is silence as well.
    let mut answers = vec![Answer::silent_stream("retry: 1\nid: 1\ndata: a\n\n:"); 20];
    answers.insert(0, Answer::Silent(String::new()));
    join_all(Client::ALL.map(async |client| {
        let server = Scripted::start(answers.clone()).await;
        let stream = json!({ "address": server.url("/events/a"), "idleTimeout": 1000, "count": 2 });
        let told = client.read(vec![stream]).rest().await;
        let parts: Vec<_> = told.split(|told| *told == Told::message("a", "1")).collect();
        let [before, between, [Told::Over(true)]] = parts[..] else {
            panic!("{client:?}: {told:?}")
        };
        for waits in [before, between] {
            let is_failure = |told: &Told| matches!(told, Told::Retry { error: Some(_), .. });
            assert!(!waits.is_empty() && waits.iter().all(is_failure), "{client:?}: {told:?}");
        }
        let requests = server.requests();
        let last = requests.last().unwrap();
        assert_eq!(last.header("last-event-id"), Some("1"), "{client:?}");
    }))
    .await;
}

#[tokio::test]
async fn where_to_begin_is_said_in_the_address_and_stays_there() {
    let answers = vec![Answer::stream("retry: 1\nid: 1\n\n")];
    let more = json!({ "topics": ["a b", "ü"], "last": 3, "since": "10m" });
    every_client_at(answers, more, |client, _, requests| {
        let target = "/events/a/.well-known/mercure?match=a+b&match=%C3%BC&last=3&since=10m";
        let targets: Vec<_> = requests.iter().map(Request::target).collect();
        assert_eq!(targets, [target; 2], "{client:?}");
        for request in &requests {
            assert_eq!(request.header("accept"), Some("text/event-stream"), "{client:?}");
        }
    })
    .await;
}

//! Tokens that a function gives: asked for before each connection, and once more when one is refused.

use futures_util::future::join_all;
use serde_json::json;

use super::client::{Client, Told};
use crate::support::TestServer;
use crate::tokens::{LEGACY, legacy};

#[tokio::test]
async fn a_client_whose_token_is_refused_asks_for_another_once() {
    let server = TestServer::start_with(&LEGACY).await;
    let good = legacy(&["--publish", "*", "--subscribe", "x"]);
    let request = server.post("/events/x?private").body("secret").bearer_auth(&good);
    let id = request.send().await.unwrap().text().await.unwrap();
    let stream = |tokens: &[&str]| {
        let tokens = json!({ "address": server.url("/events/x"), "tokens": tokens, "count": 1 });
        let mut stream = tokens;
        stream["lastEventId"] = json!("earliest");
        stream
    };
    let streams = vec![stream(&["wrong", &good]), stream(&["wrong", "wrong-too"])];
    for client in Client::ALL {
        let mut told = client.read(streams.clone()).rest().await;
        let failed = told.pop();
        let asked = [Told::Asked(None), Told::Asked(Some(401))];
        let events = [Told::message("secret", &id), Told::Over(true)];
        let expected: Vec<_> = asked.iter().chain(&events).chain(&asked).cloned().collect();
        assert_eq!(told, expected, "{client:?}");
        let Some(Told::Failed { status: Some(401), problem: Some(problem), .. }) = failed else {
            panic!("{client:?}: {failed:?}")
        };
        assert!(problem["detail"].is_string(), "{client:?}: {problem}");
    }
}

#[tokio::test]
async fn a_client_whose_token_expires_comes_back_with_another() {
    let server = TestServer::start_with(&[&LEGACY[..], &["--retry", "1ms..1ms"]].concat()).await;
    let server = &server;
    join_all(Client::ALL.map(async |client| {
        let topic = format!("{client:?}");
        let publisher = legacy(&["--publish", "*", "--subscribe", "*"]);
        let publish = async |data: &'static str| {
            let request = server.post(&format!("/events/{topic}?private")).body(data);
            let response = request.bearer_auth(&publisher).send().await.unwrap();
            response.text().await.unwrap()
        };
        let first = publish("first").await;
        let short = legacy(&["--subscribe", &topic, "--expires", "2s"]);
        let address = server.url(&format!("/events/{topic}"));
        let mut reader = client.read(vec![json!({
            "address": address, "tokens": [short, publisher], "count": 2, "lastEventId": "earliest",
        })]);
        // A slow machine starts the client behind the end of the token, and then it is refused at once.
        assert_eq!(reader.next().await, Told::Asked(None), "{client:?}");
        let again = match reader.next().await {
            Told::Asked(status) => {
                assert_eq!(reader.next().await, Told::message("first", &first), "{client:?}");
                status
            }
            told => {
                assert_eq!(told, Told::message("first", &first), "{client:?}");
                let Told::Asked(status) = reader.next_but_waits().await else {
                    panic!("{client:?} came back with the same token")
                };
                status
            }
        };
        assert!(matches!(again, None | Some(401)), "{client:?}: {again:?}");
        let second = publish("second").await;
        assert_eq!(reader.next_but_waits().await, Told::message("second", &second), "{client:?}");
        assert_eq!(reader.rest().await, [Told::Over(true)], "{client:?}");
    }))
    .await;
}

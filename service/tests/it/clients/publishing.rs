//! Clients publish, and send again with the same id what was not answered.

use serde_json::{Value, json};

use super::client::{Client, Told};
use super::scripted::{Answer, Scripted};
use crate::support::{EventStream, TestServer, form};

#[tokio::test]
async fn an_event_arrives_with_all_its_fields_and_again_with_the_same_id_it_does_not() {
    let server = TestServer::start().await;
    for client in Client::PUBLISHERS {
        let topic = format!("a b/{client:?}/ü?&");
        let selector = form(&[("match", &topic)]);
        let stream = server.get(&format!("/.well-known/mercure?{selector}"));
        let mut stream = EventStream::open(stream).await;
        let event = json!({
            "server": server.url("/"), "topic": topic, "data": "one\ntwo é", "type": "paid",
            "id": format!("id of {client:?}"), "retry": 1234, "private": true,
        });
        for _ in 0..2 {
            let published = client.publish(event.clone()).await;
            assert_eq!(published, Told::Published(event["id"].clone()), "{client:?}");
        }
        let mut other = event.clone();
        other["data"] = json!("other");
        let Told::Failed { status, .. } = client.publish(other).await else { panic!("{client:?}") };
        assert_eq!(status, Some(409), "{client:?}");
        let object =
            json!({ "server": server.url(""), "topic": topic, "data": { "é": [1, null] } });
        let published = client.publish(object).await;
        let Told::Published(Value::String(id)) = published else { panic!("{published:?}") };
        assert_eq!(id.len(), 32, "{client:?}: an id of its own");

        let first = stream.next().await.unwrap();
        assert_eq!((first.data.as_str(), first.event.as_deref()), ("one\ntwo é", Some("paid")));
        assert_eq!(first.retry, Some(1234));
        let second = stream.next().await.unwrap();
        assert_eq!(second.id, Some(id), "{client:?} published the first one twice");
        let data: Value = serde_json::from_str(&second.data).unwrap();
        assert_eq!(data, json!({ "é": [1, null] }), "{client:?}");
    }
}

#[tokio::test]
async fn many_events_have_a_result_each() {
    let server = TestServer::start().await;
    for client in Client::PUBLISHERS {
        let events = json!([
            { "topic": "a", "data": "one", "id": format!("one of {client:?}") },
            { "topic": "", "data": "bad" },
            { "topic": ["a", "b"], "data": { "x": "é" }, "type": "t" },
        ]);
        let asked = json!({ "server": server.url("/.well-known/mercure"), "events": events });
        let published = client.publish(asked).await;
        let Told::Published(Value::Array(results)) = published else { panic!("{published:?}") };
        assert_eq!(results.len(), 3, "{client:?}");
        assert_eq!(results[0]["id"], events[0]["id"], "{client:?}");
        assert_eq!(results[1]["status"], json!(400), "{client:?}");
        assert!(results[1]["error"].is_string(), "{client:?}");
        assert_eq!(results[2]["id"].as_str().map(str::len), Some(32), "{client:?}");
    }
}

fn answered(text: &str) -> Answer {
    Answer::status(200, &format!("Content-Length: {}\r\n", text.len()), text)
}

#[tokio::test]
async fn what_was_not_answered_is_sent_again_unchanged() {
    let lines = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
    let one = json!({ "topic": "a", "data": "é", "end": true });
    let many = json!({ "events": [{ "topic": "a" }, { "topic": "b" }] });
    let cases = [
        (one, vec![Answer::Nothing, Answer::status(503, "Retry-After: 0\r\n", ""), answered("1")]),
        (many.clone(), vec![answered(&lines[..11]), answered(lines)]),
        (many, vec![Answer::Nothing, answered(lines)]),
    ];
    for (event, answers) in cases {
        for client in Client::PUBLISHERS {
            let server = Scripted::start(answers.clone()).await;
            let mut asked = event.clone();
            asked["server"] = json!(server.url(""));
            let published = client.publish(asked).await;
            assert!(matches!(published, Told::Published(_)), "{client:?}: {published:?}");
            let requests = server.requests();
            assert_eq!(requests.len(), answers.len(), "{client:?}: {requests:?}");
            for request in &requests {
                assert_eq!(request.target(), requests[0].target(), "{client:?}");
                assert_eq!(request.body(), requests[0].body(), "{client:?}");
            }
            let ids = requests[0].target().matches("id=").count()
                + requests[0].body().matches("\"id\":").count();
            assert!(ids >= 1, "{client:?}: {requests:?}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_or_may_be_sent_once_is_not_sent_again() {
    let cases = [
        (json!({}), Answer::status(403, "", ""), Some(403)),
        (json!({}), Answer::status(409, "", ""), Some(409)),
        (json!({ "attempts": 1 }), Answer::status(503, "", ""), Some(503)),
        (json!({ "attempts": 1 }), Answer::Silent(String::new()), None),
    ];
    for (more, answer, expected) in cases {
        for client in Client::PUBLISHERS {
            let server = Scripted::start(vec![answer.clone()]).await;
            let unit = if client == Client::Loop { 1000.0 } else { 1.0 };
            let mut asked = json!({ "server": server.url(""), "topic": "a", "data": "x" });
            // Where nothing comes, it is long enough for a busy machine to ask in.
            asked["timeout"] = json!(if expected.is_none() { 3.0 * unit } else { 10.0 * unit });
            asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let told = client.publish(asked).await;
            let Told::Failed { status, .. } = told else { panic!("{client:?}: {told:?}") };
            assert_eq!(status, expected, "{client:?}");
            let requests = server.requests();
            assert_eq!(requests.len(), 1, "{client:?}");
            let has_id = requests[0].target().contains("id=");
            assert_eq!(has_id, more == json!({}), "{client:?}: {requests:?}");
        }
    }
}

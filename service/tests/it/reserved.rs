//! Nobody from outside speaks in the server's name.

use serde_json::{Value, json};

use crate::support::{EventStream, TestServer, form};

/// Publishes in each of the three ways, and gives status and reason of each.
async fn publish(server: &TestServer, topic: &str, event_type: &str) -> [(u16, String); 3] {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let path = format!("/events/{}?type={}", encode(topic), encode(event_type));
    let raw = server.post(&path).body("x").send().await.unwrap();
    let fields = form(&[("topic", "free"), ("topic", topic), ("type", event_type)]);
    let form = server.post("/.well-known/mercure").body(fields);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let form = form.send().await.unwrap();
    let line = json!({"topic": ["free", topic], "type": event_type}).to_string();
    let lines = server.post("/events").header("content-type", "application/x-ndjson").body(line);
    let response: Value =
        serde_json::from_str(&lines.send().await.unwrap().text().await.unwrap()).unwrap();
    let status = response["status"].as_u64().map_or(200, |status| status as u16);
    [
        (raw.status().as_u16(), raw.text().await.unwrap()),
        (form.status().as_u16(), form.text().await.unwrap()),
        (status, response.to_string()),
    ]
}

#[tokio::test]
async fn names_of_the_server_are_refused_whichever_way_they_come() {
    let server = TestServer::start().await;
    let cases = [
        ("fanfare/server", "", "begin yours with another name"),
        ("demo/stocks", "", "--demos=false"),
        ("/.well-known/mercure/subscriptions/t/s", "", "choose a topic elsewhere"),
        ("https://any.example/.well-known/mercure/x", "", "choose a topic elsewhere"),
        ("/.well-known/%6Dercure/x", "", "choose a topic elsewhere"),
        ("/a/../.well-known/mercure/x", "", "choose a topic elsewhere"),
        ("t", "mercure", "choose another type"),
        ("t", "fanfare-gap", "choose another type"),
        ("t", "fanfare-end", "choose another type"),
        ("t", "fanfare-whatever", "choose another type"),
    ];
    for (topic, event_type, advice) in cases {
        for (status, said) in publish(&server, topic, event_type).await {
            assert_eq!(status, 400, "{topic} {event_type}: {said}");
            assert!(said.contains(advice), "{topic} {event_type}: {said}");
        }
    }
    assert_eq!(server.figure("fanfare_events_published_total").await, 0.0);
    let reason = "fanfare_publish_rejected_total{reason=\"invalid\"}";
    assert_eq!(server.figure(reason).await, 3.0 * cases.len() as f64);
}

#[tokio::test]
async fn names_that_only_look_like_the_servers_are_free() {
    let server = TestServer::start().await;
    for (topic, event_type) in
        [("fanfare", "fanfare"), ("demos/x", "Mercure"), ("/.well-known/mercure", "gap")]
    {
        for (status, said) in publish(&server, topic, event_type).await {
            assert_eq!(status, 200, "{topic} {event_type}: {said}");
        }
    }
}

#[tokio::test]
async fn topics_of_the_demonstrations_are_free_without_them() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let mut stream = EventStream::open(server.get("/events/demo/time")).await;
    server.publish("demo/time", "mine").await;
    assert_eq!(stream.data(1).await, ["mine"]);
}

#[tokio::test]
async fn the_server_itself_goes_on_publishing_there() {
    let server = TestServer::start().await;
    for topic in ["fanfare/server", "demo/time"] {
        let mut stream = EventStream::open(server.get(&format!("/events/{topic}"))).await;
        assert!(stream.next().await.is_some(), "{topic}");
    }
}

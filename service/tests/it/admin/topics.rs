//! `GET /topics` and `GET /topics/{topic}`.

use serde_json::json;

use super::status::assert_described;
use crate::support::{EventStream, TestServer};

#[tokio::test]
async fn a_topic_has_as_many_subscribers_as_name_it_on_whichever_shard() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    server.publish("orders/42", "one").await;
    server.publish("other", "x").await;
    let mut streams = Vec::new();
    for query in ["topic=orders/42", "topic=orders/42&topic=other", "topic=orders/{id}", "topic=*"]
    {
        for _ in 0..3 {
            let path = format!("/.well-known/mercure?{query}&last=1");
            let mut stream = EventStream::open(server.get(&path)).await;
            // It has joined its shard.
            stream.next().await.unwrap();
            streams.push(stream);
        }
    }
    let page = server.admin_json("/topics").await;
    assert_described("TopicPage", &page);
    let mut counts: Vec<_> = page["topics"].as_array().unwrap().iter().collect();
    counts.sort_by_key(|topic| topic["topic"].to_string());
    let counts: Vec<_> = counts.iter().map(|topic| &topic["subscribers"]).collect();
    assert_eq!(counts, [&json!(6), &json!(3)]);
    let one = server.admin_json("/topics/other").await;
    assert_eq!(one["topic"]["subscribers"], json!(3));
}

#[tokio::test]
async fn topics_are_shown_with_what_is_in_memory_of_them_and_one_with_its_newest_events() {
    let server = TestServer::start_with(&["--demos=false"]).await;
    let first = server.publish("orders/42", "one").await;
    let last = server.publish("orders/42", "é".repeat(3_000)).await;
    server.publish("other", "x").await;
    let page = server.admin_json("/topics?prefix=orders/").await;
    assert_described("TopicPage", &page);
    assert_eq!(page["next"], json!(null));
    let [topic] = &page["topics"].as_array().unwrap()[..] else { panic!("{page}") };
    assert_eq!((&topic["topic"], &topic["events"]), (&json!("orders/42"), &json!(2)));
    assert_eq!((&topic["oldest"]["id"], &topic["newest"]["id"]), (&json!(first), &json!(last)));
    assert!(topic["bytes"].as_u64().unwrap() > 6_000, "{topic}");
    for path in ["/topics/orders/42", "/topics/orders%2F42"] {
        let found = server.admin_json(path).await;
        assert_described("TopicEvents", &found);
        let [newest, oldest] = &found["events"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!((&newest["id"], &newest["data_bytes"]), (&json!(last), &json!(6_000)));
        assert_eq!(newest["data"], json!("é".repeat(2_048)));
        assert_eq!((&newest["data_truncated"], &oldest["data"]), (&json!(true), &json!("one")));
    }
    let none = server.client.get(server.admin_url("/topics/nothing")).send().await.unwrap();
    assert_eq!(none.status(), 404);
    assert!(none.text().await.unwrap().contains("GET /topics"));
}
